"""What a tag format can do; implemented by the modules tag_id3, tag_vorbis and tag_mp4."""

from collections.abc import Set as AbstractSet
from typing import Any, BinaryIO, Protocol

from daemon.tag_fields import TagFields


class TagFormat(Protocol):
    """One way to keep fields in a file. `tagged` is mutagen's object of an open file."""

    def read(self, tagged: Any) -> TagFields:
        """Return the fields."""
        ...

    def write(self, tagged: Any, file: BinaryIO, old: TagFields, new: TagFields) -> None:
        """Set what differs between the two, nothing else, and save."""
        ...

    def others(self, tagged: Any, changes: AbstractSet[str]) -> list[str]:
        """Return the values of everything else than the changed fields, to compare."""
        ...
