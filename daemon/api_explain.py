"""POST /explain_file: why a clip is known or is not, as a picture."""

from contextlib import aclosing
from urllib.parse import quote

from aiohttp import web

from daemon.api_names import HEADLINE_HEADER, OUTCOME_HEADER
from daemon.errors import WorkerDied
from daemon.explaining import Explained, ExplainService
from daemon.keys import SERVICES
from daemon.uploads import clip_chunks, refusals_as_http
from daemon.waiting_client import while_waiting
from engine.errors import AudioError, IndexDamaged
from engine.explain_words import headline

_INDEX_RETRY_S = 60


async def explain_file(request: web.Request) -> web.Response:
    """Take a clip as `match_file` does, and answer with the picture once it is drawn."""
    explained = await while_waiting(request, _explained(request, request.app[SERVICES].explanations))
    return web.Response(
        body=explained.png,
        content_type="image/png",
        headers={
            OUTCOME_HEADER: explained.finding.outcome,
            HEADLINE_HEADER: quote(headline(explained.finding)),
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
        },
    )


async def _explained(request: web.Request, explanations: ExplainService) -> Explained:
    """Return the picture. Raises web.HTTPException with a sentence."""
    try:
        with refusals_as_http():
            async with aclosing(clip_chunks(request)) as chunks:
                return await explanations.explain(chunks, announced_bytes=request.content_length)
    except AudioError as error:
        raise web.HTTPUnprocessableEntity(text=str(error)) from error
    except MemoryError as error:
        raise web.HTTPUnprocessableEntity(
            text="the clip needs more memory than a worker may use (workers.memory_mb)"
        ) from error
    except WorkerDied as error:
        raise web.HTTPInternalServerError(text=str(error)) from error
    except IndexDamaged as error:
        raise web.HTTPServiceUnavailable(
            text="The index is damaged; it is being built anew: send the clip again in a while.",
            headers={"Retry-After": str(_INDEX_RETRY_S)},
        ) from error
