"""The present state of a file to the answer of a look-up."""

import os
from dataclasses import dataclass
from typing import Literal

from daemon.config_options import TaggingMode
from daemon.lookup_rows import Json, LookedUp
from daemon.rows import Task

Outcome = Literal["tagged", "named", "identified", "ambiguous", "unknown", "failed"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What is known of a file."""

    outcome: Outcome
    detail: str
    """A sentence."""
    names: Json
    """Title, artist and album, if it has some."""
    confidence: float | None = None


def answer(row: LookedUp, *, mode: TaggingMode, later_mode: TaggingMode) -> Answer | None:
    """Return what is known of a file; None while it waits for a fingerprint, for a name, or to be written.

    Parameters
    ----------
    mode : what is done with the file when it is identified
    later_mode : what would be if it had arrived after the first scan of its folder
    """
    if row.file_id is None or row.is_missing:
        return Answer("failed", "The file is gone from its place: look it up where it is now.", {})
    if row.status == "failed":
        return Answer("failed", row.error or "The file can't be read.", {})
    if _waits(row):
        return None
    if row.naming != "named" and row.outcome is not None:
        return _proposed(row, mode, later_mode)
    return _settled(row)


def task_of(row: LookedUp, found: Answer | None) -> Task:
    """Return a look-up as a task's state."""
    if found is None:
        return Task("pending", None, None)
    result: dict[str, object] = {
        "file_id": row.file_id,
        "path": os.fsdecode(row.asked_path),
        "item_id": row.item_id,
        "source": row.source,
        "outcome": found.outcome,
        "detail": found.detail,
        **{name: found.names.get(name) for name in ("title", "artist", "album")},
        "change_id": row.change_id if found.outcome == "tagged" else None,
        "confidence": found.confidence,
    }
    if found.outcome == "failed":
        return Task("fail", [result], found.detail)
    return Task("success", [result], None)


def _waits(row: LookedUp) -> bool:
    if row.status == "pending" or row.is_being_written:
        return True
    return row.naming != "named" and (row.is_to_be_written or not row.is_identified)


def _settled(row: LookedUp) -> Answer:
    tags = row.tags or {}
    if row.change_id is not None:
        detail = f"Spectra wrote its tags: `spectra undo {row.change_id}` takes them back."
        return Answer("tagged", detail, tags, row.change_confidence)
    match row.naming:
        case "named":
            return Answer("named", "The file has tags: let the media server scan it again.", tags)
        case "incomplete":
            detail = "The file has a title and an artist, and no reference tells its album (yet)."
            return Answer("named", detail, tags)
        case _:
            detail = "No reference explains it (yet): it gets its name as soon as one that does arrives."
            return Answer("unknown", detail, {})


def _proposed(row: LookedUp, mode: TaggingMode, later_mode: TaggingMode) -> Answer:
    if row.outcome == "ambiguous" or row.candidate is None:
        detail = f"It is not certain what it is ({row.reason}): `spectra review` lists what it may be."
        return Answer("ambiguous", detail, {})
    why = row.refusal or _why_not_written(row, mode, later_mode)
    detail = f"It could not be tagged as asked: {why}" if row.wants_tags else f"It is not tagged: {why}"
    return Answer("identified", detail, row.candidate["fields"], row.candidate["confidence"])


def _why_not_written(row: LookedUp, mode: TaggingMode, later_mode: TaggingMode) -> str:
    accept = f"POST /files/{row.file_id}/accept, or `spectra review accept {row.file_id}`, writes its name."
    if mode == "dry-run":
        return "tagging.mode is dry-run for its folder."
    if mode == "apply":
        return f"it was only proposed when it was identified. {accept}"
    if later_mode == "apply":
        return f"the first scan of its folder found it, and such files are only proposed. {accept}"
    return f"tagging.mode is review for its folder. {accept}"
