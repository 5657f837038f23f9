"""Pairs of related recordings to clusters, and how each member of one is related to its neighbour."""

import heapq
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace

from daemon.audit_rows import AuditedFile, Member, MemberRelation, Related

_STRENGTHS = {"copy": 0, "version": 1, "edit": 2, "excerpt": 3}
_FROM_THE_OTHER: dict[str, MemberRelation] = {"edit": "fuller", "excerpt": "contains"}


@dataclass(frozen=True, slots=True)
class Sight:
    """How a recording is related to another, seen from it."""

    relation: MemberRelation
    coverage: float
    other_coverage: float
    met_share: float
    speed: float


@dataclass(frozen=True, slots=True)
class Placed:
    """A file among the members of a finding."""

    file: AuditedFile
    sight: Sight | None = None
    related_place: int | None = None
    """Which of the members it is related to in that way."""


def clusters(recording_ids: Iterable[int], pairs: Iterable[Related]) -> list[list[int]]:
    """Return the recordings that pairs connect, directly or through others; each cluster ascending."""
    parents = {recording_id: recording_id for recording_id in recording_ids}

    def root(recording_id: int) -> int:
        while parents[recording_id] != recording_id:
            parents[recording_id] = parents[parents[recording_id]]
            recording_id = parents[recording_id]
        return recording_id

    for pair in pairs:
        parents[root(pair.one_id)] = root(pair.other_id)
    found = defaultdict(list)
    for recording_id in sorted(parents):
        found[root(recording_id)].append(recording_id)
    return sorted(found.values())


def seen_from(pair: Related, recording_id: int) -> Sight:
    """Return what this one of the pair is to the other one."""
    if recording_id == pair.one_id:
        relation = _word(pair, is_other_side=pair.is_reversed)
        return Sight(relation, pair.coverage, pair.other_coverage, pair.met_share, pair.speed)
    relation = _word(pair, is_other_side=not pair.is_reversed)
    return Sight(relation, pair.other_coverage, pair.coverage, pair.met_share, 1 / pair.speed)


def by_recording(pairs: Iterable[Related]) -> dict[int, list[Related]]:
    """Return the pairs of each recording."""
    found = defaultdict(list)
    for pair in pairs:
        found[pair.one_id].append(pair)
        found[pair.other_id].append(pair)
    return found


def walked(
    head: int, cluster: Set[int], pairs: Mapping[int, Sequence[Related]]
) -> Iterator[tuple[int, Related | None]]:
    """Yield a cluster's recordings from the head on, each with the strongest pair to one that came before."""
    reached: set[int] = set()
    waiting: list[tuple[int, int, int, Related | None]] = [(0, 0, head, None)]
    number = 0
    while waiting:
        _, _, recording_id, via = heapq.heappop(waiting)
        if recording_id in reached:
            continue
        reached.add(recording_id)
        yield recording_id, via
        for pair in pairs.get(recording_id, ()):
            other = _other(pair, recording_id)
            if other in cluster and other not in reached:
                number += 1  # of equal strength: the one that was met first
                heapq.heappush(waiting, (_STRENGTHS[pair.relation], number, other, pair))


def placed(
    ways: Iterable[tuple[int, Related | None]], files: Mapping[int, Sequence[AuditedFile]]
) -> list[Placed]:
    """Return the files of recordings, each related to one that comes before.

    Parameters
    ----------
    ways : recordings with the pair that relates them to one that came before
    """
    found: list[Placed] = []
    places: dict[int, int] = {}
    for recording_id, via in ways:
        first, *others = files[recording_id]
        place = places[recording_id] = len(found)
        if via is None:
            found.append(Placed(first))
        else:
            found.append(Placed(first, seen_from(via, recording_id), places[_other(via, recording_id)]))
        found += [Placed(each, _same_sound(each, first), place) for each in others]
    return found


def as_member(each: Placed) -> Member:
    """Return a file as a member of a finding."""
    file, sight = each.file, each.sight
    member = Member(
        file_id=file.file_id,
        recording_id=file.recording_id,
        path=file.place,
        size_bytes=file.size_bytes,
        mtime_ns=file.mtime_ns,
        duration_s=file.duration_s,
        title=file.title,
        artist=file.artist,
    )
    if sight is None:
        return member
    return replace(
        member,
        relation=sight.relation,
        related_place=each.related_place,
        coverage=sight.coverage,
        other_coverage=sight.other_coverage,
        met_share=sight.met_share,
        speed=sight.speed,
    )


def _same_sound(file: AuditedFile, first: AuditedFile) -> Sight:
    """Return what a further file of a recording is to its first: the decoded sound is equal."""
    is_identical = file.content_hash is not None and file.content_hash == first.content_hash
    return Sight("identical" if is_identical else "copy", 1.0, 1.0, 1.0, 1.0)


def _other(pair: Related, recording_id: int) -> int:
    return pair.other_id if pair.one_id == recording_id else pair.one_id


def _word(pair: Related, *, is_other_side: bool) -> MemberRelation:
    relation: MemberRelation = pair.relation
    return _FROM_THE_OTHER.get(relation, relation) if is_other_side else relation
