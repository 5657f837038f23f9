"""The JSON of a request, whoever sent it."""

from typing import Any

from aiohttp import web


async def json_body(request: web.Request, otherwise: str) -> Any:
    """Return the value. Raises web.HTTPBadRequest, with the sentence `otherwise`, of what is no JSON."""
    try:
        return await request.json()
    except (ValueError, LookupError, RecursionError) as error:  # the last two: an unknown charset, too deep
        raise web.HTTPBadRequest(text=otherwise) from error
