"""Numbers in an address: of what, how many, and after which."""

from aiohttp import web

LARGEST_ID = 2**63 - 1
"""What PostgreSQL's bigint holds."""


def number(text: str | None, name: str, largest: int) -> int | None:
    """Return a query parameter's number; None if it is not given. Raises web.HTTPBadRequest."""
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 20 and int(text) <= largest):
        raise web.HTTPBadRequest(text=f"`{name}` must be a number up to {largest}.")
    return int(text)


def number_in_path(request: web.Request, name: str, otherwise: str) -> int:
    """Return the number of what the path names. Raises web.HTTPNotFound with the sentence `otherwise`."""
    text = request.match_info[name]
    if not (text.isascii() and text.isdecimal() and len(text) < 20 and int(text) <= LARGEST_ID):
        raise web.HTTPNotFound(text=otherwise)
    return int(text)
