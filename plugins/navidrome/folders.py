"""Tell where the server's music folders, and so its files, are: the API names them, without paths."""

import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from plugins.api import PathRefused
from plugins.navidrome.options import ONLY_FOLDER
from plugins.navidrome.replies import Folder, Reply

MOST_TARGETS = 100
"""A scan of more folders takes as long as a scan of all."""
OPTION = "plugins.navidrome.music_folders"


@dataclass(frozen=True, slots=True)
class MusicFolders:
    """The server's music folders, and the paths of those whose path is known."""

    known: tuple[Folder, ...]
    paths: Mapping[str, str]
    """By the folder's id, without a slash at the end."""
    invents_paths: bool = False
    """A relative path is made up of tags: Navidrome's, unless it is told otherwise."""
    problem: str | None = None
    """What is wrong in the configuration; a sentence that says what to do."""

    def absolute(self, path: str, folder: Folder) -> str:
        """Return a path as the server's machine has it. Raises PathRefused: it can't be told."""
        if is_absolute(path):
            return path
        if self.invents_paths:
            raise PathRefused(
                f"Navidrome makes up the paths it reports ({path}): open its Settings > Players, there the "
                'player whose name begins with spectra, and switch on "Report Real Path"'
            )
        if folder.folder_id not in self.paths:
            raise PathRefused(
                self.problem
                or f"the server reports paths within its music folders ({path}): say in {OPTION} where it "
                f"has {folder.name}"
            )
        return f"{self.paths[folder.folder_id]}/{path}"

    def targets(self, paths: Iterable[str]) -> tuple[str, ...]:
        """Return what to scan, as `<folder id>:<relative folder>`, to find these files changed.

        Returns
        -------
        Sorted, none below another one. Nothing if all must be scanned: it isn't known where a file belongs,
        or the folders are too many.
        """
        chosen: set[tuple[str, str]] = set()
        for folder in {posixpath.dirname(path) for path in paths}:
            found = {
                (folder_id, _nameable(folder[len(root) + 1 :]))
                for folder_id, root in self.paths.items()
                if folder == root or folder.startswith(root + "/")
            }
            if not found:
                return ()
            chosen |= found
        kept = [each for each in chosen if not any(above in chosen for above in _above(*each))]
        return tuple(f"{root}:{folder}" for root, folder in sorted(kept)) if len(kept) <= MOST_TARGETS else ()


def music_folders(reply: Reply, configured: Mapping[str, str]) -> MusicFolders:
    """Return the folders of a reply, with the paths that the user gives them."""
    known = reply.folders.folders
    paths: dict[str, str] = {}
    problem = None
    for name, path in configured.items():
        if name == ONLY_FOLDER:
            found = [each.folder_id for each in known]
        else:
            found = [each.folder_id for each in known if name in (each.name, each.folder_id)]
        if len(found) == 1:
            paths[found[0]] = path
        else:
            there = ", ".join(f"{each.name} ({each.folder_id})" for each in known) or "none"
            problem = f"{OPTION}: {name or path} must stand for one of the server's music folders: {there}"
    return MusicFolders(known, {} if problem else paths, reply.product.casefold() == "navidrome", problem)


def is_absolute(path: str) -> bool:
    r"""Tell whether a path is absolute, on Windows (`C:\Music`, `\\nas\music`) too."""
    return path.startswith(("/", "\\")) or (path[:1].isalpha() and path[1:3] in (":\\", ":/"))


def _nameable(folder: str) -> str:
    """Return the folder, or the nearest above it whose name Navidrome reads as it is.

    It strips blanks from a target's end, and hands targets to its scanner as command-line arguments.
    """
    while folder != folder.rstrip() or any(char in ',"\n\r' for char in folder):
        folder = posixpath.dirname(folder)
    return folder


def _above(root: str, folder: str) -> Iterable[tuple[str, str]]:
    while folder:
        folder = posixpath.dirname(folder)
        yield root, folder
