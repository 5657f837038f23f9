"""A stand-in for the package sounddevice, for what no file can play: silence on the line, a pulled plug.

It holds what the real one promises: blocks of the size and shape that were asked for, from a thread of its
own, until the callback stops it, it is closed, or the device is gone; then `finished_callback`.
"""

from collections.abc import Callable, Iterator, Sequence
from threading import Event, Thread
from types import SimpleNamespace
from typing import Any

import numpy as np

RATE_HZ = 8_000


class PortAudioError(Exception):
    """What the real one raises."""


class CallbackStop(Exception):  # noqa: N818 - the real one's name
    """What a callback raises when it has enough."""


class SoundDevices:
    """Devices that all hear the same blocks."""

    PortAudioError = PortAudioError
    CallbackStop = CallbackStop

    def __init__(
        self,
        *,
        heard_s: float,
        is_gone_then: bool = True,
        channels: Sequence[int] = (1,),
        default: int = 0,
        level: int = 1_000,
        overflows: bool = False,
    ) -> None:
        self.default = SimpleNamespace(device=(default, default))
        self.open_streams = 0
        self._heard_s = heard_s
        self._is_gone_then = is_gone_then
        self._channels = channels
        self._level = level
        self._overflows = overflows

    def query_hostapis(self) -> tuple[dict[str, object], ...]:
        return ({"name": "ALSA"},)

    def query_devices(self) -> list[dict[str, object]]:
        return [
            {
                "index": index,
                "name": f"device {index}",
                "hostapi": 0,
                "max_input_channels": channels,
                "default_samplerate": float(RATE_HZ),
            }
            for index, channels in enumerate(self._channels)
        ]

    def InputStream(self, **options: Any) -> "_Stream":  # noqa: N802 - the real one's name
        return _Stream(self, **options)

    def blocks(self, blocksize: int, channels: int, samplerate: int) -> Iterator[np.ndarray]:
        waves = np.resize(np.array([self._level, -self._level], np.int16), blocksize)
        block = np.repeat(waves[:, np.newaxis], channels, axis=1)
        for _ in range(round(self._heard_s * samplerate / blocksize)):
            yield block

    @property
    def status(self) -> SimpleNamespace:
        return SimpleNamespace(input_overflow=self._overflows)

    @property
    def is_gone_then(self) -> bool:
        return self._is_gone_then


class _Stream:
    def __init__(
        self,
        devices: SoundDevices,
        *,
        device: int,
        channels: int,
        samplerate: int,
        blocksize: int,
        dtype: str,
        callback: Callable[..., object],
        finished_callback: Callable[[], object],
    ) -> None:
        assert dtype == "int16"
        assert 1 <= channels <= devices._channels[device]
        devices.open_streams += 1
        self._devices = devices
        self._callback = callback
        self._finished = finished_callback
        self._blocks = devices.blocks(blocksize, channels, samplerate)
        self._is_closed = Event()
        self._thread = Thread(target=self._run, name="device")

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._is_closed.set()
        self._thread.join()
        self._devices.open_streams -= 1

    def _run(self) -> None:
        for block in self._blocks:
            try:
                # The real one's array is its own again once the callback has returned.
                lent = block.copy()
                assert self._callback(lent, len(lent), None, self._devices.status) is None
                lent[:] = 0
            except CallbackStop:
                break
        else:
            if not self._devices.is_gone_then:
                self._is_closed.wait()
        assert self._finished() is None
