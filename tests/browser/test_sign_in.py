"""Signing in on the page, as from another device: once, with the token, which no script reads afterwards."""

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from browsing import DARK, PHONE, browsing, needs_a_browser, picture, violations
from playwright.async_api import Page, expect
from waiting import Served, served

from daemon.config import Config
from daemon.session import COOKIE
from daemon.token_file import load_or_create_token

pytestmark = needs_a_browser

ELSEWHERE: dict[str, Any] = {"extra_http_headers": {"X-Forwarded-For": "192.168.1.20"}}
"""As through a proxy: no request counts as this machine's own."""
REFUSALS = ("401 (Unauthorized)",)
"""Browsers write them to the console."""


@pytest.fixture
async def daemon(config: Config) -> AsyncIterator[Served]:
    async with served(config) as opened:
        yield opened


def token_of(daemon: Served) -> str:
    return load_or_create_token(daemon.config.state_dir)


async def give(page: Page, token: str) -> None:
    await page.get_by_label("Token").fill(token)
    await page.get_by_role("button", name="Sign in").click()


async def readable(page: Page) -> str:
    """Return all that a script of the page can read, and all that the reader sees."""
    return str(
        await page.evaluate(
            "JSON.stringify([document.cookie, {...localStorage}, {...sessionStorage}, location.href,"
            " document.documentElement.outerHTML, history.state])"
        )
    )


async def test_one_signs_in_once_and_stays_until_one_signs_out(daemon: Served) -> None:
    token = token_of(daemon)
    async with browsing(daemon.address, expected=REFUSALS, **ELSEWHERE) as page:
        await expect(page.get_by_text("Spectra asks for its token once")).to_be_visible()
        await expect(page.get_by_label("Token")).to_have_attribute("type", "password")
        await expect(page.get_by_role("navigation")).to_have_count(0)
        await page.get_by_text("Why?").click()
        await expect(page.get_by_text("A proxy forwarded this request")).to_be_visible()

        await give(page, "x" * len(token))
        await expect(page.get_by_role("alert")).to_have_text("This token is wrong.")
        await expect(page.get_by_label("Token")).to_be_focused()
        assert await violations(page) == []
        assert await page.context.cookies() == []

        await give(page, f"  {token}\n")
        await expect(page.get_by_role("heading", name="Listen")).to_be_visible()
        [cookie] = await page.context.cookies()
        assert cookie["name"] == COOKIE
        assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Strict", "/")
        assert token not in cookie["value"]
        seen = await readable(page)
        assert token not in seen
        assert cookie["value"] not in seen
        assert COOKIE not in seen

        await page.reload()
        await expect(page.get_by_role("button", name="Sign out")).to_be_visible()
        await page.goto("/#/audit")
        await expect(page.get_by_text("There was no audit yet.")).to_be_visible()
        await page.get_by_role("button", name="Start an audit").click()
        await expect(page.get_by_text("Nothing was found")).to_be_visible()
        other = await page.context.new_page()
        await other.goto("/#/playlists")
        await expect(other.get_by_text("There is no playlist yet.")).to_be_visible()
        assert await violations(page) == []
        await picture(page, "signed-in")

        await page.get_by_role("button", name="Sign out").click()
        await expect(page.get_by_label("Token")).to_be_focused()
        await expect(page).to_have_title(re.compile("^Sign in"))
        assert await page.context.cookies() == []
        await page.reload()
        await expect(page.get_by_label("Token")).to_be_visible()
        assert await page.evaluate("fetch('/status').then((answer) => answer.status)") == 401


async def test_it_looks_well_by_day_and_by_night(daemon: Served) -> None:
    for name, context in (("phone", PHONE), ("dark", DARK)):
        async with browsing(daemon.address, expected=REFUSALS, **ELSEWHERE, **context) as page:
            await give(page, "wrong")
            await expect(page.get_by_role("alert")).to_have_text("This token is wrong.")
            assert await violations(page) == []
            assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            await picture(page, f"sign-in-{name}")


async def test_a_session_that_is_taken_away_asks_again_and_goes_on_where_one_was(daemon: Served) -> None:
    async with browsing(daemon.address, expected=REFUSALS, **ELSEWHERE) as page:
        await page.goto("/#/playlists")
        await give(page, token_of(daemon))
        await expect(page.get_by_text("There is no playlist yet.")).to_be_visible()
        await page.context.clear_cookies()
        await page.reload()
        await give(page, token_of(daemon))
        await expect(page.get_by_text("There is no playlist yet.")).to_be_visible()
        # Without a reload, whatever asks the daemon next finds out.
        await page.context.clear_cookies()
        await page.get_by_role("link", name="Audit").click()
        await give(page, token_of(daemon))
        await expect(page.get_by_role("heading", name="Audit")).to_be_visible()


async def test_on_this_machine_nobody_is_asked(daemon: Served) -> None:
    async with browsing(daemon.address) as page:
        await expect(page.get_by_role("heading", name="Listen")).to_be_visible()
        await expect(page.get_by_role("button", name="Sign out")).to_have_count(0)
        assert await page.context.cookies() == []
