"""Ask an OpenSubsonic server, and say in a sentence why it doesn't answer."""

import hashlib
import secrets
from collections.abc import Iterable
from urllib.parse import urlencode, urlsplit

import aiohttp
from pydantic import ValidationError

from plugins.api import AuthFailed, NotReady
from plugins.navidrome.options import NavidromeOptions
from plugins.navidrome.replies import Envelope, Failure, Reply

CLIENT_NAME = "spectra"
"""What the server calls us: Navidrome keeps settings for it, under Settings > Players."""
API_VERSION = "1.16.1"
REQUEST_S = 60.0
"""A page of a large library takes some seconds on a small machine."""
LARGEST_REPLY_BYTES = 32 << 20
"""A page of 500 entries has about 1 MB."""
_LONGEST_MESSAGE = 300

# Navidrome takes another version of the user agent for another player, with its settings to be made anew.
_HEADERS = {"User-Agent": CLIENT_NAME, "Content-Type": "application/x-www-form-urlencoded"}
_MISSING_PARAMETER = 10
_TOKEN_REFUSED = {41, 42}
_CREDENTIALS_REFUSED = {40, 43, 44}
_RIGHT_MISSING = 50

Parameter = tuple[str, str]


class Client:
    """Speaks to one server as one user."""

    def __init__(
        self, options: NavidromeOptions, session: aiohttp.ClientSession, *, request_s: float = REQUEST_S
    ) -> None:
        self._options = options
        self._session = session
        self._timeout = aiohttp.ClientTimeout(total=request_s)

    async def call(self, method: str, parameters: Iterable[Parameter] = ()) -> Reply:
        """Return the reply to a request.

        The parameters travel in the body, as all servers here take them: in the address, the password's token
        would be in the log of every proxy.

        Raises
        ------
        NotReady, AuthFailed
        """
        # Names of files that are no text are sent as the bytes they are.
        body = urlencode([*self._credentials(), *parameters], errors="surrogateescape").encode()
        try:
            async with self._session.post(
                f"{self._options.url}/rest/{method}",
                data=body,
                headers=_HEADERS,
                ssl=self._options.verify_tls,
                allow_redirects=False,
                timeout=self._timeout,
            ) as response:
                return self._reply(response, await self._content(response))
        except aiohttp.ClientConnectorCertificateError as error:
            raise NotReady(
                f"{self._options.url} has no certificate that this machine trusts: give it one, or set "
                "plugins.navidrome.verify_tls = false"
            ) from error
        except TimeoutError as error:
            raise NotReady(f"{self._options.url} does not answer in time: see whether it is busy") from error
        except (aiohttp.ClientError, OSError) as error:
            raise NotReady(
                f"can't reach {self._options.url} ({_reason(error)}): check plugins.navidrome.url, and that "
                "the server runs"
            ) from error

    def _credentials(self) -> list[Parameter]:
        password = self._options.password.get_secret_value().encode()
        common = [("u", self._options.username), ("v", API_VERSION), ("c", CLIENT_NAME), ("f", "json")]
        if self._options.legacy_auth:
            return [*common, ("p", f"enc:{password.hex()}")]
        salt = secrets.token_hex(8)
        # MD5 is what the API prescribes.
        token = hashlib.md5(password + salt.encode(), usedforsecurity=False).hexdigest()
        return [*common, ("t", token), ("s", salt)]

    async def _content(self, response: aiohttp.ClientResponse) -> bytes:
        content = bytearray()
        async for chunk in response.content.iter_chunked(1 << 16):
            content += chunk
            if len(content) > LARGEST_REPLY_BYTES:
                raise NotReady(f"{self._options.url} answers without end: is that an OpenSubsonic server?")
        return bytes(content)

    def _reply(self, response: aiohttp.ClientResponse, content: bytes) -> Reply:
        try:
            reply = Envelope.model_validate_json(content).reply
        except ValidationError:
            # Not chained: it shows what was received.
            raise self._not_subsonic(response) from None
        if reply.status != "ok":
            raise self._refusal(reply.error or Failure(), reply)
        return reply

    def _refusal(self, failure: Failure, reply: Reply) -> NotReady | AuthFailed:
        """Return what a reply means that says `failed`: they come with HTTP 200."""
        user, code = self._options.username, failure.code
        if code in _TOKEN_REFUSED or (code == _MISSING_PARAMETER and not self._options.legacy_auth):
            return AuthFailed(
                f"{self._options.url} knows no token authentication: set plugins.navidrome.legacy_auth "
                "= true (the password itself is sent then: use https, or a network you trust)"
            )
        if code in _CREDENTIALS_REFUSED:
            return AuthFailed(
                f"{self._options.url} refuses user {user}: check plugins.navidrome.username and "
                "plugins.navidrome.password"
            )
        if code == _RIGHT_MISSING:
            return AuthFailed(not_admin(user))
        message = " ".join(failure.message.split())[:_LONGEST_MESSAGE] or f"error {code}"
        return NotReady(f"{reply.server()} says: {message}")

    def _not_subsonic(self, response: aiohttp.ClientResponse) -> NotReady | AuthFailed:
        """Return what an answer means that is no OpenSubsonic: a proxy's, mostly."""
        url, status = self._options.url, response.status
        if status in (401, 403):
            return AuthFailed(
                f"something in front of {url} asks for a login of its own (HTTP {status}): let Spectra pass "
                "there, or set plugins.navidrome.url to the server's own address"
            )
        if 300 <= status < 400:
            target = urlsplit(response.headers.get("Location", ""))
            return NotReady(
                f"{url} leads elsewhere ({target.scheme}://{target.hostname}{target.path}): set "
                "plugins.navidrome.url to where the server is"
            )
        if status == 404:
            return NotReady(
                f"there is no OpenSubsonic server at {url}: check the path in plugins.navidrome.url"
            )
        if status >= 500 or status == 429:
            return NotReady(f"{url} can't answer now (HTTP {status}): see the server's log")
        return NotReady(
            f"{url} answers with something else than OpenSubsonic (HTTP {status}, {response.content_type}): "
            "check plugins.navidrome.url"
        )


def not_admin(user: str) -> str:
    """Return the sentence for a user who may not start scans."""
    return (
        f"user {user} is no administrator of the server, and only administrators may start scans: make it "
        "one, or name one in plugins.navidrome.username"
    )


def _reason(error: Exception) -> str:
    """Return why a connection failed, without the address, which the sentence has."""
    cause = getattr(error, "os_error", error)
    return getattr(cause, "strerror", None) or type(error).__name__
