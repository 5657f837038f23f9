"""GET /files?query=...: words find files, whatever their case and accents."""

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote, quote_from_bytes

import pytest
from ingesting import rows
from waiting import Served, served

from daemon.config import Config

Json = dict[str, Any]

FILES: dict[bytes, tuple[str | None, str | None, str | None]] = {
    "Beyoncé/Lemonade/01.flac".encode(): ("Halo", "Beyoncé", "I Am…"),
    b"Kinks/Dead End.mp3": ("Dead End Straße", "THE KINKS", None),
    b"Cyrillic/02.ogg": ("Группа крови", "Кино", "Ёлка"),
    b"old disk/Dvor\xe1k - Slovansk\xe9 tance.mp3": (None, None, None),
    b"percent/100% pure_love.opus": ("50\\50", None, None),
    "nordic/Æther ødegård.flac".encode(): ("ﬁne Ⅳ", "Łódź", None),
    b"greek/x.flac": ("ΟΔΟΣ", "Don\u2019t", None),
}
EXPECTED = {
    "beyonce": ["Bey"],
    "BEYONCE\u0301": ["Bey"],
    "HALO lemonade": ["Bey"],
    "halo kinks": [],
    "dead strasse": ["Kin"],
    "DEAD STRAẞE": ["Kin"],
    "кино": ["Cyr"],
    "елка ГРУППА": ["Cyr"],
    "dvorak slovanske": ["old"],
    "100%": ["per"],
    "%": ["per"],
    "e_l": ["per"],
    "0\\5": ["per"],
    "\\": ["per"],
    "aether odegard lodz": ["nor"],
    "fine iv": ["nor"],
    "οδος": ["gre"],
    "don't": ["gre"],
    "/music": [],
    "zzz": [],
    "flac": ["Bey", "nor", "gre"],
    "   ": ["Bey", "Kin", "Cyr", "old", "per", "nor", "gre"],
}
"""By words, the first letters of what they find."""


@pytest.fixture
async def daemon(config: Config) -> AsyncIterator[Served]:
    async with served(config) as opened:
        await rows(opened.services, "INSERT INTO libraries (root, watched) VALUES ('/music', false)")
        async with opened.services.database.pool.connection() as connection:
            for number, (path, (title, artist, album)) in enumerate(FILES.items()):
                await connection.execute(
                    "INSERT INTO files"
                    " (library_id, path, size_bytes, mtime_ns, inode, device, status, naming, tags)"
                    " VALUES (1, %s, 1, 1, %s, 1, 'indexed', %s, jsonb_build_object('title', %s::text,"
                    " 'artist', %s::text, 'album', %s::text))",
                    (path, number, "unknown" if title is None else "named", title, artist, album),
                )
        yield opened


async def asked(daemon: Served, query: str) -> tuple[int, Json]:
    async with daemon.http.get(f"/files?{query}") as response:
        return response.status, await response.json()


async def found(daemon: Served, words: str, more: str = "") -> list[str]:
    """Return the first letters of what is found, by number."""
    status, page = await asked(daemon, f"query={quote(words)}{more}")
    assert status == 200, page
    return [each["path"].removeprefix("/music/")[:3] for each in page["files"]]


async def test_words_are_found_anywhere_and_mean_themselves(daemon: Served) -> None:
    assert {words: await found(daemon, words) for words in EXPECTED} == EXPECTED


async def test_a_search_is_within_a_state_and_in_pages(daemon: Served) -> None:
    assert await found(daemon, "mp3", "&status=unknown") == ["old"]
    assert await found(daemon, "mp3", "&status=named") == ["Kin"]
    assert await found(daemon, "mp3", "&status=review") == []
    _, page = await asked(daemon, "query=flac&limit=2")
    _, rest = await asked(daemon, f"query=flac&limit=2&after={page['next']}")
    assert ([len(each["files"]) for each in (page, rest)], rest["next"]) == ([2, 1], None)


async def test_what_is_written_into_a_file_or_moved_is_found_by_its_new_words(daemon: Served) -> None:
    await rows(
        daemon.services, "UPDATE files SET tags = '{\"title\": \"Naïma\"}' WHERE path = 'greek/x.flac'"
    )
    await rows(daemon.services, "UPDATE files SET path = 'Coltrane/x.flac' WHERE path = 'greek/x.flac'")
    assert (await found(daemon, "naima coltrane"), await found(daemon, "greek")) == (["Col"], [])


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("query=" + "a" * 201, "200 characters and 10 words"),
        ("query=" + "+".join("abcdefghijk"), "200 characters and 10 words"),
        ("query=a%00b", "in UTF-8"),
        ("query=" + quote_from_bytes(b"\xe9"), "in UTF-8"),
        ("querry=a", "'querry' is no parameter"),
    ],
)
async def test_what_is_no_search_is_refused(daemon: Served, query: str, words: str) -> None:
    status, answer = await asked(daemon, query)
    assert (status, words in answer["error"]) == (400, True), answer
