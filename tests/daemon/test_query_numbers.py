"""Lists are asked for page by page, in the same words everywhere."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from waiting import Served, served

from daemon.config import Config
from daemon.query_numbers import LARGEST_ID, Page, page

LISTS = {
    "/files": "status, query, path, after and limit",
    "/review/doubtful": "after and limit",
    "/audit": "kind, after and limit",
    "/playlists/1": "state, after and limit",
    "/changes": "file, since, before and limit",
}


@pytest.fixture
async def daemon(config: Config) -> AsyncIterator[Served]:
    async with served(config) as opened:
        yield opened


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, Page(after=0, limit=50)),
        ({"after": "7", "limit": "200"}, Page(after=7, limit=200)),
        ({"after": str(LARGEST_ID), "limit": "0", "kind": "x"}, Page(after=LARGEST_ID, limit=50)),
    ],
)
def test_what_is_not_asked_for_is_as_usual(query: dict[str, str], expected: Page) -> None:
    assert page(query, ("kind",), usually=50, most=200) == expected


@pytest.mark.parametrize(
    "query",
    [{"limit": "201"}, {"limit": "-1"}, {"limit": "٣"}, {"after": str(LARGEST_ID + 1)}, {"after": ""}],
)
def test_what_is_no_number_or_too_large_a_one_is_refused(query: dict[str, str]) -> None:
    with pytest.raises(web.HTTPBadRequest) as refused:
        page(query, usually=50, most=200)
    assert f"`{next(iter(query))}` must be a number up to" in str(refused.value.text)


async def test_every_list_names_its_parameters_to_who_asks_for_another(daemon: Served) -> None:
    for address, known in LISTS.items():
        for odd, shown in (("offset", "offset"), ("%E4", None), ("%ED%A0%80", None), ("", "")):
            async with daemon.http.get(f"{address}?{odd}=1") as response:
                answer = await response.json()
            assert response.status == 400, (address, odd)
            assert answer["error"].endswith(f" is no parameter: {known} are."), (address, odd)
            assert shown is None or answer["error"].startswith(repr(shown)), (address, odd)
