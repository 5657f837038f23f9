"""What yt-dlp raises for what YouTube says, through yt-dlp's own machinery."""

from typing import Any

import pytest
from yt_dlp import YoutubeDL
from yt_dlp.extractor.common import InfoExtractor
from yt_dlp.utils import DownloadError, ExtractorError, GeoRestrictedError

from daemon.playlist_errors import (
    BrokenDownload,
    SourceBlocked,
    SourceChanged,
    SourceError,
    SourceUnreachable,
    Unavailable,
)
from daemon.youtube_failures import failure_of

ID = "dQw4w9WgXcQ"
COOKIE_HINT = ". Use --cookies-from-browser or --cookies for the authentication. See  https://example.org"


class Saying(InfoExtractor):  # type: ignore[misc]
    """An extractor that raises what it is told to."""

    IE_NAME = "youtube"
    _VALID_URL = r"saying:(?P<id>.+)"

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def _real_extract(self, url: str) -> None:
        raise self.error


def raised_for(error: Exception) -> Exception:
    """Return what yt-dlp raises when an extractor raises this."""
    silent: dict[str, Any] = {"quiet": True, "no_warnings": True, "cachedir": False, "logger": Silent()}
    with YoutubeDL(silent, auto_init=False) as ydl:
        ydl.add_info_extractor(Saying(error))
        with pytest.raises(Exception) as caught:
            ydl.extract_info(f"saying:{ID}")
    return caught.value


class Silent:
    """Yt-dlp's log, unread."""

    def debug(self, message: str) -> None: ...

    warning = error = info = debug


def reason_of(text: str) -> str:
    error = failure_of(ID, raised_for(ExtractorError(text, expected=True, video_id=ID)))
    return error.args[1] if isinstance(error, Unavailable) else type(error).__name__


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Private video. Sign in if you've been granted access to this video" + COOKIE_HINT, "private"),
        (
            "This video is private. If the owner has granted you access, please sign in",
            "private",
        ),
        ("Sign in to confirm your age. This video may be inappropriate for some users", "age_locked"),
        ("This video contains content from SME, who has blocked it in your country", "region_locked"),
        ("This video is not available in your country", "region_locked"),
        ("Join this channel to get access to members-only content like this video", "paid"),
        ("This video is available to this channel's members on level: Fans (or any higher level)", "paid"),
        ("This video is only available to Music Premium members", "paid"),
        ("This video requires payment to watch.", "paid"),
        ("This video is DRM protected", "paid"),
        ("Video unavailable", "gone"),
        ("Video unavailable. This video is not available", "gone"),
        ("Video unavailable. This video has been removed by the uploader", "gone"),
        ("This video is no longer available because the uploader has closed their account", "gone"),
        ("The YouTube account associated with this video has been terminated", "gone"),
        ("This video has been removed for violating YouTube's Terms of Service", "gone"),
        ("This video isn't available anymore", "gone"),
        (f"Incomplete YouTube ID {ID[:5]}. URL https://www.youtube.com/watch looks truncated.", "gone"),
        ("Sign in to confirm you\u2019re not a bot. This helps protect our community", "SourceBlocked"),
        ("Sign in to confirm you're not a bot" + COOKIE_HINT, "SourceBlocked"),
        ("Please sign in" + COOKIE_HINT, "SourceBlocked"),
        ("Video unavailable. This content isn't available, try again later", "SourceBlocked"),
        ("The current session has been rate-limited by YouTube for up to an hour", "SourceBlocked"),
        ("Error. YouTube is requiring a captcha challenge before playback", "SourceBlocked"),
        ("All player responses are invalid. Your IP is likely being blocked by Youtube", "SourceBlocked"),
        ("Unable to download API page: HTTP Error 429: Too Many Requests", "SourceBlocked"),
        ("Unable to download webpage: The read operation timed out", "SourceUnreachable"),
        ("Unable to download API page: HTTP Error 503: Service Unavailable", "SourceUnreachable"),
        ("Unable to extract yt initial data", "SourceChanged"),
        ("Failed to extract any player response", "SourceChanged"),
        (f"Cannot identify player 'https://www.youtube.com/s/player/{ID}/base.js'", "SourceChanged"),
        ("Requested format is not available. Use --list-formats for a list", "SourceChanged"),
        ("This live event will begin in 3 hours.", "BrokenDownload"),
        ("Premieres in 2 days", "BrokenDownload"),
        ("A sentence that YouTube has never said before", "BrokenDownload"),
    ],
)
def test_what_youtube_says_is_understood(text: str, reason: str) -> None:
    assert reason_of(text) == reason


def test_a_country_that_is_left_out_is_a_lock_whatever_the_words() -> None:
    error = raised_for(GeoRestrictedError("Not here", countries=["NZ"]))
    assert failure_of(ID, error).args == (ID, "region_locked")


@pytest.mark.parametrize("error", [KeyError("streamingData"), TypeError("'NoneType' object")])
def test_an_extractor_that_stumbles_met_a_change(error: Exception) -> None:
    assert isinstance(failure_of(ID, raised_for(error)), SourceChanged)


def test_an_error_that_the_extractor_did_not_expect_is_a_change() -> None:
    assert isinstance(failure_of(ID, raised_for(ExtractorError("No idea"))), SourceChanged)


@pytest.mark.parametrize(
    ("warning", "expected"),
    [
        ("[youtube] Unable to download API page: HTTP Error 429: Too Many Requests", SourceBlocked),
        ("[youtube] x: Sign in to confirm you\u2019re not a bot", SourceBlocked),
        ("[youtube] x: Unable to download API page: The read operation timed out", SourceUnreachable),
        ("[youtube] x: n challenge solving failed: Some formats may be missing", SourceChanged),
    ],
)
def test_a_vague_error_is_what_the_warnings_before_it_say(warning: str, expected: type[SourceError]) -> None:
    error = raised_for(ExtractorError("Failed to extract any player response"))
    assert type(failure_of(ID, error, [warning])) is expected


def test_a_clear_error_is_not_what_the_warnings_before_it_say() -> None:
    error = raised_for(ExtractorError("Private video", expected=True))
    assert failure_of(ID, error, ["HTTP Error 429: Too Many Requests"]).args == (ID, "private")


@pytest.mark.parametrize("status", [403, 404, 410])
def test_a_sound_that_is_refused_is_one_tracks_trouble(status: int) -> None:
    text = f"ERROR: unable to download video data: HTTP Error {status}: Refused"
    assert isinstance(failure_of(ID, DownloadError(text)), BrokenDownload)


def test_sentences_keep_what_was_said_and_drop_advice_for_others() -> None:
    error = failure_of(ID, raised_for(ExtractorError("Unable to extract it", video_id=ID, ie="youtube")))
    assert error.args == (f"{ID}: Unable to extract it",)
    error = failure_of(ID, raised_for(ExtractorError("New words" + COOKIE_HINT, expected=True)))
    assert error.args == (ID, "New words")
