"""A verdict on a whole file, and who names its recordings, to what the file may be called."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from daemon.sources import Merged, Source, agrees, grouped, merged, same_name
from daemon.tag_fields import TagFields
from daemon.unknown import Naming
from engine.contents import Contained
from engine.decision import Outcome
from engine.whole_verdict import Relation, WholeVerdict

_MOST_CANDIDATES = 10
_MOST_PASSAGES = 20
_TRIFLE_SHARE = 0.1
"""Of the file: what explains less than that does not name it."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """What a file may be: one name, and the recordings and sources that say so."""

    named: Merged
    recording_ids: tuple[int, ...]
    """Of one name, the one whose tags count first."""
    contained: Contained
    relation: Relation

    @property
    def confidence(self) -> float:
        """Return how much of both, file and recording, is the same sound, 0..1: of exact copies all is."""
        passages = self.contained.passages
        met_share = sum(each.peaks for each in passages) / sum(each.peaks / each.share for each in passages)
        return met_share * min(self.contained.file_coverage, self.contained.recording_coverage)

    def as_json(self) -> dict[str, Any]:
        """Return the candidate as stored and shown."""
        return {
            "recording": self.named.best.recording_id,
            "recordings": list(self.recording_ids),
            "fields": self.named.fields.as_json(),
            "sources": origins_as_json(self.named.origins),
            "relation": self.relation,
            "confidence": round(self.confidence, 4),
            "score": round(self.contained.score, 1),
            "file_coverage": round(self.contained.file_coverage, 4),
            "recording_coverage": round(self.contained.recording_coverage, 4),
            "passages": [
                {
                    "file_span_s": [round(each, 2) for each in passage.file_span_s],
                    "recording_span_s": [round(each, 2) for each in passage.recording_span_s],
                    "speed": round(passage.speed, 4),
                    "share": round(passage.share, 3),
                    "score": round(passage.score, 1),
                }
                for passage in self.contained.passages[:_MOST_PASSAGES]
            ],
        }


@dataclass(frozen=True, slots=True)
class Decision:
    """What a file is called, what it may be called, or that nobody knows."""

    outcome: Outcome
    reason: str
    candidates: tuple[Candidate, ...] = ()
    """Of an identified file the one; of an ambiguous one those to choose from, best first."""


def relevant_ids(verdict: WholeVerdict) -> list[int]:
    """Return the recordings that may name the file, best first."""
    return [each.recording_id for each, _ in _relevant(verdict)]


def decide_name(
    verdict: WholeVerdict,
    sources: Sequence[Source],
    *,
    naming: Naming,
    own: TagFields,
    rejected: Sequence[tuple[str, str]] = (),
) -> Decision:
    """Return what the file is called.

    Parameters
    ----------
    sources : who names the verdict's recordings
    naming : an incomplete file is only ever what its tags say
    own : what the file says of itself, without placeholders
    rejected : titles and artists that a person said it has not
    """
    wrong = [TagFields(title=title, artist=artist) for title, artist in rejected]
    usable = [each for each in sources if not any(same_name(each.fields, name) for name in wrong)]
    if naming is Naming.INCOMPLETE:
        usable = [each for each in usable if same_name(each.fields, own) and each.fields.album]
    relevant = _relevant(verdict)
    groups = grouped(
        [each for each in usable if each.recording_id in {one.recording_id for one, _ in relevant}]
    )
    candidates = [_candidate(group, relevant) for group in groups]
    if not candidates:
        return Decision(Outcome.UNKNOWN, _why_nobody(verdict, sources))
    if verdict.outcome is Outcome.IDENTIFIED:
        is_one_name = len(groups) == 1 or groups[0][0].rank < groups[1][0].rank
        if is_one_name and agrees(own, candidates[0].named.fields):
            return Decision(Outcome.IDENTIFIED, verdict.reason, (candidates[0],))
        but = "the file says otherwise" if is_one_name else f"its sources call it by {len(groups)} names"
        chosen = tuple(candidates[:_MOST_CANDIDATES])
        return Decision(Outcome.AMBIGUOUS, f"{verdict.reason}; but {but}", chosen)
    if naming is Naming.INCOMPLETE:
        return Decision(Outcome.UNKNOWN, verdict.reason)
    by_evidence = sorted(candidates, key=lambda each: (-each.contained.file_coverage, -each.contained.score))
    return Decision(Outcome.AMBIGUOUS, verdict.reason, tuple(by_evidence[:_MOST_CANDIDATES]))


def origins_as_json(origins: Mapping[str, Source]) -> dict[str, Any]:
    """Return where each field comes from."""
    return {
        name: {
            "recording": source.recording_id,
            "kind": source.kind,
            "file": source.file_id,
            "path": None if source.file is None else os.fsencode(source.file.path).decode(errors="replace"),
        }
        for name, source in origins.items()
    }


def _relevant(verdict: WholeVerdict) -> list[tuple[Contained, Relation]]:
    """Return what may name the file: of an identified one its copies, else what explains a good part."""
    pairs = list(zip(verdict.contents, verdict.relations, strict=True))
    if verdict.outcome is Outcome.IDENTIFIED:
        return sorted(
            (pair for pair in pairs if pair[0].recording_id in verdict.copies),
            key=lambda pair: -pair[0].score,
        )
    if verdict.outcome is Outcome.UNKNOWN:
        return []
    parts = [pair for pair in pairs if pair[0].file_coverage >= _TRIFLE_SHARE] or pairs
    return sorted(parts, key=lambda pair: (-pair[0].file_coverage, -pair[0].score))[: 2 * _MOST_CANDIDATES]


def _candidate(group: Sequence[Source], relevant: Sequence[tuple[Contained, Relation]]) -> Candidate:
    ids = tuple(dict.fromkeys(source.recording_id for source in group))
    contained, relation = next(pair for pair in relevant if pair[0].recording_id in ids)
    return Candidate(merged(group), ids, contained, relation)


def _why_nobody(verdict: WholeVerdict, sources: Sequence[Source]) -> str:
    if verdict.outcome is Outcome.UNKNOWN:
        return verdict.reason
    return f"{verdict.reason}; but nothing that may name it is left" if sources else verdict.reason
