"""What Jellyfin says: its answers, and the calls of its Webhook plugin."""

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError
from pydantic.alias_generators import to_pascal

from plugins.api import Item, PluginError

_TICKS_PER_SECOND = 10_000_000
_LONGEST_SHOWN = 80
Word = Annotated[str, StringConstraints(max_length=64)]


class _FromJellyfin(BaseModel):
    """`RunTimeTicks` is run_time_ticks; what we don't know of is ignored."""

    model_config = ConfigDict(alias_generator=to_pascal, frozen=True)


class SystemInfo(_FromJellyfin):
    """Who answers: GET /System/Info/Public and /System/Info."""

    product_name: str | None = None
    server_name: str | None = None
    version: str | None = None
    id: UUID | None = None

    @property
    def is_jellyfin(self) -> bool:
        """Emby, which Jellyfin was forked from, answers at the same paths."""
        return (self.product_name or "").startswith("Jellyfin")

    def __str__(self) -> str:
        return f"Jellyfin {_shown(self.version)} '{_shown(self.server_name)}'"


class Entry(_FromJellyfin):
    """An item of a library, as GET /Items lists it."""

    id: UUID
    type: str | None = None
    name: str | None = None
    path: str | None = None
    artists: tuple[str, ...] | None = None
    album: str | None = None
    album_id: UUID | None = None
    run_time_ticks: int | None = None
    location_type: str | None = None

    @property
    def is_audio_file(self) -> bool:
        """It has a path on the server's disks: no radio station, nothing that is only announced."""
        return self.type == "Audio" and self.location_type in (None, "FileSystem") and bool(self.path)

    def as_item(self) -> Item:
        """Return it as Spectra knows items; only for audio files."""
        ticks = self.run_time_ticks
        return Item(
            item_id=self.id.hex,
            path=self.path or "",
            duration_s=ticks / _TICKS_PER_SECOND if ticks is not None and ticks > 0 else None,
        )


class Entries(_FromJellyfin):
    """A page of GET /Items."""

    items: tuple[Entry, ...]


class MediaFolder(_FromJellyfin):
    """A library, as GET /Library/VirtualFolders lists it."""

    name: str | None = None
    collection_type: str | None = None


def _or_none(value: object) -> object:
    """A template renders what is missing as nothing."""
    return None if value == "" else value


class Added(_FromJellyfin):
    """An ItemAdded of the Webhook plugin, about music."""

    item_type: Word
    item_id: UUID
    server_id: Annotated[UUID | None, BeforeValidator(_or_none)] = None

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> "Added | None":
        """Return what was added, or None: a call about something else.

        Raises
        ------
        PluginError : no call of the Webhook plugin with our template; it comes from outside
        """
        try:
            call = _Call.model_validate(body)
            if call.notification_type != "ItemAdded" or call.item_type not in ("Audio", "MusicAlbum"):
                return None
            return cls.model_validate(body)
        except ValidationError:
            raise PluginError(
                "This is no call of Jellyfin's Webhook plugin with NotificationType, ItemType, ItemId and "
                "ServerId: paste the template of plugins/jellyfin/README.md into it"
            ) from None


class _Call(_FromJellyfin):
    notification_type: Word
    item_type: Word = Field(default="")


def _shown(value: str | None) -> str:
    """Return a server's word for people's eyes: without what moves a terminal's cursor, and not too long."""
    return "".join(each for each in value or "?" if each.isprintable())[:_LONGEST_SHOWN]
