"""Whatever is killed at whatever moment, all gets well by itself.

`make test` plays 5 rounds, `make faults` 100; FAULTS_ROUNDS=20 and FAULTS_SEED=7 choose how many, and which.
"""

import os
import secrets
from pathlib import Path

import pytest
from faults.rounds import rounds

ROUNDS = int(os.environ.get("FAULTS_ROUNDS", "5"))
SEED = int(os.environ.get("FAULTS_SEED", secrets.randbelow(100_000)))


@pytest.mark.timeout(180 + 120 * ROUNDS)
async def test_kills_at_any_moment_lose_double_and_leave_nothing(
    open_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with capsys.disabled():
        print(f"\nFAULTS_SEED={SEED} FAULTS_ROUNDS={ROUNDS}", flush=True)  # noqa: T201 - to play it again
    async with rounds(open_folder, SEED) as playing:
        try:
            for number in range(ROUNDS):
                await playing.run(number)
            await playing.finish()
        except BaseException:
            print(f"FAULTS_SEED={SEED}", playing.account(), sep="\n")  # noqa: T201 - pytest shows it
            raise
