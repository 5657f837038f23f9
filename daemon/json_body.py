"""The JSON of a request, whoever sent it."""

from typing import Any

from aiohttp import web


async def json_body(request: web.Request, otherwise: str) -> Any:
    """Return the value. Raises web.HTTPBadRequest, with the sentence `otherwise`, of what is no JSON."""
    try:
        return await request.json()
    except (ValueError, LookupError, RecursionError) as error:  # the last two: an unknown charset, too deep
        raise web.HTTPBadRequest(text=otherwise) from error


async def json_flag(request: web.Request, name: str) -> bool:
    """Return the one field that a body may have; False without a body, or without it.

    Raises web.HTTPBadRequest, which says what the body may be.
    """
    if not request.can_read_body:
        return False
    body = await json_body(request, f'The body must be JSON: {{"{name}": false}}.')
    is_known = isinstance(body, dict) and not body.keys() - {name}
    flag = body.get(name, False) if is_known else None
    if not isinstance(flag, bool):
        raise web.HTTPBadRequest(text=f'The body must be {{"{name}": true}}, {{"{name}": false}} or nothing.')
    return flag
