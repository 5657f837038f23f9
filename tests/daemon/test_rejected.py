"""What a person rejects stays rejected, whatever is under way at that moment."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import mutagen
import pytest
import synth
from conftest import must_not_stop
from identifying import NOTHING, ONE, TWO, at_once, file_id, names, piece, proposals, said, settle
from ingesting import rows
from waiting import until

from daemon import jobs
from daemon.config import Config
from daemon.review_errors import NothingProposed, NotWritten
from daemon.review_store import ReviewStore
from daemon.services import Services, open_services
from daemon.tagging import TaggingService


@pytest.fixture(autouse=True)
def _retry_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "_RESTART_S", 0.05)


@pytest.fixture
async def services(config: Config, unblocked: None) -> AsyncIterator[Services]:
    """Services that propose what they identify."""
    asking = at_once(config, first_scan="review", mode="review")
    async with open_services(asking, must_not_stop, watch=False) as opened:
        yield opened


@pytest.fixture
async def number(services: Services, music: Path) -> int:
    """The number of an untagged file, for which the name of another one is proposed."""
    synth.write_audio(music / "one.flac", piece(1), tags=ONE)
    synth.write_audio(music / "bare.mp3", piece(1))
    await settle(services, music)
    assert await proposals(services) == {"bare.mp3": ("identified", 1)}
    return await file_id(services, "bare.mp3")


async def idle(services: Services) -> None:
    """Have no more jobs begun."""

    async def nobody(*_: object) -> list[int]:
        return []

    services.jobs._due["identify"] = services.jobs._due["offer"] = nobody
    await until(lambda: no_jobs(services))


async def no_jobs(services: Services) -> bool:
    return not await rows(services, "SELECT 1 FROM procrastinate_jobs")


async def look_again(services: Services, number: int) -> None:
    await rows(services, f"UPDATE files SET identified_at = NULL WHERE file_id = {number}")
    await services.identification.identify.identify(number)


async def test_what_is_rejected_while_it_is_looked_at_is_not_proposed_by_that_look(
    services: Services, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    await idle(services)
    note = ReviewStore.note_identified
    review = services.identification.review

    async def reject_first(self: ReviewStore, *given: Any, **named: Any) -> bool:
        monkeypatch.undo()
        await review.reject(number)
        return await note(self, *given, **named)

    monkeypatch.setattr(ReviewStore, "note_identified", reject_first)
    await look_again(services, number)
    assert await proposals(services) == {}
    await services.identification.identify.identify(number)
    assert await proposals(services) == {}
    assert (await services.identification.store.counts()).to_identify == 0


async def test_a_rejection_that_is_taken_back_amid_a_look_counts_for_that_look(
    services: Services, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    review = services.identification.review
    await review.reject(number)
    await idle(services)
    await services.identification.identify.identify(number)
    assert await proposals(services) == {}
    note = ReviewStore.note_identified

    async def reconsider_first(self: ReviewStore, *given: Any, **named: Any) -> bool:
        monkeypatch.undo()
        await review.reconsider(number)
        return await note(self, *given, **named)

    monkeypatch.setattr(ReviewStore, "note_identified", reconsider_first)
    await look_again(services, number)
    assert await proposals(services) == {"bare.mp3": ("identified", 1)}


async def test_a_rejection_waits_for_what_is_being_written_and_says_that_it_came_too_late(
    services: Services, number: int, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await idle(services)
    review = services.identification.review
    assert await review.accept_all(above=0) == [number]
    begun, may_go_on = asyncio.Event(), asyncio.Event()
    apply = TaggingService.apply

    async def slowly(self: TaggingService, *given: Any, **named: Any) -> object:
        begun.set()
        await may_go_on.wait()
        return await apply(self, *given, **named)

    monkeypatch.setattr(TaggingService, "apply", slowly)
    writing = asyncio.create_task(services.identification.identify.identify(number))
    await begun.wait()
    rejecting = asyncio.create_task(review.reject(number))
    may_go_on.set()
    await writing
    with pytest.raises(NothingProposed, match="spectra undo"):
        await rejecting
    assert said(music / "bare.mp3") == names(ONE)
    assert await rows(services, "SELECT 1 FROM rejections") == []


async def test_what_is_rejected_is_not_written_by_a_job_that_waited(
    services: Services, number: int, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await idle(services)
    review = services.identification.review
    assert await review.accept_all(above=0) == [number]
    begun, may_go_on = asyncio.Event(), asyncio.Event()
    reject = ReviewStore.reject

    async def slowly(self: ReviewStore, *given: Any) -> list[int]:
        begun.set()
        await may_go_on.wait()
        return await reject(self, *given)

    monkeypatch.setattr(ReviewStore, "reject", slowly)
    rejecting = asyncio.create_task(review.reject(number))
    await begun.wait()
    writing = asyncio.create_task(services.identification.identify.identify(number))
    [turn] = services.identification.identify._writer._turns._locks.values()
    await until(lambda: turn._waiters)
    may_go_on.set()
    await asyncio.gather(rejecting, writing)
    assert (said(music / "bare.mp3"), await proposals(services)) == (NOTHING, {})


async def test_of_two_who_accept_at_once_one_is_told_that_it_is_done(
    services: Services, number: int, music: Path
) -> None:
    review = services.identification.review
    answers = await asyncio.gather(review.accept(number), review.accept(number), return_exceptions=True)
    assert sorted(type(each).__name__ for each in answers) == ["Change", "NothingProposed"]
    assert said(music / "bare.mp3") == names(ONE)
    assert await rows(services, "SELECT count(*) FROM changes") == [(1,)]


async def test_a_missing_twin_comes_back_without_what_was_rejected_meanwhile(
    services: Services, number: int, music: Path, tmp_path: Path
) -> None:
    twin = music / "twin.mp3"
    twin.write_bytes((music / "bare.mp3").read_bytes())
    await settle(services, music)
    assert len(await proposals(services)) == 2
    away = twin.rename(tmp_path / "away.mp3")
    await settle(services, music)
    await services.identification.review.reject(number)
    away.rename(twin)
    await settle(services, music)
    await services.jobs.defer_due("identify")
    await settle(services, music)
    assert await proposals(services) == {}


async def test_a_rejection_outlives_the_reference(services: Services, number: int, music: Path) -> None:
    await services.identification.review.reject(number)
    (music / "one.flac").unlink()
    await settle(services, music)
    await rows(services, "DELETE FROM files WHERE path = 'one.flac'")
    await services.store.drop_unused_recordings()
    synth.write_audio(music / "one again.opus", piece(1), tags=ONE)
    await settle(services, music)
    assert await proposals(services) == {}


async def test_a_rejected_reference_that_is_corrected_does_not_take_the_right_name_along(
    services: Services, music: Path
) -> None:
    """The pair stays rejected; another file may say so."""
    wrong = synth.write_audio(music / "wrong.flac", piece(1), tags=TWO)
    synth.write_audio(music / "bare.mp3", piece(1))
    await settle(services, music)
    await services.identification.review.reject(await file_id(services, "bare.mp3"))
    tagged = mutagen.File(wrong, easy=True)
    tagged.update({name: [value] for name, value in ONE.items()})
    tagged.save()
    await settle(services, music)
    assert await proposals(services) == {}
    synth.write_audio(music / "right.opus", piece(1), tags=ONE)
    await settle(services, music)
    assert await proposals(services) == {"bare.mp3": ("identified", 1)}


async def test_what_was_accepted_unseen_stays_accepted_when_the_file_is_looked_at_again(
    services: Services, number: int, music: Path
) -> None:
    await idle(services)
    assert await services.identification.review.accept_all(above=0) == [number]
    await look_again(services, number)
    assert said(music / "bare.mp3") == names(ONE)


async def test_what_was_proposed_is_not_written_into_another_sound_at_its_path(
    services: Services, number: int, music: Path
) -> None:
    await idle(services)
    synth.write_audio(music / "bare.mp3", piece(2))
    await services.library.reconcile(await services.library.add(music, watched=False))
    await until(lambda: rows(services, "SELECT 1 FROM files HAVING every(status = 'indexed')"))
    with pytest.raises(NothingProposed):
        await services.identification.review.accept(number)
    assert said(music / "bare.mp3") == NOTHING


async def test_a_name_whose_source_is_gone_is_not_written_and_the_file_is_looked_at_anew(
    services: Services, number: int, music: Path
) -> None:
    tagged = mutagen.File(music / "one.flac")
    tagged.delete()
    await settle(services, music)
    with pytest.raises(NotWritten, match="looked at anew"):
        await services.identification.review.accept(number)
    await services.jobs.defer_due("identify")
    await settle(services, music)
    assert (said(music / "bare.mp3"), await proposals(services)) == (NOTHING, {})


async def test_a_file_that_says_otherwise_is_a_question_and_gets_the_whole_name_that_is_chosen(
    config: Config, music: Path, unblocked: None
) -> None:
    synth.write_audio(music / "one.flac", piece(1), tags=ONE)
    other = synth.write_audio(music / "other.mp3", piece(1), tags={"title": "Naima"})
    async with open_services(at_once(config), must_not_stop, watch=False) as services:
        await settle(services, music)
        assert (said(other), await proposals(services)) == (
            ("Naima", None, None),
            {"other.mp3": ("ambiguous", 1)},
        )
        await services.identification.review.accept(await file_id(services, "other.mp3"))
        assert said(other) == names(ONE)


async def test_a_file_that_was_away_when_its_reference_came_is_named_when_it_is_back(
    config: Config, music: Path, unblocked: None, tmp_path: Path
) -> None:
    old = synth.write_audio(music / "old.mp3", piece(1))
    async with open_services(at_once(config), must_not_stop, watch=False) as services:
        await settle(services, music)
        away = old.rename(tmp_path / "away.mp3")
        synth.write_audio(music / "one.flac", piece(1), tags=ONE)
        await settle(services, music)
        away.rename(old)
        await settle(services, music)
        await services.jobs.defer_due("identify")
        await settle(services, music)
        assert said(old) == names(ONE)
