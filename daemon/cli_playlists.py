"""`spectra playlists` and `spectra sync`: which lists there are, and what came of them."""

from collections.abc import Sequence
from typing import Any

from rich.markup import escape
from rich.table import Table

from daemon.cli_output import counted, err, local_time, out, print_json, print_table, tell_pause
from daemon.client import Client
from daemon.progress import Amount, show_progress

_HOW_TO_ADD = (
    "There is no playlist. `spectra playlists add URL` adds one of YouTube Music, as do [[playlists]] "
    "entries in the configuration; without any, YouTube is not asked for anything."
)
_MOST_TOLD = 20
"""Tracks of a list that could not be fetched; GET /playlists/{id} has them all."""


async def show_playlists(client: Client, *, as_json: bool) -> None:
    """Print the lists. Raises RequestFailed."""
    answer = await client.get("/playlists")
    if as_json:
        print_json(answer)
        return
    if not answer["playlists"]:
        out.print(escape(_HOW_TO_ADD))
        return
    table = Table("id", "playlist", "tracks", "next", "", box=None, pad_edge=False)
    for each in answer["playlists"]:
        table.add_row(
            str(each["playlist_id"]),
            escape(each["title"] or each["url"]),
            _tracks(each["counts"]),
            _next(each),
            escape(each["detail"] or "not read yet"),
        )
    print_table(table)
    tell_pause(answer["pause"])


async def add_playlist(client: Client, url: str, every: str | None, *, as_json: bool) -> None:
    """Add a list. Raises RequestFailed."""
    added = await client.post("/playlists", {"url": url, "every": every})
    if as_json:
        print_json(added)
    else:
        out.print(escape(f"playlist {added['playlist_id']}: {added['url']}"))


async def remove_playlist(client: Client, playlist_id: int) -> None:
    """Remove a list. Raises RequestFailed."""
    await client.delete(f"/playlists/{playlist_id}")
    out.print(f"playlist {playlist_id} is removed; what came from it stays")


async def sync(client: Client, url: str | None, *, as_json: bool) -> bool:
    """Read a list, or all, fetch what is new, and tell whether all went well. Raises RequestFailed."""
    if url is None:
        asked = [each["playlist_id"] for each in (await client.get("/playlists"))["playlists"]]
    else:
        asked = [(await client.post("/playlists", {"url": url}))["playlist_id"]]
    for playlist_id in asked:
        await client.post(f"/playlists/{playlist_id}/sync")
    most = 0

    async def ask() -> Amount:
        nonlocal most
        answer = await client.get("/playlists")
        lists = _of(answer, asked)
        left = sum(each["counts"]["to_fetch"] for each in lists)
        most = max(most, left)
        if answer["pause"] is not None:
            return Amount(total=most, left=0)
        return Amount(total=most, left=left, is_final=not any(each["is_due"] for each in lists))

    await show_progress("fetching", ask, err)
    answer = await client.get("/playlists")
    lists = _of(answer, asked)
    if as_json:
        print_json({"playlists": lists, "pause": answer["pause"]})
    elif not lists:
        out.print(escape(_HOW_TO_ADD))
    else:
        for each in lists:
            await _tell(client, each)
        tell_pause(answer["pause"])
    return answer["pause"] is None and bool(lists) and all(map(_is_well, lists))


def _of(answer: dict[str, Any], asked: Sequence[int]) -> list[dict[str, Any]]:
    return [each for each in answer["playlists"] if each["playlist_id"] in asked]


def _is_well(playlist: dict[str, Any]) -> bool:
    """Tell whether a list was read whole, and all of it is there that can be."""
    counts = playlist["counts"]
    is_all_there = not (counts["wanted"] or counts["failed"]) and counts["fetched"] > 0
    return bool(playlist["outcome"] == "read" and is_all_there)


async def _tell(client: Client, playlist: dict[str, Any]) -> None:
    name = escape(playlist["title"] or playlist["url"])
    out.print(f"{name}: {_tracks(playlist['counts'])}; {escape(playlist['detail'] or 'not read yet')}")
    for state in ("failed", "unavailable"):
        page = await client.get(f"/playlists/{playlist['playlist_id']}?state={state}&limit={_MOST_TOLD}")
        for track in page["tracks"]:
            out.print(f"  {escape(track['title'])}: {escape(track['reason'] or state)}")


def _tracks(counts: dict[str, int]) -> str:
    others = [
        f"{counts[state]} {state}"
        for state in ("wanted", "refused", "unavailable", "failed")
        if counts[state]
    ]
    return ", ".join([f"{counted(counts['fetched'], 'reference')}", *others])


def _next(playlist: dict[str, Any]) -> str:
    if playlist["is_due"]:
        return "now"
    return "when asked" if playlist["next_sync_at"] is None else local_time(playlist["next_sync_at"])
