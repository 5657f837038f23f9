"""What worker processes do to tag a file; each a plain function of picklable arguments."""

from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from daemon.safe_write import Prepared, prepare
from daemon.tag_fields import Cover, Mode, TagFields
from daemon.tag_files import kind_of, read_fields


def write_tagged_copy(
    path: Path, given: TagFields, mode: Mode, quiet_s: float, temporary_name: str
) -> Prepared | None:
    """Make a tagged copy of this name beside a file; as `prepare`."""
    return prepare(path, given, mode=mode, quiet_s=quiet_s, temporary_name=temporary_name)


def write_restored_copy(
    path: Path, before: Mapping[str, object], after: Mapping[str, object], temporary_name: str
) -> Prepared | None:
    """Make a copy that says what the file said before a change, whatever it says now; as `prepare`.

    Parameters
    ----------
    before, after : what it said around the change, as `TagFields.as_json`: without the cover's content, so
        the cover it has now stays, unless the change embedded it
    """
    cover = read_fields(path, kind_of(path)).fields.cover
    is_ours = "cover" not in before and cover is not None and _digest(cover) == after.get("cover")
    target = replace(fields_of(before), cover=None if is_ours else cover)
    return prepare(path, target, mode="exact", quiet_s=0.0, temporary_name=temporary_name)


def fields_of(values: Mapping[str, object]) -> TagFields:
    """Return fields from `TagFields.as_json`, without the cover."""
    known: dict[str, Any] = {
        each.name: values[each.name] for each in fields(TagFields) if each.name in values
    } | {"cover": None}
    return TagFields(
        **known
        | {
            "artists": tuple(known.get("artists", ())),
            "unreadable": frozenset(known.get("unreadable", ())),
        }
    )


def _digest(cover: Cover) -> object:
    return TagFields(cover=cover).as_json()["cover"]
