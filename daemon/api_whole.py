"""POST /match_constellation: what a whole file contains, from its constellation alone."""

from contextlib import aclosing

from aiohttp import web

from daemon.api_names import VERSION_PARAMETER
from daemon.arriving import ClipTooSlow
from daemon.errors import WorkerDied
from daemon.keys import SERVICES
from daemon.uploads import clip_chunks
from daemon.waiting_client import while_waiting
from daemon.whole_match import ConstellationTooLarge, WholeMatch, WholeMatchService, WholeQueueFull
from daemon.whole_result import whole_result
from engine.errors import CodecError, IndexDamaged
from engine.settings import FINGERPRINT_VERSION

_INDEX_RETRY_S = 60


async def match_constellation(request: web.Request) -> web.Response:
    """Take a constellation as its bytes, and answer with what its file contains."""
    _check_version(request)
    if request.content_type != "application/octet-stream":
        raise web.HTTPUnsupportedMediaType(
            text="Send the constellation's bytes as application/octet-stream; audio goes to POST /match_file."
        )
    match = await while_waiting(request, _matched(request, request.app[SERVICES].whole_matches))
    return web.json_response(whole_result(match))


def _check_version(request: web.Request) -> None:
    given = request.query.get(VERSION_PARAMETER)
    if given is None:
        raise web.HTTPBadRequest(
            text=f"Say which fingerprints the constellation is made of: ?{VERSION_PARAMETER}="
            f"{FINGERPRINT_VERSION}"
        )
    if given != str(FINGERPRINT_VERSION):
        raise web.HTTPConflict(
            text=f"This Spectra knows constellations of version {FINGERPRINT_VERSION} only: "
            "install the same version on both machines."
        )


async def _matched(request: web.Request, matches: WholeMatchService) -> WholeMatch:
    """Return what the file contains. Raises web.HTTPException with a sentence."""
    try:
        async with aclosing(clip_chunks(request)) as chunks:
            return await matches.match(chunks, announced_bytes=request.content_length)
    except WholeQueueFull as error:
        raise web.HTTPServiceUnavailable(
            text=str(error), headers={"Retry-After": str(error.args[0])}
        ) from error
    except ClipTooSlow as error:
        raise web.HTTPRequestTimeout(text=str(error)) from error
    except ConstellationTooLarge as error:
        raise web.HTTPRequestEntityTooLarge(error.args[0], text=str(error)) from error
    except CodecError as error:
        raise web.HTTPBadRequest(text=f"The constellation can't be used: {error.args[0]}.") from error
    except MemoryError as error:
        raise web.HTTPUnprocessableEntity(
            text="The file needs more memory than a worker may use (workers.memory_mb)."
        ) from error
    except WorkerDied as error:
        raise web.HTTPInternalServerError(text=str(error)) from error
    except IndexDamaged as error:
        raise web.HTTPServiceUnavailable(
            text="The index is damaged; it is being built anew: send the constellation again in a while.",
            headers={"Retry-After": str(_INDEX_RETRY_S)},
        ) from error
