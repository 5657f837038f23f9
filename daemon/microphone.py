"""The microphones of this machine."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType

from daemon.microphone_errors import NoMicrophone, NoSuchMicrophone, PortAudioMissing, SoundDeviceMissing


@dataclass(frozen=True, slots=True)
class Microphone:
    """A device that records."""

    number: int
    name: str
    system: str
    """Through which sound system: one device may be there several times."""
    channels: int
    rate_hz: int
    """The one it records at by itself."""
    is_default: bool


def sound_devices() -> ModuleType:
    """Return the package sounddevice; its import loads PortAudio and looks at every device.

    Raises
    ------
    SoundDeviceMissing, PortAudioMissing
    """
    try:
        import sounddevice  # an extra: most daemons run where there is no microphone
    except ModuleNotFoundError as error:
        raise SoundDeviceMissing(sys.executable) from error
    except OSError as error:
        raise PortAudioMissing(str(error)) from error
    module: ModuleType = sounddevice
    return module


def microphones() -> list[Microphone]:
    """Return all devices that record. Raises MicrophoneError."""
    devices = sound_devices()
    systems = [system["name"] for system in devices.query_hostapis()]
    found = [
        Microphone(
            number=device["index"],
            name=device["name"],
            system=systems[device["hostapi"]],
            channels=device["max_input_channels"],
            rate_hz=round(device["default_samplerate"]),
            is_default=device["index"] == devices.default.device[0],
        )
        for device in devices.query_devices()
        if device["max_input_channels"] > 0
    ]
    if not found:
        raise NoMicrophone
    return found


def chosen(wanted: str | None, among: Sequence[Microphone]) -> Microphone:
    """Return the one with this number or name, else the only one whose name contains it.

    Parameters
    ----------
    wanted : None takes the default, or the first where the system's default does not record

    Raises
    ------
    NoSuchMicrophone
    """
    if wanted is None:
        return next((each for each in among if each.is_default), among[0])
    told = wanted.strip().casefold()
    named = [each for each in among if told in (str(each.number), each.name.casefold())]
    found = named or [each for each in among if told and told in each.name.casefold()]
    if len(found) != 1:
        raise NoSuchMicrophone(wanted, tuple(f"{each.number} ({each.name})" for each in found))
    return found[0]
