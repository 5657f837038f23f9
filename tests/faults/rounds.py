"""Rounds of ingest, tags and playlists at once, each ended by a kill: afterwards all gets well by itself."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import aiohttp
import psutil
import psycopg
import synth
from faults.invariants import (
    check_database,
    check_files,
    check_index,
    check_leftovers,
    check_names,
    is_original,
)
from faults.killable import LIST_ID, Killable
from faults.shelf import FROM_YOUTUBE, PIECE_S, Shelf, piece, title
from faults.victims import KINDS, choose
from ingesting import clip_of
from waiting import until
from youtube_media_server import Media, MediaServer
from youtube_music_answers import Entry, video_id
from youtube_music_server import YouTubeMusic, youtube_music

from daemon.client import Client
from daemon.errors import RequestFailed

_SETTLE_S = 120.0
_LONGEST_BEFORE_KILL_S = 3.0
_BETWEEN_CHANGES_S = 0.15
_ONCE_IT_ANSWERS = 0.7
"""Of the strikes; the others may meet the start."""
_TWICE = 0.3
"""Of the rounds: struck again while it recovers."""
_HOUR_S = 3_600.0
_DAY_S = 86_400.0
_LOG_CHARACTERS = 40_000
_ACCOUNT = (
    """SELECT file_id, path, size_bytes, mtime_ns, inode, status::text, naming, missing_since, identified_at,
              recording_id, left(encode(content_hash, 'hex'), 8)
       FROM files ORDER BY path""",
    """SELECT change_id, file_id, path, status::text, error, left(encode(before_sha256, 'hex'), 8),
              left(encode(after_sha256, 'hex'), 8), after_tags ->> 'title', recording_id, created_at, ended_at
       FROM changes ORDER BY change_id DESC LIMIT 60""",
    "SELECT file_id, outcome, reason, refusal, apply_as, apply_at FROM proposals",
    "SELECT recording_id, is_reference, title, video_id, offered_at FROM recordings ORDER BY 1",
    "SELECT track_id, title, state, reason, retry_at, recording_id FROM tracks",
    "SELECT file_recording_id, recording_id, title FROM rejections",
)


class Rounds:
    """A daemon on a folder, the YouTube that it asks, and a hand that meddles and kills."""

    def __init__(self, folder: Path, seed: int, lists: YouTubeMusic, media: MediaServer) -> None:
        self.told: list[str] = []
        """What happened, for whoever reads a failure."""
        self.daemon = Killable(folder, lists_url=lists.url, media_url=media.url("x").removesuffix("/x"))
        self._random = Random(seed)
        self._lists = lists
        self._media = media
        self._listed = 0
        self._shelf = Shelf(self.daemon.music, self._random)

    async def run(self, number: int) -> None:
        """Change files, kill something in the middle of it, and see that all gets well without help."""
        if number % 3 == 0:
            await self._list_more()
        self.daemon.start()
        await self._strike(number)
        if self._random.random() < _TWICE:
            self.daemon.start()
            await self._strike(number)
        self.daemon.start()
        await self._settle()
        await asyncio.to_thread(self._check)

    async def finish(self) -> None:
        """Fail unless all is found, the index is what a rebuild makes, and every change can be taken back."""
        await self._check_found()
        await asyncio.to_thread(self._check_index)
        await self._undo_all()
        await self.daemon.end()
        await asyncio.to_thread(check_leftovers, self.daemon.folder)

    async def _settle(self) -> None:
        """Wait until the daemon has nothing left to do."""
        async with self.daemon.client() as client:

            async def is_settled() -> bool:
                return not await self._to_do(client)

            try:
                await until(is_settled, within_s=_SETTLE_S)
            except TimeoutError:
                raise AssertionError(f"it does not come to rest: {await self._to_do(client)}") from None

    async def _undo_all(self) -> None:
        """Take every change back; each file is then what it was."""
        async with self.daemon.client() as client:
            for change in (await client.get("/changes?limit=1000"))["changes"]:
                if change["status"] == "done":
                    with contextlib.suppress(RequestFailed):  # its file is gone, or was replaced
                        await client.post(f"/changes/{change['change_id']}/undo")
        await self._settle()
        changed = [str(path) for path, put in self._shelf.files.items() if not is_original(path, put)]
        assert not changed, f"still changed: {changed}"

    async def _check_found(self) -> None:
        """Fail unless a part of every sound there is leads to it."""
        async with self.daemon.client() as client:
            for path, put in sorted(self._shelf.files.items()):
                clip = self.daemon.folder / "clip.wav"
                clip.write_bytes(clip_of(piece(put.sound), 3, 6))
                names = {each["song_name"] for each in (await client.match(clip)).results}
                same = {each.name for each, other in self._shelf.files.items() if other.sound == put.sound}
                assert names & (same | {title(put.sound)}), (path, names)

    async def _strike(self, number: int) -> None:
        """Kill one process after a while in which files come and go."""
        kind = self._random.choice(KINDS)
        if self._random.random() < _ONCE_IT_ANSWERS:
            await until(self.daemon.answers, within_s=60)
        left_s = self._random.uniform(0.0, _LONGEST_BEFORE_KILL_S)
        is_over = asyncio.Event()
        asking = asyncio.create_task(self._ask(is_over))
        done = []
        while left_s > 0:
            done.append(self._shelf.meddle())
            step_s = min(left_s, self._random.uniform(0, 2 * _BETWEEN_CHANGES_S))
            await asyncio.sleep(step_s)  # the moment is what this is about
            left_s -= step_s
        kind, victim = await choose(self.daemon.process, kind, self._random)
        with contextlib.suppress(psutil.NoSuchProcess):
            victim.kill()
        self.told.append(f"round {number}: {' '.join(done)}; killed a {kind}")
        if kind == "daemon":
            await self.daemon.ended()
        is_over.set()
        await asking

    async def _ask(self, is_over: asyncio.Event) -> None:
        """Send clips, whether somebody answers or not."""
        clip = self.daemon.folder / "asked.wav"
        clip.write_bytes(clip_of(piece(0), 3, 6))
        await until(lambda: is_over.is_set() or self.daemon.state.is_dir())
        if not self.daemon.state.is_dir():  # killed before it had made that
            return
        async with self.daemon.client() as client:
            while not is_over.is_set():
                with contextlib.suppress(aiohttp.ClientError, OSError, RequestFailed, TimeoutError):
                    await client.match(clip)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_BETWEEN_CHANGES_S):
                        await is_over.wait()

    async def _list_more(self) -> None:
        """Add a track to the list, as long as there are more, and have it read."""
        if self._listed < len(FROM_YOUTUBE):
            sound = FROM_YOUTUBE[self._listed]
            content = await asyncio.to_thread(synth.encoded, piece(sound), ".webm", self.daemon.folder)
            self._media.media[video_id(sound)] = Media(content)
            self._listed += 1
        tracks = [
            Entry(video_id(each), title(each), length=f"0:{PIECE_S:02.0f}")
            for each in FROM_YOUTUBE[: self._listed]
        ]
        self._lists.put_playlist(LIST_ID, "Pieces", tracks)
        self.daemon.turn_clock(_DAY_S)

    async def _to_do(self, client: Client) -> dict[str, object]:
        """Return what is still to be done; {} if nothing."""
        if not self.daemon.is_running:  # its PostgreSQL was killed while it started: systemd starts it again
            self.told.append("the daemon ended with a sentence; started again")
            self.daemon.start()
        try:
            status = await client.get("/status")
            to_do = await asyncio.to_thread(self._rows_to_do)
        except (aiohttp.ClientError, OSError, RequestFailed, TimeoutError, psycopg.Error) as error:
            return {"it does not answer": error}
        files, index = status["files"], status["index"]
        to_do |= {name: files[name] for name in ("to_identify", "to_offer", "to_tag", "postponed")}
        to_do |= {name: index[name] for name in ("to_build", "error")}
        to_do["clips"] = status["matches"]["pending"]
        return {name: value for name, value in to_do.items() if value}

    def _rows_to_do(self) -> dict[str, object]:
        found = {path.relative_to(self._shelf.folder): path.stat() for path in self._shelf.files}
        wanted = {str(path): (each.st_size, each.st_mtime_ns, "indexed") for path, each in found.items()}
        with self.daemon.database() as connection:
            rows = connection.execute(
                "SELECT path, size_bytes, mtime_ns, status::text FROM files WHERE missing_since IS NULL"
            ).fetchall()
            jobs = connection.execute("SELECT task_name, status::text FROM procrastinate_jobs").fetchall()
            tracks = connection.execute(
                "SELECT title, state, reason FROM tracks WHERE retry_at IS NOT NULL"
            ).fetchall()
            listed = connection.execute("SELECT count(*) FROM playlist_tracks").fetchall()
            # What was refused for now is tried again after minutes: those are over.
            connection.execute(
                "UPDATE proposals SET apply_at = now() WHERE refusal IS NOT NULL AND apply_at > now()"
            )
        is_all_listed = listed == [(self._listed,)]
        if not jobs and (
            tracks or not is_all_listed
        ):  # what failed is tried again after hours: those are over
            self.daemon.turn_clock(_HOUR_S)
        known = {bytes(row[0]).decode(): row[1:] for row in rows}
        return {
            "files": sorted(wanted.items() ^ known.items()),
            "jobs": jobs,
            "tracks": tracks,
            "list": not is_all_listed,
        }

    def account(self) -> str:
        """Return what happened and what the daemon knows, for whoever reads a failure."""
        lines = [*self.told]
        with contextlib.suppress(psycopg.Error, OSError), self.daemon.database() as connection:
            for query in _ACCOUNT:
                lines += [str(row) for row in connection.execute(query.encode()).fetchall()]
        return "\n".join(
            [*lines, (self.daemon.folder / "log").read_text(errors="replace")[-_LOG_CHARACTERS:]]
        )

    def _check(self) -> None:
        with self.daemon.database() as connection:
            check_database(connection)
            check_files(connection, self._shelf)
        check_names(self._shelf, self._shelf.named() | set(FROM_YOUTUBE[: self._listed]))
        check_leftovers(self.daemon.folder)

    def _check_index(self) -> None:
        with self.daemon.database() as connection:
            check_index(connection, self.daemon.state / "index")


@asynccontextmanager
async def rounds(folder: Path, seed: int) -> AsyncIterator[Rounds]:
    """Yield what plays rounds in a folder; nothing of it runs afterwards."""
    with youtube_music() as lists:
        async with MediaServer() as media:
            playing = Rounds(folder, seed, lists, media)
            try:
                yield playing
            finally:
                playing.daemon.give_up()
