"""Guesses are not laundered: which names, and which fields of them, may name other files."""

from collections.abc import AsyncIterator
from pathlib import Path

import mutagen
import psycopg
import pytest
import synth
from conftest import must_not_stop
from identifying import NOTHING, ONE, at_once, file_id, names, piece, said, settle
from ingesting import rows

from daemon import jobs
from daemon.config import Config
from daemon.review_store import ReviewStore
from daemon.services import Services, open_services
from daemon.tag_fields import TagFields

NAME = TagFields(title=ONE["title"], artist=ONE["artist"])
WITHOUT_ALBUM = {"title": ONE["title"], "artist": ONE["artist"]}


@pytest.fixture(autouse=True)
def _retry_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "_RESTART_S", 0.05)


@pytest.fixture
async def services(config: Config, unblocked: None) -> AsyncIterator[Services]:
    """Services that tag what they identify, at once."""
    async with open_services(at_once(config), must_not_stop, watch=False) as opened:
        yield opened


async def forget(services: Services, music: Path, *file_names: str) -> None:
    """Have files deleted, and never have been known."""
    for name in file_names:
        (music / name).unlink()
    await settle(services, music)
    for name in file_names:
        await rows(services, f"DELETE FROM files WHERE path = '{name}'")
    await services.store.drop_unused_recordings()


async def references(services: Services) -> int:
    return (await services.store.recording_counts()).references


async def a_guess(services: Services, music: Path) -> Path:
    """Have a file named after a reference that is gone then, so that only the guess is left."""
    synth.write_audio(music / "one.flac", piece(1), tags=ONE)
    guess = synth.write_audio(music / "guess.mp3", piece(1))
    await settle(services, music)
    assert said(guess) == names(ONE)
    await forget(services, music, "one.flac")
    assert await references(services) == 0
    return guess


async def test_a_file_whose_album_we_filled_names_others_but_not_after_that_album(
    services: Services, music: Path
) -> None:
    synth.write_audio(music / "one.flac", piece(1), tags=ONE)
    filled = synth.write_audio(music / "filled.mp3", piece(1), tags=WITHOUT_ALBUM)
    await settle(services, music)
    assert said(filled) == names(ONE)
    await forget(services, music, "one.flac")
    assert await references(services) == 1
    assert await rows(services, "SELECT album FROM recordings WHERE is_reference") == [(None,)]
    bare = synth.write_audio(music / "bare.opus", piece(1))
    half = synth.write_audio(music / "half.m4a", piece(1), tags=WITHOUT_ALBUM)
    await settle(services, music)
    assert (said(bare), said(half)) == ((*names(ONE)[:2], None),) * 2


async def test_a_person_confirms_the_filled_album_and_then_it_counts(services: Services, music: Path) -> None:
    synth.write_audio(music / "one.flac", piece(1), tags=ONE)
    synth.write_audio(music / "filled.mp3", piece(1), tags=WITHOUT_ALBUM)
    await settle(services, music)
    await forget(services, music, "one.flac")
    number = await file_id(services, "filled.mp3")
    assert (await services.identification.review.name(number, NAME)).change is None
    bare = synth.write_audio(music / "bare.opus", piece(1))
    await settle(services, music)
    assert said(bare) == names(ONE)


async def test_an_album_filled_into_a_guess_does_not_make_it_a_name(services: Services, music: Path) -> None:
    synth.write_audio(music / "half.flac", piece(1), tags=WITHOUT_ALBUM)
    guess = synth.write_audio(music / "guess.mp3", piece(1))
    await settle(services, music)
    assert said(guess) == (*names(ONE)[:2], None)
    synth.write_audio(music / "one.opus", piece(1), tags=ONE)
    await settle(services, music)
    assert said(guess) == names(ONE)
    (music / "copy.mp3").write_bytes(guess.read_bytes())
    await settle(services, music)
    await forget(services, music, "half.flac", "one.opus")
    assert await references(services) == 0


async def test_what_a_person_adds_to_a_guess_by_hand_confirms_its_name(
    services: Services, music: Path
) -> None:
    await a_guess(services, music)
    number = await file_id(services, "guess.mp3")
    named = await services.identification.review.name(number, TagFields(NAME.title, NAME.artist, track=1))
    assert named.change is not None
    assert await references(services) == 1
    bare = synth.write_audio(music / "bare.opus", piece(1))
    await settle(services, music)
    assert said(bare) == names(ONE)


async def test_naming_a_copy_of_a_guess_confirms_it(services: Services, music: Path) -> None:
    guess = await a_guess(services, music)
    (music / "copy.mp3").write_bytes(guess.read_bytes())
    await settle(services, music)
    assert await references(services) == 0
    number = await file_id(services, "copy.mp3")
    assert (await services.identification.review.name(number, NAME)).change is None
    assert await references(services) == 1


async def test_a_name_that_was_undone_and_then_given_by_hand_is_a_name(
    services: Services, music: Path
) -> None:
    await a_guess(services, music)
    await services.tagging.undo(1)
    number = await file_id(services, "guess.mp3")
    fields = TagFields(**ONE)  # type: ignore[arg-type]
    assert (await services.identification.review.name(number, fields)).change is not None
    assert await references(services) == 1


async def test_a_name_by_hand_is_confirmed_with_being_written(
    services: Services, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a database that goes away in between would leave a named file that names nobody."""
    synth.write_audio(music / "bare.mp3", piece(1))
    await settle(services, music)

    async def goes_away(*_: object) -> None:
        raise psycopg.OperationalError

    monkeypatch.setattr(ReviewStore, "confirm_name", goes_away)
    number = await file_id(services, "bare.mp3")
    with pytest.raises(psycopg.OperationalError):
        await services.identification.review.name(number, NAME)
    assert await references(services) == 1


async def test_a_file_whose_tags_are_taken_away_names_nobody_any_more(
    services: Services, music: Path
) -> None:
    one = synth.write_audio(music / "one.flac", piece(1), tags=ONE)
    await settle(services, music)
    tagged = mutagen.File(one)
    tagged.delete()
    await settle(services, music)
    assert await references(services) == 0
    bare = synth.write_audio(music / "bare.opus", piece(1))
    await settle(services, music)
    assert (said(bare), said(one)) == (NOTHING, NOTHING)
