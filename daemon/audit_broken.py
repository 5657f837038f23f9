"""Files that hold less than they should: unreadable, cut off, silent, or too short to be known again."""

from collections.abc import Iterable

from daemon.audit_rows import Finding, Member, Problem, SuspectFile

MISSING_S = 2.0
MISSING_SHARE = 0.02
"""More than both is missing: encoders and their delays differ by tenths of a second."""
SOUNDING_SHARE = 0.1
"""Of the seconds: with less the file is all but silent."""
_LEAST_S = 10.0
"""A shorter one is a sound with its fade, rather than silence."""


def find_broken(files: Iterable[SuspectFile]) -> list[Finding]:
    """Return what is wrong with these files, in their order; of each the gravest."""
    found = []
    for file in files:
        wrong = _problem(file)
        if wrong is not None:
            problem, reason = wrong
            member = Member(
                file.file_id,
                file.recording_id,
                file.place,
                file.size_bytes,
                file.mtime_ns,
                file.duration_s,
            )
            found.append(Finding("broken", reason, (member,), problem))
    return found


def _problem(file: SuspectFile) -> tuple[Problem, str] | None:
    if file.error is not None:
        name = file.place.rpartition(b"/")[2].decode(errors="replace")
        return "failed", file.error.removeprefix(f"{name}: ")
    if file.duration_s is None:
        return None
    if file.stated_s is not None:
        missing_s = file.stated_s - file.duration_s
        if missing_s > max(MISSING_S, MISSING_SHARE * file.stated_s):
            stated = f"it says it is {file.stated_s:.0f} s long"
            return "truncated", f"{stated}, but only {file.duration_s:.0f} s of that can be heard"
    if _is_silent(file.sounding_s, file.duration_s):
        return "silent", f"silent but for {file.sounding_s:.0f} of its {file.duration_s:.0f} s"
    if file.is_recognisable is False:
        return "short", f"its {file.duration_s:.1f} s hold too little to be known again"
    return None


def _is_silent(sounding_s: float | None, duration_s: float) -> bool:
    return sounding_s is not None and duration_s >= _LEAST_S and sounding_s < SOUNDING_SHARE * duration_s
