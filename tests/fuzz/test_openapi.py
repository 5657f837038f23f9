"""Whatever the API's description allows, and what it does not, is answered as it says."""

import json
from collections.abc import Mapping
from importlib import resources
from typing import Any

import pytest
import requests
import schemathesis
from fuzzing import fuzzed
from hypothesis import given
from hypothesis import strategies as st
from real_daemon import RealDaemon
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

_CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
_ENDLESS = {"GET /events"}
"""It never ends by itself: tests/daemon/test_api_events.py reads it."""
_ANSWER_S = 30.0

_DOCUMENT: Mapping[str, Any] = json.loads(
    resources.files("daemon").joinpath("openapi.json").read_text(encoding="utf-8")
)
_SCHEMA = schemathesis.openapi.from_dict(dict(_DOCUMENT))
_OPERATIONS = {each.ok().label: each.ok() for each in _SCHEMA.get_all_operations()}
_TAKING_SOMETHING = {
    f"{method.upper()} {path}"
    for path, methods in _DOCUMENT["paths"].items()
    for method, operation in methods.items()
    if operation.keys() & {"parameters", "requestBody"} and "{plugin}" not in path
}
"""Of others, and of a plugin's name, which may be any text, nothing is wrong."""
_ASKED = [
    (label, mode)
    for label in sorted(_OPERATIONS.keys() - _ENDLESS)
    for mode in GenerationMode
    if mode is GenerationMode.POSITIVE or label in _TAKING_SOMETHING
]


def test_only_what_never_ends_is_left_out() -> None:
    described = {
        f"{method.upper()} {path}" for path, methods in _DOCUMENT["paths"].items() for method in methods
    }
    assert set(_OPERATIONS) == described
    assert described > _ENDLESS


@pytest.mark.parametrize(("label", "mode"), _ASKED)
def test_every_answer_is_described(daemon: RealDaemon, label: str, mode: GenerationMode) -> None:
    operation = _OPERATIONS[label]

    @fuzzed(8)
    @given(st.data())
    def ask(data: st.DataObject) -> None:
        case = data.draw(operation.as_strategy(generation_mode=mode))
        case.call_and_validate(base_url=daemon.address, session=session, checks=_CHECKS, timeout=_ANSWER_S)

    with requests.Session() as session:
        ask()
