"""The audit on the page: start it, follow it, compare what it found."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import synth
from browsing import DARK, PHONE, browsing, needs_a_browser, picture, violations
from identifying import ONE, TWO, piece
from playwright.async_api import expect
from waiting import Served, served, until

from daemon import audit_run
from daemon.config import Config

pytestmark = needs_a_browser

EVIL = "<img src=x onerror=alert(1)>"


@pytest.fixture
async def daemon(config: Config) -> AsyncIterator[Served]:
    async with served(config) as opened:
        yield opened


async def run(daemon: Served) -> dict[str, Any]:
    async with daemon.http.get("/audit?limit=1") as response:
        found: dict[str, Any] = (await response.json())["run"]
        return found


async def audited(daemon: Served) -> None:
    async with daemon.http.post("/audit") as response:
        assert response.status == 202

    async def is_over() -> bool:
        return (await run(daemon))["status"] == "done"

    await until(is_over)


async def test_what_is_found_can_be_compared_and_stays_where_it_is(daemon: Served, music: Path) -> None:
    synth.write_audio(music / "one.flac", piece(1), tags=ONE)
    synth.write_audio(music / "naima.mp3", piece(1), tags=TWO)
    synth.write_audio(music / "part.opus", piece(1)[5 * synth.RATE_HZ : 20 * synth.RATE_HZ])
    (music / f"{EVIL}.mp3").write_text("no music")
    await daemon.learn(music)
    async with browsing(daemon.address) as page:
        await page.get_by_role("link", name="Audit").click()
        await expect(page.get_by_text("There was no audit yet.")).to_be_visible()
        await expect(page.get_by_text("It only reports: nothing is deleted")).to_be_visible()
        await page.get_by_role("button", name="Start an audit").click()
        await expect(page.get_by_role("heading", name="The last report")).to_be_visible()
        await expect(page.get_by_text("4 files and 3 recordings. Nothing has changed since.")).to_be_visible()
        findings = page.get_by_role("list", name="Findings").locator("> li")
        await expect(findings).to_have_count(3)
        names, several, broken = (findings.nth(number) for number in range(3))
        await expect(names.get_by_role("heading")).to_have_text(
            re.compile("^(So What by Miles Davis or Naima by John Coltrane|Naima .* or So What .*)$")
        )
        await expect(names).to_contain_text("Naima by John Coltrane according to a tagged file")
        await expect(several).to_contain_text("2 files of one sound; 1 excerpt.")
        await expect(several).to_contain_text("The best of these files")
        await expect(several).to_contain_text("A copy of one.flac.")
        await expect(several).to_contain_text(
            re.compile(r"An excerpt of (one\.flac|naima\.mp3), (59|60) % of it\.")
        )
        await expect(several).to_contain_text("FLAC · lossless")
        await expect(several).to_contain_text("8 kHz · mono · 0:25")
        await expect(several.locator("audio")).to_have_count(3)
        await expect(several.get_by_label("Play part.opus")).to_be_visible()
        await expect(broken.get_by_role("heading")).to_have_text(f"{EVIL}.mp3")
        await expect(broken).to_contain_text("Can't be read")
        assert await violations(page) == []
        await picture(page, "audit")
        link = several.get_by_role("link", name="one.flac")
        address = str(await several.get_by_label("Play one.flac").get_attribute("src"))
        assert f"#{address.removesuffix('/audio')}" == await link.get_attribute("href")

        await page.get_by_role("button", name="Silent or broken 1").click()
        await expect(findings).to_have_count(1)
        await expect(findings).to_contain_text(EVIL)

        (music / "naima.mp3").unlink()
        synth.write_audio(music / "new.flac", piece(2))
        await daemon.learn(music)
        await page.reload()
        await expect(page.get_by_text("Since then: 1 new file, 1 file gone.")).to_be_visible()
        await expect(several.get_by_text("It is gone since.")).to_be_visible()
        await expect(several.locator("audio")).to_have_count(2)
    for name, context in (("phone", PHONE), ("dark", DARK)):
        async with browsing(daemon.address, **context) as page:
            await page.goto("/#/audit")
            await expect(page.get_by_role("heading", name="So What by Miles Davis").last).to_be_visible()
            assert await violations(page) == []
            assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            await picture(page, f"audit-{name}")
    assert sorted(path.name for path in music.iterdir()) == sorted(
        ["one.flac", "part.opus", "new.flac", f"{EVIL}.mp3"]
    )


async def test_a_run_is_followed_and_cancelled_by_keyboard(
    daemon: Served, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synth.write_audio(music / "one.flac", piece(1), tags=ONE)
    await daemon.learn(music)

    async def wait(*_: object) -> bool:
        await asyncio.Event().wait()
        return True

    monkeypatch.setattr(audit_run, "has_caught_up", wait)
    async with browsing(daemon.address) as page:
        await page.goto("/#/audit")
        await page.get_by_role("button", name="Start an audit").press("Enter")
        progress = page.get_by_role("progressbar", name="Comparing recordings: 0 of 2 steps")
        await expect(progress).to_be_visible()
        await expect(page.get_by_label("The audit that runs")).to_be_focused()
        assert await violations(page) == []
        await picture(page, "audit-running")
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("button", name="Cancel")).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(page.get_by_text("The last audit was cancelled")).to_be_visible()
        await expect(page.get_by_label("Start an audit")).to_be_focused()
        await expect(page.get_by_role("status")).to_contain_text("The audit has ended: cancelled.")
        assert (await run(daemon))["status"] == "cancelled"
        monkeypatch.undo()
        await page.get_by_role("button", name="Start afresh").click()
        await expect(page.get_by_text("Compare everything anew")).to_be_visible()
        await page.get_by_role("group").get_by_role("button", name="Start afresh").click()
        await expect(page.get_by_text("Nothing was found: every sound is there once")).to_be_visible()
        await expect(page.get_by_role("status")).to_contain_text("The audit is done.")
    assert (await run(daemon))["fresh"]


async def test_findings_come_page_by_page(daemon: Served, music: Path) -> None:
    for number in range(45):
        (music / f"{number:03}.mp3").write_text(f"no music {number}")
    await daemon.learn(music)
    await audited(daemon)
    async with browsing(daemon.address) as page:
        await page.goto("/#/audit")
        findings = page.get_by_role("list", name="Findings").locator("> li")
        await expect(findings).to_have_count(20)
        await page.get_by_role("button", name="Show more").click()
        await expect(findings).to_have_count(40)
        await page.get_by_role("button", name="Show more").click()
        await expect(findings).to_have_count(45)
        await expect(page.get_by_role("button", name="Show more")).to_have_count(0)
        await page.get_by_role("button", name="There several times 0").click()
        await expect(page.get_by_text("There is nothing of this kind.")).to_be_visible()
