"""List the server's files, page by page."""

from collections.abc import AsyncGenerator

from plugins.navidrome.client import Client
from plugins.navidrome.folders import MusicFolders, music_folders
from plugins.navidrome.options import NavidromeOptions
from plugins.navidrome.replies import Entry, Folder

PAGE = 500


async def find_folders(client: Client, options: NavidromeOptions) -> MusicFolders:
    """Return the server's music folders. Raises NotReady, AuthFailed."""
    return music_folders(await client.call("getMusicFolders"), options.music_folders)


async def entries(client: Client, folder: Folder, *, page: int = PAGE) -> AsyncGenerator[Entry, None]:
    """Yield each file of a music folder once, by a search for nothing. Raises NotReady, AuthFailed.

    A server may give fewer at once than asked for: a page without anything new is the last.
    """
    seen: set[str] = set()
    offset, is_last = 0, False
    while not is_last:
        found = (
            await client.call(
                "search3",
                [
                    ("query", ""),
                    ("artistCount", "0"),
                    ("albumCount", "0"),
                    ("songCount", str(page)),
                    ("songOffset", str(offset)),
                    ("musicFolderId", folder.folder_id),
                ],
            )
        ).page.entries
        offset += len(found)
        is_last = True
        for entry in found:
            if entry.entry_id not in seen:
                is_last = False
                seen.add(entry.entry_id)
                yield entry
