"""Write the golden decisions anew, after a deliberate change of what the engine decides.

    PYTHONPATH=.:tests python tests/golden/regenerate_decisions.py

Read the difference before it is committed: each line is another answer to a user. What must never be
answered, test_golden_decisions.py asserts whatever this file says.
"""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import clips
import wholes
from golden.tricky_files import FILES
from golden.tricky_sounds import CLIPS, library
from synth import Sound

from engine.contents import Span
from engine.decision import Outcome
from engine.index_reader import IndexReader
from engine.model import Peaks

GOLDEN_FILE = Path(__file__).with_name("decisions.json")


@dataclass(frozen=True, slots=True)
class Found:
    """A recording that is named, and where."""

    name: str
    offset_s: float
    """Where in the recording the clip, or the file's first passage, begins."""
    speed: float
    spans_s: tuple[Span, ...]
    """Of the clip or file, that it explains."""
    coverage: float
    """Share of the clip or file that it explains."""
    relation: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """What a user is told."""

    outcome: Outcome
    found: tuple[Found, ...]
    reason: str
    copies: tuple[str, ...] = ()

    @property
    def names(self) -> list[str]:
        return [each.name for each in self.found]


@dataclass(frozen=True, slots=True)
class Known:
    """The library, ready to be asked."""

    references: dict[int, Peaks]
    index: IndexReader
    names: dict[int, str]

    def clip(self, sound: Sound) -> Decision:
        """Decide on a clip."""
        verdict = clips.verdict(sound, self.references, self.index)
        found = tuple(
            Found(
                name=self.names[match.recording_id],
                offset_s=match.offset_s,
                speed=match.speed,
                spans_s=(match.evidence.query_span_s,),
                coverage=match.evidence.coverage,
            )
            for match in verdict.candidates
        )
        return Decision(verdict.outcome, found, verdict.reason)

    def file(self, sound: Sound) -> Decision:
        """Decide on a whole file."""
        verdict = wholes.verdict(sound, self.references, self.index)
        found = tuple(
            Found(
                name=self.names[each.recording_id],
                offset_s=each.passages[0].recording_span_s[0],
                speed=each.passages[0].speed,
                spans_s=tuple(passage.file_span_s for passage in each.passages),
                coverage=each.file_coverage,
                relation=str(relation),
            )
            for each, relation in zip(verdict.contents, verdict.relations, strict=True)
        )
        copies = tuple(self.names[number] for number in verdict.copies)
        return Decision(verdict.outcome, found, verdict.reason, copies)


@contextmanager
def known() -> Iterator[Known]:
    """Fingerprint and index the library."""
    names = dict(enumerate(library(), 1))
    references = {number: wholes.heard(library()[name]) for number, name in names.items()}
    with tempfile.TemporaryDirectory() as folder:
        wholes.write_index(Path(folder), references)
        reader = IndexReader(Path(folder))
        yield Known(references, reader, names)
        reader.close()


def decisions(library_known: Known) -> dict[str, Decision]:
    """Return what the engine decides today, by case."""
    return {
        **{make.__name__: library_known.clip(make()) for make in CLIPS},
        **{make.__name__: library_known.file(make()) for make in FILES},
    }


def written(decision: Decision) -> dict[str, Any]:
    """Return what the golden file holds of a decision: no scores, they may change."""
    return {
        "outcome": str(decision.outcome),
        "found": [
            {"name": each.name, "offset_s": round(each.offset_s, 1), "speed": round(each.speed, 2)}
            | ({"relation": each.relation} if each.relation else {})
            for each in decision.found
        ],
    }


def why() -> dict[str, str]:
    """Return why each case is tricky."""
    return {make.__name__: make.__doc__ or "" for make in (*CLIPS, *FILES)}


if __name__ == "__main__":
    with known() as opened:
        current = {case: written(each) for case, each in decisions(opened).items()}
    reasons = why()
    golden = {case: {"why": reasons[case], **each} for case, each in current.items()}
    GOLDEN_FILE.write_text(json.dumps(golden, indent=1) + "\n")
