"""Who names a recording, with all that the source files say at this moment."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

from daemon.answering import Answering
from daemon.identify_jobs import read_tags_of
from daemon.review_rows import FileSource, TrackSource
from daemon.review_store import ReviewStore
from daemon.sources import Source, SourceKind, TaggedFile, trusted_part, without_guesses
from daemon.tag_fields import Cover, TagFields, clean_text
from daemon.workers import WorkerPool

_MOST_PER_RECORDING = 4
_MOST_READ = 40
"""Files read for one decision; of further ones what the database knows must do."""
_WITH_COVERS = 4
"""So many of the best sources are asked for a cover: each may have some megabytes."""


class SourceReader:
    """Reads sources in worker processes: tags are parsed, and whose they are nobody knows."""

    def __init__(self, store: ReviewStore, workers: WorkerPool, answering: Answering) -> None:
        self._store = store
        self._workers = workers
        self._answering = answering

    async def sources(self, recording_ids: Sequence[int], *, for_file: int) -> list[Source]:
        """Return who names these recordings, except the file itself; best first, then in their order.

        Raises
        ------
        WorkerDied, MemoryError : a source's tags are more than a worker can take
        """
        rows = await self._store.file_sources(recording_ids, without_file=for_file, most=_MOST_PER_RECORDING)
        place = {recording_id: number for number, recording_id in enumerate(recording_ids)}
        rows.sort(key=lambda row: (place[row.recording_id], not row.is_present, row.file_id))
        # Of folders that don't answer what the database knows must do, as of those that are away.
        roots = {row.root for row in rows if row.is_present}
        up = {root for root in roots if await self._answering.answers(root)}
        files = {row.file_id: _file_of(row) for row in rows if row.is_present and row.root in up}
        read = await self._read(dict(islice(files.items(), _MOST_READ)), covers=False)
        named = [_from_file(row, files.get(row.file_id), read.get(row.file_id)) for row in rows]
        found = [each for each in named if each is not None]
        tracks = map(_from_track, await self._store.video_sources(recording_ids))
        found += [each for each in tracks if each.fields.title and each.fields.artist]
        return sorted(found, key=lambda each: (each.rank, place[each.recording_id]))

    async def with_covers(self, sources: Sequence[Source]) -> list[Source]:
        """Return the sources, the best of them with their covers. Errors as `sources`."""
        chosen = {
            each.file_id: each.file
            for each in sources[:_WITH_COVERS]
            if each.file_id is not None and each.file is not None and not each.has_our_cover
        }
        read = await self._read(chosen, covers=True)
        in_files = {file_id: fields.cover for file_id, fields in read.items() if fields is not None}
        of_tracks = await self._store.track_covers(
            [each.recording_id for each in sources if each.kind is SourceKind.ALBUM_AUDIO]
        )
        return [_with_cover(each, in_files, of_tracks) for each in sources]

    async def _read(self, files: Mapping[int, TaggedFile], *, covers: bool) -> dict[int, TagFields | None]:
        if not files:
            return {}
        read = await self._workers.run(read_tags_of, list(files.values()), covers=covers)
        return dict(zip(files, read, strict=True))


def _file_of(row: FileSource) -> TaggedFile:
    place = row.root.rstrip(b"/") + b"/" + row.path
    return TaggedFile(Path(os.fsdecode(place)), row.size_bytes, row.mtime_ns)


def _with_cover(
    source: Source, in_files: Mapping[int, Cover | None], of_tracks: Mapping[int, bytes]
) -> Source:
    cover = None if source.file_id is None else in_files.get(source.file_id)
    if source.kind is SourceKind.ALBUM_AUDIO and source.recording_id in of_tracks:
        cover = Cover(of_tracks[source.recording_id], "")  # its kind is found when it is written
    return source if cover is None else replace(source, fields=replace(source.fields, cover=cover))


def _from_track(row: TrackSource) -> Source:
    """Return what a playlist says of a recording."""
    fields = TagFields(
        title=row.title,
        artist=", ".join(row.artists),
        artists=tuple(row.artists),
        album=row.album,
        date=None if row.year is None else f"{row.year:04}",
    )
    kind = SourceKind.ALBUM_AUDIO if row.kind == "album audio" else SourceKind.VIDEO
    return Source(row.recording_id, kind, trusted_part(fields, file_name=""))


def _from_file(row: FileSource, file: TaggedFile | None, read: TagFields | None) -> Source | None:
    """Return what a file says of itself, without what we wrote; None if that is no name."""
    name = row.path.rpartition(b"/")[2].decode(errors="replace")
    title, artist, album = (clean_text(row.tags.get(each) or "") for each in ("title", "artist", "album"))
    fields = trusted_part(read or TagFields(title=title, artist=artist, album=album), name)
    if not (fields.title and fields.artist):
        return None
    fields = without_guesses(fields, row.guesses)
    kind = SourceKind.MUSICBRAINZ if fields.recording_mbid else SourceKind.TAGGED
    return Source(row.recording_id, kind, fields, row.file_id, file, has_our_cover="cover" in row.guesses)
