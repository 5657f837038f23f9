"""What a whole file contains, in the words of the REST API."""

from daemon.match_result import described
from daemon.rows import Description
from daemon.whole_match import WholeMatch
from engine.contents import Contained
from engine.passages import Passage
from engine.whole_verdict import Relation


def whole_result(match: WholeMatch) -> dict[str, object]:
    """Return the answer, whose recordings are called songs as in the results of a clip."""
    verdict = match.verdict
    firsts = [
        kind
        for each, kind in zip(verdict.contents, verdict.relations, strict=True)
        if each.alternative_to is None
    ]
    relation = Relation.COPY if verdict.copies else firsts[0] if len(firsts) == 1 else None
    return {
        "outcome": verdict.outcome,
        "relation": relation,
        "reason": verdict.reason,
        "copies": list(verdict.copies),
        "explained": round(verdict.explained, 3),
        "duration_s": round(verdict.duration_s, 3),
        "contents": [
            _content(each, kind, match.descriptions[each.recording_id])
            for each, kind in zip(verdict.contents, verdict.relations, strict=True)
        ],
    }


def _content(contained: Contained, relation: Relation, description: Description) -> dict[str, object]:
    return {
        "song_id": contained.recording_id,
        **described(description),
        "relation": relation,
        "alternative_to": contained.alternative_to,
        "file_coverage": round(contained.file_coverage, 3),
        "recording_coverage": round(contained.recording_coverage, 3),
        "score": round(contained.score, 1),
        "passages": [_passage(each) for each in contained.passages],
    }


def _passage(passage: Passage) -> dict[str, object]:
    return {
        "file_begin_s": round(passage.file_span_s[0], 2),
        "file_end_s": round(passage.file_span_s[1], 2),
        "begin_s": round(passage.recording_span_s[0], 2),
        "end_s": round(passage.recording_span_s[1], 2),
        "speed": round(passage.speed, 4),
        "share": round(passage.share, 3),
        "score": round(passage.score, 1),
    }
