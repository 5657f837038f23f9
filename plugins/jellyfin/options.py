"""The options of `[plugins.jellyfin]`."""

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

_KEY = re.compile(r"[A-Za-z0-9._~-]{8,256}")
"""Jellyfin's keys are 32 hexadecimal digits; nothing that would end a quoted part of a header."""


def _base_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or re.search(r"[\s\\]", value):
        raise ValueError("an address looks like http://nas:8096 or https://example.org/jellyfin")
    if "@" in parts.netloc:
        raise ValueError("no name and password belong into the address: Jellyfin takes an api_key")
    if parts.query or parts.fragment:
        raise ValueError("the address ends before any ? and #")
    if parts.port == 0:  # a port that is no number raises by itself
        raise ValueError("a port is 1 to 65535")
    return value.rstrip("/")


def _key(value: SecretStr) -> SecretStr:
    if not _KEY.fullmatch(value.get_secret_value()):
        raise ValueError("a key looks like 32 hexadecimal digits: Jellyfin's Dashboard > API Keys makes one")
    return value


class JellyfinOptions(BaseModel):
    """How to reach a Jellyfin server."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    url: Annotated[str, AfterValidator(_base_url)] = Field(
        description="Its address, with the folder that a reverse proxy puts it under."
    )
    api_key: Annotated[SecretStr, AfterValidator(_key)] = Field(
        description="A key from Jellyfin's Dashboard > API Keys."
    )
    verify_tls: bool = Field(
        default=True, description="Refuse certificates that this machine doesn't trust (https)."
    )
