"""Reviewing in a real browser: what waits is shown, heard, accepted, rejected, named, and taken back."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browsing import DARK, PHONE, browsing, needs_a_browser, picture, violations
from identifying import NOTHING, ONE, TWO, at_once, file_id, is_settled, names, piece, proposals, said, settle
from playwright.async_api import Locator, Page, expect
from synth import write_audio
from waiting import Served, changed, served, until

from daemon import jobs
from daemon.config import Config

pytestmark = needs_a_browser

EVIL = "<img src=x onerror=alert(1)>"
EVIL_TAGS = {"title": f"{EVIL} title", "artist": f"{EVIL} artist", "album": f"{EVIL} album"}
BY_HAND = {"title": "Autumn Leaves", "artist": "Bill Evans", "album": "Portrait in Jazz"}


@pytest.fixture
async def daemon(config: Config, music: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Served]:
    """A daemon that found copies of tagged pieces, a mix of two, and a piece that nobody names."""
    monkeypatch.setattr(jobs, "_RESTART_S", 0.05)
    write_audio(music / "one.flac", piece(1), tags=ONE)
    write_audio(music / "two.flac", piece(2), tags=TWO)
    write_audio(music / "three.flac", piece(3), tags=EVIL_TAGS)
    write_audio(music / "a.mp3", piece(1))
    write_audio(music / "mix.mp3", np.concatenate([piece(1), piece(2)]))
    write_audio(music / f"{EVIL}.mp3", piece(3))
    write_audio(music / "Nobody knows.mp3", piece(4))
    async with served(at_once(config, first_scan="review")) as opened:
        await settle(opened.services, music)
        assert set(await proposals(opened.services)) == {"a.mp3", "mix.mp3", f"{EVIL}.mp3"}
        yield opened


@asynccontextmanager
async def reviewing(daemon: Served, **options: Any) -> AsyncIterator[Page]:
    """Yield the page of what waits."""
    async with browsing(daemon.address, **options) as page:
        await page.goto("/#/review")
        await expect(row(page, "mix.mp3")).to_be_visible()
        yield page


def waiting(page: Page) -> Locator:
    return page.get_by_role("list", name="Files that wait for you").locator("> li")


def row(page: Page, name: str) -> Locator:
    return waiting(page).filter(has=page.get_by_role("heading", name=name))


def chosen(page: Page) -> Locator:
    return waiting(page).and_(page.locator("[aria-current=true]")).get_by_role("heading")


def settled(daemon: Served) -> Callable[[], Awaitable[bool]]:
    return lambda: is_settled(daemon.services)


async def test_what_waits_is_shown_with_its_reasons_and_nothing_of_it_runs(daemon: Served) -> None:
    async with reviewing(daemon) as page:
        await expect(waiting(page)).to_have_count(3)
        await expect(row(page, "mix.mp3")).to_contain_text("2 recordings sound in it")
        mix = row(page, "mix.mp3").get_by_role("list", name="What mix.mp3 may be").get_by_role("listitem")
        await expect(mix).to_contain_text(["Naima · John Coltrane", "So What · Miles Davis"])
        await expect(mix.first).to_contain_text("50 % of the file")
        await expect(mix.first).to_contain_text("Its name comes from a tagged file two.flac")
        evil = row(page, f"{EVIL}.mp3")
        for text in EVIL_TAGS.values():
            await expect(evil).to_contain_text(text)
        await expect(evil).to_contain_text("The same sound from begin to end")
        assert await page.locator("img[src=x]").count() == 0
        await page.get_by_text("shows all").click()
        await expect(page.get_by_text("play the file, or pause")).to_be_visible()
        assert await violations(page) == []
        await picture(page, "review")
    async with reviewing(daemon, **DARK) as page:
        assert await violations(page) == []
        await picture(page, "review-dark")
    async with reviewing(daemon, **PHONE) as page:
        assert await page.evaluate("document.documentElement.scrollWidth") == PHONE["viewport"]["width"]  # type: ignore[index]
        await picture(page, "review-phone")


async def test_what_is_accepted_is_tagged_and_comes_back_byte_by_byte(daemon: Served, music: Path) -> None:
    before = (music / "a.mp3").read_bytes()
    async with reviewing(daemon) as page:
        accept = row(page, "a.mp3").get_by_role("button", name="Accept")
        await accept.click()
        await expect(page.get_by_role("status")).to_contain_text("a.mp3 is So What, Miles Davis.")
        await expect(row(page, "a.mp3")).to_have_count(0)
        assert said(music / "a.mp3") == names(ONE)
        # Who accepted goes on with the next row.
        await expect(page.locator(":focus")).to_have_attribute("aria-current", "true")
        await page.get_by_role("status").get_by_role("button", name="Undo").click()
        await expect(page.get_by_role("status")).to_contain_text("a.mp3: undone, it is as it was.")
        assert (music / "a.mp3").read_bytes() == before


async def test_what_is_rejected_is_never_proposed_again(daemon: Served, music: Path) -> None:
    async with reviewing(daemon) as page:
        await row(page, "a.mp3").get_by_role("button", name="Reject").click()
        await expect(page.get_by_role("status")).to_contain_text("a.mp3: that is never proposed again.")
        await expect(row(page, "a.mp3")).to_have_count(0)
        await until(settled(daemon))
        await page.reload()
        await expect(waiting(page)).to_have_count(2)
        await expect(row(page, "a.mp3")).to_have_count(0)
    assert (set(await proposals(daemon.services)), said(music / "a.mp3")) == (
        {"mix.mp3", f"{EVIL}.mp3"},
        NOTHING,
    )


async def test_a_rejection_is_taken_back_at_once_or_later(daemon: Served, music: Path) -> None:
    async with reviewing(daemon) as page:
        await row(page, "a.mp3").get_by_role("button", name="Reject").click()
        await page.get_by_role("status").get_by_role("button", name="Take back").click()
        await expect(row(page, "a.mp3")).to_have_count(1)
        await row(page, "a.mp3").get_by_role("button", name="Reject").click()
        await expect(row(page, "a.mp3")).to_have_count(0)
        await page.goto(f"{daemon.address}/#/files/{await file_id(daemon.services, 'a.mp3')}")
        await expect(page.get_by_text("Rejected: So What, Miles Davis.")).to_be_visible()
        assert await violations(page) == []
        await page.get_by_role("button", name="Consider again").click()
        await expect(page.get_by_role("button", name="Accept")).to_be_visible()
        await expect(page.get_by_text("Rejected:")).to_have_count(0)


async def test_a_name_is_typed_checked_and_written(daemon: Served, music: Path) -> None:
    async with reviewing(daemon, expected=["/name)"]) as page:
        mix = row(page, "mix.mp3")
        await mix.get_by_role("button", name="Type the name").click()
        form = page.get_by_role("form", name="What is mix.mp3?")
        await expect(form.get_by_label("Title")).to_be_focused()
        await page.keyboard.type("jar")  # no shortcut while typing
        await expect(form.get_by_label("Title")).to_have_value("jar")
        await picture(page, "review-name")
        assert await violations(page) == []
        await page.keyboard.press("Escape")
        await expect(form).to_have_count(0)
        await expect(mix).to_be_focused()
        await page.keyboard.press("n")
        await form.get_by_label("Title").fill(BY_HAND["title"])
        await page.keyboard.press("Enter")  # the artist is needed
        await expect(form.get_by_label("Artist", exact=True)).to_be_focused()
        await form.get_by_label("Artist", exact=True).fill(BY_HAND["artist"])
        await form.get_by_label("Album", exact=True).fill(BY_HAND["album"])
        await form.get_by_label("Date").fill("last year")
        await form.get_by_role("button", name="Write this").click()
        await expect(form.get_by_label("Date")).to_be_focused()
        await form.get_by_label("Date").fill("1960-03")
        await form.get_by_label("Track").fill("2")
        await form.get_by_role("button", name="Write this").click()
        await expect(page.get_by_role("status")).to_contain_text("mix.mp3 is Autumn Leaves, Bill Evans.")
        await expect(mix).to_have_count(0)
    assert said(music / "mix.mp3") == names(BY_HAND)


async def test_a_refusal_is_said_where_the_name_is_typed(daemon: Served, music: Path, tmp_path: Path) -> None:
    (tmp_path / "twin.mp3").hardlink_to(music / "a.mp3")
    async with reviewing(daemon, expected=["409"]) as page:
        await row(page, "a.mp3").get_by_role("button", name="Type the name").click()
        form = page.get_by_role("form", name="What is a.mp3?")
        await form.get_by_label("Title").fill("Whatever")
        await form.get_by_label("Artist", exact=True).fill("Whoever")
        await form.get_by_role("button", name="Write this").click()
        await expect(form.get_by_role("alert")).to_contain_text("hard link")
        await row(page, "mix.mp3").get_by_role("button", name="Accept").first.click()
        await expect(row(page, "mix.mp3")).to_have_count(0)
        await page.keyboard.press("Escape")


async def test_keys_move_play_accept_undo_and_reject(daemon: Served, music: Path) -> None:
    mix = (music / "mix.mp3").read_bytes()
    async with reviewing(daemon) as page:
        order = await waiting(page).get_by_role("heading").all_inner_texts()
        await expect(chosen(page)).to_have_text(order[0])
        await page.keyboard.press("j")
        await page.keyboard.press("ArrowDown")
        await page.keyboard.press("j")  # there is none below
        await expect(chosen(page)).to_have_text(order[2])
        await expect(waiting(page).nth(2)).to_be_in_viewport()
        while order[0] != "mix.mp3":
            order.insert(0, order.pop())
            await page.keyboard.press("k")
        await page.keyboard.press("k")
        await page.keyboard.press("?")
        await expect(page.get_by_text("play the file, or pause")).to_be_visible()
        await page.keyboard.press("?")
        await expect(page.get_by_text("play the file, or pause")).to_be_hidden()
        await go_to(page, "mix.mp3")
        file, candidate = (row(page, "mix.mp3").locator("audio").nth(each) for each in (0, 1))
        await page.keyboard.press("p")
        await expect(file).to_have_js_property("paused", value=False)
        await page.keyboard.press("c")
        await expect(candidate).to_have_js_property("paused", value=False)
        await expect(file).to_have_js_property("paused", value=True)
        await page.keyboard.press("c")
        await expect(candidate).to_have_js_property("paused", value=True)
        await page.keyboard.press("2")
        await expect(row(page, "mix.mp3")).to_have_count(0)
        assert said(music / "mix.mp3") == names(ONE)
        await page.keyboard.press("u")
        await expect(page.get_by_role("status")).to_contain_text("mix.mp3: undone")
        assert (music / "mix.mp3").read_bytes() == mix
        await go_to(page, "a.mp3")
        await page.keyboard.press("a")
        await expect(row(page, "a.mp3")).to_have_count(0)
        assert said(music / "a.mp3") == names(ONE)
        await go_to(page, f"{EVIL}.mp3")
        await page.keyboard.press("r")
        await expect(row(page, f"{EVIL}.mp3")).to_have_count(0)


async def go_to(page: Page, name: str) -> None:
    """Choose a row by keys alone."""
    for key in ("k", "k", "k", "j", "j", "j"):
        if await chosen(page).inner_text() == name:
            return
        await page.keyboard.press(key)
    await expect(chosen(page)).to_have_text(name)


async def test_keys_can_be_switched_off_for_good(daemon: Served) -> None:
    async with reviewing(daemon) as page:
        await page.keyboard.press("?")
        await page.get_by_label("Use these keys").uncheck()
        first = await chosen(page).inner_text()
        await page.reload()
        await expect(chosen(page)).to_have_text(first)
        await page.keyboard.press("j")
        await page.keyboard.press("a")
        await expect(chosen(page)).to_have_text(first)
        await expect(waiting(page)).to_have_count(3)


async def test_all_that_is_sure_enough_is_accepted_at_once(daemon: Served, music: Path) -> None:
    async with reviewing(daemon) as page:
        above = page.get_by_label("At least so many percent sure")
        await above.fill("100")
        await expect(page.get_by_role("button", name="Accept 0 files")).to_be_disabled()
        await above.fill("")
        await expect(page.get_by_role("button", name="Accept 0 files")).to_be_disabled()
        await above.fill("40")
        await page.get_by_role("button", name="Accept 2 files").click()
        await page.get_by_role("button", name="No", exact=True).click()
        assert said(music / "a.mp3") == NOTHING
        await page.get_by_role("button", name="Accept 2 files").click()
        sure = page.get_by_role("group", name="Write their names into 2 files?")
        await sure.get_by_role("button", name="Accept 2 files").click()
        await expect(page.get_by_role("status")).to_contain_text("2 files accepted")
        # The ambiguous one waits on; the others go as they are written, without a reload.
        await expect(waiting(page)).to_have_count(1)
        await expect(row(page, "mix.mp3")).to_be_visible()
    assert said(music / "a.mp3") == names(ONE)
    assert said(music / f"{EVIL}.mp3") == names(EVIL_TAGS)


async def test_what_waits_for_another_attempt_is_marked(config: Config, music: Path) -> None:
    write_audio(music / "one.flac", piece(1), tags=ONE)
    write_audio(music / "a.mp3", piece(1))
    async with served(changed(at_once(config), "tagging", quiet_s=3_600.0)) as daemon:
        await settle_unwritten(daemon, music)
        async with browsing(daemon.address) as page:
            await page.goto("/#/review")
            await expect(row(page, "a.mp3")).to_contain_text("Is tagged soon, without asking.")
            await expect(row(page, "a.mp3")).to_contain_text("Not written: ")
            await expect(page.get_by_role("button", name="Accept 0 files")).to_be_disabled()


async def settle_unwritten(daemon: Served, music: Path) -> None:
    """Look through the folder, and wait until what is found is refused to be written."""
    library = await daemon.services.library.add(music, watched=False)
    await daemon.services.library.reconcile(library)

    async def is_postponed() -> bool:
        return (await daemon.services.identification.store.counts()).postponed == 1

    await until(is_postponed)


async def test_a_new_proposal_appears_below_and_moves_nothing(daemon: Served, music: Path) -> None:
    async with reviewing(daemon) as page:
        order = await waiting(page).get_by_role("heading").all_inner_texts()
        await page.keyboard.press("j")
        place = await waiting(page).nth(1).bounding_box()
        write_audio(music / "four.flac", piece(4), tags=BY_HAND)
        await settle(daemon.services, music)
        # Its number is a lower one.
        await expect(waiting(page).get_by_role("heading")).to_have_text([*order, "Nobody knows.mp3"])
        await expect(chosen(page)).to_have_text(order[1])
        await expect(waiting(page).nth(1)).to_be_focused()
        assert await waiting(page).nth(1).bounding_box() == place
        await expect(page.get_by_role("link", name="Review 4 waiting")).to_be_visible()


async def test_nothing_waiting_is_said_kindly(config: Config) -> None:
    async with served(config) as daemon, browsing(daemon.address) as page:
        await page.goto("/#/review")
        await expect(page.get_by_text("Nothing waits for you.")).to_be_visible()
        assert await violations(page) == []
