"""Bodies of any JSON, and of none, are taken or refused with a sentence: never a 500, never silence."""

import http.client
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from fuzzing import damaged, fuzzed, json_values
from hypothesis import given
from hypothesis import strategies as st
from real_daemon import RealDaemon
from unix_http import UnixConnection

_DOCUMENT: Mapping[str, Any] = json.loads(
    resources.files("daemon").joinpath("openapi.json").read_text(encoding="utf-8")
)
_TAKING_JSON = sorted(
    (method.upper(), path)
    for path, methods in _DOCUMENT["paths"].items()
    for method, operation in methods.items()
    if "application/json" in operation.get("requestBody", {}).get("content", {})
)
_FIELDS = sorted(
    {name for schema in _DOCUMENT["components"]["schemas"].values() for name in schema.get("properties", {})}
)
_ANSWER_S = 30.0


@contextmanager
def connected(daemon: RealDaemon) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection(*daemon.host_and_port, timeout=_ANSWER_S)
    try:
        yield connection
    finally:
        connection.close()


def answer_to(
    connection: http.client.HTTPConnection, method: str, path: str, body: bytes
) -> tuple[int, dict[str, Any]]:
    connection.request(method, path, body, {"Content-Type": "application/json", "Host": "localhost"})
    response = connection.getresponse()
    content = response.read()
    return response.status, json.loads(content) if content else {}


def check(status: int, answer: Mapping[str, Any]) -> None:
    assert status < 500, answer
    if status >= 400:
        assert answer["error"].endswith((".", "}")), answer
        assert "Error" not in answer["error"]


def bodies() -> st.SearchStrategy[bytes]:
    objects = st.dictionaries(st.sampled_from(_FIELDS), json_values(), max_size=4)
    written = (json_values() | objects).map(json.dumps).map(str.encode)
    odd = st.sampled_from(
        [b"", b"{", b"[" * 50_000, b'{"a":' * 50_000, b"\xff\xfe{}", b"NaN", b'"\\ud800"', b"1" * 5_000]
    )
    return written | odd | st.binary(max_size=50) | st.composite(damaged)(b'{"path": "/music/a.mp3"}')


@pytest.mark.parametrize(("method", "path"), _TAKING_JSON)
def test_any_body_is_taken_or_refused_with_a_sentence(daemon: RealDaemon, method: str, path: str) -> None:
    with connected(daemon) as connection:

        @fuzzed(40)
        @given(
            name=st.sampled_from(["1", "2", "0", "navidrome", "9" * 19, "%00", "%ff", "-1", "\u0661"]),
            body=bodies(),
        )
        def ask(name: str, body: bytes) -> None:
            place = path
            while "{" in place:
                begin, _, rest = place.partition("{")
                place = begin + quote(name, safe="%") + rest.partition("}")[2]
            check(*answer_to(connection, method, place, body))

        ask()


_PARTS = st.sampled_from(
    ["music", "0.mp3", "..", ".", "", "\udcff", "é", "a" * 300, "%2e%2e", "state", "\0", "\ud800"]
)


def _is_whole(part: str) -> bool:
    """Tell whether it has no half character: test_half_characters.py sends those."""
    return part != "\ud800"


@fuzzed(150)
@given(parts=st.lists(_PARTS, max_size=8), is_relative=st.booleans(), number=st.integers(-5, 2**64))
def test_no_path_of_a_look_up_leads_out_of_the_music(
    daemon: RealDaemon, parts: list[str], is_relative: bool, number: int
) -> None:
    path = "/".join([str(daemon.folder), *parts])
    body: dict[str, Any] = {"path": path}
    if is_relative:
        body = {"library_path": str(daemon.folder), "relative_path": "/".join(parts), "size": number}
    with connected(daemon) as connection:
        status, answer = answer_to(connection, "POST", "/lookup", json.dumps(body).encode())
    check(status, answer)
    if status == 202:
        try:
            found = Path(path).resolve()
        except (ValueError, OSError):
            pytest.fail(f"taken: {path!r}")
        assert found.is_relative_to(daemon.music)


@fuzzed(100)
@given(
    paths=st.lists(st.tuples(st.booleans(), st.lists(_PARTS.filter(_is_whole), max_size=5)), max_size=4)
    | json_values()
)
def test_any_list_of_added_paths_is_looked_at_or_refused(daemon: RealDaemon, paths: Any) -> None:
    if isinstance(paths, list) and all(isinstance(each, tuple) for each in paths):
        # Only below the music: what is added elsewhere would be looked through, as root the whole machine.
        paths = ["/".join([str(daemon.music) if inside else "music", *parts]) for inside, parts in paths]
        paths = [path for path in paths if ".." not in path]
    with UnixConnection(daemon.state, timeout_s=_ANSWER_S) as connection:
        check(*answer_to(connection, "POST", "/add", json.dumps({"paths": paths}).encode()))
