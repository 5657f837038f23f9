"""What a file's state means to the one who looked it up."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from daemon.config_options import TaggingMode
from daemon.lookup_answer import answer, task_of
from daemon.lookup_rows import LookedUp
from daemon.rows import Task

NAMES = {"title": "So What", "artist": "Miles Davis", "album": "Kind of Blue"}
UNKNOWN = LookedUp(
    task_id=UUID(int=1),
    file_id=344,
    asked_path=b"/music/\xff.mp3",
    source="navidrome",
    item_id="6cd6",
    wants_tags=False,
    root=b"/srv",
    path=b"\xff.mp3",
    status="indexed",
    naming="unknown",
    error=None,
    is_missing=False,
    arrived_later=True,
    is_identified=True,
    tags={"title": "Track 01"},
    outcome=None,
    reason=None,
    refusal=None,
    candidate=None,
    is_to_be_written=False,
    is_being_written=False,
    change_id=None,
    change_confidence=None,
)
KNOWN: dict[str, Any] = {
    "outcome": "identified",
    "reason": "a copy",
    "candidate": {"fields": NAMES, "confidence": 0.98},
}


def _task(mode: TaggingMode = "apply", later_mode: TaggingMode = "apply", **state: Any) -> Task:
    row = replace(UNKNOWN, **state)
    return task_of(row, answer(row, mode=mode, later_mode=later_mode))


def _result(mode: TaggingMode = "apply", later_mode: TaggingMode = "apply", **state: Any) -> dict[str, Any]:
    task = _task(mode, later_mode, **state)
    assert task.result is not None
    return task.result[0]


@pytest.mark.parametrize(
    "state",
    [
        {"status": "pending"},
        {"status": "pending", "naming": "named", "change_id": 12},
        {"is_identified": False},
        {"naming": "incomplete", "is_identified": False},
        {"naming": None, "is_identified": False},
        KNOWN | {"is_to_be_written": True},
        KNOWN | {"is_to_be_written": True, "refusal": "It was written to 5 s ago."},
        KNOWN | {"is_to_be_written": True, "naming": "incomplete", "change_id": 12},
        {"is_being_written": True},
        {"is_being_written": True, "naming": "named", "change_id": 12},
    ],
)
def test_what_is_under_way_is_pending(state: dict[str, Any]) -> None:
    assert _task(**state) == Task("pending", None, None)


@pytest.mark.parametrize(
    ("state", "outcome"),
    [
        ({}, "unknown"),
        ({"naming": "named"}, "named"),
        ({"naming": "named", "is_identified": False} | KNOWN, "named"),
        ({"naming": "incomplete"}, "named"),
        ({"naming": "named", "change_id": 12}, "tagged"),
        ({"naming": "incomplete", "change_id": 12}, "tagged"),
        ({"naming": "incomplete"} | KNOWN, "identified"),
        (KNOWN, "identified"),
        (KNOWN | {"outcome": "ambiguous"}, "ambiguous"),
        ({"status": "failed", "error": "x.mp3: no sound"}, "failed"),
        ({"status": "pending", "is_missing": True}, "failed"),
        ({"naming": "named", "is_missing": True, "change_id": 12}, "failed"),
        ({"file_id": None, "root": None, "path": None, "status": None}, "failed"),
    ],
)
def test_every_state_has_its_outcome(state: dict[str, Any], outcome: str) -> None:
    task = _task(**state)
    assert task.result is not None
    result = task.result[0]
    assert result["outcome"] == outcome
    assert (task.status, task.error) == (
        ("fail", result["detail"]) if outcome == "failed" else ("success", None)
    )
    assert (result["change_id"] is not None) == (outcome == "tagged")
    assert (result["title"] is not None) == (outcome in ("tagged", "named", "identified")), (
        "what is not certain has no name"
    )


def test_an_answer_says_what_was_asked() -> None:
    result = _result(naming="named", tags=NAMES, change_id=12, change_confidence=0.9)
    assert result == {
        "file_id": 344,
        "path": "/music/\udcff.mp3",
        "item_id": "6cd6",
        "source": "navidrome",
        "outcome": "tagged",
        "detail": "Spectra wrote its tags: `spectra undo 12` takes them back.",
        **NAMES,
        "change_id": 12,
        "confidence": 0.9,
    }


def test_an_identified_file_has_the_name_it_would_get() -> None:
    result = _result(**KNOWN)
    assert {name: result[name] for name in NAMES} == NAMES
    assert result["confidence"] == 0.98


@pytest.mark.parametrize(
    ("mode", "later_mode", "state", "words"),
    [
        ("review", "apply", {}, "the first scan of its folder found it"),
        ("review", "review", {}, "tagging.mode is review for its folder"),
        ("dry-run", "apply", {}, "tagging.mode is dry-run for its folder"),
        ("apply", "apply", {}, "only proposed when it was identified"),
        ("apply", "apply", {"refusal": "a.mp3 has 2 hard links."}, "a.mp3 has 2 hard links."),
    ],
)
def test_what_is_not_written_says_why(
    mode: TaggingMode, later_mode: TaggingMode, state: dict[str, Any], words: str
) -> None:
    for wants_tags, begin in ((True, "It could not be tagged as asked: "), (False, "It is not tagged: ")):
        detail = _result(mode, later_mode, **KNOWN, **state, wants_tags=wants_tags)["detail"]
        assert detail.startswith(begin)
        assert words in detail
