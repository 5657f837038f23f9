"""A real browser (Debian's Chromium) on a real daemon's page; whatever goes wrong in it fails the test."""

import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import BrowserContext, ConsoleMessage, Page, Request, async_playwright, expect

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
BUILD = Path(__file__).resolve().parents[1] / "build"
AXE = BUILD / "npm/node_modules/axe-core/axe.min.js"
PICTURES = BUILD / "browser"
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
DARK = {"color_scheme": "dark"}
WITHIN_MS = 30_000
"""The machine may be busy; nothing is asserted of times."""
expect.set_options(timeout=WITHIN_MS)

needs_a_browser = [
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (apt install chromium)"),
    pytest.mark.skipif(not AXE.exists(), reason="axe-core is not there: make check-page fetches it"),
]


@dataclass(slots=True)
class Seen:
    """What a page did besides what the test asked for."""

    errors: list[str] = field(default_factory=list)
    """Exceptions, and what was written to the console as an error: refused scripts and styles, too."""
    foreign: list[str] = field(default_factory=list)
    """Addresses that are not the daemon's."""


@asynccontextmanager
async def browsing(
    address: str, *arguments: str, expected: Sequence[str] = (), **context: Any
) -> AsyncIterator[Page]:
    """Yield a page at the daemon's address, in a browser of its own.

    Parameters
    ----------
    arguments : of Chromium
    expected : parts of console errors that the test causes
    context : as playwright's `new_context`
    """
    seen = Seen()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", *arguments]
        )
        try:
            opened = await browser.new_context(base_url=address, **context)
            opened.set_default_timeout(WITHIN_MS)
            _watch(opened, address, seen)
            page = await opened.new_page()
            await page.goto("/")
            yield page
        finally:
            await browser.close()
    unexpected = [each for each in seen.errors if not any(part in each for part in expected)]
    assert not unexpected, unexpected
    assert not seen.foreign, seen.foreign


def _watch(context: BrowserContext, address: str, seen: Seen) -> None:
    def note_message(message: ConsoleMessage) -> None:
        # A cover that is not there is a 404, which browsers write to the console.
        if message.type == "error" and not message.location.get("url", "").endswith("/cover"):
            seen.errors.append(f"{message.text} ({message.location.get('url')})")

    def note_request(request: Request) -> None:
        if not request.url.startswith((address, "blob:", "data:")):
            seen.foreign.append(request.url)

    context.on("console", note_message)
    context.on("weberror", lambda error: seen.errors.append(str(error.error)))
    context.on("request", note_request)


async def violations(page: Page) -> list[str]:
    """Return what axe-core finds hard for people with a disability: serious and critical things only."""
    # Not a script element: the page's policy refuses those, the debugger's are its own.
    await page.evaluate(AXE.read_text())
    found = await page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{each['id']}: {each['help']}: {[node['html'][:120] for node in each['nodes']]}"
        for each in found["violations"]
        if each["impact"] in {"serious", "critical"}
    ]


async def picture(page: Page, name: str) -> None:
    """Save what is seen now under build/browser."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    await page.screenshot(path=PICTURES / f"{name}.png", full_page=True)
