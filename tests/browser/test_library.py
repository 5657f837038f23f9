"""The library in a real browser: what there is, what is being done, search, files, changes and their undo."""

from collections.abc import AsyncIterator
from pathlib import Path

import mutagen
import pytest
from browsing import DARK, PHONE, browsing, needs_a_browser, picture, violations
from identifying import NOTHING, ONE, TWO, at_once, file_id, names, piece, said, settle
from ingesting import rows
from playwright.async_api import Locator, Page, Request, expect
from synth import write_audio
from waiting import Served, served, until

from daemon import jobs
from daemon.config import Config

pytestmark = needs_a_browser

EVIL = "<img src=x onerror=alert(1)>"
ACCENTED = {"title": "Águas de Março", "artist": "Élis Regina", "album": "Élis & Tom"}


@pytest.fixture(autouse=True)
def _retry_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "_RESTART_S", 0.05)


@pytest.fixture
async def daemon(config: Config, music: Path) -> AsyncIterator[Served]:
    """A daemon that tagged a copy by itself, with a file that it can't read and one that nobody names."""
    (music / "old stick").mkdir()
    write_audio(music / "one.flac", piece(1), tags=ONE)
    write_audio(music / "março.flac", piece(2), tags=ACCENTED)
    write_audio(music / "old stick" / f"{EVIL}.mp3", piece(3), tags={"title": EVIL})
    write_audio(music / "old stick" / "a.mp3", piece(1))
    (music / "old stick" / "broken.mp3").write_text("no music")
    async with served(at_once(config), watch=True) as opened:
        # The watcher adds the folder; this waits until all of it is known.
        await settle(opened.services, music)
        await until(lambda: said(music / "old stick" / "a.mp3") == names(ONE))
        yield opened


def listed(page: Page, label: str = "Files") -> Locator:
    return page.get_by_role("list", name=label, exact=True).locator("> li")


async def test_the_library_tells_what_there_is_and_what_failed(daemon: Served, music: Path) -> None:
    async with browsing(daemon.address) as page:
        await page.get_by_role("link", name="Library").click()
        await expect(page.get_by_role("heading", name="Library", exact=True)).to_be_focused()
        await expect(page.get_by_text("2 references")).to_be_visible()
        await expect(page.get_by_role("link", name="1 tagged by Spectra")).to_be_visible()
        folder = page.get_by_role("article").filter(has=page.get_by_role("heading", name=str(music)))
        await expect(folder).to_contain_text("Watched")
        await expect(folder).to_contain_text("5 files")
        await page.get_by_text("Files that could not be read").click()
        await expect(page.get_by_text("Not audio that can be decoded").first).to_be_visible()
        await expect(listed(page)).to_have_count(5)
        await expect(listed(page).filter(has_text=EVIL)).to_have_count(1)
        assert await page.locator("img[src=x]").count() == 0
        assert await violations(page) == []
        await picture(page, "library")
        await page.get_by_role("link", name="1 not readable").click()
        await expect(listed(page)).to_have_count(1)
        await expect(listed(page)).to_contain_text("broken.mp3")
        await expect(page.get_by_label("Which")).to_have_value("failed")
    async with browsing(daemon.address, **DARK) as page:
        await page.goto("/#/library")
        await expect(listed(page)).to_have_count(5)
        assert await violations(page) == []
        await picture(page, "library-dark")
    async with browsing(daemon.address, **PHONE) as page:
        await page.goto("/#/library")
        await expect(listed(page)).to_have_count(5)
        assert await page.evaluate("document.documentElement.scrollWidth") == PHONE["viewport"]["width"]  # type: ignore[index]
        await picture(page, "library-phone")


async def test_words_find_files_whatever_their_accents_and_stay_in_the_address(daemon: Served) -> None:
    async with browsing(daemon.address) as page:
        await page.goto("/#/library")
        search = page.get_by_role("searchbox", name="Search")
        await search.fill("marco elis")
        await expect(listed(page)).to_have_count(1)
        await expect(listed(page)).to_contain_text(ACCENTED["title"])
        await expect(page.get_by_role("heading", name="Music folders")).to_have_count(0)
        await listed(page).get_by_role("link").click()
        await expect(page.get_by_role("heading", name=ACCENTED["title"])).to_be_focused()
        await page.go_back()
        await expect(search).to_have_value("marco elis")
        await expect(listed(page)).to_have_count(1)
        await search.fill("100% <b>")
        await expect(page.get_by_text("No file has all of these words")).to_be_visible()
        await page.get_by_label("Which").select_option(label="Unknown")
        await search.fill("")
        await expect(listed(page)).to_have_count(1)
        await expect(listed(page)).to_contain_text(EVIL)
        await page.get_by_role("link", name="Library").click()
        await expect(listed(page)).to_have_count(5)


async def test_a_scan_that_is_asked_for_shows_new_files_without_a_reload(daemon: Served, music: Path) -> None:
    async with browsing(daemon.address) as page:
        await page.goto("/#/library")
        await expect(listed(page)).to_have_count(5)
        write_audio(music / "two.flac", piece(5), tags=TWO)
        async with page.expect_response("**/scan") as scan:
            await page.get_by_role("button", name="Scan now").click()
        assert (await scan.value).status == 202
        await expect(page.get_by_role("status").filter(has_text="looked through now")).to_be_visible()
        await expect(listed(page)).to_have_count(6)
        await expect(page.get_by_text("3 references")).to_be_visible()


async def test_what_was_written_is_undone_from_the_library(daemon: Served, music: Path) -> None:
    async with browsing(daemon.address) as page:
        await page.goto("/#/library")
        change = listed(page, "Latest changes")
        await expect(change).to_contain_text("So What · Miles Davis · Kind of Blue")
        await expect(change).to_contain_text("Identified by its sound")
        await change.get_by_role("button", name="Undo a.mp3").click()
        await expect(page.get_by_role("status").filter(has_text="a.mp3: undone")).to_be_visible()
        await expect(change).to_contain_text("undone")
        await expect(change).to_be_focused()
        assert said(music / "old stick" / "a.mp3") == NOTHING


async def test_changes_are_told_by_day_and_field_and_refusals_offer_what_is_left(
    daemon: Served, music: Path
) -> None:
    ours = music / "old stick" / "a.mp3"
    async with browsing(daemon.address, expected=["409"]) as page:
        await page.goto("/#/changes")
        await expect(page.get_by_role("heading", name="Today")).to_be_visible()
        change = listed(page, "Changes")
        await expect(change).to_have_count(1)
        await expect(change.get_by_role("definition").first).to_have_text("So What")
        await expect(change).to_contain_text("Its name comes from a tagged file one.flac")
        assert await violations(page) == []
        await picture(page, "changes")
        retag(ours, {"title": "So What?", "artist": ONE["artist"], "album": ONE["album"]})
        await change.get_by_role("button", name="Undo").click()
        await page.get_by_role("status").get_by_role("button", name="Put the tags back").click()
        await expect(page.get_by_role("status").filter(has_text="says what it said before")).to_be_visible()
        await expect(change).to_have_count(2)
        await expect(change.first).to_contain_text("Put back as it was")
        assert said(ours) == NOTHING


async def test_doubtful_names_stand_above_all_and_go_when_undone(daemon: Served, music: Path) -> None:
    async with browsing(daemon.address, **DARK) as page:
        retag(music / "one.flac", TWO)
        await settle(daemon.services, music)
        await page.goto("/#/changes")
        doubtful = listed(page, "Doubtful changes")
        await expect(doubtful).to_have_count(1)
        await expect(doubtful).to_contain_text("So What was written, its source says Naima now")
        assert await violations(page) == []
        await picture(page, "changes-dark")
        await doubtful.get_by_role("button", name="Undo").click()
        await expect(doubtful).to_have_count(0)
        assert said(music / "old stick" / "a.mp3") == NOTHING


async def test_a_file_tells_all_of_itself_and_is_named_by_hand(daemon: Served, music: Path) -> None:
    number = await file_id(daemon.services, f"old stick/{EVIL}.mp3")
    async with browsing(daemon.address) as page:
        await page.goto(f"/#/files/{number}")
        about = page.get_by_role("region", name="About this file")
        await expect(about).to_contain_text(f"{EVIL}.mp3")
        await expect(about).to_contain_text("0:25")
        await expect(about).to_contain_text(f"{music}/old stick/")
        assert await page.locator("img[src=x]").count() == 0
        await page.get_by_role("button", name="Type the name").click()
        form = page.get_by_role("form", name=f"What is {EVIL}.mp3?")
        await expect(form.get_by_label("Title")).to_have_value(EVIL)
        await form.get_by_label("Title").fill(TWO["title"])
        await form.get_by_label("Artist", exact=True).fill(TWO["artist"])
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name=TWO["title"], level=1)).to_be_visible()
        await expect(page.get_by_role("heading", name="Its name")).to_be_focused()
        change = listed(page, "Changes to this file")
        await expect(change).to_contain_text(f"was {EVIL}")
        await expect(change).to_contain_text("Named by hand")
        assert await violations(page) == []
        await picture(page, "file")
        await change.get_by_role("button", name="Undo").click()
        await expect(page.get_by_role("heading", name=EVIL, level=1)).to_be_visible()
        await expect(change).to_be_focused()


async def test_a_proposal_is_accepted_on_its_file_s_own_page(config: Config, music: Path) -> None:
    write_audio(music / "one.flac", piece(1), tags=ONE)
    write_audio(music / "a.mp3", piece(1))
    async with served(at_once(config, first_scan="review")) as daemon:
        await settle(daemon.services, music)
        number = await file_id(daemon.services, "a.mp3")
        async with browsing(daemon.address, **PHONE, **DARK) as page:
            await page.goto(f"/#/files/{number}")
            await expect(page.get_by_role("list", name="What a.mp3 may be")).to_contain_text("So What")
            assert await violations(page) == []
            await picture(page, "file-phone-dark")
            await page.get_by_role("button", name="Accept").click()
            await expect(page.get_by_role("heading", name="So What", level=1)).to_be_visible()
            await expect(listed(page, "Changes to this file")).to_contain_text("Accepted")
        assert said(music / "a.mp3") == names(ONE)


async def test_a_file_that_is_not_there_is_a_sentence(config: Config) -> None:
    async with served(config) as daemon, browsing(daemon.address, expected=["404"]) as page:
        await page.goto("/#/files/999")
        await expect(page.get_by_role("alert")).to_contain_text("There is no file 999")
        await page.goto("/#/files/x")
        await expect(page.get_by_role("alert")).to_contain_text("named by its number")
        await page.goto("/#/library")
        await expect(page.get_by_text("There are no files yet")).to_be_visible()
        await expect(page.get_by_text("Spectra has written nothing yet.")).to_be_visible()
        assert await violations(page) == []


async def test_fifty_thousand_files_come_page_by_page(config: Config, music: Path) -> None:
    async with served(config) as daemon:
        library = await daemon.services.library.add(music, watched=False)
        await rows(daemon.services, FIFTY_THOUSAND.format(library=library.library_id))
        asked: list[str] = []
        async with browsing(daemon.address) as page:
            page.on("request", lambda request: note_files(request, asked))
            await page.goto("/#/library")
            await expect(page.get_by_text("50,000 files")).to_be_visible()
            await expect(page.get_by_role("link", name="50,000 unknown")).to_be_visible()
            await expect(listed(page)).to_have_count(100)
            assert set(asked) == {"/files"}
            await page.get_by_role("button", name="Show more").click()
            await expect(listed(page)).to_have_count(200)
            await expect(listed(page).nth(100)).to_be_focused()
            await page.get_by_role("searchbox", name="Search").fill("track 49999")
            await expect(listed(page)).to_have_count(1)
            assert len(asked) <= 6
        async with browsing(daemon.address) as page:
            await page.goto("/#/review")
            await expect(page.get_by_role("heading", name="Track 1.mp3")).to_be_visible()
            assert await page.locator("main ul > li").count() == 50


FIFTY_THOUSAND = """
WITH found AS (
    INSERT INTO files
        (library_id, path, size_bytes, mtime_ns, inode, device, status, naming, tags, identified_at)
    SELECT {library}, convert_to('some folder/Track ' || number || '.mp3', 'UTF8'), 1, 1, number, 1,
           'indexed', 'unknown', '{{"title": null, "artist": null, "album": null, "trusted": false}}', now()
    FROM generate_series(1, 50000) AS number
    RETURNING file_id)
INSERT INTO proposals (file_id, outcome, reason, candidates)
SELECT file_id, 'identified', 'a copy',
       '[{{"recording": 1, "recordings": [1], "fields": {{"title": "A", "artist": "B"}}, "sources": {{}},
          "relation": "copy", "confidence": 0.9, "score": 100, "file_coverage": 1, "recording_coverage": 1,
          "passages": []}}]'
FROM found"""


def note_files(request: Request, asked: list[str]) -> None:
    path = request.url.partition("?")[0]
    if path.endswith("/files"):
        asked.append("/files")


def retag(path: Path, tags: dict[str, str]) -> None:
    """Edit a file as another program does."""
    tagged = mutagen.File(path, easy=True)
    tagged.delete()
    tagged = mutagen.File(path, easy=True)
    tagged.update({name: [value] for name, value in tags.items()})
    tagged.save()
