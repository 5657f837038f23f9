"""What POST /lookup takes, and how it refuses."""

import json
from dataclasses import dataclass, field
from typing import Any, cast
from uuid import UUID

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from token_holder import holding

from daemon.access import make_access_middleware
from daemon.api_lookup import _asked, look_up
from daemon.json_errors import json_errors
from daemon.keys import SERVICES
from daemon.lookup_errors import (
    BadPath,
    LibraryOffline,
    LookupRefused,
    NoFileThere,
    NotMusic,
    OutsideRoots,
    SizeDiffers,
    TooManyLookups,
)
from daemon.lookup_rows import Asked, Waiting
from daemon.services import Services

TASK = UUID(int=7)


@dataclass
class Lookups:
    """Takes everything, or refuses everything."""

    asked: list[Asked] = field(default_factory=list)
    refusal: LookupRefused | None = None

    async def submit(self, asked: Asked) -> Waiting:
        if self.refusal is not None:
            raise self.refusal
        self.asked.append(asked)
        return Waiting(TASK, 12)


@dataclass
class Opened:
    lookups: Lookups


@pytest.fixture
def lookups() -> Lookups:
    return Lookups()


@pytest.fixture
async def client(aiohttp_client, lookups: Lookups):
    app = web.Application(middlewares=[json_errors, make_access_middleware(holding("of-the-owner-of-it"))])
    app.router.add_post("/lookup", look_up)
    app[SERVICES] = cast("Services", Opened(lookups))
    return await aiohttp_client(app)


async def test_a_look_up_is_answered_with_its_task(client, lookups: Lookups) -> None:
    body = {
        "library_path": "/music/",
        "relative_path": "a/\u00fc.mp3",
        "size": 123,
        "duration_s": 201.5,
        "source": "navidrome",
        "item_id": "abc",
        "tag": True,
    }
    response = await client.post("/lookup", json=body)
    assert response.status == 202
    assert await response.json() == {"task_id": str(TASK), "status": "pending", "file_id": 12}
    assert lookups.asked == [Asked("/music/a/\u00fc.mp3".encode(), 123, "navidrome", "abc", wants_tags=True)]


@pytest.mark.parametrize(
    ("body", "asked"),
    [
        ({"path": "/music/a.mp3"}, Asked(b"/music/a.mp3")),
        ({"path": "/music/\udcff.mp3"}, Asked(b"/music/\xff.mp3")),
        ({"path": "/m/a.mp3", "library_path": None, "tag": None, "size": None}, Asked(b"/m/a.mp3")),
        ({"path": "/m/a.mp3", "size": 0, "source": "", "item_id": "", "tag": False}, Asked(b"/m/a.mp3")),
        ({"library_path": "/", "relative_path": "a.mp3"}, Asked(b"/a.mp3")),
        ({"library_path": "/m", "relative_path": "a\\b.mp3"}, Asked(b"/m/a\\b.mp3")),
        ({"library_path": "/m", "relative_path": "../a.mp3"}, Asked(b"/m/../a.mp3")),
        ({"path": "/a.mp3", "duration_s": 5, "item_id": "x" * 256}, Asked(b"/a.mp3", item_id="x" * 256)),
    ],
)
async def test_what_may_be_left_out_may_be_empty_too(
    client, lookups: Lookups, body: dict[str, Any], asked: Asked
) -> None:
    assert (await client.post("/lookup", json=body)).status == 202
    assert lookups.asked == [asked]


A = "/music/a.mp3"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("{", "must be JSON"),
        ("", "must be JSON"),
        ("\udcff", "must be JSON"),
        ("[" * 60_000, "must be JSON"),
        ("[]", "a JSON object"),
        ({}, "Send either `path`"),
        ({"path": None}, "Send either `path`"),
        ({"library_path": "/music"}, "Send either `path`"),
        ({"relative_path": "a.mp3"}, "Send either `path`"),
        ({"library_path": "", "relative_path": "a.mp3"}, "Send either `path`"),
        ({"path": A, "library_path": "/music", "relative_path": "a.mp3"}, "Send either `path`"),
        ({"library_path": "/music", "relative_path": "/a.mp3"}, "must be relative"),
        ({"path": 5}, "`path` must be a text"),
        ({"path": "/music/\ud800.mp3"}, "`path` holds half a character"),
        ({"path": A, "size": "5"}, "`size` must be"),
        ({"path": A, "size": True}, "`size` must be"),
        ({"path": A, "size": -1}, "`size` must be"),
        ({"path": A, "size": 2**63}, "`size` must be"),
        ({"path": A, "size": 1.5}, "`size` must be"),
        ({"path": A, "duration_s": "long"}, "`duration_s` must be"),
        ({"path": A, "duration_s": True}, "`duration_s` must be"),
        ({"path": A, "duration_s": -1}, "`duration_s` must be"),
        ({"path": A, "duration_s": 10**400}, "`duration_s` must be"),
        ('{"path": "/music/a.mp3", "duration_s": NaN}', "`duration_s` must be"),
        ('{"path": "/music/a.mp3", "duration_s": Infinity}', "`duration_s` must be"),
        ({"path": A, "source": "x" * 65}, "`source` must be"),
        ({"path": A, "source": 1}, "`source` must be"),
        ({"path": A, "item_id": "x" * 257}, "`item_id` must be"),
        ({"path": A, "item_id": "a\0b"}, "`item_id` must be"),
        ({"path": A, "item_id": "\udcff"}, "`item_id` must be"),
        ({"path": A, "tag": 1}, "`tag` must be"),
        ({"path": A, "tags": True}, "'tags' is no field"),
        ({"path": A, "\ud800": True}, "is no field"),
    ],
)
async def test_what_makes_no_sense_is_refused_with_a_sentence(
    client, lookups: Lookups, body: str | dict[str, Any], words: str
) -> None:
    text = body if isinstance(body, str) else json.dumps(body)
    response = await client.post("/lookup", data=text.encode(errors="surrogateescape"))
    assert response.status == 400
    assert words in (await response.json())["error"]
    assert lookups.asked == []


async def test_a_large_body_is_not_read(client, lookups: Lookups) -> None:
    async def endless():
        for _ in range(3):
            yield b" " * 30_000

    for body in (b" " * 70_000, endless()):
        response = await client.post("/lookup", data=body)
        assert (response.status, "65536 bytes" in (await response.json())["error"]) == (413, True)
    assert lookups.asked == []


@pytest.mark.parametrize(
    ("refusal", "status"),
    [
        (BadPath("a.mp3", "is no absolute path"), 400),
        (OutsideRoots("/a.mp3", "/a.mp3"), 403),
        (NoFileThere("/a.mp3", "/a.mp3", "there is no such file"), 404),
        (SizeDiffers("/a.mp3", 1, 2), 409),
        (NotMusic("/a.jpg"), 415),
    ],
)
async def test_every_refusal_has_its_status(
    client, lookups: Lookups, refusal: LookupRefused, status: int
) -> None:
    lookups.refusal = refusal
    response = await client.post("/lookup", json={"path": A})
    assert (response.status, await response.json()) == (status, {"error": str(refusal)})
    assert "Retry-After" not in response.headers


@pytest.mark.parametrize("refusal", [LibraryOffline("the folder is missing", 60), TooManyLookups(60)])
async def test_what_may_pass_later_says_when(client, lookups: Lookups, refusal: LookupRefused) -> None:
    lookups.refusal = refusal
    response = await client.post("/lookup", json={"path": A})
    assert (response.status, response.headers["Retry-After"]) == (503, "60")
    assert await response.json() == {"error": str(refusal)}


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=2),
)
_BODIES = st.fixed_dictionaries(
    {},
    optional={
        "path": _JSON | st.just(A),
        "library_path": _JSON,
        "relative_path": _JSON,
        "size": _JSON,
        "duration_s": _JSON,
        "source": _JSON,
        "item_id": _JSON,
        "tag": _JSON,
    },
)


@given(body=_BODIES)
def test_every_object_is_understood_or_refused(body: dict[str, Any]) -> None:
    try:
        asked = _asked(body)
    except web.HTTPBadRequest:
        return
    assert isinstance(asked.path, bytes)
    for text in (asked.source, asked.item_id):
        assert text is None or (text.encode() and "\0" not in text)
