"""Which microphones there are, and what they hear."""

import io
import math
import pickle
import sys
import wave
from pathlib import Path

import numpy as np
import pytest
from sound_devices import RATE_HZ, SoundDevices

from daemon import hearing as hearing_module
from daemon import microphone_errors
from daemon.hearing import Heard, hearing, level_db, write_wav
from daemon.microphone import Microphone, chosen, microphones
from daemon.microphone_errors import (
    MicrophoneError,
    MicrophoneStopped,
    NoMicrophone,
    NoSuchMicrophone,
    PortAudioMissing,
    SoundDeviceMissing,
)


def plugged_in(monkeypatch: pytest.MonkeyPatch, devices: SoundDevices) -> SoundDevices:
    monkeypatch.setitem(sys.modules, "sounddevice", devices)  # type: ignore[arg-type]
    return devices


def microphone(number: int, name: str, *, is_default: bool = False) -> Microphone:
    return Microphone(number, name, "ALSA", 1, RATE_HZ, is_default)


def test_without_the_package_or_its_library_it_is_said_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)  # type: ignore[arg-type]
    with pytest.raises(SoundDeviceMissing, match=r" -m pip install sounddevice$"):
        microphones()
    monkeypatch.delitem(sys.modules, "sounddevice")
    (tmp_path / "sounddevice.py").write_text("raise OSError('PortAudio library not found')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(PortAudioMissing, match=r"library not found\): apt install libportaudio2"):
        microphones()


def test_only_devices_that_record_are_microphones(monkeypatch: pytest.MonkeyPatch) -> None:
    plugged_in(monkeypatch, SoundDevices(heard_s=0, channels=(0, 2, 0, 1), default=3))
    assert [(each.number, each.name, each.is_default) for each in microphones()] == [
        (1, "device 1", False),
        (3, "device 3", True),
    ]
    plugged_in(monkeypatch, SoundDevices(heard_s=0, channels=(0,)))
    with pytest.raises(NoMicrophone, match="no microphone"):
        microphones()


def test_a_microphone_is_chosen_by_number_name_or_a_part_of_it() -> None:
    hall, mixer, kitchen = microphone(0, "Hall"), microphone(4, "Mixer", is_default=True), microphone(7, "4")
    among = [hall, mixer, microphone(5, "Hallway"), kitchen]
    assert chosen(None, among) is mixer
    assert chosen(None, [hall, kitchen]) is hall
    for wanted, expected in {"0": hall, "hall": hall, "MIX": mixer, "7": kitchen, " 5 ": among[2]}.items():
        assert chosen(wanted, among) is expected
    for wanted, words in {
        "al": r"'al' may be 0 \(Hall\) or 5 \(Hallway\): say its number",
        "4": r"may be 4 \(Mixer\) or 7",
        "hal l": "no microphone is called 'hal l'",
        "": "no microphone is called",
        "[": "no microphone is called",
    }.items():
        with pytest.raises(NoSuchMicrophone, match=words):
            chosen(wanted, among)


async def test_what_is_heard_is_kept_until_it_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    devices = plugged_in(monkeypatch, SoundDevices(heard_s=1_000))
    async with hearing(microphones()[0], longest_s=3.0) as heard:
        await heard.until(1.0)
        await heard.until(3.0)
        assert heard.duration_s == 3.0
        assert np.array_equal(heard.sound(2.0), np.resize([1_000, -1_000], 2 * RATE_HZ))
        assert (heard.has_gaps, heard.level_db) == (False, pytest.approx(-30.3, abs=0.1))
        assert devices.open_streams == 1
    assert devices.open_streams == 0


async def test_a_microphone_that_is_pulled_out_has_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hearing_module, "_STALLED_S", 1_000.0)
    plugged_in(monkeypatch, SoundDevices(heard_s=2.0))
    async with hearing(microphones()[0], longest_s=10.0) as heard:
        await heard.until(2.0)
        for _ in range(2):
            with pytest.raises(MicrophoneStopped, match=r"device 0 after 2.0 s: was it unplugged"):
                await heard.until(2.1)


async def test_a_microphone_from_which_nothing_comes_has_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hearing_module, "_STALLED_S", 0.01)
    devices = plugged_in(monkeypatch, SoundDevices(heard_s=0.0, is_gone_then=False))
    async with hearing(microphones()[0], longest_s=10.0) as heard:
        with pytest.raises(MicrophoneStopped, match=r"after 0.0 s"):
            await heard.until(1.0)
    assert devices.open_streams == 0


async def test_sound_that_was_lost_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    plugged_in(monkeypatch, SoundDevices(heard_s=1_000, overflows=True))
    async with hearing(microphones()[0], longest_s=1.0) as heard:
        await heard.until(1.0)
        assert heard.has_gaps


async def test_the_two_sides_of_a_microphone_become_one() -> None:
    heard = Heard(microphone(0, "Hall"), longest_s=1.0)
    heard.take(np.array([[32_767, 32_767], [-32_768, 0], [0, 300]], np.int16), is_after_gap=False)
    assert heard.sound(1.0).tolist() == [32_767, -16_384, 150]


def test_a_level_knows_no_mean() -> None:
    sine = (np.sin(np.arange(8_000) / 3) * 16_384).astype(np.int16)
    assert level_db(sine) == pytest.approx(-9.03, abs=0.05)
    assert level_db(sine + 8_000) == pytest.approx(-9.03, abs=0.05)
    for silent in (np.zeros(0, np.int16), np.full(99, 1_234, np.int16)):
        assert level_db(silent) == -math.inf


def test_a_sound_is_written_as_wav() -> None:
    file = io.BytesIO()
    write_wav(file, np.array([1, -2, 32_767], np.int16), 44_100)
    file.seek(0)
    with wave.open(file) as reader:
        assert reader.getparams()[:4] == (1, 2, 44_100, 3)
        assert np.frombuffer(reader.readframes(3), "<i2").tolist() == [1, -2, 32_767]


@pytest.mark.parametrize(
    ("name", "facts"),
    [
        ("SoundDeviceMissing", ("/a b/python",)),
        ("PortAudioMissing", ("not found",)),
        ("NoMicrophone", ()),
        ("NoSuchMicrophone", ("Hall", ("0 (Hall)",))),
        ("MicrophoneUnusable", ("Hall", "busy")),
        ("MicrophoneStopped", ("Hall", 1.5)),
        ("MicrophoneSilent", ("Hall",)),
    ],
)
def test_errors_survive_pickling(name: str, facts: tuple[object, ...]) -> None:
    error = getattr(microphone_errors, name)(*facts)
    again = pickle.loads(pickle.dumps(error))
    assert isinstance(again, MicrophoneError)
    assert (again.args, str(again)) == (facts, str(error))
