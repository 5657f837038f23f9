"""A match in the words of the REST API."""

from daemon.rows import Description
from engine.decision import confidence
from engine.model import Match
from engine.settings import Settings


def match_result(match: Match, description: Description, settings: Settings) -> dict[str, object]:
    """Return a match in the words of the REST API, whose existing client says "song"."""
    evidence = match.evidence
    return {
        "song_id": match.recording_id,
        **described(description),
        "votes": evidence.votes,
        "confidence": round(confidence(match, settings), 4),
        "offset_s": round(match.offset_s, 3),
        "speed": match.speed,
        "score": round(evidence.score, 2),
        "coverage": round(evidence.coverage, 3),
    }


def described(description: Description) -> dict[str, object]:
    """Return what a recording is called; without a title to trust, its file's name."""
    base_name = (description.path or b"").rpartition(b"/")[2].decode(errors="replace")
    return {
        "song_name": (description.title if description.is_reference else None) or base_name,
        "title": description.title,
        "artist": description.artist,
        "album": description.album,
        "album_art": description.album_art,
        "video_id": description.video_id,
        "webpage_url": description.webpage_url,
        "duration_s": round(description.duration_s, 3),
        "is_reference": description.is_reference,
    }
