"""Related recordings to groups of files that hold the same sound, so that a person can keep the best."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from daemon.audit_clusters import Placed, as_member, by_recording, clusters, placed, walked
from daemon.audit_rows import AuditedFile, Finding, MemberRelation, Related

MOST_MEMBERS = 200
"""Of a finding; its reason counts all."""
_WHOLE = frozenset({"copy", "version", "edit"})
_SAME_SOUND: tuple[MemberRelation, ...] = ("identical", "copy")
_COUNTED: dict[MemberRelation, str] = {
    "version": "version",
    "edit": "edit",
    "fuller": "fuller version",
    "excerpt": "excerpt",
}


def find_duplicates(files: Sequence[AuditedFile], pairs: Sequence[Related]) -> list[Finding]:
    """Return the groups, by path.

    Copies, versions and edits are united, however they are connected. An excerpt is listed with what it is a
    part of, but unites nothing: else a mix would make one group of all that is in it.
    """
    held = _held(files)
    known = [each for each in pairs if each.one_id in held and each.other_id in held]
    whole = [each for each in known if each.relation in _WHOLE]
    united = clusters(held, whole)
    cluster_of = {recording_id: place for place, cluster in enumerate(united) for recording_id in cluster}
    excerpts = _excerpts([each for each in known if each.relation == "excerpt"], cluster_of)
    related = by_recording(whole)
    found = []
    for place, cluster in enumerate(united):
        parts = excerpts.get(place, {})
        if len(cluster) + len(parts) > 1 or len(held[cluster[0]]) > 1:
            ways = [*walked(_head(cluster, related, held), set(cluster), related), *parts.items()]
            found.append(_finding(placed(ways, held)))
    return sorted(found, key=lambda each: each.members[0].path or b"")


def _held(files: Iterable[AuditedFile]) -> dict[int, list[AuditedFile]]:
    """Return the files on disk of each recording, best first; of hard links one."""
    held: dict[int, list[AuditedFile]] = defaultdict(list)
    seen = set()
    for file in files:
        if file.file_id is not None and file.disk_place not in seen:
            seen.add(file.disk_place)
            held[file.recording_id].append(file)
    return {recording_id: sorted(theirs, key=_quality) for recording_id, theirs in held.items()}


def _quality(file: AuditedFile) -> tuple[bool, int, int, int]:
    """Return what sorts the better file first."""
    return not file.is_lossless, -(file.bit_rate or 0), -(file.size_bytes or 0), file.file_id or 0


def _excerpts(
    pairs: Iterable[Related], cluster_of: Mapping[int, int]
) -> dict[int, dict[int, Related | None]]:
    """Return by cluster the recordings that are excerpts of one of its, with the pair that says so."""
    found: dict[int, dict[int, Related | None]] = defaultdict(dict)
    for pair in pairs:
        part, whole = (pair.other_id, pair.one_id) if pair.is_reversed else (pair.one_id, pair.other_id)
        if cluster_of[part] != cluster_of[whole]:
            found[cluster_of[whole]].setdefault(part, pair)
    return found


def _head(
    cluster: Sequence[int],
    related: Mapping[int, Sequence[Related]],
    held: Mapping[int, Sequence[AuditedFile]],
) -> int:
    """Return the recording that the others are told by: no edit of another, and the best file."""

    def order(recording_id: int) -> tuple[bool, tuple[bool, int, int, int]]:
        is_edit = any(
            pair.relation == "edit" and recording_id == (pair.other_id if pair.is_reversed else pair.one_id)
            for pair in related.get(recording_id, ())
        )
        return is_edit, _quality(held[recording_id][0])

    return min(cluster, key=order)


def _finding(members: Sequence[Placed]) -> Finding:
    counts = Counter(each.sight.relation for each in members if each.sight is not None)
    same = 1 + sum(counts[each] for each in _SAME_SOUND)
    sound = f"{same} files of one sound" if same > 1 else "one sound"
    others = [
        f"{counts[relation]} {noun}{'' if counts[relation] == 1 else 's'}"
        for relation, noun in _COUNTED.items()
        if counts[relation]
    ]
    reason = f"{sound}; {', '.join(others)}" if others else sound
    return Finding("duplicates", reason, tuple(map(as_member, members[:MOST_MEMBERS])))
