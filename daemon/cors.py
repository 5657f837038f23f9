"""Let the pages that the owner listed read the answers (Fetch standard, CORS protocol)."""

from collections.abc import Iterable
from http import HTTPStatus

from aiohttp import web
from aiohttp.typedefs import Handler

METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE"
REQUEST_HEADERS = "Authorization, Content-Type"
READABLE_HEADERS = "Retry-After, X-Spectra-Outcome, X-Spectra-Headline"
PREFLIGHT_MAX_AGE_S = 600
"""Short enough that a removed origin is soon gone from every browser."""


def install_cors(app: web.Application, *, origins: Iterable[str]) -> None:
    """Answer preflights from the listed origins, and mark every response to them as readable.

    Call it before other middlewares are appended: preflights carry no token. Without origins it does nothing.
    Credentials are never allowed: the token is a header that the page itself has to know.
    """
    listed = frozenset(origin.lower() for origin in origins)
    if not listed:
        return

    @web.middleware
    async def answer_preflight(request: web.Request, handler: Handler) -> web.StreamResponse:
        is_preflight = request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers
        if not is_preflight or not _is_listed(request, listed):
            return await handler(request)
        return web.Response(
            status=HTTPStatus.NO_CONTENT,
            headers={
                "Access-Control-Allow-Methods": METHODS,
                "Access-Control-Allow-Headers": REQUEST_HEADERS,
                "Access-Control-Max-Age": str(PREFLIGHT_MAX_AGE_S),
            },
        )

    async def mark_readable(request: web.Request, response: web.StreamResponse) -> None:
        # Also without an Origin: a cache may keep this answer for one that has it.
        vary = response.headers.getall("Vary", [])
        response.headers["Vary"] = ", ".join([*vary, "Origin"])
        if _is_listed(request, listed):
            response.headers["Access-Control-Allow-Origin"] = request.headers["Origin"]
            response.headers["Access-Control-Expose-Headers"] = READABLE_HEADERS

    app.middlewares.insert(0, answer_preflight)
    # A signal, not the middleware: it sees streamed responses before their headers leave, and every error.
    app.on_response_prepare.append(mark_readable)


def _is_listed(request: web.BaseRequest, listed: frozenset[str]) -> bool:
    origins = request.headers.getall("Origin", ())
    return len(origins) == 1 and origins[0].lower() in listed
