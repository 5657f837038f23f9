"""Media servers on the page: how each is, its test, and how to add one."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from browsing import DARK, PHONE, browsing, needs_a_browser, picture, violations
from playwright.async_api import Locator, Page, expect
from waiting import Served, served

from daemon.config import Config

pytest_plugins = ("example_plugin",)
pytestmark = needs_a_browser

EVIL = "<img src=x onerror=alert(1)>"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The media server of the example, which has two items without a name."""
    folder = tmp_path / "server"
    folder.mkdir()
    (folder / "items.txt").write_text(f"/elsewhere/{EVIL}.mp3\n/elsewhere/b.mp3\n")
    return folder


@pytest.fixture
async def daemon(config: Config, folder: Path, example_plugins: None) -> AsyncIterator[Served]:
    sections = {"example": {"folder": str(folder), "password": "hunter2"}, "jellyfin": {}}
    async with served(config.model_copy(update={"plugins": sections}), watch=True) as opened:
        yield opened


def server(page: Page, name: str) -> Locator:
    heading = page.get_by_role("heading", name=name, exact=True)
    return page.get_by_role("list", name="Media servers").get_by_role("listitem").filter(has=heading)


async def test_each_server_says_how_it_is_and_what_its_test_finds(daemon: Served, folder: Path) -> None:
    async with browsing(daemon.address, expected=["/plugins/jellyfin/sync)"]) as page:
        await page.get_by_role("link", name="Media servers").click()
        example, jellyfin = server(page, "example"), server(page, "Jellyfin")
        await expect(example).to_contain_text("Connected")
        await expect(example).to_contain_text("The folder server.")
        await expect(example).to_contain_text("2 items without a name")
        await expect(example).to_contain_text("2 items lead nowhere")
        await expect(jellyfin).to_contain_text("Off")
        await expect(jellyfin).to_contain_text("url")
        await expect(page.get_by_text("undefined")).to_have_count(0)

        await example.get_by_role("button", name="Test").click()
        checks = example.get_by_role("list", name="Checks").get_by_role("listitem")
        await expect(checks).to_have_count(3)
        await expect(checks.first).to_contain_text(f"OKAddress: {folder} is there")
        await expect(checks.nth(1)).to_contain_text("NoPaths")
        await expect(checks.nth(1)).to_contain_text(EVIL)
        await expect(example).to_contain_text("2 things to mend")
        assert await violations(page) == []
        await picture(page, "plugins")

        (folder / "items.txt").unlink()
        await example.get_by_role("button", name="Sync now").click()
        await expect(page.get_by_role("status")).to_contain_text("example is asked for what has no name.")
        await expect(example).to_contain_text("0 items without a name")
        await expect(example.get_by_text("lead nowhere")).to_have_count(0)
        await example.get_by_role("button", name="Test").click()
        await expect(example).to_contain_text("All is well.")

        await jellyfin.get_by_role("button", name="Test").click()
        await expect(jellyfin).to_contain_text("1 thing to mend")
        await expect(jellyfin).to_contain_text("Configuration: plugins.jellyfin.url is missing")
        await jellyfin.get_by_role("button", name="Sync now").click()
        await expect(page.get_by_role("status")).to_contain_text("The plugin jellyfin has no connection")
    for name, context in (("phone", PHONE), ("dark", DARK)):
        async with browsing(daemon.address, **context) as page:
            await page.goto("/#/plugins")
            await expect(server(page, "Jellyfin")).to_contain_text("Off")
            assert await violations(page) == []
            assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            await picture(page, f"plugins-{name}")


async def test_without_a_server_it_says_how_to_add_one(config: Config) -> None:
    async with served(config) as daemon:
        for name, context in (("phone", PHONE), ("dark", DARK)):
            async with browsing(daemon.address, **context) as page:
                await page.goto("/#/plugins")
                await expect(page.get_by_text("No media server is configured.")).to_be_visible()
                await expect(page.get_by_label("For Navidrome")).to_contain_text("[plugins.navidrome]")
                await expect(page.get_by_label("For Jellyfin")).to_contain_text("api_key")
                assert await violations(page) == []
                assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
                await picture(page, f"plugins-none-{name}")
