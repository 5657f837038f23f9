"""Playlists on the page: add, watch them come in, and see why a track did not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from browsing import DARK, PHONE, browsing, needs_a_browser, picture, violations
from fake_youtube import START, Clock, FakeYouTube, address, listing, track
from playwright.async_api import Locator, Page, expect
from waiting import Served, changed, served

from daemon.config import Config
from daemon.config_options import Playlist
from daemon.playlist_errors import BrokenDownload, SourceBlocked, Unavailable

pytestmark = needs_a_browser

EVIL = "<img src=x onerror=alert(1)>"


@pytest.fixture
def polite(config: Config) -> Config:
    return changed(config, "youtube", pause_s=0.0)


@pytest.fixture
async def daemon(polite: Config, youtube: FakeYouTube, clock: Clock) -> AsyncIterator[Served]:
    async with served(polite) as opened:
        yield opened


@asynccontextmanager
async def lists_of(daemon: Served, **options: Any) -> AsyncIterator[Page]:
    """Yield the playlists, at the time at which the daemon's clock stands."""
    async with browsing(daemon.address, **options) as page:
        await page.clock.set_fixed_time(START + timedelta(minutes=5))
        await page.goto("/#/playlists")
        yield page


def playlist(page: Page, name: str) -> Locator:
    return page.get_by_role("list", name="Playlists").get_by_role("listitem").filter(has_text=name)


async def add(page: Page, url: str, every: str = "every 6 hours") -> None:
    await page.get_by_label("Address of a playlist").fill(url)
    await page.get_by_label("Read it").select_option(label=every)
    await page.get_by_role("button", name="Add").click()


async def test_a_list_is_added_fetched_and_removed(daemon: Served, youtube: FakeYouTube) -> None:
    youtube.lists[address("a")] = listing(track(1), track(2), title=EVIL)
    youtube.lists[address("b")] = listing(track(3), title="Another List")
    arrived, may_go_on = asyncio.Event(), asyncio.Event()

    async def wait_for_the_second(video_id: str, _: Path) -> None:
        if video_id == "video000002":
            arrived.set()
            await may_go_on.wait()

    youtube.before = wait_for_the_second  # type: ignore[method-assign]
    async with lists_of(daemon, expected=["/playlists)"]) as page:
        await expect(page.get_by_text("There is no playlist yet")).to_be_visible()
        await add(page, "https://example.org/playlist?list=PLx")
        await expect(page.get_by_role("alert").filter(has_text="is no list")).to_be_visible()
        url = page.get_by_label("Address of a playlist")
        await expect(url).to_have_attribute("aria-invalid", "true")
        await expect(url).to_be_focused()
        assert await violations(page) == []
        await picture(page, "playlists-refused")

        await add(page, address("a") + "&si=tracking", "every day")
        one = playlist(page, EVIL)
        await arrived.wait()
        await expect(one).to_contain_text("Playlist · every day")
        await expect(one.get_by_role("progressbar", name="Fetching: 1 of 2 tracks")).to_be_visible()
        await expect(one).to_contain_text("1 to fetch")
        await expect(url).to_have_value("")
        await picture(page, "playlists-fetching")
        await one.get_by_role("link").click()
        second = page.get_by_role("list", name="Tracks", exact=True).get_by_role("listitem").nth(1)
        await expect(second).to_contain_text("To fetch")
        may_go_on.set()
        await expect(second).to_contain_text("Fetched")
        await page.get_by_role("link", name="All playlists").click()
        await expect(one).to_contain_text("2 fetched")
        await expect(one).to_contain_text("2 tracks")
        await expect(one.get_by_role("progressbar")).to_have_count(0)

        await add(page, address("b"), "only when asked")
        another = playlist(page, "list=PL" + "b" * 32)
        await expect(another).to_contain_text("Not read yet")
        await page.get_by_role("button", name="Read it now").click()
        another = playlist(page, "Another List")
        await expect(another).to_contain_text("only when asked")
        await expect(another).to_contain_text("1 fetched")

        await one.get_by_role("button", name="Remove").click()
        await expect(one).to_contain_text("The references that came from it stay.")
        await one.get_by_role("button", name="No", exact=True).click()
        await expect(one.get_by_role("button", name="Remove")).to_be_focused()
        await one.get_by_role("button", name="Remove").click()
        await one.get_by_role("group").get_by_role("button", name="Remove").click()
        await expect(one).to_have_count(0)
        await expect(another.get_by_role("link")).to_be_focused()
        await expect(page.get_by_role("status")).to_contain_text("is removed; what came from it stays.")
    assert (await daemon.services.store.recording_counts()).references == 3


async def test_each_track_says_why_it_is_not_there(daemon: Served, youtube: FakeYouTube) -> None:
    youtube.lists[address("a")] = listing(
        track(1),
        track(2, title="Piece 2 (Live)"),
        track(3, title=EVIL, kind="video", album=None),
        track(4, duration_s=None),
        *[track(number, title=f"Piece {number} (Live)") for number in range(5, 130)],
        title="A Long List With a Name That Hardly Fits on a Phone",
    )
    youtube.failures["video000003"] = BrokenDownload("video000003", "it ends after 3 seconds")
    youtube.failures["video000004"] = Unavailable("video000004", "private")
    async with lists_of(daemon) as page:
        await add(page, address("a"))
        one = playlist(page, "A Long List")
        await expect(one.get_by_text("1 unavailable")).to_be_visible()
        await picture(page, "playlists")
        await one.get_by_role("link").click()
        await expect(page.get_by_role("heading", name="A Long List", level=1)).to_be_focused()
        tracks = page.get_by_role("list", name="Tracks", exact=True).get_by_role("listitem")
        await expect(tracks).to_have_count(100)
        await expect(tracks.filter(has_text="its title says 'live'").first).to_contain_text("Refused")
        private = tracks.filter(has_text="it is private")
        await expect(private).to_contain_text("Piece 4")
        broken = tracks.filter(has_text="it ends after 3 seconds")
        await expect(broken).to_contain_text(EVIL)
        await expect(broken).to_contain_text("0:25 · video")
        await expect(broken).to_contain_text("Tried once.")
        link = broken.get_by_role("link", name="on YouTube Music")
        assert await link.get_attribute("href") == "https://music.youtube.com/watch?v=video000003"
        assert await link.get_attribute("rel") == "noreferrer"
        await page.get_by_role("button", name="Unavailable 1").click()
        await expect(tracks).to_have_count(1)
        await expect(tracks).to_contain_text("Piece 4")
        await page.get_by_role("button", name="All 129").click()
        await expect(tracks).to_have_count(100)
        await picture(page, "playlist")
        assert await violations(page) == []
        await page.get_by_role("button", name="Show more").click()
        await expect(tracks).to_have_count(129)
        await expect(page.get_by_role("button", name="Show more")).to_have_count(0)
        del youtube.failures["video000003"]
        await page.get_by_role("button", name="Sync now").click()
        await expect(page.get_by_role("status")).to_contain_text("is read as soon as it is its turn")
        await expect(page.get_by_text("2 fetched")).to_be_visible()
        await expect(tracks.filter(has_text=EVIL)).to_contain_text("Fetched")
        await expect(tracks).to_have_count(129)
    for name, context in (("phone", PHONE), ("dark", DARK)):
        async with lists_of(daemon, **context) as page:
            await expect(page.get_by_text("1 unavailable")).to_be_visible()
            assert await violations(page) == []
            await fits(page)
            await picture(page, f"playlists-{name}")
            await page.get_by_role("link", name="A Long List").click()
            await expect(page.get_by_text("it is private")).to_be_visible()
            assert await violations(page) == []
            await fits(page)
            await picture(page, f"playlist-{name}")


async def fits(page: Page) -> None:
    """Fail if the page is wider than the screen."""
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def test_a_configured_list_stays_and_a_pause_says_until_when(
    polite: Config, youtube: FakeYouTube, clock: Clock
) -> None:
    youtube.lists[address("z")] = SourceBlocked("a bot check")
    configured = polite.model_copy(update={"playlists": (Playlist(url=address("z")),)})
    async with served(configured) as daemon, lists_of(daemon) as page:
        one = playlist(page, "list=PL")
        await expect(one).to_contain_text("take its [[playlists]] entry out there")
        await expect(one.get_by_role("button", name="Remove")).to_have_count(0)
        await one.get_by_role("button", name="Sync now").click()
        await expect(page.get_by_text("YouTube is left alone; it goes on in 10 minutes.")).to_be_visible()
        await expect(page.get_by_text("refuses to answer for now (a bot check)").first).to_be_visible()
        await expect(one).to_contain_text("Not read")
        moment = page.get_by_text("in 10 minutes").first
        assert "2026" in str(await moment.get_attribute("title"))
        assert await violations(page) == []
        await picture(page, "playlists-paused")


async def test_a_list_that_is_not_there_says_so(daemon: Served) -> None:
    async with browsing(daemon.address) as page:
        await page.goto("/#/playlists/99")
        await expect(page.get_by_text("There is no such playlist, or it was removed.")).to_be_visible()
        await page.goto("/#/playlists/..%2Fstatus")
        await expect(page.get_by_text("There is no such playlist, or it was removed.")).to_be_visible()
