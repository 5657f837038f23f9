"""A daemon that is used for a while holds afterwards what it held before."""

import asyncio
import os
from collections.abc import Callable

import pytest
from soaking import household_daemon, soak

SOAK_S = float(os.environ.get("SOAK_S", "60"))
"""`make soak` sets it."""


@pytest.mark.timeout(SOAK_S + 240)
def test_nothing_of_a_daemon_in_use_grows(tell: Callable[[str], None]) -> None:
    with household_daemon() as daemon:
        soaked = asyncio.run(soak(daemon, SOAK_S))
        tell(soaked.table())
        assert min(soaked.done.values()) > 0
        assert len(soaked.done) == 6
        assert not soaked.grown()
        daemon.assert_well()
