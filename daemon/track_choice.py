"""Choose which tracks of a list become references, and what they are called."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from daemon.playlist_rows import ListKind, Track

REFUSED_WORDS = (
    "8d",
    "acapella",
    "bootleg",
    "cover",
    "covered by",
    "covers",
    "extended mix",
    "full album",
    "karaoke",
    "live",
    "live at",
    "live from",
    "lyric",
    "lyric video",
    "lyrics",
    "lyrics video",
    "mashup",
    "megamix",
    "nightcore",
    "reaction",
    "remix",
    "remixed",
    "slowed",
    "slowed reverb",
    "sped up",
    "speed up",
    "tribute",
    "tutorial",
)
"""One word counts in an aside, `Title (Live)`; several words count anywhere, `Title live at Wembley`."""

_ASKED_BY_NAME: tuple[ListKind, ...] = ("album", "track")
"""Who lists one album or one track wants just that."""
_ASIDE = re.compile(r"[(\[{\u3010\uff08]([^()\[\]{}\u3010\u3011\uff08\uff09]*)[)\]}\u3011\uff09]?")
_DASH = re.compile(r"\s[-\u2010-\u2015|\u2022~]+\s|\s*[|\u2022]\s*")
_CHANNEL = re.compile(r"(?:\s*[-\u2010-\u2015])?\s*(?:vevo|official|topic)$", re.IGNORECASE)
"""What channels add to the names of artists."""
_ACCENTS_FROM = 200
"""Canonical combining classes of marks above and below letters; lesser ones make other letters (kana)."""
_SHORTEST_S = 20.0
"""Less is a jingle, or a preview."""
_DIFFERS_S = 10.0
_DIFFERS_SHARE = 0.05
"""A video's talk before and after the music, and rounding; more is another version, or not all of it."""
_OFFICIAL = frozenset(
    (
        *("official", "officiel", "oficial", "music", "audio", "video", "videoclip", "clip", "mv", "m", "v"),
        *("visualizer", "visualiser", "hd", "hq", "4k", "uhd"),
    )
)


@dataclass(frozen=True, slots=True)
class ChoiceRules:
    """What is taken."""

    refused_words: tuple[str, ...]
    longest_s: float


def refusal(track: Track, kind: ListKind, rules: ChoiceRules) -> str | None:
    """Return why a track of such a list is not taken; None: it is."""
    if track.duration_s is not None and track.duration_s > rules.longest_s:
        return f"it is {_clock(track.duration_s)} long: more than youtube.longest_s"
    if not "".join(track.artists).strip() or not track.title.strip():
        return "the list does not say who plays it, or what it is called"
    if kind in _ASKED_BY_NAME:
        return None
    if track.duration_s is not None and track.duration_s < _SHORTEST_S:
        return f"it is only {track.duration_s:.0f} s long"
    found = refused_word(_without_artist(track), rules.refused_words)
    return None if found is None else f"its title says {found!r} (youtube.refuse)"


def refused_word(title: str, refused: Sequence[str]) -> str | None:
    """Return the first entry that the title has as whole words.

    Entries of one word count in asides only: in brackets, or after a dash; so `Live and Let Die`, `Alive` and
    `Discover` pass, and `Imagine (Live)` and `Imagine - Live` don't. Entries of several words count anywhere.
    Case and accents make no difference.
    """
    everything, asides = _words(title), [_words(aside) for aside in _asides(title)]
    for entry in refused:
        words = _entry_words(entry)
        if not words:
            continue
        if any(_contains(place, words) for place in ([everything] if len(words) > 1 else asides)):
            return entry
    return None


def length_tolerance_s(listed_s: float) -> float:
    """Return by how much a sound may be longer or shorter than its list says."""
    return max(_DIFFERS_S, _DIFFERS_SHARE * listed_s)


def length_trouble(listed_s: float | None, played_s: float) -> str | None:
    """Return why a sound can't be the whole track that the list speaks of; None: it can."""
    if listed_s is None or abs(played_s - listed_s) <= length_tolerance_s(listed_s):
        return None
    return f"it plays {_clock(played_s)}, and the list says {_clock(listed_s)}"


def named(track: Track) -> Track:
    """Return a track with the title that a file would carry: without `(Official Video)` and `Artist - `."""
    if track.kind == "album audio":
        return track
    title = _without_artist(track)
    plain = _ASIDE.sub(lambda aside: "" if _is_advertising(aside[1]) else aside[0], title)
    plain = " ".join(plain.split())
    return replace(track, title=plain or track.title)


def _without_artist(track: Track) -> str:
    """Return the title without `Artist - ` before it."""
    head, dash, rest = _first_split(track.title)
    if not dash or not _words(rest):
        return track.title
    name = "".join(_words(head))  # channels are called ArcticMonkeysVEVO
    artists = (*track.artists, " ".join(track.artists), *(_CHANNEL.sub("", each) for each in track.artists))
    is_theirs = any("".join(_words(artist)) == name != "" for artist in artists)
    return rest if is_theirs else track.title


def _asides(title: str) -> Iterator[str]:
    yield from (match[1] for match in _ASIDE.finditer(title))
    main = _ASIDE.sub(" ", title)
    yield from _DASH.split(main)[1:]


def _first_split(title: str) -> tuple[str, bool, str]:
    found = _DASH.search(title)
    return (title, False, "") if found is None else (title[: found.start()], True, title[found.end() :])


def _is_advertising(aside: str) -> bool:
    words = _words(aside)
    return bool(words) and set(words) <= _OFFICIAL


def _contains(place: tuple[str, ...], words: tuple[str, ...]) -> bool:
    return any(place[start : start + len(words)] == words for start in range(len(place) - len(words) + 1))


@lru_cache(maxsize=1_000)  # thousands of titles are held against the same entries
def _entry_words(entry: str) -> tuple[str, ...]:
    return _words(entry)


def _words(text: str) -> tuple[str, ...]:
    """Return the words without case and accents: runs of letters, digits, and marks that belong to them."""
    spaced = "".join(each if each.isalnum() or _is_mark(each) else " " for each in _folded(text))
    return tuple(word for word in spaced.split() if any(map(str.isalnum, word)))


def _folded(text: str) -> str:
    if text.isascii():
        return text.lower()
    # Twice: the lower case of a dotted capital I is an i with a dot above it.
    apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    plain = "".join(each for each in apart if unicodedata.combining(each) < _ACCENTS_FROM)
    return unicodedata.normalize("NFC", plain).replace("\N{LATIN SMALL LETTER DOTLESS I}", "i")


def _is_mark(each: str) -> bool:
    return not each.isascii() and unicodedata.category(each).startswith("M")


def _clock(duration_s: float) -> str:
    minutes, seconds = divmod(round(duration_s), 60)
    return f"{minutes}:{seconds:02}"
