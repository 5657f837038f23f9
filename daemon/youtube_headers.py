"""Read the headers of a signed-in browser, which open the owner's own lists."""

import json
import os
import stat
from pathlib import Path

from requests.structures import CaseInsensitiveDict

from daemon.playlist_errors import HeadersUnusable
from daemon.youtube_url import MUSIC_URL

_LARGEST_BYTES = 200_000
_COOKIE = "__Secure-3PAPISID"
"""What ytmusicapi makes the authorisation of; without it, it stops in the middle."""
_ASSUMED = {"authorization": "SAPISIDHASH", "origin": MUSIC_URL, "x-goog-authuser": "0"}
"""What a file may lack: the first is made anew each time, and tells ytmusicapi whose headers these are."""
_OF_ONE_REQUEST = frozenset({"accept-encoding", "connection", "content-length", "host"})
"""What a browser said of the request that was copied: of ours it would be wrong."""


def read_headers(path: Path) -> dict[str, str]:
    """Return the headers in the file that `ytmusicapi browser` writes.

    Raises HeadersUnusable: others can read it, or it is not such a file.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if stat.S_IMODE(mode) & 0o077:
                raise HeadersUnusable(str(path), "other users can read it, and it opens your account")
            content = file.read(_LARGEST_BYTES + 1)
    except OSError as error:
        raise HeadersUnusable(str(path), error.strerror or str(error)) from error
    if len(content) > _LARGEST_BYTES:
        raise HeadersUnusable(str(path), f"it is larger than {_LARGEST_BYTES} bytes")
    try:
        told = json.loads(content)
    except ValueError as error:
        raise HeadersUnusable(str(path), "it is not JSON") from error
    if not isinstance(told, dict) or not all(_is_header(value) for value in told.values()):
        raise HeadersUnusable(str(path), "it is not an object of headers")
    given = {str(name).lower(): value for name, value in told.items()}
    headers = CaseInsensitiveDict(
        {**_ASSUMED, **{name: value for name, value in given.items() if name not in _OF_ONE_REQUEST}}
    )
    if _COOKIE not in headers.get("cookie", ""):
        raise HeadersUnusable(str(path), f"its cookie has no {_COOKIE}: the browser was not signed in")
    if "SAPISIDHASH" not in headers["authorization"]:
        raise HeadersUnusable(str(path), "its authorization is not a browser's")
    return dict(headers)


def _is_header(value: object) -> bool:
    return isinstance(value, str) and value.isprintable()
