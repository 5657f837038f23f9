"""The sum of the first scan counts what is there."""

import io
import os
import time
from pathlib import Path

import pytest
import synth
from conftest import must_not_stop
from rich.console import Console
from waiting import changed

from daemon import first_scan
from daemon.config import Config
from daemon.first_scan import show_first_scan
from daemon.services import open_services


async def test_a_file_that_is_too_new_for_the_first_look_is_waited_for(
    config: Config, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = io.StringIO()
    monkeypatch.setattr(first_scan, "out", Console(file=told, soft_wrap=True))
    path = synth.write_audio(music / "new.flac", synth.music(1, 20.0))
    soon_s = time.time() + 60
    os.utime(path, (soon_s, soon_s))
    slow = changed(config, "library", quiet_s=1.0)
    async with open_services(slow, must_not_stop, watch=True) as services:
        await show_first_scan(services)
        [library] = await services.store.libraries()
        look = services.library.last_look(library.library_id)
    assert look is not None
    assert (look.new, look.again) == (0, {b"new.flac"})
    assert told.getvalue() == "1 recording from 1 file can be matched, 0 of them with trusted tags\n"
