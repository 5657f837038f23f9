"""Listening in a real browser, whose microphone hears a real clip through Chromium's own capture."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from browsing import DARK, PHONE, browsing, needs_a_browser, picture, violations
from identifying import ONE, piece
from playwright.async_api import Page, expect
from synth import RATE_HZ, silence, write_audio
from waiting import Served, served

from daemon.config import Config

pytestmark = needs_a_browser
CLIP_S = 12.0
FAKE_MICROPHONE = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")


@pytest.fixture
async def daemon(config: Config, music: Path) -> AsyncIterator[Served]:
    """A daemon that knows one tagged piece and one without tags."""
    write_audio(music / "so what.flac", piece(1), tags=ONE)
    write_audio(music / "found on a stick.mp3", piece(2))
    async with served(config) as opened:
        await opened.learn(music)
        yield opened


def heard(path: Path) -> str:
    """Return the argument that makes a WAV file what the microphone hears, again and again."""
    return f"--use-file-for-fake-audio-capture={path}"


async def test_the_page_names_what_the_microphone_hears(daemon: Served, tmp_path: Path) -> None:
    clip = write_audio(tmp_path / "heard.wav", piece(1)[4 * RATE_HZ : int(4 + CLIP_S) * RATE_HZ])
    async with browsing(daemon.address, *FAKE_MICROPHONE, heard(clip)) as page:
        await page.get_by_role("button", name="Listen").click()
        await expect(page.get_by_role("meter", name="Level of the microphone")).to_be_visible()
        await picture(page, "listen-recording")
        result = page.get_by_role("region", name="Result")
        await expect(result.get_by_role("heading", name="So What")).to_be_visible()
        await expect(result).to_contain_text("Miles Davis · Kind of Blue")
        await expect(result).to_contain_text("landmarks agree")
        await expect(page.get_by_role("button", name="Listen")).to_be_enabled()
        assert await violations(page) == []
        await result.get_by_role("button", name="Show why").click()
        await expect(result.get_by_role("img", name="Why: Known: So What")).to_be_visible()
        await picture(page, "listen-known")


async def test_a_silent_microphone_is_said(daemon: Served, tmp_path: Path) -> None:
    clip = write_audio(tmp_path / "silent.wav", silence(CLIP_S))
    async with browsing(daemon.address, *FAKE_MICROPHONE, heard(clip)) as page:
        await page.get_by_role("button", name="Listen").click()
        await expect(page.get_by_role("alert")).to_contain_text("hears nothing")


async def test_a_refused_microphone_is_said_and_a_file_does_as_well(daemon: Served, tmp_path: Path) -> None:
    known = write_audio(tmp_path / "clip.ogg", piece(2)[5 * RATE_HZ : 12 * RATE_HZ])
    absent = write_audio(tmp_path / "absent.ogg", piece(3)[: 8 * RATE_HZ])
    no_music = tmp_path / "notes.txt"
    no_music.write_text("no music\n" * 100)
    address = daemon.address
    async with browsing(address, "--deny-permission-prompts", **PHONE, **DARK) as page:
        await page.get_by_role("button", name="Listen").click()
        await expect(page.get_by_role("alert")).to_be_visible()
        await _choose(page, known)
        result = page.get_by_role("region", name="Result")
        await expect(result.get_by_role("heading", name="found on a stick.mp3")).to_be_visible()
        await picture(page, "listen-phone-dark")
        assert await violations(page) == []
        await _choose(page, absent)
        await expect(result.get_by_role("heading", name="Not known")).to_be_visible()
        await picture(page, "listen-not-known")
        assert await violations(page) == []
        await _choose(page, no_music)
        await expect(page.get_by_role("alert")).to_contain_text("the clip: ")


async def test_without_https_the_page_says_why_it_cannot_listen(daemon: Served) -> None:
    port = daemon.http._base_url.port
    # A name that is not this machine's for the browser, as a phone's address for it is not.
    arguments = f"--host-resolver-rules=MAP music.home 127.0.0.1:{port}"
    async with browsing("http://music.home", arguments, extra_http_headers=daemon.bearer()) as page:
        await expect(page.get_by_text("only over https")).to_be_visible()
        await expect(page.get_by_label("Record with this device")).to_have_attribute("capture", "true")
        await expect(page.get_by_role("button", name="Listen")).to_have_count(0)
        assert await violations(page) == []


async def _choose(page: Page, file: Path) -> None:
    await page.get_by_label("Choose a file").set_input_files(file)
