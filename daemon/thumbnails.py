"""Fetch a track's picture, from the hosts that keep YouTube's."""

import logging
from collections.abc import Callable
from urllib.parse import urlsplit

import aiohttp

from daemon.picture_size import picture_size
from daemon.tag_fields import LARGEST_COVER_BYTES

log = logging.getLogger(__name__)

_HOSTS = frozenset({"i.ytimg.com", "yt3.ggpht.com", "yt3.googleusercontent.com", "lh3.googleusercontent.com"})
_TIMEOUT = aiohttp.ClientTimeout(total=30.0, sock_connect=10.0, sock_read=10.0)
_HEADERS = {"Accept": "image/jpeg, image/png"}
_SIDES_PX = range(64, 4_097)
"""Less is a placeholder; more can be a small file that exhausts the memory of whoever shows it."""


def is_thumbnail_url(url: str) -> bool:
    """Tell whether an address is one of a picture of YouTube's, and is asked for one."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    has_user = parts.username is not None or parts.password is not None
    return parts.scheme == "https" and parts.hostname in _HOSTS and port in (None, 443) and not has_user


async def fetch_thumbnail(
    session: aiohttp.ClientSession, url: str, *, is_allowed: Callable[[str], bool] = is_thumbnail_url
) -> bytes | None:
    """Return a picture, JPEG or PNG; None, with a line in the log, if there is none that tags can take.

    A cover is worth no retry: the network's faults are no errors here.
    """
    url = _as_jpeg(url)
    if not is_allowed(url):
        log.info("no cover is fetched from %.200r: no address of YouTube's pictures", url)
        return None
    try:
        async with session.get(url, allow_redirects=False, timeout=_TIMEOUT, headers=_HEADERS) as response:
            if response.status != 200:
                log.info("no cover: %.200s answers %d", url, response.status)
                return None
            content = await _limited(response)
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        log.info("no cover: %.200s: %s", url, _reason(error))
        return None
    size_px = None if content is None else picture_size(content)
    if size_px is None or not all(side in _SIDES_PX for side in size_px):
        log.info("no cover: what %.200s sends is too large, too small, or neither JPEG nor PNG", url)
        return None
    return content


def _reason(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientResponseError):  # its words show the proxy, with its password
        return f"the proxy answers {error.status}"
    return str(error) or type(error).__name__


def _as_jpeg(url: str) -> str:
    """Return the address of the same picture as JPEG, which tags can take."""
    return url.replace("://i.ytimg.com/vi_webp/", "://i.ytimg.com/vi/", 1).replace(".webp", ".jpg", 1)


async def _limited(response: aiohttp.ClientResponse) -> bytes | None:
    """Return the body; None if it is larger than a cover may be, whatever the header says."""
    content = bytearray()
    async for part in response.content.iter_any():
        content += part
        if len(content) > LARGEST_COVER_BYTES:
            response.close()
            return None
    return bytes(content)
