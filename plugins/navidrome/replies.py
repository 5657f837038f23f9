"""What a server answers, as OpenSubsonic defines it; what isn't needed here is ignored."""

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

Text = Annotated[str, BeforeValidator(lambda value: "" if value is None else value)]
"""A missing text is an empty one."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, coerce_numbers_to_str=True, hide_input_in_errors=True)


class Failure(_Part):
    """Why a request failed."""

    code: int = 0
    message: Text = ""


class Entry(_Part):
    """A file, as the server shows it."""

    entry_id: str = Field(alias="id")
    path: Text = ""
    title: Text = ""
    artist: Text = ""
    album: Text = ""
    size_bytes: int | None = Field(alias="size", default=None)
    duration_s: float | None = Field(alias="duration", default=None)


class Page(_Part):
    """Some of the server's files."""

    entries: tuple[Entry, ...] = Field(alias="song", default=())


class Folder(_Part):
    """A music folder, Navidrome's library."""

    folder_id: str = Field(alias="id")
    name: Text = ""


class Folders(_Part):
    """All music folders that the user may see."""

    folders: tuple[Folder, ...] = Field(alias="musicFolder", default=())


class ScanStatus(_Part):
    """What the scanner does."""

    scanning: bool = False
    last_scan: str | None = Field(alias="lastScan", default=None)
    """When the last scan ended; Navidrome's."""
    error: Text = ""
    """How the last scan failed; Navidrome's."""


class User(_Part):
    """What the user may do."""

    is_admin: bool = Field(alias="adminRole", default=False)


class Reply(_Part):
    """An answer to any request, with the part that was asked for."""

    status: str
    version: Text = ""
    """Of the API."""
    product: Text = Field(alias="type", default="")
    product_version: Text = Field(alias="serverVersion", default="")
    error: Failure | None = None
    page: Page = Field(alias="searchResult3", default=Page())
    folders: Folders = Field(alias="musicFolders", default=Folders())
    scan: ScanStatus = Field(alias="scanStatus", default=ScanStatus())
    user: User = Field(alias="user", default=User())

    def server(self) -> str:
        """Return what the server is, for people."""
        if not self.product:
            return f"a Subsonic server (API {self.version})"
        return f"{self.product.capitalize()} {self.product_version}".strip()


class Envelope(_Part):
    """The whole body."""

    reply: Reply = Field(alias="subsonic-response")
