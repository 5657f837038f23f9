"""Speak to YouTube Music's servers: one HTTP session with time limits, whose refusals are errors of ours."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter

from daemon.playlist_errors import (
    HeadersUnusable,
    SourceBlocked,
    SourceChanged,
    SourceError,
    SourceUnreachable,
    Unavailable,
)
from daemon.youtube_url import MUSIC_URL

_CONNECT_S = 10.0
_READ_S = 30.0
"""Without a byte: an answer takes one second, or two."""
_LARGEST_ANSWER_BYTES = 30_000_000
"""A page of 100 tracks has 1.2 MB, and up to 3 MB when signed in."""
_CHUNK_BYTES = 65_536
_API = "/youtubei/"
_CAPTCHA = re.compile(rb"google\.com/sorry|unusual traffic|g-recaptcha", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Asked:
    """What is read and as whom, for the words of an error."""

    url: str
    headers_file: Path | None


def open_session(asked: Asked, *, server: str | None = None) -> requests.Session:
    """Return a session that reaches YouTube Music and nobody else.

    Parameters
    ----------
    server : address that is asked instead of https://music.youtube.com, by tests

    Requests through it raise SourceBlocked, SourceUnreachable, SourceChanged, Unavailable or HeadersUnusable.
    """
    session = requests.Session()
    # Otherwise proxies, ~/.netrc and certificates come from whatever the environment says.
    session.trust_env = False
    session.adapters.clear()
    session.mount(MUSIC_URL, _Adapter(asked, server))
    return session


class _Adapter(HTTPAdapter):
    """Sends requests with time limits, and reads answers whole, up to a limit."""

    def __init__(self, asked: Asked, server: str | None) -> None:
        super().__init__()
        self._asked = asked
        self._server = server

    def send(  # type: ignore[override]  # the options that we set ourselves
        self, request: requests.PreparedRequest, *, proxies: dict[str, str] | None = None, **_options: Any
    ) -> requests.Response:
        path = urlsplit(request.url or "").path
        if self._server is not None and request.url is not None:
            request.url = request.url.replace(MUSIC_URL, self._server, 1)
        try:
            response = super().send(
                request, stream=True, timeout=(_CONNECT_S, _READ_S), verify=True, proxies=proxies
            )
            with response:
                _read_whole(response)
        except requests.RequestException as error:
            raise SourceUnreachable(_trouble(error)) from error
        if (refusal := refusal_of(response, self._asked, is_api=path.startswith(_API))) is not None:
            raise refusal
        return response


def refusal_of(response: requests.Response, asked: Asked, *, is_api: bool) -> SourceError | None:
    """Return the error that an answer amounts to, if it is one."""
    status = response.status_code
    is_page = "json" not in response.headers.get("Content-Type", "")
    to = response.headers.get("Location", "") if response.is_redirect else ""
    is_refused = is_page and (is_api or status != HTTPStatus.OK)  # the front page may speak of captchas
    if "/sorry" in to or (is_refused and _CAPTCHA.search(response.content)):
        return SourceBlocked("it asks for proof that we are no robot", _retry_after_s(response))
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return SourceBlocked("it answers HTTP 429, too many requests", _retry_after_s(response))
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return SourceUnreachable(f"it answers HTTP {status}")
    if to and (is_api or not urljoin(MUSIC_URL, to).startswith(f"{MUSIC_URL}/")):
        return SourceChanged(f"it sends us to {to[:100]!r}")
    if not is_api:
        return SourceBlocked(f"it answers HTTP {status}") if status >= HTTPStatus.BAD_REQUEST else None
    return _api_refusal(status, asked, response, is_page=is_page)


def _api_refusal(
    status: int, asked: Asked, response: requests.Response, *, is_page: bool
) -> SourceError | None:
    refusal: SourceError | None = None
    match status:
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN if asked.headers_file is not None:
            reason = f"YouTube answers HTTP {status}: it is out of date, or {asked.url} is somebody else's"
            refusal = HeadersUnusable(str(asked.headers_file), reason)
        case _ if is_page:
            refusal = SourceChanged(f"it answers HTTP {status} and a page, not JSON")
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
            refusal = Unavailable(asked.url, "private")
        case HTTPStatus.NOT_FOUND | HTTPStatus.GONE:
            refusal = Unavailable(asked.url, "gone")
        case HTTPStatus.BAD_REQUEST if b"invalid argument" in response.content:
            refusal = Unavailable(asked.url, "gone")  # nothing ever had this id
        case _ if status >= HTTPStatus.BAD_REQUEST:
            refusal = SourceChanged(f"it answers HTTP {status}")
    return refusal


def _read_whole(response: requests.Response) -> None:
    """Read the body into the response. Raises SourceChanged, requests.RequestException."""
    body = bytearray()
    for chunk in response.iter_content(_CHUNK_BYTES):
        body += chunk
        if len(body) > _LARGEST_ANSWER_BYTES:
            raise SourceChanged(f"an answer of more than {_LARGEST_ANSWER_BYTES // 1_000_000} MB")
    response._content = bytes(body)  # `iter_content` leaves none
    response._content_consumed = True


def _retry_after_s(response: requests.Response) -> float | None:
    """Return how long to wait (RFC 9110, 10.2.3: seconds, or a date), if it says so."""
    told = response.headers.get("Retry-After", "").strip()
    if told.isascii() and told.isdigit():
        return float(told)
    try:
        at = parsedate_to_datetime(told)
    except ValueError:
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return max(0.0, (at - datetime.now(UTC)).total_seconds())


def _trouble(error: requests.RequestException) -> str:
    """Return what is wrong with the connection; the library's own words name objects and their addresses."""
    match error:
        case requests.exceptions.ProxyError():
            return "the proxy (youtube.proxy) does not answer"
        case requests.exceptions.SSLError():
            return "its certificate is not trusted"
        case requests.exceptions.Timeout():
            return "no answer in time"
        case requests.exceptions.InvalidProxyURL() | requests.exceptions.InvalidSchema():
            return f"the proxy (youtube.proxy) can't be used: {error!s:.200}"
    return "no connection, or one that breaks"
