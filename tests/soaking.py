"""Use a daemon as a household does for as long as told, and measure whether anything of it grows."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import aiohttp
from ingesting import clip_of
from real_daemon import UNLIMITED, Measured, RealDaemon, real_daemon
from synth import music as play
from synth import write_audio
from waiting import until, wait_until

SECONDS = 20.0
REFERENCES = 3
UNNAMED = "unnamed"
"""A file whose music is no reference's."""
IDENTIFIED = 40
"""Files that arrive during a soak, however long: more would be a growing library."""
_ENVIRONMENT = UNLIMITED | {
    "SPECTRA_TAGGING__FIRST_SCAN": "apply",
    "SPECTRA_TAGGING__QUIET_S": "0",
}
_WARM_UP_SHARE = 0.3
"""Of the time, until pools, heaps and caches have their size."""
_SAMPLES = 10
_ANSWER_S = 60.0
_REST_S = 5.0
_TRIES = 50
_TRY_AGAIN_S = 0.1
_EVENT_LINES = 10
_PAGES = (
    "/",
    "/status",
    "/health",
    "/metrics",
    "/files",
    "/changes",
    "/playlists",
    "/plugins",
    "/audit",
    "/session",
)

GROWN_MB = 30.0
GROWN_FILES = 10
GROWN_THREADS = 4
GROWN_CONNECTIONS = 3


@dataclass(frozen=True, slots=True)
class Sample:
    """What the daemon held so many seconds after the start."""

    at_s: float
    held: Measured


@dataclass(frozen=True, slots=True)
class Soaked:
    """What came of it."""

    samples: Sequence[Sample]
    """The first is taken after the warm-up, the last at rest."""
    done: Counter[str]

    def grown(self) -> list[str]:
        """Return what has grown beyond its bound."""
        first, last = self.samples[0].held, self.samples[-1].held
        bounds = {
            "heap_mb": GROWN_MB,
            "files": GROWN_FILES,
            "threads": GROWN_THREADS,
            "processes": 0,
            "connections": GROWN_CONNECTIONS,
        }
        return [
            f"{name}: {getattr(first, name):.0f} -> {getattr(last, name):.0f}, allowed +{bound:.0f}"
            for name, bound in bounds.items()
            if getattr(last, name) > getattr(first, name) + bound
        ]

    def table(self) -> str:
        names = [each.name for each in fields(Measured)]
        lines = [f"{'s':>6}" + "".join(f"{name:>13}" for name in names)]
        lines += [
            f"{each.at_s:6.0f}" + "".join(f"{getattr(each.held, name):13.0f}" for name in names)
            for each in self.samples
        ]
        return "\n".join([*lines, ", ".join(f"{count} {what}" for what, count in sorted(self.done.items()))])


class Household:
    """What goes on at once, each in a loop of its own."""

    def __init__(self, daemon: RealDaemon, http: aiohttp.ClientSession, duration_s: float) -> None:
        self._daemon = daemon
        self._duration_s = duration_s
        self._http = http
        self.done: Counter[str] = Counter()

    def activities(self) -> list[Callable[[], Awaitable[None]]]:
        return [
            self._match,
            self._match,
            self._tag_and_undo,
            self._name_and_undo,
            self._read_events,
            self._look_at_pages,
            self._scan,
        ]

    async def _get(self, path: str, **options: Any) -> Any:
        async with self._http.get(path, **options) as response:
            content = await response.read()
            assert response.status < 400, (path, response.status, content)
            return await response.json() if response.content_type == "application/json" else content

    async def _post(self, path: str, **options: Any) -> Any:
        async with self._http.post(path, **options) as response:
            answer = await response.json()
            assert response.status < 400, (path, answer)
            return answer

    async def _match(self) -> None:
        number = self.done["matches"] % (REFERENCES + 1)  # one of them is absent
        task = await self._post("/match_file", data=clip_of(play(number, SECONDS), 4, 6))
        found: list[dict[str, Any]] = []

        async def is_answered() -> bool:
            found.append(await self._get(f"/task_status/{task['task_id']}"))
            return found[-1]["status"] != "pending"

        await until(is_answered, within_s=_ANSWER_S)
        assert (found[-1]["outcome"] != "unknown") == (number < REFERENCES), found[-1]
        self.done["matches"] += 1

    async def _tag_and_undo(self) -> None:
        number = self.done["tags and undos"]
        path = self._daemon.music / f"track {number}.mp3"
        # Never the same sound twice: what was undone is not proposed again.
        sound = play(number % REFERENCES, SECONDS) * (0.9 - 0.5 * number / IDENTIFIED)
        await asyncio.to_thread(write_audio, path, sound)
        changes: list[dict[str, Any]] = []

        async def is_tagged() -> bool:
            answer = await self._get("/changes", params={"file": str(path)})
            changes[:] = [each for each in answer["changes"] if each["status"] == "done"]
            return bool(changes)

        await until(is_tagged, within_s=_ANSWER_S)
        assert changes[0]["after"]["title"] == f"Piece {number % REFERENCES}"
        await self._post(f"/changes/{changes[0]['change_id']}/undo", json={})
        await asyncio.to_thread(path.unlink)
        self.done["tags and undos"] += 1
        await asyncio.sleep(self._duration_s / IDENTIFIED)

    async def _name_and_undo(self) -> None:
        files = (await self._get("/files", params={"query": UNNAMED}))["files"]
        named = await self._post(f"/files/{files[0]['file_id']}/name", json={"title": "Mine", "artist": "Me"})
        await self._post(f"/changes/{named['change']['change_id']}/undo", json={})
        self.done["names and undos"] += 1

    async def _read_events(self) -> None:
        async with self._http.get("/events") as response:
            assert response.status == 200, await response.text()
            for _ in range(_EVENT_LINES):
                assert await response.content.readline()
        self.done["event readers"] += 1
        # Who has gone is noticed within a second: until then he counts among the 64 that may read.
        await asyncio.sleep(0.2)

    async def _look_at_pages(self) -> None:
        for page in _PAGES:
            await self._get(page)
        files = (await self._get("/files", params={"limit": "10"}))["files"]
        for each in files[:2]:
            with suppress(AssertionError):  # gone in the meantime, or nothing to be heard of it
                await self._get(f"/files/{each['file_id']}/audio", headers={"Range": "bytes=0-9999"})
        self.done["page loads"] += 1
        await asyncio.sleep(0.2)

    async def _scan(self) -> None:
        await self._post("/scan")
        self.done["scans"] += 1
        await asyncio.sleep(1.0)


async def soak(daemon: RealDaemon, duration_s: float) -> Soaked:
    """Do all of it for so long, then come to rest."""
    begin_s = time.monotonic()
    samples: list[Sample] = []

    process_count = daemon.measure().processes

    async def sample() -> None:
        held = daemon.measure()
        for _ in range(_TRIES):
            if held.processes == process_count:
                break
            await asyncio.sleep(_TRY_AGAIN_S)  # one is just being replaced
            held = daemon.measure()
        samples.append(Sample(time.monotonic() - begin_s, held))

    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=_ANSWER_S)
    async with aiohttp.ClientSession(daemon.address, connector=connector, timeout=timeout) as http:
        household = Household(daemon, http, duration_s)

        async def go_on(activity: Callable[[], Awaitable[None]]) -> None:
            while time.monotonic() - begin_s < duration_s:
                await activity()

        async def watch() -> None:
            await asyncio.sleep(duration_s * _WARM_UP_SHARE)
            for _ in range(_SAMPLES):
                await sample()
                await asyncio.sleep(duration_s * (1 - _WARM_UP_SHARE) / _SAMPLES)

        async with asyncio.TaskGroup() as group:
            group.create_task(watch())
            for activity in household.activities():
                group.create_task(go_on(activity))
    await asyncio.sleep(_REST_S)
    await sample()
    return Soaked(samples, household.done)


@contextmanager
def household_daemon() -> Iterator[RealDaemon]:
    """Yield a daemon that knows the references."""
    with real_daemon(_ENVIRONMENT, prepare=_fill) as daemon:
        wait_until(
            lambda: daemon.rows("SELECT count(*) FROM files WHERE status = 'indexed'") == [(REFERENCES + 1,)]
        )
        yield daemon


def _fill(music: Path) -> None:
    for number in range(REFERENCES):
        tags = {"title": f"Piece {number}", "artist": "Somebody", "album": "All of them"}
        write_audio(music / f"reference {number}.ogg", play(number, SECONDS), tags=tags)
    write_audio(music / f"{UNNAMED}.mp3", play(REFERENCES + 1, SECONDS))
