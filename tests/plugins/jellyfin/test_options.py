"""The options of `[plugins.jellyfin]`."""

from typing import Any

import pytest
from jellyfin_stub import KEY
from pydantic import ValidationError

from plugins.jellyfin import PLUGIN


def options(**changes: object) -> Any:
    return PLUGIN.options.model_validate({"url": "http://nas:8096", "api_key": KEY} | changes)


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("http://nas:8096/", "http://nas:8096"),
        ("https://example.org/jellyfin/", "https://example.org/jellyfin"),
        ("http://[fd00::1]:8096", "http://[fd00::1]:8096"),
    ],
)
def test_an_address_may_have_a_folder(url: str, normal: str) -> None:
    assert options(url=url).url == normal


@pytest.mark.parametrize(
    "change",
    [
        {"url": "nas:8096"},
        {"url": "ftp://nas"},
        {"url": "http://"},
        {"url": "http://nas:8096/a b"},
        {"url": "http://nas:8096/\nX: y"},
        {"url": "http://me:secret@nas:8096"},
        {"url": "http://nas:8096/?api_key=secret"},
        {"url": "http://nas:8096/web/#/home"},
        {"url": "http://nas:80960"},
        {"url": "http://nas:port"},
        {"url": "http://nas:0"},
        {"api_key": ""},
        {"api_key": 'secret", Token="'},
        {"api_key": "secret\r\nX: y"},
        {"verify_tls": "perhaps"},
        {"password": "secret"},
    ],
    ids=str,
)
def test_a_wrong_option_is_refused_without_repeating_it(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError) as refused:
        options(**change)
    assert "secret" not in str(refused.value)
