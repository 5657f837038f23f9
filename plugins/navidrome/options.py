"""What the user says of the server: the section [plugins.navidrome]."""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

ONLY_FOLDER = ""
"""The name under which the path of a server's only music folder is kept."""


def _address(value: str) -> str:
    """Return an address without a slash at its end."""
    if any(char <= " " or char in "\\\x7f" for char in value):
        raise ValueError("must not contain blanks, backslashes or control characters")
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        raise ValueError("is no address as http://host:4533") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise ValueError("must be an address as http://host:4533 or https://host/navidrome")
    if "@" in parts.netloc:
        raise ValueError("must not contain credentials: they have options of their own")
    if "?" in value or "#" in value:
        raise ValueError("must end with the server's path, without ? and #")
    return value.rstrip("/")


def _server_path(value: str) -> str:
    """Return an absolute path without a slash at its end; the root of all is empty."""
    if not value.startswith("/") or "\0" in value or ".." in value.split("/"):
        raise ValueError("must be an absolute path as /music, as the server sees it")
    return "/".join(("", *(part for part in value.split("/") if part not in ("", "."))))


def _by_name(value: object) -> object:
    return {ONLY_FOLDER: value} if isinstance(value, str) else value


Address = Annotated[str, AfterValidator(_address)]
ServerPath = Annotated[str, AfterValidator(_server_path)]


class NavidromeOptions(BaseModel):
    """How to reach a server, and as whom."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    url: Address = Field(description="The server's address, with its sub-path if it has one, without /rest.")
    username: Annotated[str, Field(min_length=1)] = Field(
        description="A user of the server; scans need an administrator."
    )
    password: Annotated[SecretStr, Field(min_length=1)] = Field(description="That user's password.")
    legacy_auth: bool = Field(
        default=False,
        description="Send the password itself instead of a token, for servers that know no tokens.",
    )
    verify_tls: bool = Field(default=True, description="Refuse certificates that nobody known has signed.")
    music_folders: Annotated[dict[str, ServerPath], BeforeValidator(_by_name)] = Field(
        default_factory=dict,
        description="Where the server has its music: a path, or paths by the music folder's name or id.",
    )
    scan_wait_s: float = Field(
        default=600.0, ge=1, le=1_700, description="Seconds to wait for a scan, before asking again later."
    )
