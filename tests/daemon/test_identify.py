"""From an untagged file in the folder to its name: written, proposed, or left, and none of them wrong."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import mutagen
import numpy as np
import pytest
import synth
from conftest import must_not_stop
from identifying import (
    NOTHING,
    ONE,
    TWO,
    at_once,
    file_id,
    is_settled,
    names,
    piece,
    proposals,
    run_out_of_memory_over_it,
    said,
    settle,
)
from ingesting import rows
from waiting import until

from daemon import jobs
from daemon.config import Config
from daemon.identify import IdentifyService
from daemon.identify_jobs import suspects_among
from daemon.services import Services, open_services


@pytest.fixture(autouse=True)
def _retry_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "_RETRY_S", 0)
    monkeypatch.setattr(jobs, "_RESTART_S", 0.05)


@pytest.fixture
async def services(config: Config, unblocked: None) -> AsyncIterator[Services]:
    """Services that tag what they identify, at once."""
    async with open_services(at_once(config), must_not_stop, watch=False) as opened:
        yield opened


@pytest.fixture
async def careful(config: Config, unblocked: None) -> AsyncIterator[Services]:
    """Services as they are by default, but for the quiet time."""
    async with open_services(at_once(config, first_scan="review"), must_not_stop, watch=False) as opened:
        yield opened


async def test_an_untagged_copy_in_another_encoding_gets_the_tags_and_nothing_else_does(
    services: Services, music: Path
) -> None:
    synth.write_audio(music / "one.flac", piece(1), tags=ONE)
    synth.write_audio(music / "two.flac", piece(2), tags=TWO)
    copies = [synth.write_audio(music / f"x.{suffix}", piece(1)) for suffix in ("mp3", "opus", "m4a")]
    other = synth.write_audio(music / "y.mp3", piece(2))
    absent = synth.write_audio(music / "z.mp3", piece(3))
    await settle(services, music)
    assert [said(copy) for copy in copies] == [names(ONE)] * 3
    assert said(other) == names(TWO)
    assert said(absent) == NOTHING
    assert await proposals(services) == {}
    assert await rows(services, "SELECT path FROM files WHERE naming = 'unknown'") == [(b"z.mp3",)]
    assert await rows(services, "SELECT DISTINCT cause, status::text FROM changes") == [
        ("identified", "done")
    ]
    [(evidence,)] = await rows(services, "SELECT evidence FROM changes WHERE path = 'y.mp3'")
    assert evidence["relation"] == "copy"  # type: ignore[index]
    assert evidence["sources"]["title"]["path"] == str(music / "two.flac")  # type: ignore[index]
    counts = await services.identification.store.counts()
    assert (counts.unknown, counts.review, counts.tagged) == (1, 0, 4)


async def test_the_same_sound_without_tags_is_named_by_its_twin(services: Services, music: Path) -> None:
    synth.write_audio(music / "one.flac", piece(1), tags=ONE)
    synth.write_audio(music / "bare.flac", piece(1))
    await settle(services, music)
    assert len(await services.store.recording_ids()) == 1
    assert said(music / "bare.flac") == names(ONE)


async def test_what_the_first_scan_finds_is_proposed_and_what_arrives_later_is_tagged(
    careful: Services, music: Path
) -> None:
    synth.write_audio(music / "one.flac", piece(1), tags=ONE)
    first = synth.write_audio(music / "first.mp3", piece(1))
    await settle(careful, music)
    assert (said(first), await proposals(careful)) == (NOTHING, {"first.mp3": ("identified", 1)})
    later = synth.write_audio(music / "later.opus", piece(1))
    await settle(careful, music)
    assert (said(first), said(later)) == (NOTHING, names(ONE))


async def test_a_dry_run_writes_nothing(config: Config, music: Path, unblocked: None) -> None:
    synth.write_audio(music / "one.flac", piece(1), tags=ONE)
    bare = synth.write_audio(music / "bare.mp3", piece(1))
    dry = at_once(config, mode="dry-run", first_scan="dry-run")
    async with open_services(dry, must_not_stop, watch=False) as services:
        await settle(services, music)
        assert await proposals(services) == {"bare.mp3": ("identified", 1)}
        assert await services.identification.review.accept_all(above=0) == []
        assert (said(bare), await rows(services, "SELECT 1 FROM changes")) == (NOTHING, [])


async def test_a_reference_that_arrives_later_names_what_was_unknown(services: Services, music: Path) -> None:
    old = synth.write_audio(music / "old.mp3", piece(1))
    other = synth.write_audio(music / "other.mp3", piece(3))
    synth.write_audio(music / "two.flac", piece(2), tags=TWO)
    await settle(services, music)
    assert (said(old), said(other)) == (NOTHING, NOTHING)
    looks = await rows(services, "SELECT identified_at FROM files WHERE path = 'other.mp3'")
    synth.write_audio(music / "one.flac", piece(1), tags=ONE)
    await settle(services, music)
    assert (said(old), said(other)) == (names(ONE), NOTHING)
    assert await rows(services, "SELECT identified_at FROM files WHERE path = 'other.mp3'") == looks


async def test_tags_that_a_person_adds_with_another_program_name_the_copies(
    services: Services, music: Path
) -> None:
    one = synth.write_audio(music / "one.flac", piece(1))
    copy = synth.write_audio(music / "copy.mp3", piece(1))
    await settle(services, music)
    tagged = mutagen.File(one, easy=True)
    tagged.update({name: [value] for name, value in ONE.items()})
    tagged.save()
    await settle(services, music)
    assert said(copy) == names(ONE)


async def test_more_copies_than_a_look_up_returns_are_all_found(services: Services, music: Path) -> None:
    """By the index, a window of the reference points to five recordings at most."""
    for number in range(8):
        noisy = synth.mixed(piece(1), synth.noise(number, 25.0), 30.0)
        synth.write_audio(music / f"{number}.flac", noisy)
    await settle(services, music)
    synth.write_audio(music / "one.flac", piece(1), tags=ONE)
    await settle(services, music)
    assert {said(music / f"{number}.flac") for number in range(8)} == {names(ONE)}


async def test_an_edit_is_a_question_with_its_candidate(services: Services, music: Path) -> None:
    synth.write_audio(music / "one.flac", piece(1, 60.0), tags=ONE)
    cut = [piece(1, 60.0)[begin * 8_000 : end * 8_000] for begin, end in ((0, 20), (35, 60))]
    edit = synth.write_audio(music / "edit.mp3", np.concatenate(cut))
    await settle(services, music)
    assert (said(edit), await proposals(services)) == (NOTHING, {"edit.mp3": ("ambiguous", 1)})
    [file] = await services.identification.review.files("review", after=0, limit=10)
    assert file.proposal is not None
    [candidate] = file.proposal.candidates
    assert (candidate["relation"], candidate["fields"]["title"]) == ("edit", "So What")
    assert len(candidate["passages"]) == 2


async def test_two_recordings_in_one_file_are_a_question_with_both(services: Services, music: Path) -> None:
    synth.write_audio(music / "one.flac", piece(1), tags=ONE)
    synth.write_audio(music / "two.flac", piece(2), tags=TWO)
    mix = synth.write_audio(music / "mix.mp3", np.concatenate([piece(1), piece(2)]))
    await settle(services, music)
    assert (said(mix), await proposals(services)) == (NOTHING, {"mix.mp3": ("ambiguous", 2)})


async def test_references_that_contradict_each_other_are_a_question(services: Services, music: Path) -> None:
    synth.write_audio(music / "one.flac", piece(1), tags=ONE)
    synth.write_audio(music / "wrong.mp3", piece(1), tags=TWO)
    await settle(services, music)  # before the second is known, the first one alone would name it
    bare = synth.write_audio(music / "bare.opus", piece(1))
    await settle(services, music)
    assert (said(bare), await proposals(services)) == (NOTHING, {"bare.opus": ("ambiguous", 2)})


async def test_a_missing_album_is_filled_from_a_copy_of_the_same_name_only(
    services: Services, music: Path
) -> None:
    synth.write_audio(music / "one.flac", piece(1), tags=ONE)
    synth.write_audio(music / "two.flac", piece(2), tags=TWO)
    without = {"title": "So what", "artist": "Miles Davis"}
    same = synth.write_audio(music / "same.mp3", piece(1), tags=without)
    otherwise = synth.write_audio(music / "otherwise.mp3", piece(2), tags=without)
    await settle(services, music)
    assert said(same) == ("So what", "Miles Davis", "Kind of Blue")
    assert said(otherwise) == (*names(without)[:2], None)
    assert await rows(services, "SELECT cause, path FROM changes") == [("filled", b"same.mp3")]


async def test_an_album_that_arrives_later_is_filled_into_what_was_named_without_it(
    services: Services, music: Path
) -> None:
    name = {each: ONE[each] for each in ("title", "artist")}
    synth.write_audio(music / "single.flac", piece(1), tags=name)
    await settle(services, music)
    bare = synth.write_audio(music / "bare.mp3", piece(1))
    await settle(services, music)
    assert said(bare) == (*name.values(), None)
    # The very sound that is known already: no new reference, but one that says more.
    synth.write_audio(music / "album.flac", piece(1), tags=ONE)
    await settle(services, music)
    assert said(bare) == names(ONE)


async def test_a_file_that_carries_our_tags_names_no_other(services: Services, music: Path) -> None:
    reference = synth.write_audio(music / "one.flac", piece(1), tags=ONE)
    ours = synth.write_audio(music / "ours.mp3", piece(1))
    await settle(services, music)
    assert said(ours) == names(ONE)
    reference.unlink()
    await settle(services, music)
    async with services.database.pool.connection() as connection:
        await connection.execute("DELETE FROM files WHERE path = 'one.flac'")
    await services.store.drop_unused_recordings()
    again = synth.write_audio(music / "again.opus", piece(1))
    await settle(services, music)
    assert said(again) == NOTHING


async def test_a_file_that_must_not_be_written_waits_with_the_reason(
    services: Services, music: Path, tmp_path: Path
) -> None:
    synth.write_audio(music / "one.flac", piece(1), tags=ONE)
    linked = synth.write_audio(music / "linked.mp3", piece(1))
    (tmp_path / "twin.mp3").hardlink_to(linked)
    await settle(services, music)
    [file] = await services.identification.review.files("review", after=0, limit=10)
    assert file.proposal is not None
    assert (said(linked), file.proposal.outcome, file.proposal.is_due) == (NOTHING, "identified", False)
    assert "linked.mp3" in (file.proposal.refusal or "")


async def test_a_file_that_is_not_quiet_yet_is_written_later(
    config: Config, music: Path, unblocked: None
) -> None:
    synth.write_audio(music / "one.flac", piece(1), tags=ONE)
    bare = synth.write_audio(music / "bare.mp3", piece(1))
    async with open_services(at_once(config, quiet_s=3_600.0), must_not_stop, watch=False) as services:
        await services.library.reconcile(await services.library.add(music, watched=False))
        await until(lambda: rows(services, "SELECT 1 FROM proposals WHERE refusal IS NOT NULL"))
        assert (said(bare), (await services.identification.store.counts()).postponed) == (NOTHING, 1)
    async with open_services(at_once(config), must_not_stop, watch=False) as services:
        await rows(services, "UPDATE proposals SET apply_at = now(), refusal = NULL")
        await services.jobs.defer_due("identify")
        await until(lambda: is_settled(services))
        assert said(bare) == names(ONE)


async def test_two_jobs_for_one_file_write_it_once(services: Services, music: Path) -> None:
    synth.write_audio(music / "one.flac", piece(1), tags=ONE)
    await settle(services, music)
    services.jobs._due.clear()
    synth.write_audio(music / "bare.mp3", piece(1))
    services.jobs._due["identify"] = services.jobs._due["offer"] = nobody
    await services.library.reconcile(await services.library.add(music, watched=False))
    await until(lambda: rows(services, "SELECT 1 FROM files WHERE path = 'bare.mp3' AND status = 'indexed'"))
    identify: IdentifyService = services.identification.identify
    number = await file_id(services, "bare.mp3")
    await asyncio.gather(*(identify.identify(number) for _ in range(3)))
    assert said(music / "bare.mp3") == names(ONE)
    assert await rows(services, "SELECT status::text FROM changes") == [("done",)]


async def nobody(*_: object) -> list[int]:
    return []


async def test_what_a_stop_interrupts_is_done_after_the_next_start(
    config: Config, music: Path, unblocked: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    synth.write_audio(music / "one.flac", piece(1), tags=ONE)
    bare = synth.write_audio(music / "bare.mp3", piece(1))
    begun = asyncio.Event()

    async def never(*_: object) -> None:
        begun.set()
        await asyncio.Event().wait()

    with monkeypatch.context() as patched:
        patched.setattr(IdentifyService, "_decision", never)
        async with open_services(at_once(config), must_not_stop, watch=False) as services:
            await services.library.reconcile(await services.library.add(music, watched=False))
            await begun.wait()
    assert said(bare) == NOTHING
    async with open_services(at_once(config), must_not_stop, watch=False) as services:
        await until(lambda: is_settled(services))
        assert said(bare) == names(ONE)


async def test_a_file_over_which_workers_die_is_left_and_blocks_nobody(
    services: Services, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synth.write_audio(music / "one.flac", piece(1), tags=ONE)
    await settle(services, music)
    monkeypatch.setattr("daemon.identify.contents_of", run_out_of_memory_over_it)
    synth.write_audio(music / "bare.mp3", piece(1))
    await settle(services, music)
    assert (said(music / "bare.mp3"), await proposals(services)) == (NOTHING, {})
    monkeypatch.undo()
    shutil.copy(music / "bare.mp3", music / "twin.mp3")
    await settle(services, music)
    assert said(music / "twin.mp3") == names(ONE)


def test_of_no_recordings_nothing_is_asked() -> None:
    assert suspects_among(b"", np.zeros(0, np.int64), Path("nowhere"), None) == ()  # type: ignore[arg-type]
