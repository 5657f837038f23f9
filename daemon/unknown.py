"""Decide from a file's tags whether it is named, merely incomplete, or unknown."""

import os
import re
import unicodedata
from enum import Enum
from typing import Literal, Protocol

NameField = Literal["title", "artist", "album", "album_artist"]

_UNKNOWN_WORDS = (
    r"unknown|unbekannte?[rs]?|inconnue?|desconocid[oa]|desconhecid[oa]|sconosciut[oa]|onbekende?|ok\u00e4nd"
    r"|ukjent|ukendt|tuntematon|nieznan[yae]|nezn\u00e1m[\u00fd\u00e1]|ismeretlen|bilinmeyen|necunoscut"
    r"|\u043d\u0435\u0438\u0437\u0432\u0435\u0441\u0442\w+|\u043d\u0435\u0432\u0456\u0434\u043e\u043c\w+"
    r"|\u03ac\u03b3\u03bd\u03c9\u03c3\u03c4\w+|\u672a\u77e5|\u4e0d\u660e\u306a?|\uc54c\s?\uc218\s?\uc5c6(?:\ub294|\uc74c)"
)
"""Also Russian, Ukrainian, Greek, Chinese, Japanese, Korean."""
_THINGS = (
    r"artists?|k\u00fcnstler|interpret(?:en)?|artistes?|artistas?|artista|artiest(?:en)?|kunstner|umělec|sanat\u00e7\u0131"
    r"|wykonawca|el\u0151ad\u00f3|esitt\u00e4j\u00e4"
    r"|\u0438\u0441\u043f\u043e\u043b\u043d\u0438\u0442\u0435\u043b\u044c|\u0430\u0440\u0442\u0438\u0441\u0442"
    r"|\u03ba\u03b1\u03bb\u03bb\u03b9\u03c4\u03ad\u03c7\u03bd\u03b7\u03c2"
    r"|\u827a\u672f\u5bb6|\u85dd\u8853\u5bb6|\u827a\u4eba|\u85dd\u4eba|\u6f14\u5531\u8005|\u6b4c\u624b"
    r"|\u30a2\u30fc\u30c6\u30a3\u30b9\u30c8|\uc544\ud2f0\uc2a4\ud2b8|\uc74c\uc545\uac00|bands?|singers?|composers?|performers?"
    r"|albums?|\u00e1lbum|alben|\u0430\u043b\u044c\u0431\u043e\u043c|\u4e13\u8f91|\u30a2\u30eb\u30d0\u30e0|\uc568\ubc94"
    r"|titles?|titel|titre|t\u00edtulo|titolo|tytu\u0142|songs?|tracks?|pistes?|pistas?"
    r"|\u043d\u0430\u0437\u0432\u0430\u043d\u0438\u0435|\u0442\u0440\u0435\u043a|\u6807\u9898|\u66f2|\u30bf\u30a4\u30c8\u30eb"
)
_TRACK_WORDS = (
    r"(?:audio\W*)?track|spur|faixa|traccia|brano|nummer|spor|sp\u00e5r|raita|\u015bcie\u017cka|utw\u00f3r|stopa|par\u00e7a|audio"
    r"|\u0442\u0440\u0435\u043a|\u0434\u043e\u0440\u043e\u0436\u043a\u0430|\u97f3\u8f68|\u8f68\u9053|\u97f3\u8ecc|\u66f2\u76ee"
    r"|\u30c8\u30e9\u30c3\u30af|\ud2b8\ub799"
)
"""With a number behind them only: each is a word of true titles too."""
_NUMBER = r"\W* (?: (?:no|nr)\W+ )? [a-d]? \d{1,3} (?: \W* (?: of|von|de|/|-) \W* \d{1,3} )?"
_AGAIN = r"(?: \W* \( \d{1,2} \) )?"
"""A further copy: `Track 1 (2)`."""
_BEFORE = r"(?: (?: cd|dis[ck] ) \W* \d{1,2} \W+ )? (?: \d{1,3} \W+ ){0,2}"
_RECORDINGS = (
    r"new\W+recording|voice\W+(?:memo|note|recording)|sprach(?:memo|aufnahme|notiz)|neue\W+aufnahme"
    r"|nouvel\W+enregistrement|nuova\W+registrazione|nueva\W+grabaci\u00f3n|nova\W+grava\u00e7\u00e3o"
    r"|nieuwe\W+opname"
)
_RECORDERS = (
    r"recording|voice|aufnahme|enregistrement|registrazione|grabaci\u00f3n|opname|aud|vid|ptt|rec|voc"
)
_DIGITS = r"\W* \d{1,8} (?: \W+ (?:wa)? \d{1,8} ){0,6}"
_MOMENT = r"\d{8} \W? \d{6} | \d{4} \W \d\d \W \d\d \W+ \d\d \W \d\d (?: \W \d\d )?"
"""What telephones and recorders call what they record; a day alone is a title of concerts."""
_NO_TITLE = (
    r"ohne\W+titel|sans\W+titre|sin\W+t[\u00edi]tulo|sem\W+t[\u00edi]tulo|senza\W+titolo|zonder\W+titel|uten\W+tittel"
    r"|bez\W+n\u00e1zvu|bez\W+tytu\u0142u|\u0431\u0435\u0437\s+\u043d\u0430\u0437\u0432\u0430\u043d\u0438\u044f"
    r"|\u7121\u984c|\u65e0\u9898|\u65e0\u6807\u9898|\u7121\u6a19\u984c|\u30bf\u30a4\u30c8\u30eb\u306a\u3057|\uc81c\ubaa9\s?\uc5c6\uc74c"
)
_NOWHERE = rf"""
    {_BEFORE} (?: (?: {_UNKNOWN_WORDS} ) (?: \W* (?: {_THINGS} ) )?
      | (?: {_THINGS} ) \W+ (?: {_UNKNOWN_WORDS} )
      | (?: no | default ) \W* (?: artist | album | title | track ) s?
      | (?: sin | sans | sem | senza | ohne | kein ) \W+ (?: artista | artiste | k\u00fcnstler | interpret )
      | n/a | none | null | undefined
    ) (?: \W* \d+ )? {_AGAIN}
"""
_NUMBERED = rf"""
    {_BEFORE} (?: audio )? \W* (?: track | titel | piste | pista | cd \W* track ) (?: {_NUMBER} )? {_AGAIN}
  | {_BEFORE} (?: new \W+ )? (?: {_TRACK_WORDS} ) {_NUMBER} {_AGAIN}
  | (?: {_RECORDINGS} ) (?: {_DIGITS} )? {_AGAIN} | (?: {_RECORDERS} ) {_DIGITS} {_AGAIN} | {_MOMENT}
  | new \W+ track
  | 0\d{{1,2}}
"""
_UNTITLED = (
    r"untitled (?: \W* (?: track | title | song ) )? (?: [\s.-]* \d+ )? (?: \s? \( \d{1,2} \) )? | title"
)
"""`Untitled`, `untitled-3`; but `Untitled #1` and whatever else follows is a name (Sigur R\u00f3s)."""
_VARIOUS = (
    r"various \W* artists? | v \W? a \W? | (?: verschiedene | diverse ) \W* (?: interpreten | k\u00fcnstler )"
)
_VARIOUS_ELSEWHERE = (
    r"| artistes \W+ (?: divers | vari\u00e9s ) | vv \W* aa | aa \W* vv | multiple \W* artists"
    r"| varios \W+ artistas | artisti \W+ vari | v\u00e1rios \W+ artistas"
    r"| diverse \W+ artister | blandade \W+ artister | verschillende \W+ artiesten | \u7fa4\u661f"
    r"| \u0440\u0430\u0437\u043d\u044b\u0435 \s+"
    r" \u0438\u0441\u043f\u043e\u043b\u043d\u0438\u0442\u0435\u043b\u0438"
)


def _pattern(*alternatives: str) -> re.Pattern[str]:
    return re.compile(rf"\W* (?: {'|'.join(alternatives)} ) \W*", re.IGNORECASE | re.VERBOSE)


_PLACEHOLDERS: dict[NameField, re.Pattern[str]] = {
    "title": _pattern(_NOWHERE, _NUMBERED, _UNTITLED, _NO_TITLE),
    "artist": _pattern(_NOWHERE, _NUMBERED, _VARIOUS + _VARIOUS_ELSEWHERE),
    "album": _pattern(_NOWHERE),
    "album_artist": _pattern(_NOWHERE),
}
"""Fields differ: an album may be untitled, and its artist may be Various Artists."""
_PARTS = re.compile(r"\s+[-\u2013\u2014]\s+|\s*[;/,]\s*")
_MOST_PARTS = 5
_LONGEST_OF_PARTS = 200
"""Characters; splitting takes the square of them."""
_SIGNS_ONLY = frozenset({"!!!", "+/-"})
"""Bands whose names have neither letters nor digits."""
_ADDRESS = re.compile(
    r"(?:https?://|www\.)\S+ | [\w.-]+\.(?:com|net|org|info|biz|ru)", re.IGNORECASE | re.VERBOSE
)
_FILE_NAME = re.compile(r".+\.(?:aac|aiff?|flac|m4a|mp3|mp4|oga|ogg|opus|wave?|webm|wma)", re.IGNORECASE)
_LIKE_A_FILE = re.compile(r"(?: \d{1,3} \s* [-_.)] | 0\d+ \s | [^ ]*_ [^ ]*$ )", re.VERBOSE)
"""`01 - Lithium`, `01 Lithium`, `my_song`; but `99 Problems` and `Lithium` are titles."""
_EMPTY_SIGNS = "\u2026\u2013\u2014\u2015\ufffd\u00bf\u00b7\u2022\uff1f\u3000"


class Naming(Enum):
    """What a file's tags amount to."""

    NAMED = "named"
    INCOMPLETE = "incomplete"
    """Title and artist mean something, the album is missing: it can be filled, not identified anew."""
    UNKNOWN = "unknown"


class NameTags(Protocol):
    """What the decision needs of a file's tags."""

    @property
    def title(self) -> str | None: ...
    @property
    def artist(self) -> str | None: ...
    @property
    def album(self) -> str | None: ...


def naming(tags: NameTags, file_name: str) -> Naming:
    """Decide whether a file is named, given its tags and its name (without folders)."""
    if not (is_name("title", tags.title, file_name) and is_name("artist", tags.artist, file_name)):
        return Naming.UNKNOWN
    return Naming.NAMED if is_name("album", tags.album, file_name) else Naming.INCOMPLETE


def is_name(field: NameField, value: str | None, file_name: str) -> bool:
    """Tell whether a field's value means something: it isn't missing, blank, a placeholder or an address.

    The file's own name with its extension is none; without it only where it looks like a file's
    (`01 - Lithium`): well-kept files are called as their title.
    """
    if value is None:
        return False
    stripped = value.strip()
    if not any(_says_something(character) for character in stripped):
        return field in ("artist", "album_artist") and stripped in _SIGNS_ONLY
    if _is_placeholder(field, stripped.replace("_", " ")) or _ADDRESS.fullmatch(stripped):
        return False
    return field != "title" or not _is_file_name(stripped, file_name)


def _says_something(character: str) -> bool:
    """Tell whether a character can be a name's only one: letters, digits, and signs such as a heart."""
    if character.isascii() or character.isalnum():
        return character.isalnum()
    # Not those of which nothing is seen: joiners, direction marks, lone accents.
    return unicodedata.category(character)[0] not in "CMZ" and character not in _EMPTY_SIGNS


def _is_placeholder(field: NameField, text: str) -> bool:
    """Tell whether a text is one, or is put together of nothing else: `Unknown Artist - Track 01`."""
    if _PLACEHOLDERS[field].fullmatch(text):
        return True
    parts = _PARTS.split(text, _MOST_PARTS) if len(text) <= _LONGEST_OF_PARTS else []
    if not 1 < len(parts) <= _MOST_PARTS:
        return False
    kinds = (_PLACEHOLDERS["title"], _PLACEHOLDERS["artist"])
    return all(any(kind.fullmatch(part) for kind in kinds) for part in parts if not part.isdecimal()) and any(
        not part.isdecimal() for part in parts
    )


def _is_file_name(title: str, file_name: str) -> bool:
    if _FILE_NAME.fullmatch(title) or title.casefold() == file_name.casefold():
        return True
    stem = os.path.splitext(file_name)[0].strip()  # noqa: PTH122 - a name, no path
    return title.casefold() == stem.casefold() and _LIKE_A_FILE.match(title) is not None
