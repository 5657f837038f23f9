"""What worker processes do: each a plain function of picklable arguments, run by `workers`."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from daemon.filetags import FileTags, read_tags
from daemon.mapped_index import mapped_index
from engine.audio import decode, load
from engine.codec import decode as decode_constellation
from engine.codec import digest, encode
from engine.errors import CodecError, Silence, TooShort
from engine.fingerprint import constellation, fingerprint
from engine.merging import MergePlan, run_merge
from engine.model import Fingerprint, Match, Samples, Shortlist
from engine.recognise import shortlist
from engine.settings import Settings
from engine.verification import verify


@dataclass(frozen=True, slots=True)
class Fingerprinted:
    """A file's sound and tags."""

    constellation: bytes
    digest: bytes
    """The constellation's identity."""
    postings: Fingerprint
    """What the index takes."""
    duration_s: float
    content_hash: bytes
    """SHA-256 of the file."""
    tags: FileTags


@dataclass(frozen=True, slots=True)
class Derived:
    """What stored constellations amount to."""

    postings: list[tuple[int, Fingerprint]]
    damaged: dict[int, str]
    """Why the others do not decode, by recording: one must not keep the rest out of the index."""


def fingerprint_file(path: Path, settings: Settings) -> Fingerprinted:
    """Decode a file once, and return all that is stored of it.

    Raises
    ------
    AudioError : the file is at fault
    OSError : the file can't be read
    """
    lengths: list[int] = []
    peaks = constellation(_measured(decode(path, settings), lengths), settings)
    duration_s = sum(lengths) / settings.sample_rate_hz
    _check_usable(path, duration_s, len(peaks.frames), settings)
    return Fingerprinted(
        constellation=encode(peaks),
        digest=digest(peaks),
        postings=fingerprint(peaks, settings.stored, settings),
        duration_s=duration_s,
        content_hash=_content_hash(path),
        tags=read_tags(path),
    )


def shortlist_clip(path: Path, index_folder: Path, settings: Settings) -> Shortlist:
    """Decode a clip and return what the index says of it. Errors as `fingerprint_file`, and IndexDamaged."""
    samples = load(path, settings)
    duration_s = len(samples) / settings.sample_rate_hz
    if duration_s < settings.shortest_s:
        raise TooShort(path.name, duration_s)
    index = mapped_index(index_folder)
    return shortlist(samples, index, settings)


def verify_shortlist(
    shortlisted: Shortlist, constellations: list[tuple[int, bytes]], settings: Settings
) -> list[Match]:
    """Hold a shortlist against stored constellations; one that does not decode is left out."""
    references = {}
    for recording_id, encoded in constellations:
        with suppress(CodecError):  # the index keeper reports it
            references[recording_id] = decode_constellation(encoded)
    return verify(shortlisted, references, settings)


def derive_postings(constellations: list[tuple[int, bytes]], settings: Settings) -> Derived:
    """Return what the index takes of stored constellations."""
    postings, damaged = [], {}
    for recording_id, encoded in constellations:
        try:
            peaks = decode_constellation(encoded)
        except CodecError as error:
            damaged[recording_id] = str(error)
        else:
            postings.append((recording_id, fingerprint(peaks, settings.stored, settings)))
    return Derived(postings, damaged)


def merge_segments(plan: MergePlan) -> Path:
    """Merge index segments; errors as `run_merge`."""
    return run_merge(plan)


def _measured(blocks: Iterator[Samples], lengths: list[int]) -> Iterator[Samples]:
    for block in blocks:
        lengths.append(len(block))
        yield block


def _check_usable(path: Path, duration_s: float, peak_count: int, settings: Settings) -> None:
    name = os.fsencode(path.name).decode(errors="replace")
    if duration_s < settings.shortest_s:
        raise TooShort(name, duration_s)
    if peak_count == 0:
        raise Silence(name)


def _content_hash(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
