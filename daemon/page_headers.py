"""Tell browsers what may run: nothing in an answer of the API, only its own scripts on the page."""

from collections.abc import Mapping

from aiohttp import web

_EVERYWHERE = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    # No page of another origin, not even of another port of this machine, embeds an answer.
    "Cross-Origin-Resource-Policy": "same-origin",
}

PAGE_HEADERS: Mapping[str, str] = _EVERYWHERE | {
    "Content-Security-Policy": "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' blob: data:",
            "media-src 'self' blob:",
            "connect-src 'self'",
            "manifest-src 'self'",
            "form-action 'none'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    ),
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
}
"""Of the page and its files. Names of files and tags are strangers' words: even a slip can't run them."""

API_HEADERS: Mapping[str, str] = _EVERYWHERE | {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    # Caches treat what the token opens as private, but know nothing of a session.
    "Cache-Control": "no-store",
}
"""Of all other answers, as far as they don't say otherwise themselves."""


def install_headers(app: web.Application) -> None:
    """Put these headers on every answer that does not say otherwise, streams and errors included."""

    async def complete(_: web.Request, response: web.StreamResponse) -> None:
        for name, value in API_HEADERS.items():
            response.headers.setdefault(name, value)

    app.on_response_prepare.append(complete)
