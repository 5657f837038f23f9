"""Anybody can send what is no HTTP: that is a line for debugging, and other errors stay errors."""

import logging
from collections.abc import Iterator

import pytest
from aiohttp.http_exceptions import BadHttpMessage

from daemon import malformed

SERVER = logging.getLogger("aiohttp.server")


@pytest.fixture(autouse=True)
def quiet(recwarn: pytest.WarningsRecorder) -> Iterator[None]:
    before = list(SERVER.filters)
    malformed.quieten_malformed()
    yield
    SERVER.filters[:] = before


def test_a_malformed_request_is_one_line_for_debugging(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        SERVER.error("Error handling request from %s", "192.0.2.1", exc_info=BadHttpMessage("a\nb"))
    (record,) = caplog.records
    assert (record.levelno, record.exc_info) == (logging.DEBUG, None)
    assert "192.0.2.1" in record.getMessage()
    assert "\n" not in record.getMessage()


def test_our_own_failure_stays_an_error(caplog: pytest.LogCaptureFixture) -> None:
    SERVER.error("Unhandled exception", exc_info=ValueError("ours"))
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert record.exc_info


def test_saying_it_twice_changes_nothing() -> None:
    before = list(SERVER.filters)
    malformed.quieten_malformed()
    assert SERVER.filters == before
