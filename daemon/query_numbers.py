"""Numbers in an address: of what, how many, and after which."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aiohttp import web

from daemon.library import shown

LARGEST_ID = 2**63 - 1
"""What PostgreSQL's bigint holds."""


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list is asked for."""

    after: int
    """The id of the last one of the page before; 0: from the beginning."""
    limit: int


def page(query: Mapping[str, str], others: Sequence[str] = (), *, usually: int, most: int) -> Page:
    """Return what a query says of the page, which is `after` and `limit`.

    Parameters
    ----------
    others : the parameters that may be given besides
    usually, most : how many are listed

    Raises
    ------
    web.HTTPBadRequest : for a parameter that is not known, and for a number that is none
    """
    refuse_others(query, (*others, "after", "limit"))
    return Page(
        after=number(query.get("after"), "after", LARGEST_ID) or 0,
        limit=number(query.get("limit"), "limit", most) or usually,
    )


def refuse_others(query: Mapping[str, str], names: Sequence[str]) -> None:
    """Raise web.HTTPBadRequest, which names all there are, for a parameter with another name."""
    if unknown := query.keys() - set(names):
        name = shown(os.fsencode(min(unknown)))
        known = f"{', '.join(names[:-1])} and {names[-1]}"
        raise web.HTTPBadRequest(text=f"{name!r} is no parameter: {known} are.")


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
