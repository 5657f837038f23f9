"""Find out what stands in the plugin's way."""

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing

from plugins.api import AuthFailed, Check, Host, NotReady, PathRefused
from plugins.navidrome.client import Client, not_admin
from plugins.navidrome.folders import OPTION, MusicFolders
from plugins.navidrome.listing import entries, find_folders
from plugins.navidrome.options import NavidromeOptions

_TRIED = 20
"""Files of each music folder."""


async def run_checks(client: Client, options: NavidromeOptions, host: Host) -> AsyncIterator[Check]:
    """Yield what is right, up to what is not; no scan is started."""
    subject = "address"
    try:
        try:
            server = (await client.call("ping")).server()
        except AuthFailed:
            yield _right(subject, f"something answers at {options.url}")
            subject = "credentials"
            raise
        yield _right(subject, f"{server} answers at {options.url}")
        yield _right("credentials", f"it lets user {options.username} in")
        subject = "rights"
        yield _right(subject, await _rights(client, options.username))
        subject = "paths"
        folders = await find_folders(client, options)
        paths = await _some_paths(client, folders)
        yield _right(subject, await _where(paths, host))
        subject = "scans"
        yield _right(subject, _scans(folders, paths))
    except (AuthFailed, NotReady, PathRefused) as error:
        yield Check(subject, is_ok=False, sentence=str(error))


def _right(subject: str, sentence: str) -> Check:
    return Check(subject, is_ok=True, sentence=sentence)


async def _rights(client: Client, user: str) -> str:
    """Return what the user may do. Raises AuthFailed: too little."""
    if not (await client.call("getUser", [("username", user)])).user.is_admin:
        raise AuthFailed(not_admin(user))
    return f"user {user} may start scans"


async def _some_paths(client: Client, folders: MusicFolders) -> list[tuple[str, str]]:
    """Return folder id and path of some of each folder's files. Raises PathRefused."""
    paths = []
    for folder in folders.known:
        left = _TRIED
        async with aclosing(entries(client, folder, page=_TRIED)) as found:
            async for entry in found:
                paths.append((folder.folder_id, folders.absolute(entry.path, folder)))
                left -= 1
                if not left:
                    break
    return paths


async def _where(paths: Sequence[tuple[str, str]], host: Host) -> str:
    """Return where files are for Spectra. Raises PathRefused: none of them leads anywhere."""
    refusal, refused, shown = None, 0, "the server has no music yet: no path could be tried"
    for _, path in paths:
        try:
            shown = f"{path} there is {await host.local_path(path)} here"
        except PathRefused as error:
            refusal, refused = error, refused + 1
    if refusal is None:
        return shown
    if refused == len(paths):
        raise refusal
    return f"{shown}; {refused} of {len(paths)} files lead nowhere: {refusal}"


def _scans(folders: MusicFolders, paths: Sequence[tuple[str, str]]) -> str:
    """Return what a scan will look at. Raises PathRefused: the configuration is wrong about it."""
    if folders.problem:
        raise PathRefused(folders.problem)
    for folder_id, path in paths:
        root = folders.paths.get(folder_id)
        if root is not None and not path.startswith(root + "/"):
            raise PathRefused(f"{OPTION}: the server has {path}, which is not below {root or '/'}")
    if not folders.invents_paths:
        return "after files were tagged, the server is asked to scan"
    if len(folders.paths) < len(folders.known):
        return (
            "after files were tagged, the server is asked to scan all music; to have it scan their folders "
            f"only, say in {OPTION} where its music is"
        )
    return "after files were tagged, the server is asked to scan their folders"
