"""Answer every error as JSON: `{"error": "<sentence>"}`."""

import logging
from http import HTTPStatus

import psycopg
from aiohttp import web
from aiohttp.typedefs import Handler

log = logging.getLogger(__name__)

_DATABASE_RETRY_S = 10
"""About as long as PostgreSQL takes to come back from a restart."""


@web.middleware
async def json_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Render HTTP errors as JSON, and unexpected ones as 500 without their details, which go to the log."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < HTTPStatus.BAD_REQUEST or error.content_type == "application/json":
            raise
        return _rendered(error, request)
    except psycopg.OperationalError as error:
        log.warning("%s %s: the database does not answer: %s", request.method, request.path, error)
        return web.json_response(
            {"error": f"The database does not answer: try again in {_DATABASE_RETRY_S} s."},
            status=HTTPStatus.SERVICE_UNAVAILABLE,
            headers={"Retry-After": str(_DATABASE_RETRY_S)},
        )
    except Exception as error:
        if isinstance(error, ConnectionError) and request.transport is None:
            log.debug("%s %s: the client went away", request.method, request.path)
            return web.Response()
        if request.writer.output_size > 0 or request.transport is None:
            # Half an answer is out, or nobody waits for one: aiohttp logs it and closes the connection.
            raise
        log.exception("%s %s failed", request.method, request.path)
        return web.json_response(
            {"error": "Spectra failed to answer this request; its log tells why."},
            status=HTTPStatus.INTERNAL_SERVER_ERROR,
        )


def _rendered(error: web.HTTPException, request: web.Request) -> web.Response:
    response = web.json_response({"error": _sentence(error, request)}, status=error.status)
    for name, value in error.headers.items():
        if name.lower() not in {"content-type", "content-length"}:
            response.headers.add(name, value)
    return response


def _sentence(error: web.HTTPException, request: web.Request) -> str:
    """Return what the one who raised it wrote, or say what aiohttp's bare reason means here."""
    if error.text and error.text != f"{error.status}: {error.reason}":
        return error.text
    if isinstance(error, web.HTTPNotFound):
        return f"There is nothing at {request.path}."
    if isinstance(error, web.HTTPMethodNotAllowed):
        return (
            f"{request.path} does not take {error.method}, only {', '.join(sorted(error.allowed_methods))}."
        )
    return f"{error.reason}."
