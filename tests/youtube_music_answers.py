"""YouTube Music's answers, as far as ytmusicapi reads them: what its API sends, without the decoration.

Shapes: ytmusicapi 1.12's parsers, and the answers that its own tests keep (2024 to 2026).
"""

from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

ALBUM_AUDIO = "MUSIC_VIDEO_TYPE_ATV"
MUSIC_VIDEO = "MUSIC_VIDEO_TYPE_OMV"


@dataclass(frozen=True, slots=True)
class Entry:
    """A track of a list."""

    video_id: str
    title: str
    artist: str = "The Artist"
    album: str | None = "The Album"
    length: str = "3:05"
    video_type: str = ALBUM_AUDIO
    is_available: bool = True


def video_id(number: int) -> str:
    """Return an id as videos have them."""
    return f"vid{number:08d}"


def entries(count: int, first: int = 0) -> list[Entry]:
    """Return so many different tracks."""
    return [Entry(video_id(number), f"Title {number}") for number in range(first, first + count)]


def playlist_answer(
    title: str, tracks: list[Entry], *, announced: int | None = None, more: str | None = None
) -> Json:
    """Return the first page of a list; `more` is the token of the next."""
    count = len(tracks) if announced is None else announced
    header = {
        "title": _text(title),
        "subtitle": _text("Playlist", " • ", "2026"),
        "secondSubtitle": _text(f"{count:,} songs", " • ", "6 hours, 3 minutes"),
        "thumbnail": _picture("https://yt3.googleusercontent.com/list", 544),
        "buttons": [{}, {}],
    }
    shelf: Json = {"contents": [item(each) for each in tracks] + _continuation(more)}
    return _two_columns(header, {"musicPlaylistShelfRenderer": shelf})


def empty_playlist_answer(title: str) -> Json:
    """Return a list without tracks: its shelf has no contents at all."""
    answer = playlist_answer(title, [])
    shelf = answer["contents"]["twoColumnBrowseResultsRenderer"]["secondaryContents"]
    shelf["sectionListRenderer"]["contents"][0]["musicPlaylistShelfRenderer"] = {}
    return answer


def more_answer(tracks: list[Entry], more: str | None = None) -> Json:
    """Return a further page of a list."""
    items = [item(each) for each in tracks] + _continuation(more)
    return {"onResponseReceivedActions": [{"appendContinuationItemsAction": {"continuationItems": items}}]}


def album_answer(
    title: str, artist: str, year: int, tracks: list[Entry], *, audio_list: str | None = None
) -> Json:
    """Return an album's page; its tracks come without their album and without pictures."""
    play = {
        "playNavigationEndpoint": {"watchPlaylistEndpoint": {"playlistId": audio_list}} if audio_list else {}
    }
    header = {
        "title": _text(title),
        "subtitle": _text("Album", " • ", str(year)),
        "straplineTextOne": {"runs": [_link(artist, "UC" + "a" * 22, "MUSIC_PAGE_TYPE_ARTIST")]},
        "secondSubtitle": _text(f"{len(tracks)} songs", " • ", "22 minutes"),
        "thumbnail": _picture("https://lh3.googleusercontent.com/album", 544),
        "buttons": [{"musicPlayButtonRenderer": play}],
    }
    items = [item(each) for each in tracks]
    for number, each in enumerate(items, 1):
        listed = each["musicResponsiveListItemRenderer"]
        listed["index"] = _text(str(number))
        listed["flexColumns"][2] = _column(_text("26M plays"))
        del listed["thumbnail"]
    return _two_columns(header, {"musicShelfRenderer": {"contents": items}})


def artist_answer(name: str, tracks: list[Entry], *, all_tracks: str | None = None) -> Json:
    """Return an artist's page: some of the top tracks, and the list that has them all."""
    title = _link("Songs", all_tracks, "MUSIC_PAGE_TYPE_PLAYLIST") if all_tracks else {"text": "Songs"}
    shelf = {"title": {"runs": [title]}, "contents": [item(each) for each in tracks]}
    sections = {"sectionListRenderer": {"contents": [{"musicShelfRenderer": shelf}]}}
    subscribe = {"channelId": "UC" + "b" * 22, "subscribed": False}
    header = {"title": _text(name), "subscriptionButton": {"subscribeButtonRenderer": subscribe}}
    return {
        "header": {"musicImmersiveHeaderRenderer": header},
        "contents": {"singleColumnBrowseResultsRenderer": {"tabs": [{"tabRenderer": {"content": sections}}]}},
    }


def channel_answer(name: str) -> Json:
    """Return the page of a user who is no artist."""
    return {"header": {"musicVisualHeaderRenderer": {"title": _text(name)}}, "contents": {}}


def queue_answer(tracks: list[Entry], year: int) -> Json:
    """Return what would be played next, beginning with the track asked for."""
    panel = {"playlistPanelRenderer": {"contents": [_queued(each, year) for each in tracks]}}
    content = {"musicQueueRenderer": {"content": panel}}
    watch = {"watchNextTabbedResultsRenderer": {"tabs": [{"tabRenderer": {"content": content}}]}}
    return {"contents": {"singleColumnMusicWatchNextResultsRenderer": {"tabbedRenderer": watch}}}


def player_answer(track: Entry, *, status: str = "OK", reason: str | None = None, seconds: int = 185) -> Json:
    """Return what the player is told."""
    details = {
        "videoId": track.video_id,
        "title": track.title,
        "lengthSeconds": str(seconds),
        "author": track.artist,
        "musicVideoType": track.video_type,
        "thumbnail": _picture("https://i.ytimg.com/vi/x", 480)["musicThumbnailRenderer"]["thumbnail"],
    }
    return {"playabilityStatus": {"status": status, "reason": reason}, "videoDetails": details}


def error_answer(status: int, message: str) -> Json:
    """Return the body of a refusal."""
    return {"error": {"code": status, "message": message, "status": "REFUSED"}}


def item(track: Entry) -> Json:
    """Return a row of a list; one that can't be played is greyed out and links to nothing."""
    watch = _watch(track)
    columns = [
        {"text": track.title} | ({"navigationEndpoint": watch} if track.is_available else {}),
        _link(track.artist, "UC" + "a" * 22, "MUSIC_PAGE_TYPE_ARTIST"),
        _link(track.album, "MPREb_abcdefghijk", "MUSIC_PAGE_TYPE_ALBUM") if track.album else {"text": " "},
    ]
    row: Json = {
        "flexColumns": [_column({"runs": [each]}) for each in columns],
        "fixedColumns": [{"musicResponsiveListItemFixedColumnRenderer": {"text": _text(track.length)}}],
        "thumbnail": _picture("https://lh3.googleusercontent.com/track", 120),
    }
    if track.is_available:
        row["overlay"] = {
            "musicItemThumbnailOverlayRenderer": {
                "content": {"musicPlayButtonRenderer": {"playNavigationEndpoint": watch}}
            }
        }
        mix = {"icon": {"iconType": "MIX"}, "navigationEndpoint": watch}
        row["menu"] = {"menuRenderer": {"items": [{"menuNavigationItemRenderer": mix}]}}
    else:
        removal = {"playlistEditEndpoint": {"actions": [{"removedVideoId": track.video_id}]}}
        row["menu"] = {"menuRenderer": {"items": [{"menuServiceItemRenderer": {"serviceEndpoint": removal}}]}}
        row["musicItemRendererDisplayPolicy"] = "MUSIC_ITEM_RENDERER_DISPLAY_POLICY_GREY_OUT"
    return {"musicResponsiveListItemRenderer": row}


def _queued(track: Entry, year: int) -> Json:
    byline: list[Json] = [_link(track.artist, "UC" + "a" * 22, "MUSIC_PAGE_TYPE_ARTIST")]
    if track.album:
        byline += [{"text": " • "}, _link(track.album, "MPREb_abcdefghijk", "MUSIC_PAGE_TYPE_ALBUM")]
    queued: Json = {
        "videoId": track.video_id,
        "title": _text(track.title),
        "lengthText": _text(track.length),
        "longBylineText": {"runs": [*byline, {"text": " • "}, {"text": str(year)}]},
        "thumbnail": _picture("https://lh3.googleusercontent.com/queue", 120)["musicThumbnailRenderer"][
            "thumbnail"
        ],
        "menu": {"menuRenderer": {"items": []}},
        "navigationEndpoint": _watch(track),
    }
    if not track.is_available:
        queued["unplayableText"] = _text("Song unavailable")
    return {"playlistPanelVideoRenderer": queued}


def _two_columns(header: Json, shelf: Json) -> Json:
    sections = {"sectionListRenderer": {"contents": [{"musicResponsiveHeaderRenderer": header}]}}
    columns = {
        "tabs": [{"tabRenderer": {"content": sections}}],
        "secondaryContents": {"sectionListRenderer": {"contents": [shelf]}},
    }
    return {"contents": {"twoColumnBrowseResultsRenderer": columns}}


def _continuation(token: str | None) -> list[Json]:
    endpoint = {"continuationCommand": {"token": token, "request": "CONTINUATION_REQUEST_TYPE_BROWSE"}}
    return [{"continuationItemRenderer": {"continuationEndpoint": endpoint}}] if token else []


def _watch(track: Entry) -> Json:
    configs = {"watchEndpointMusicConfig": {"musicVideoType": track.video_type}}
    return {"watchEndpoint": {"videoId": track.video_id, "watchEndpointMusicSupportedConfigs": configs}}


def _text(*runs: str) -> Json:
    return {"runs": [{"text": each} for each in runs]}


def _link(shown: str, browse_id: str | None, page: str) -> Json:
    configs = {"browseEndpointContextMusicConfig": {"pageType": page}}
    browse = {"browseId": browse_id, "browseEndpointContextSupportedConfigs": configs}
    return {"text": shown, "navigationEndpoint": {"browseEndpoint": browse}}


def _column(shown: Json) -> Json:
    return {"musicResponsiveListItemFlexColumnRenderer": {"text": shown}}


def _picture(url: str, width: int) -> Json:
    sizes = [{"url": f"{url}=w{each}-h{each}-l90-rj", "width": each, "height": each} for each in (60, width)]
    return {"musicThumbnailRenderer": {"thumbnail": {"thumbnails": sizes}}}
