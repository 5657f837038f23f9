"""Keep what is no HTTP out of the log: any neighbour could fill it, before a token or a rate limit counts."""

import logging
import warnings

from aiohttp import BadContentDispositionHeader, BadContentDispositionParam
from aiohttp.http_exceptions import HttpProcessingError

log = logging.getLogger(__name__)

_SERVER = "aiohttp.server"


def quieten_malformed() -> None:
    """Have aiohttp's tracebacks of malformed requests, each an error, be a line for debugging."""
    logging.getLogger(_SERVER).addFilter(_is_ours)
    for category in (BadContentDispositionHeader, BadContentDispositionParam):
        warnings.filterwarnings("ignore", category=category)


def _is_ours(record: logging.LogRecord) -> bool:
    """Tell whether a record is about more than what somebody sent; log the others as a line."""
    error = record.exc_info[1] if record.exc_info else None
    if not isinstance(error, HttpProcessingError):
        return True
    log.debug("%s: %r", record.getMessage(), error)
    return False
