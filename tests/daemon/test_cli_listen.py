"""`spectra listen`, as people and scripts meet it: through real PortAudio, where it is installed."""

import asyncio
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import synth
from alsa_microphone import CHANNELS, RATE_HZ, needs_portaudio, write_alsa_config, write_pcm
from rich.console import Console
from sound_devices import SoundDevices
from synth import Sound
from typer.testing import CliRunner
from waiting import served

from daemon import cli_listen
from daemon.cli import cli
from daemon.cli_listen import _line, listen
from daemon.client import Matched
from daemon.config import Config
from daemon.hearing import Heard
from daemon.microphone import Microphone, microphones
from daemon.microphone_errors import MicrophoneSilent, MicrophoneStopped

REPOSITORY = Path(__file__).resolve().parents[2]
PIECE_S = 30
TAGS = {"title": "So [b]What", "artist": "Miles Davis"}
_UNPLUGGED = """
import asyncio, sys
from pathlib import Path
from daemon.hearing import hearing
from daemon.microphone import chosen, microphones

async def main():
    microphone = chosen(None, microphones())
    Path(sys.argv[1]).unlink()
    async with hearing(microphone, longest_s=5) as heard:
        await heard.until(5)

asyncio.run(main())
"""


@dataclass(frozen=True, slots=True)
class Room:
    """What plays, and a microphone in it."""

    folder: Path
    piece: Sound

    def plays(self, *parts: Sound) -> None:
        """Let this be heard from now on; longer than anybody listens."""
        sound = np.concatenate([*parts, np.zeros(5 * RATE_HZ, np.float32)])
        write_pcm(self.folder / "room.raw", sound)

    def part(self, begin_s: int, end_s: int) -> Sound:
        return self.piece[begin_s * RATE_HZ : end_s * RATE_HZ]

    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "ALSA_CONFIG_PATH": str(self.folder / "asound.conf"),
            "COLUMNS": "300",
            "PYTHONPATH": str(REPOSITORY),
            "SPECTRA_STATE_DIR": str(self.folder / "state"),
            "XDG_CONFIG_HOME": str(self.folder / "no-options"),
        }

    async def started(self, *options: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "daemon", "listen", *options),
            env=self.environment(),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    async def listen(self, *options: str) -> subprocess.CompletedProcess[str]:
        process = await self.started(*options)
        out, err = await process.communicate()
        assert process.returncode is not None
        return subprocess.CompletedProcess(options, process.returncode, out.decode(), err.decode())


@pytest.fixture
def room(tmp_path: Path) -> Room:
    source = tmp_path / "room.raw"
    write_alsa_config(tmp_path / "asound.conf", {"kitchen": source, "default": source})
    room = Room(tmp_path, synth.music(1, PIECE_S, rate_hz=RATE_HZ))
    room.plays(room.part(7, 20))
    return room


class Asked:
    """A daemon that knows what is at least so long, and remembers what it was asked with."""

    def __init__(self, known_from_s: float, *, doubts_before_s: float = 0.0) -> None:
        self.lengths_s: list[float] = []
        self._known_from_s = known_from_s
        self._doubts_before_s = doubts_before_s

    async def match(self, file: Path) -> Matched:
        length_s = (len(file.read_bytes()) - 44) / 2 / 8_000
        self.lengths_s.append(length_s)
        if length_s < self._known_from_s:
            return Matched([], "unknown", "nothing like it")
        return Matched(
            [{}], "ambiguous" if length_s < self._doubts_before_s else "identified", "so it sounds"
        )

    async def get(self, path: str) -> dict[str, Any]:
        return {"recordings": {"total": 1}}


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Callable[[], str]:
    """What goes to stderr, which is no terminal."""
    console = Console(file=io.StringIO(), soft_wrap=True)
    monkeypatch.setattr(cli_listen, "err", console)
    return console.file.getvalue  # type: ignore[attr-defined, no-any-return]


async def ask(
    devices: SoundDevices, asked: Asked, monkeypatch: pytest.MonkeyPatch, seconds: float | None
) -> bool:
    monkeypatch.setitem(sys.modules, "sounddevice", devices)  # type: ignore[arg-type]
    return await listen(asked, microphones()[0], seconds, as_json=True)  # type: ignore[arg-type]


@needs_portaudio
async def test_what_a_microphone_hears_is_recognised(config: Config, music: Path, room: Room) -> None:
    synth.write_audio(music / "piece.flac", room.piece, rate_hz=RATE_HZ, tags=TAGS)
    async with served(config) as daemon:
        await daemon.learn(music)
        known = await room.listen()
        assert (known.returncode, known.stderr) == (0, ""), known
        assert ("So [b]What" in known.stdout, "0:07.0" in known.stdout) == (True, True)

        absent = synth.music(2, 6, rate_hz=RATE_HZ)[: 5 * RATE_HZ]
        room.plays(absent, room.part(12, 20))
        short = await room.listen("--seconds", "5", "--json")
        assert (short.returncode, json.loads(short.stdout), short.stderr) == (1, [], "")
        goes_on = await room.listen("--json", "--device", "KITCH")
        assert (goes_on.returncode, goes_on.stderr) == (0, "")
        (result,) = json.loads(goes_on.stdout)
        assert (result["song_name"], result["offset_s"]) == ("So [b]What", pytest.approx(7, abs=0.1))

        room.plays(absent, synth.silence(10, rate_hz=RATE_HZ))
        unknown = await room.listen()
        assert (unknown.returncode, unknown.stdout) == (
            1,
            "Not known: nothing in the library explains this clip.\n",
        )
        room.plays()
        silent = await room.listen("--seconds", "3")
        assert (silent.returncode, silent.stdout) == (2, "")
        assert silent.stderr.startswith("spectra: microphone default hears nothing: is it muted")
        assert await daemon.is_idle()


@needs_portaudio
async def test_microphones_are_listed_and_chosen_without_a_daemon(room: Room) -> None:
    listed = await room.listen("--list-devices", "--json")
    assert [(each["name"], each["is_default"]) for each in json.loads(listed.stdout)] == [
        ("kitchen", False),
        ("default", True),
    ]
    table = await room.listen("--list-devices")
    assert table.stdout.splitlines()[1].split() == ["0", "kitchen", "ALSA", "128", "44.1"]
    wrong = await room.listen("--device", "cellar")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wrong.stderr.startswith("spectra: no microphone is called 'cellar'")
    (room.folder / "room.raw").unlink()  # devices that only play are left
    none = await room.listen()
    assert (none.returncode, none.stderr.count("\n")) == (2, 1)
    assert none.stderr.startswith("spectra: this machine has no microphone that")
    assert not (room.folder / "state").exists()


@needs_portaudio
def test_why_a_microphone_can_t_be_opened_is_said_once(room: Room) -> None:
    failed = subprocess.run(
        [sys.executable, "-c", _UNPLUGGED, str(room.folder / "room.raw")],
        env=room.environment(),
        capture_output=True,
        check=False,
        timeout=60,
        encoding="utf-8",
    )
    assert failed.returncode == 1
    *_, last = failed.stderr.splitlines()
    assert last.startswith("daemon.microphone_errors.MicrophoneUnusable: microphone default can't be used (")
    assert "ALSA lib" not in failed.stderr
    assert "Expression" not in failed.stderr


@needs_portaudio
async def test_ctrl_c_ends_listening_without_a_word_too_many(config: Config, room: Room) -> None:
    source = room.folder / "room.raw"
    source.unlink()
    os.mkfifo(source)
    pipe = os.open(source, os.O_RDWR)
    async with served(config):
        process = await room.started()
        # More than a pipe holds: all of it goes in only if somebody listens already.
        await asyncio.to_thread(os.write, pipe, bytes(RATE_HZ * CHANNELS * 2))
        process.send_signal(signal.SIGINT)
        os.close(pipe)
        out, err = await process.communicate()
    assert (process.returncode, out, err) == (130, b"", b"")


def test_a_length_out_of_bounds_is_refused() -> None:
    for seconds in ("1", "61", "nan"):
        assert CliRunner().invoke(cli, ["listen", "--seconds", seconds]).exit_code == 2


async def test_it_goes_on_listening_only_where_five_seconds_are_not_enough(
    monkeypatch: pytest.MonkeyPatch, told: Callable[[], str]
) -> None:
    for known_from_s, seconds, expected_s in (
        (5.0, None, [5.0]),
        (10.0, None, [5.0, 10.0]),
        (99.0, None, [5.0, 10.0]),
        (99.0, 3.0, [3.0]),
        (20.0, 20.0, [20.0]),
    ):
        asked = Asked(known_from_s)
        is_known = await ask(SoundDevices(heard_s=100), asked, monkeypatch, seconds)
        assert (asked.lengths_s, is_known) == (expected_s, known_from_s <= expected_s[-1])
    for doubts_before_s, expected_s in ((5.0, [5.0]), (7.0, [5.0, 10.0]), (99.0, [5.0, 10.0])):
        asked = Asked(1.0, doubts_before_s=doubts_before_s)
        assert await ask(SoundDevices(heard_s=100), asked, monkeypatch, None)
        assert asked.lengths_s == expected_s
    assert told() == ""


async def test_a_plug_that_is_pulled_early_leaves_nothing_to_ask_with(
    monkeypatch: pytest.MonkeyPatch, told: Callable[[], str]
) -> None:
    asked = Asked(1.0)
    with pytest.raises(MicrophoneStopped):
        await ask(SoundDevices(heard_s=3), asked, monkeypatch, None)
    assert (asked.lengths_s, told()) == ([], "")


async def test_a_plug_that_is_pulled_late_leaves_what_came_before(
    monkeypatch: pytest.MonkeyPatch, told: Callable[[], str]
) -> None:
    for seconds in (None, 20.0):
        asked = Asked(7.0)
        assert await ask(SoundDevices(heard_s=7), asked, monkeypatch, seconds)
        assert asked.lengths_s[-1] == 7.0
    assert told().count("was it unplugged, or switched off? Asking with what came before.\n") == 2


async def test_silence_is_not_asked_with(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Asked(1.0)
    with pytest.raises(MicrophoneSilent):
        await ask(SoundDevices(heard_s=100, level=1), asked, monkeypatch, None)
    assert asked.lengths_s == []
    assert await ask(SoundDevices(heard_s=100, level=8), asked, monkeypatch, None)


async def test_it_is_said_when_sound_was_lost(
    monkeypatch: pytest.MonkeyPatch, told: Callable[[], str]
) -> None:
    assert await ask(SoundDevices(heard_s=100, overflows=True), Asked(1.0), monkeypatch, 3.0)
    assert told() == "this machine was too busy to hear everything: parts are missing\n"


async def test_a_terminal_shows_how_loud_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=80, _environ={})
    monkeypatch.setattr(cli_listen, "err", console)
    assert await ask(SoundDevices(heard_s=100), Asked(1.0), monkeypatch, 3.0)
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert ("matching" in shown, "-30 dB" in shown) == (True, True)


def test_the_meter_tells_how_much_was_heard_and_how_loud_it_is() -> None:
    heard = Heard(Microphone(0, "Hall", "ALSA", 1, 8_000, is_default=True), longest_s=10.0)

    def line() -> str:
        console = Console(file=io.StringIO(), width=80, _environ={})
        console.print(_line(heard))
        return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]

    assert line().split() == ["listening", "0.0", "s", "silence"]
    heard.take(np.resize(np.array([[1_000], [-1_000]], np.int16), (4_000, 1)), is_after_gap=False)
    *_, level, unit = line().split()
    assert ("listening  0.5 s" in line(), level, unit) == (True, "-30", "dB")
    assert line().count("━") == 17  # 40 of 70 dB
