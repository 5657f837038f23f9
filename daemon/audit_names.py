"""Copies of one sound to contradictions between their names: whoever is wrong, the sound cannot be both."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from daemon.audit_clusters import as_member, by_recording, clusters, placed, walked
from daemon.audit_duplicates import MOST_MEMBERS
from daemon.audit_rows import AuditedFile, Finding, Member, Related
from daemon.sources import Source, SourceKind, grouped
from daemon.tag_fields import TagFields

_MOST_NAMES_TOLD = 5
_GUESTS = re.compile(r"\s+[(\[]?(?:feat|ft|featuring)\b.*$", re.IGNORECASE)
_JOINING = re.compile(r"(?:\b(?:feat|ft|featuring|vs|with|and|und|et|y|x)\b\.?|&)", re.IGNORECASE)
"""Between artists; which of them is used says nothing."""


def find_mislabelled(files: Sequence[AuditedFile], pairs: Sequence[Related]) -> list[Finding]:
    """Return the sounds whose files and references go by several names; spelling and guests aside."""
    held: dict[int, list[AuditedFile]] = defaultdict(list)
    for file in files:
        held[file.recording_id].append(file)
    copies = [
        each for each in pairs if each.relation == "copy" and each.one_id in held and each.other_id in held
    ]
    related = by_recording(copies)
    found = []
    for cluster in clusters(held, copies):
        named = [file for recording_id in cluster for file in held[recording_id] if file.is_named]
        groups = grouped([_source(file) for file in named])
        if len(groups) > 1:
            members = [as_member(each) for each in placed(walked(cluster[0], set(cluster), related), held)]
            found.append(_finding(groups, members, named))
    return sorted(found, key=lambda each: each.members[0].path or b"")


def _source(file: AuditedFile) -> Source:
    """Return who says the name, which is brought to what may be compared."""
    if file.file_id is None:
        kind = SourceKind.ALBUM_AUDIO if file.has_album else SourceKind.VIDEO
    else:
        kind = SourceKind.MUSICBRAINZ if file.has_mbid else SourceKind.TAGGED
    title = _GUESTS.sub("", file.title or "") or file.title
    artist = " ".join(_JOINING.sub(" ", file.artist or "").split()) or file.artist
    return Source(file.recording_id, kind, TagFields(title=title, artist=artist), file.file_id)


def _finding(
    groups: Sequence[Sequence[Source]], members: Sequence[Member], named: Iterable[AuditedFile]
) -> Finding:
    """Return what contradicts what; the best source's name is likely, unless another is as good."""
    is_decided = groups[0][0].rank < groups[1][0].rank
    says: dict[tuple[int | None, int | None], tuple[int, SourceKind]] = {
        (source.recording_id, source.file_id): (number, source.kind)
        for number, group in enumerate(groups)
        for source in group
    }
    told = []
    for member in members[:MOST_MEMBERS]:
        said = says.get((member.recording_id, member.file_id))
        if said is not None:
            number, kind = said
            is_likely = number == 0 if is_decided else None
            told.append(replace(member, name_number=number, source=kind, is_likely=is_likely))
        else:
            told.append(member)
    originals = {(file.recording_id, file.file_id): file for file in named}
    names = []
    for group in groups[:_MOST_NAMES_TOLD]:
        file = originals[group[0].recording_id, group[0].file_id]
        names.append(
            f"\N{LEFT DOUBLE QUOTATION MARK}{file.title}\N{RIGHT DOUBLE QUOTATION MARK} by {file.artist}"
        )
    reason = f"one sound, {len(groups)} names: {', '.join(names)}"
    if is_decided:
        reason += f"; the first is from a {groups[0][0].kind}, the others are not"
    return Finding("mislabelled", reason, tuple(told))
