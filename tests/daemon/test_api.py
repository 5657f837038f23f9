"""The REST API from outside: real sockets, real workers, a real PostgreSQL."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import aiohttp
import psycopg
import pytest
from synth import music as play
from synth import silence, write_audio, write_video
from waiting import Served, changed, served, until

from daemon.config import Config
from daemon.match_task_store import MatchTaskStore

PIECE_S = 20.0
TAGS = {"title": "So What", "artist": "Miles Davis", "album": "Kind of Blue"}
RESULT_KEYS = {
    "song_id", "song_name", "title", "artist", "album", "album_art", "video_id", "webpage_url", "votes",
    "confidence", "offset_s", "speed", "score", "coverage", "duration_s", "is_reference",
}  # fmt: skip
UNKNOWN_TASK = "/task_status/00000000-0000-4000-8000-000000000000"
FORM = {"Content-Type": "multipart/form-data; boundary=b"}
FILE_PART = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'


@pytest.fixture
async def daemon(config: Config) -> AsyncIterator[Served]:
    async with served(config) as opened:
        yield opened


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Eight seconds of piece 1, from its fifth second on."""
    return write_audio(tmp_path / "clip.mp3", play(1, PIECE_S)[5 * 8_000 : 13 * 8_000])


async def _error(response: aiohttp.ClientResponse) -> tuple[int, str]:
    body = await response.json()
    assert set(body) - {"retry_after_s"} == {"error"}
    return response.status, body["error"]


async def _post(daemon: Served, body: object, headers: dict[str, str] | None = None) -> tuple[int, str]:
    async with daemon.http.post("/match_file", data=body, headers=headers or {}) as response:
        return await _error(response)


async def test_a_clip_is_named_by_a_tagged_file_and_by_the_base_name_of_an_untagged_one(
    daemon: Served, music: Path, tmp_path: Path, clip: Path
) -> None:
    write_audio(music / "01.flac", play(1, PIECE_S), tags=TAGS)
    write_audio(music / "found on a stick.mp3", play(2, PIECE_S))
    await daemon.learn(music)
    task = await daemon.match(clip)
    (result,) = task["result"]
    assert (task["status"], task["error"]) == ("success", None)
    assert set(result) == RESULT_KEYS
    assert (result["song_name"], result["artist"], result["album"]) == tuple(TAGS.values())
    assert result["is_reference"]
    assert result["offset_s"] == pytest.approx(5.0, abs=0.1)
    assert result["duration_s"] == pytest.approx(PIECE_S, abs=0.1)
    assert 0.9 <= result["confidence"] <= 1

    part = write_audio(tmp_path / "part.ogg", play(2, PIECE_S)[6 * 8_000 : 14 * 8_000])
    async with daemon.http.post("/match_file", data=part.read_bytes()) as response:
        body = await response.json()
    assert (response.status, body["status"]) == (202, "pending")
    (result,) = (await daemon.answer(body["task_id"]))["result"]
    assert (result["song_name"], result["title"]) == ("found on a stick.mp3", None)

    absent = write_audio(tmp_path / "absent.flac", play(3, 8.0))
    task = await daemon.match(absent)
    assert (task["status"], task["result"], task["outcome"], task["error"]) == (
        "success",
        [],
        "unknown",
        None,
    )
    assert "would be accepted" in task["reason"]
    await until(daemon.is_idle)


async def test_the_sound_of_a_video_is_matched(daemon: Served, music: Path, tmp_path: Path) -> None:
    write_audio(music / "piece.flac", play(1, PIECE_S))
    await daemon.learn(music)
    film = write_audio(tmp_path / "film.mkv", play(1, PIECE_S)[: 9 * 8_000], video_codec="mpeg4")
    assert [result["song_name"] for result in (await daemon.match(film))["result"]] == ["piece.flac"]


async def test_what_is_no_music_is_answered_by_a_sentence_without_paths(
    daemon: Served, tmp_path: Path, music: Path
) -> None:
    write_audio(music / "piece.flac", play(1, PIECE_S))
    await daemon.learn(music)
    whole = write_audio(tmp_path / "whole.flac", play(1, PIECE_S)).read_bytes()
    bad = {
        "text": b"# My songs\n" * 500,
        "random bytes": bytes(range(256)) * 64,
        "playlist": b"#EXTM3U\n#EXTINF:10,\n/etc/hostname\n",
        "header only": whole[:60],
        "pictures only": write_video(tmp_path / "film.mp4").read_bytes(),
        "too short": write_audio(tmp_path / "short.wav", play(1, 0.5)).read_bytes(),
        "too long": write_audio(tmp_path / "long.flac", silence(15 * 60 + 1)).read_bytes(),
    }
    for name, content in bad.items():
        task_id = await daemon.send(content)
        task = await daemon.answer(task_id)
        assert (task["status"], task["result"]) == ("fail", []), name
        assert task["error"].startswith("the clip: "), name
        assert task_id not in task["error"], name
        assert "/" not in task["error"], name
    assert (await daemon.match(write_audio(tmp_path / "silent.wav", silence(5)))) == {
        "status": "success",
        "result": [],
        "outcome": "unknown",
        "reason": "nothing in the index shares a line of landmarks with this clip",
        "error": None,
    }
    # What came before the cut is sound.
    assert [each["song_name"] for each in (await daemon.match(whole[: len(whole) // 2]))["result"]] == [
        "piece.flac"
    ]
    await until(daemon.is_idle)


async def test_a_refused_body_says_why_and_leaves_nothing(daemon: Served) -> None:
    long_boundary = "b" * 60
    charset = f'--{long_boundary}\r\nContent-Disposition: form-data; name="_charset_"\r\n\r\nutf-8\r\n'
    many_headers = b"".join(b"X-%d: 1\r\n" % number for number in range(200))
    refused = [
        (b"", {"Content-Type": "audio/mpeg"}, 400, "is empty"),
        (FILE_PART + b"\r\n--b--\r\n", FORM, 400, "is empty"),
        (b"{}", {"Content-Type": "application/json"}, 415, "application/json is no clip"),
        (b"a=b", {"Content-Type": "application/x-www-form-urlencoded"}, 415, "`file`"),
        (b"hello", {"Content-Type": "text/plain"}, 415, "`file`"),
        (FILE_PART.replace(b"file", b"clip") + b"x\r\n--b--\r\n", FORM, 400, "no field `file`"),
        (FILE_PART + b"no end", FORM, 400, "damaged or cut off"),
        (FILE_PART[:30], FORM, 400, "damaged or cut off"),
        (b"no boundary at all", FORM, 400, "damaged or cut off"),
        (b"--b\r\n" + many_headers + b"\r\nx\r\n--b--\r\n", FORM, 400, "damaged or cut off"),
        (b"x", {"Content-Type": "multipart/form-data"}, 400, "no usable boundary"),
        (b"x", {"Content-Type": f"multipart/form-data; boundary={'b' * 71}"}, 400, "no usable boundary"),
        (
            charset.encode(),
            {"Content-Type": f"multipart/form-data; boundary={long_boundary}"},
            400,
            "damaged or cut off",
        ),
        (b"no gzip", {"Content-Encoding": "gzip", "Connection": "close"}, 400, "damaged or cut off"),
        (FILE_PART.replace(b"file", b"note") + b"x" * 70_000, FORM, 413, "Only the field `file`"),
    ]
    for body, headers, status, words in refused:
        async with daemon.http.post("/match_file", data=body, headers=headers) as response:
            answer = await response.text()
        assert (response.status, words in answer) == (status, True), (body[:80], headers, answer)
    assert await daemon.is_idle()


async def test_a_clip_above_the_limit_is_refused_while_it_is_sent(config: Config) -> None:
    async with served(changed(config, "server", max_upload_mb=1)) as daemon:
        status, error = await _post(daemon, bytes(1_000_001))
        assert (status, "larger than 1 MB" in error) == (413, True)
        async with daemon.http.post("/match_file", data=bytes(1_000_000)) as response:
            assert response.status == 202
        # Announced: refused before it is sent.
        assert b" 413 " in await _raw(daemon, b"Content-Length: 5000000\r\n\r\n")
        # Not announced: counted.
        chunks = (b"186a0\r\n" + bytes(100_000) + b"\r\n") * 11
        assert b" 413 " in await _raw(daemon, b"Transfer-Encoding: chunked\r\n\r\n" + chunks)
        await until(daemon.is_idle)


async def test_a_sender_that_goes_away_leaves_nothing(
    daemon: Served, caplog: pytest.LogCaptureFixture
) -> None:
    forms = b"Content-Type: multipart/form-data; boundary=b\r\n"
    for head, body in [
        (b"Content-Length: 100000\r\n\r\n", b"some of it"),
        (b"Transfer-Encoding: chunked\r\n\r\n", b"a\r\nsome of it\r\n"),
        (forms + b"Content-Length: 100000\r\n\r\n", FILE_PART + b"some of it"),
        (forms + b"Content-Length: 100000\r\n\r\n", FILE_PART[:20]),
    ]:
        _, writer = await _connect(daemon, head + body)
        await until(lambda: daemon.services.matches.pending)
        writer.transport.abort()
        await until(daemon.is_idle)
    assert [record for record in caplog.records if record.levelname not in {"DEBUG", "INFO"}] == []


async def test_a_full_queue_asks_to_come_back(config: Config, clip: Path) -> None:
    async with served(changed(config, "server", max_pending_matches=1)) as daemon:
        (worker,) = daemon.services.match_workers.pids()
        os.kill(worker, signal.SIGSTOP)
        task_id = await daemon.send(clip)
        async with daemon.http.post("/match_file", data=b"x") as response:
            assert await _error(response) == (503, "Too many clips are waiting: try again in 5 s.")
            assert response.headers["Retry-After"] == "5"
        os.kill(worker, signal.SIGCONT)
        assert (await daemon.answer(task_id))["status"] == "success"
        await until(daemon.is_idle)
        assert (await daemon.match(clip))["status"] == "success"


async def test_a_worker_that_is_killed_fails_its_clip_and_not_the_next(daemon: Served, clip: Path) -> None:
    (worker,) = daemon.services.match_workers.pids()
    os.kill(worker, signal.SIGSTOP)
    task_id = await daemon.send(clip)
    await until(lambda: daemon.services.matches.pending == 1)
    os.kill(worker, signal.SIGKILL)
    task = await daemon.answer(task_id)
    assert (task["status"], task["result"]) == ("fail", [])
    assert "died" in task["error"]
    assert (await daemon.match(clip))["status"] == "success"
    await until(daemon.is_idle)


async def test_a_fault_of_ours_fails_the_task_and_is_in_the_log(
    daemon: Served, clip: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("daemon.clip_match.shortlist_clip", divmod)  # takes other arguments
    task = await daemon.match(clip)
    assert task == {
        "status": "fail",
        "result": [],
        "outcome": None,
        "reason": None,
        "error": "Spectra failed to look this clip up; its log tells why.",
    }
    assert "TypeError" in caplog.text


async def test_tasks_survive_a_restart_and_unfinished_ones_fail(config: Config, clip: Path) -> None:
    async with served(config) as daemon:
        finished = await daemon.send(clip)
        await daemon.answer(finished)
        (worker,) = daemon.services.match_workers.pids()
        os.kill(worker, signal.SIGSTOP)
        running, waiting = await daemon.send(clip), await daemon.send(clip)
    async with served(config) as daemon:
        assert (await daemon.answer(finished))["status"] == "success"
        for interrupted in (running, waiting):
            task = await daemon.answer(interrupted)
            assert task["status"] == "fail"
            assert "interrupted" in task["error"]
        assert await daemon.is_idle()
        await daemon.services.matches.expire(0)
        async with daemon.http.get(f"/task_status/{finished}") as response:
            assert (await _error(response))[0] == 404


async def test_a_task_left_by_a_killed_daemon_fails_at_the_next_start(config: Config, conninfo: str) -> None:
    async with served(config) as daemon:
        pass
    task_id = uuid4()
    with psycopg.connect(conninfo) as connection:
        connection.execute("INSERT INTO match_tasks (task_id) VALUES (%s)", (task_id,))
    (daemon.spool / str(task_id)).write_bytes(b"left")
    async with served(config) as daemon:
        assert (await daemon.answer(str(task_id)))["status"] == "fail"
        assert await daemon.is_idle()


async def test_an_answer_waits_until_the_database_is_back(
    daemon: Served, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish, tries = MatchTaskStore.finish, []

    async def away_at_first(self: MatchTaskStore, *args: object, **kwargs: object) -> None:
        tries.append(1)
        if len(tries) < 3:
            raise psycopg.OperationalError("gone")
        await finish(self, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(MatchTaskStore, "finish", away_at_first)
    monkeypatch.setattr("daemon.match_service._STORE_AGAIN_S", 0)
    assert (await daemon.match(clip))["status"] == "success"
    assert len(tries) == 3


async def test_without_its_database_spectra_asks_to_come_back(
    daemon: Served, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise psycopg.OperationalError("host=secret gone")

    monkeypatch.setattr(MatchTaskStore, "task", away)
    monkeypatch.setattr(MatchTaskStore, "add", away)
    for response in (
        await daemon.http.get(UNKNOWN_TASK),
        await daemon.http.post("/match_file", data=clip.read_bytes()),
    ):
        assert await _error(response) == (503, "The database does not answer: try again in 10 s.")
        assert response.headers["Retry-After"] == "10"
    assert await daemon.is_idle()


async def test_a_spool_that_cant_be_written_is_said_so(daemon: Served, clip: Path) -> None:
    daemon.spool.rmdir()
    status, error = await _post(daemon, clip.read_bytes())
    assert (status, "No such file or directory" in error, str(daemon.spool) in error) == (507, True, False)
    assert daemon.services.matches.pending == 0


async def test_what_is_not_there_is_said_in_json(daemon: Served) -> None:
    asked = [
        ("GET", UNKNOWN_TASK, 404, "There is no such task"),
        ("GET", "/task_status/x", 404, "A task id is a UUID"),
        ("GET", "/task_status/%00", 404, "A task id is a UUID"),
        ("GET", "/task_status/", 404, "There is nothing at /task_status/"),
        ("GET", "/nothing", 404, "There is nothing at /nothing"),
        ("GET", "/match_file", 405, "only POST"),
        ("DELETE", "/ping", 405, "only GET, HEAD"),
    ]
    for method, path, status, words in asked:
        async with daemon.http.request(method, path) as response:
            answer = await _error(response)
            assert (answer[0], words in answer[1]) == (status, True), answer


async def test_every_route_is_limited_and_unknown_ones_too(config: Config, clip: Path) -> None:
    limits = {"default": "2/minute", "match": "1/minute", "task_status": "3/minute"}
    async with served(changed(config, "rate_limits", **limits)) as daemon:
        for method, paths, allowed in [
            ("GET", ["/nothing", "/ping", "/else"], 2),
            ("POST", ["/match_file"] * 2, 1),
            ("GET", [UNKNOWN_TASK, "/task_status/x", f"{UNKNOWN_TASK}?a", UNKNOWN_TASK], 3),
        ]:
            answers = [await daemon.http.request(method, path) for path in paths]
            assert [answer.status == 429 for answer in answers] == [False] * allowed + [True]
            body = await answers[-1].json()
            assert answers[-1].headers["Retry-After"] == str(body["retry_after_s"])
            assert body["error"].startswith("Too many requests")
        # The command line is exempt.
        assert [(await daemon.local.get("/ping"))["msg"] for _ in range(4)] == ["spectra-api"] * 4


async def test_a_proxy_tells_its_clients_apart_if_it_is_trusted(config: Config) -> None:
    limited = changed(config, "rate_limits", default="1/minute")
    trusting = type(config.server)(trusted_proxies=("127.0.0.0/8",), port=0)
    async with served(limited.model_copy(update={"server": trusting})) as daemon:
        statuses = [
            (await daemon.http.get("/ping", headers={"X-Forwarded-For": client} | daemon.bearer())).status
            for client in ("203.0.113.5", "203.0.113.6", "198.51.100.1, 203.0.113.6")
        ]
    assert statuses == [200, 200, 429]


async def test_only_this_machine_and_the_token_may_ask(daemon: Served, clip: Path) -> None:
    refused = [
        ({"Host": "rebound.example"}, 403),
        ({"Host": "rebound.example:8765"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"X-Forwarded-For": "203.0.113.5"}, 401),
        ({"Forwarded": "for=203.0.113.5"}, 401),
        ({"Authorization": "Bearer wrong"}, 401),
    ]
    for headers, status in refused:
        for path in ("/ping", "/nothing", "/openapi.json"):
            async with daemon.http.get(path, headers=headers) as response:
                assert (await _error(response))[0] == status, headers
        assert (await _post(daemon, clip.read_bytes(), headers))[0] == status, headers
    assert await daemon.is_idle()
    for headers in ({}, {"X-Forwarded-For": "203.0.113.5"}, {"Host": "spectra.example"}):
        async with daemon.http.get("/ping", headers=headers | daemon.bearer()) as response:
            assert response.status == 200


async def test_a_listed_page_may_send_clips_and_read_the_answers(config: Config, clip: Path) -> None:
    page = {"Origin": "https://music.example"}
    async with served(changed(config, "server", cors_origins=("https://music.example",))) as daemon:
        asked = page | {"Access-Control-Request-Method": "POST"}
        async with daemon.http.options("/match_file", headers=asked) as preflight:
            assert preflight.status == 204
            assert "POST" in preflight.headers["Access-Control-Allow-Methods"]
        task_id = await daemon.send(clip, headers=page)
        async with daemon.http.get(f"/task_status/{task_id}", headers=page) as response:
            assert response.headers["Access-Control-Allow-Origin"] == page["Origin"]
        async with daemon.http.get("/nothing", headers=page) as response:
            assert (response.status, response.headers["Access-Control-Allow-Origin"]) == (404, page["Origin"])


async def test_only_the_unix_socket_may_name_paths(daemon: Served) -> None:
    for headers in ({}, daemon.bearer()):
        async with daemon.http.post("/add", json={"paths": ["/etc"]}, headers=headers) as response:
            assert (await _error(response))[0] == 403
    odd = ({"paths": [], "retry": 1}, {"paths": [], "odd": True})
    for body in (None, [], {}, {"paths": "/music"}, {"paths": ["/a"] * 10_001}, *odd):
        await _refused(daemon, body, "paths")
    for path in ("music", "", "/a\0b", "~/music", 1):
        await _refused(daemon, {"paths": [path]}, "absolute")


async def _refused(daemon: Served, body: object, words: str) -> None:
    async with daemon.local._session.post("http://localhost/add", json=body) as response:
        status, error = await _error(response)
    assert (status, words in error) == (400, True), (body, error)


async def test_added_paths_are_looked_at_and_their_failures_named(
    daemon: Served, music: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / os.fsdecode(b"un\xffreadable")
    elsewhere.mkdir()
    shown = os.fsencode(elsewhere).decode(errors="replace")
    named = write_audio(elsewhere / "a.wav", play(1, PIECE_S)).rename(elsewhere / os.fsdecode(b"\xe4.wav"))
    (elsewhere / "b.mp3").write_text("no music")
    missing = str(tmp_path / "missing")
    body = {"paths": [str(elsewhere), missing]}
    assert await daemon.local.post("/add", body) == {
        "found": 2,
        "new": 2,
        "changed": 0,
        "libraries": [shown],
        "problems": [{"path": missing, "error": "there is no such file or folder"}],
        "failed": [],
    }
    await daemon.learn(elsewhere)
    again = await daemon.local.post("/add", body)
    assert again["new"] == 0
    assert [each["path"] for each in again["failed"]] == [f"{shown}/b.mp3"]
    for other in (named, music, tmp_path / "un"):
        assert (await daemon.local.post("/add", {"paths": [str(other)]}))["failed"] == []
    assert (await daemon.match(named))["result"][0]["song_name"] == "\N{REPLACEMENT CHARACTER}.wav"


async def test_reindexing_builds_the_same_index_again(daemon: Served, music: Path, clip: Path) -> None:
    write_audio(music / "piece.flac", play(1, PIECE_S))
    await daemon.learn(music)
    before = (await daemon.local.get("/status"))["index"]
    async with daemon.http.post("/reindex") as response:
        assert (response.status, await response.json()) == (202, {"to_build": 1})
    await until(lambda: daemon.services.index.status().to_build == 0)
    after = (await daemon.local.get("/status"))["index"]
    assert (after["recordings"], after["postings"]) == (before["recordings"], before["postings"]) != (0, 0)
    assert (await daemon.match(clip))["result"][0]["song_name"] == "piece.flac"


async def test_what_is_not_well_is_named(config: Config, music: Path) -> None:
    write_audio(music / "piece.flac", play(1, 5.0))
    async with served(config, watch=True) as daemon:
        async with daemon.http.get("/health") as response:
            body = await response.json()
        assert (response.status, body["status"]) == (200, "ok"), body
        (worker,) = daemon.services.match_workers.pids()
        os.kill(worker, signal.SIGKILL)
        await until(lambda: not daemon.services.match_workers.is_usable())
        async with daemon.http.get("/health") as response:
            body = await response.json()
        assert (response.status, body["status"]) == (503, "degraded")
        troubled = [name for name, check in body["checks"].items() if check["status"] != "ok"]
        assert troubled == ["workers"]


async def _connect(daemon: Served, sent: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Begin POST /match_file by hand; `sent` follows the Host header."""
    url = daemon.http._base_url
    assert url is not None
    reader, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(f"POST /match_file HTTP/1.1\r\nHost: {url.host}:{url.port}\r\n".encode() + sent)
    return reader, writer


async def _raw(daemon: Served, sent: bytes) -> bytes:
    """Send this and return the answer, to the end of its JSON."""
    reader, writer = await _connect(daemon, sent)
    answer = await reader.readuntil(b"}")
    writer.close()
    await writer.wait_closed()
    return answer
