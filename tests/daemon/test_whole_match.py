"""Whole files over the real application: a constellation goes in, what the file contains comes out."""

import asyncio
import os
import signal
import struct
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest
import synth
import wholes
from ingesting import in_pieces, rows
from waiting import Served, changed, served, until
from wholes import PIECES, SETTINGS

from daemon import whole_match
from daemon.api_names import VERSION_PARAMETER
from daemon.config import Config
from daemon.store import Store
from daemon.whole_jobs import contents_of, suspects_of
from daemon.whole_match import ConstellationTooLarge, WholeMatcher, WholeQueueFull
from engine.codec import encode
from engine.decision import Outcome
from engine.errors import CodecError
from engine.model import Peaks
from engine.settings import FINGERPRINT_VERSION

PATH = f"/match_constellation?{VERSION_PARAMETER}={FINGERPRINT_VERSION}"
BYTES = {"Content-Type": "application/octet-stream"}
TAGS = {"title": "So What", "artist": "Miles Davis", "album": "Kind of Blue"}
COPY = encode(wholes.heard(PIECES[1]))


@pytest.fixture
async def daemon(config: Config) -> AsyncIterator[Served]:
    async with served(config) as opened:
        yield opened


@pytest.fixture
async def knowing(daemon: Served, music: Path) -> Served:
    """A daemon that knows three pieces, one of them by its tags, another twice."""
    synth.write_audio(music / "1.flac", PIECES[1], tags=TAGS)
    synth.write_audio(music / "2.flac", PIECES[2])
    synth.write_audio(music / "3.flac", PIECES[3])
    synth.write_audio(music / "3 again.mp3", PIECES[3])
    await daemon.learn(music)
    return daemon


async def asked(daemon: Served, sound: synth.Sound) -> dict[str, Any]:
    return await daemon.local.match_whole(encode(wholes.heard(sound)))


async def refused(daemon: Served, path: str = PATH, body: object = b"", **headers: str) -> tuple[int, str]:
    async with daemon.http.post(path, data=body, headers=BYTES | headers) as response:
        return response.status, (await response.json())["error"]


async def test_a_copy_is_identified_with_its_name(knowing: Served) -> None:
    found = await asked(knowing, PIECES[1])
    (content,) = found["contents"]
    assert (found["outcome"], found["relation"], found["copies"]) == (
        "identified",
        "copy",
        [content["song_id"]],
    )
    assert (content["song_name"], content["artist"], content["album"]) == tuple(TAGS.values())
    (passage,) = content["passages"]
    assert passage["file_end_s"] == passage["end_s"] == pytest.approx(60, abs=1)
    assert found["duration_s"] == pytest.approx(60, abs=0.5)


async def test_a_mix_lists_its_recordings_in_order_with_alternatives(knowing: Served) -> None:
    mix, spans = wholes.crossfaded([wholes.cut(PIECES[number], 0, 40) for number in (2, 3, 1)])
    found = await asked(knowing, mix)
    assert (found["outcome"], found["relation"], found["copies"]) == ("ambiguous", None, [])
    names = [each["song_name"] for each in found["contents"]]
    assert (names[0], set(names[1:3]), names[3]) == ("2.flac", {"3.flac", "3 again.mp3"}, "So What")
    assert [each["alternative_to"] for each in found["contents"]] == [
        None, None, found["contents"][1]["song_id"], None,
    ]  # fmt: skip
    begins_s = [each["passages"][0]["file_begin_s"] for each in found["contents"]]
    assert begins_s[0] < begins_s[1] < begins_s[3]
    assert begins_s[3] == pytest.approx(spans[2][0], abs=wholes.FADE_S / 2)


async def test_nothing_known_is_an_answer(knowing: Served) -> None:
    for sound in (synth.music(99, 30), synth.silence(30), np.zeros(0, np.float32)):
        found = await asked(knowing, sound)
        assert (found["outcome"], found["contents"], found["relation"]) == ("unknown", [], None)


async def test_an_empty_library_knows_nothing(daemon: Served) -> None:
    assert (await asked(daemon, PIECES[1]))["outcome"] == "unknown"


async def test_what_is_no_constellation_is_refused_with_a_sentence(daemon: Served) -> None:
    damaged = bytearray(COPY)
    damaged[200] ^= 1
    wrong = [
        (b"", 400, "0 bytes are less than a header"),
        (b"RIFF" + bytes(100), 400, "unknown format"),
        (bytes(damaged), 400, "the checksum does not agree"),
        (COPY[:-5], 400, "the checksum does not agree"),
    ]
    for body, status, words in wrong:
        answer = await refused(daemon, body=body)
        assert (answer[0], words in answer[1]) == (status, True), answer
        assert answer[1].startswith("The constellation can't be used: ")
    unknown = f"/match_constellation?{VERSION_PARAMETER}=999"
    assert (await refused(daemon, unknown, COPY))[0] == 409
    assert f"version {FINGERPRINT_VERSION} only" in (await refused(daemon, unknown, COPY))[1]
    status, error = await refused(daemon, "/match_constellation", COPY)
    assert (status, f"?{VERSION_PARAMETER}={FINGERPRINT_VERSION}" in error) == (400, True)
    for kind in ("audio/mpeg", "multipart/form-data; boundary=b"):
        async with daemon.http.post(PATH, data=COPY, headers={"Content-Type": kind}) as response:
            assert response.status == 415
    assert daemon.services.whole_matches.pending == 0


def _constellation(**columns: Any) -> bytes:
    frames = np.asarray(columns.get("frames", [0, 1]), np.uint32)
    bins = np.asarray(columns.get("bins", [100] * len(frames)), np.uint16)
    return encode(Peaks(frames, bins, np.zeros(len(frames), np.uint8), columns.get("frame_count", 1_000)))


@pytest.mark.parametrize(
    ("constellation", "words"),
    [
        (_constellation(frame_count=540_001), "longer than the 21600 s"),
        (_constellation(bins=[0, 1]), "where none is looked for"),
        (_constellation(bins=[100, 1_023]), None),
        (_constellation(frames=[3] * (SETTINGS.dense.peaks_per_s + 1)), "more peaks than are kept"),
        (_constellation(frames=[3] * SETTINGS.dense.peaks_per_s), None),
    ],
)
def test_only_what_sound_amounts_to_is_looked_up(
    tmp_path: Path, constellation: bytes, words: str | None
) -> None:
    if words is None:
        assert suspects_of(constellation, tmp_path, SETTINGS) == ()
    else:
        with pytest.raises(CodecError, match=words):
            suspects_of(constellation, tmp_path, SETTINGS)


def test_a_damaged_reference_is_left_out() -> None:
    verdict = contents_of(COPY, (), [(1, b"SPC1 damaged")], SETTINGS)
    assert (verdict.outcome, verdict.contents) == (Outcome.UNKNOWN, ())


async def test_a_body_that_is_too_large_is_refused_while_it_is_sent(config: Config) -> None:
    async with served(changed(config, "engine", longest_decoded_s=60.0)) as daemon:
        limit_bytes = 60 * SETTINGS.dense.peaks_per_s * 4 + 1_024
        status, error = await refused(daemon, body=bytes(limit_bytes + 1))
        assert (status, f"larger than {limit_bytes} bytes" in error) == (413, True)
        pieces = in_pieces(*[bytes(10_000)] * 5)
        with pytest.raises(ConstellationTooLarge):
            await daemon.services.whole_matches.match(pieces, announced_bytes=None)
        assert len([piece async for piece in pieces]) == 3
        assert (await refused(daemon, body=bytes(limit_bytes)))[0] == 400
        assert daemon.services.whole_matches.pending == 0


async def test_a_bomb_of_zeros_ends_as_damaged(daemon: Served) -> None:
    body = zlib.compress(bytes(30_000_000), 9)
    header = struct.Struct("<4sIII")
    count = 10_000_000
    checksum = zlib.crc32(body, zlib.crc32(header.pack(b"SPC1", 500_000, count, 0)))
    status, error = await refused(daemon, body=header.pack(b"SPC1", 500_000, count, checksum) + body)
    assert (status, "can't be used" in error) == (400, True)


async def test_too_many_are_asked_to_come_back(knowing: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole_match, "_MOST_PENDING", 1)
    service = knowing.services.whole_matches
    async with service._turn:
        waiting = asyncio.create_task(service.match(in_pieces(COPY), announced_bytes=None))
        await until(lambda: service.pending == 1)
        unread = in_pieces(COPY)
        with pytest.raises(WholeQueueFull, match="try again in 30 s"):
            await service.match(unread, announced_bytes=None)
        assert await anext(unread) == COPY
        async with knowing.http.post(PATH, data=COPY, headers=BYTES) as response:
            assert (response.status, response.headers["Retry-After"]) == (503, "30")
    assert (await waiting).verdict.outcome is Outcome.IDENTIFIED
    assert service.pending == 0


async def test_its_process_ends_with_it_and_clips_have_another(knowing: Served) -> None:
    before = knowing.services.match_workers.pids()
    await asked(knowing, PIECES[1])
    assert knowing.services.whole_matches._workers is None
    assert knowing.services.match_workers.pids() == before


async def test_a_process_that_is_killed_fails_its_file_and_not_the_next(knowing: Served) -> None:
    service = knowing.services.whole_matches
    async with service._turn:
        asking = asyncio.create_task(refused(knowing, body=COPY))
        await until(lambda: service.pending == 1)
    await until(lambda: service._workers is not None and service._workers.pids())
    assert service._workers is not None
    for pid in service._workers.pids():
        os.kill(pid, signal.SIGKILL)
    status, error = await asking
    assert (status, "died" in error) == (500, True)
    assert (await asked(knowing, PIECES[1]))["outcome"] == "identified"


async def test_a_client_that_goes_away_ends_the_work(knowing: Served) -> None:
    service = knowing.services.whole_matches
    async with service._turn:
        asking = asyncio.create_task(asked(knowing, PIECES[1]))
        await until(lambda: service.pending == 1)
        asking.cancel()
        await until(lambda: service.pending == 0)
    assert (await asked(knowing, PIECES[1]))["outcome"] == "identified"


async def test_an_index_that_turns_out_damaged_is_built_anew(knowing: Served) -> None:
    async def is_idle() -> bool:
        return not await rows(knowing.services, "SELECT 1 FROM procrastinate_jobs")

    await until(is_idle)  # an identification would meet the damage, too
    for segment in [path for path in knowing.services.index.folder.iterdir() if path.stat().st_size > 10_000]:
        with segment.open("r+b") as file:
            file.write(b"damaged!")
    status, error = await refused(knowing, body=COPY)
    assert (status, "built anew" in error) == (503, True)

    async def is_found() -> bool:
        async with knowing.http.post(PATH, data=COPY, headers=BYTES) as response:
            return response.status == 200 and (await response.json())["outcome"] == "identified"

    await until(is_found)


async def test_a_recording_that_goes_meanwhile_is_left_out(
    knowing: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    described = Store.described

    async def without_the_first(store: Store, recording_ids: list[int]) -> object:
        known = await described(store, recording_ids)
        known.pop(min(known))
        return known

    monkeypatch.setattr(Store, "described", without_the_first)
    assert (await asked(knowing, PIECES[1]))["contents"] == []


async def test_without_its_database_spectra_asks_to_come_back(
    knowing: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise psycopg.OperationalError("gone")

    monkeypatch.setattr(Store, "constellations", away)
    assert await refused(knowing, body=COPY) == (503, "The database does not answer: try again in 10 s.")
    assert knowing.services.whole_matches.pending == 0


async def test_a_matcher_uses_whichever_processes_it_is_given(knowing: Served) -> None:
    services = knowing.services
    matcher = WholeMatcher(
        services.store,
        index_folder=services.index.folder,
        settings=SETTINGS,
        drop_damaged_index=services.index.drop_damaged,
    )
    match = await matcher.match(COPY, services.ingest_workers)
    assert match.verdict.outcome is Outcome.IDENTIFIED
    (recording_id,) = match.verdict.copies
    assert match.descriptions[recording_id].title == "So What"


async def test_other_machines_need_the_token(daemon: Served) -> None:
    elsewhere = {"X-Forwarded-For": "203.0.113.5"}
    assert (await refused(daemon, body=COPY, **elsewhere))[0] == 401
    async with daemon.http.post(PATH, data=COPY, headers=BYTES | elsewhere | daemon.bearer()) as response:
        assert response.status == 200
