"""Why nothing can be heard.

MicrophoneError                there is no sound to ask with
    SoundDeviceMissing         the Python package that records is not installed
    PortAudioMissing           the library that it records with is not installed
    NoMicrophone               no device records
    NoSuchMicrophone           none, or more than one, is called so
    MicrophoneUnusable         the system does not let us record
    MicrophoneStopped          it delivers nothing any more
    MicrophoneSilent           it delivers silence
"""

import shlex

from daemon.errors import DaemonError

_CHOOSE = "`spectra listen --list-devices` shows which there are, --device chooses one"


class MicrophoneError(DaemonError):
    """There is no sound to ask with."""


class SoundDeviceMissing(MicrophoneError):  # noqa: N818 - a fact, as in `FileNotFound`; so below
    """The Python package that records is not installed."""

    def __init__(self, python: str) -> None:
        super().__init__(python)

    def __str__(self) -> str:
        return (
            "listening needs the package sounddevice (the extra `mic`), which is not installed: "
            f"{shlex.quote(self.args[0])} -m pip install sounddevice"
        )


class PortAudioMissing(MicrophoneError):  # noqa: N818
    """The library that the package records with is not installed."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)

    def __str__(self) -> str:
        return (
            f"listening needs the library PortAudio ({self.args[0]}): "
            "apt install libportaudio2 (Debian, Ubuntu), dnf install portaudio (Fedora)"
        )


class NoMicrophone(MicrophoneError):  # noqa: N818
    """No device records."""

    def __str__(self) -> str:
        return (
            "this machine has no microphone that this user may use: plug one in, or join the group `audio`; "
            "`spectra match FILE` asks with a recorded file"
        )


class NoSuchMicrophone(MicrophoneError):  # noqa: N818
    """None, or more than one, is called so."""

    def __init__(self, wanted: str, candidates: tuple[str, ...]) -> None:
        super().__init__(wanted, candidates)

    def __str__(self) -> str:
        wanted, candidates = self.args
        if candidates:
            return f"{wanted!r} may be {' or '.join(candidates)}: say its number"
        return f"no microphone is called {wanted!r}: {_CHOOSE}"


class MicrophoneUnusable(MicrophoneError):  # noqa: N818
    """The system does not let us record."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(name, reason)

    def __str__(self) -> str:
        name, reason = self.args
        return f"microphone {name} can't be used ({reason}): another program may have it; {_CHOOSE}"


class MicrophoneStopped(MicrophoneError):  # noqa: N818
    """It delivers nothing any more."""

    def __init__(self, name: str, heard_s: float) -> None:
        super().__init__(name, heard_s)

    def __str__(self) -> str:
        name, heard_s = self.args
        return (
            f"nothing came from microphone {name} after {heard_s:.1f} s: was it unplugged, or switched off?"
        )


class MicrophoneSilent(MicrophoneError):  # noqa: N818
    """It delivers silence."""

    def __init__(self, name: str) -> None:
        super().__init__(name)

    def __str__(self) -> str:
        return f"microphone {self.args[0]} hears nothing: is it muted, or the wrong one? {_CHOOSE}"
