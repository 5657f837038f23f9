"""Keep a browser signed in: a cookie that only we can make, and that nobody has to store."""

import base64
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass

from aiohttp import web

from daemon.keyring import Key, Keys

COOKIE = "spectra_session"
LIFETIME_S = 90 * 86_400
"""A phone that is used now and then stays signed in; what is half gone is renewed."""
_VERSION = "2"
_PURPOSE = b"spectra session cookie v2"
_VALUE = re.compile(
    r"(?P<claim>2\.(?P<end_s>[0-9]{1,12})\.(?P<key>[A-Za-z0-9_-]{22}))\.(?P<seal>[A-Za-z0-9_-]{43})"
)


@dataclass(frozen=True, slots=True)
class Session:
    """A browser that somebody signed in."""

    key: Key
    """The token that did it: the session opens what that opens, and ends with it."""
    end_s: int
    """In seconds since 1970."""

    def is_half_gone(self, now_s: float) -> bool:
        """Return whether it is time for a fresh one."""
        return self.end_s - now_s < LIFETIME_S / 2


def make_session(keys: Keys, key: Key, now_s: float) -> str:
    """Return a cookie's value that is good for 90 days, or until that token, or the owner's, is gone."""
    claim = f"{_VERSION}.{int(now_s) + LIFETIME_S}.{key.session_id}"
    return f"{claim}.{_seal(keys, claim)}"


def session_of(values: tuple[str, ...], keys: Keys, now_s: float) -> Session | None:
    """Return the session that these are, if it is ours and has not ended. Two are a contradiction."""
    parts = _VALUE.fullmatch(values[0]) if len(values) == 1 else None
    if parts is None or not hmac.compare_digest(parts["seal"], _seal(keys, parts["claim"])):
        return None
    key, end_s = keys.of_session(parts["key"]), int(parts["end_s"])
    return Session(key, end_s) if key is not None and now_s < end_s else None


def session_values(cookie_headers: Iterable[str]) -> tuple[str, ...]:
    """Return what Cookie headers (RFC 6265, 4.2) say of the session, unchecked."""
    pairs = (pair.partition("=") for header in cookie_headers for pair in header.split(";"))
    return tuple(value.strip() for name, _, value in pairs if name.strip() == COOKIE)


def give_session(response: web.StreamResponse, request: web.BaseRequest, value: str) -> None:
    """Let the browser keep a session."""
    response.set_cookie(
        COOKIE,
        value,
        max_age=LIFETIME_S,
        path="/",
        httponly=True,
        samesite="Strict",
        secure=_is_over_tls(request),
    )


def take_session(response: web.StreamResponse, request: web.BaseRequest) -> None:
    """Let the browser forget its session."""
    response.del_cookie(COOKIE, path="/", httponly=True, samesite="Strict", secure=_is_over_tls(request))


def _is_over_tls(request: web.BaseRequest) -> bool:
    """Return whether the browser speaks TLS, to us or to a proxy.

    Claims will do: who makes a false one only gets a cookie that comes back less often.
    """
    claimed = request.headers.get("X-Forwarded-Proto", "").partition(",")[0].strip().lower()
    origin = request.headers.get("Origin", "").lower()
    return request.secure or claimed == "https" or origin.startswith("https://")


def _seal(keys: Keys, claim: str) -> str:
    # A key for this purpose alone: the cookie says nothing about the token, and other uses can't make one.
    key = hmac.digest(keys.owner.encode(), _PURPOSE, "sha256")
    code = hmac.digest(key, claim.encode(), "sha256")
    return base64.urlsafe_b64encode(code).rstrip(b"=").decode()
