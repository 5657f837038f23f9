"""What a microphone hears, as it comes in."""

import asyncio
import math
import os
import wave
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from functools import partial
from threading import Event
from types import ModuleType
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from daemon.microphone import Microphone, sound_devices
from daemon.microphone_errors import MicrophoneStopped, MicrophoneUnusable

Pcm = npt.NDArray[np.int16]

_FULL_SCALE = 32_768
_BLOCK_S = 0.1
"""The level is told so often."""
_STALLED_S = 5.0
"""A headset takes up to three to wake up."""


class Heard:
    """All that came from a microphone so far, in the event loop's hands."""

    def __init__(self, microphone: Microphone, longest_s: float) -> None:
        self.microphone = microphone
        self.longest_s = longest_s
        self.level_db = -math.inf
        """Of the last tenth of a second."""
        self.has_gaps = False
        """The machine was too slow, and sound was lost."""
        self._blocks: list[Pcm] = []
        self._samples = 0
        self._is_over = False
        self._trouble: BaseException | None = None
        self._news = asyncio.Event()

    @property
    def duration_s(self) -> float:
        """Return how much was heard."""
        return self._samples / self.microphone.rate_hz

    def sound(self, most_s: float) -> Pcm:
        """Return what was heard, so much of it at most, mono [shape=(samples,)]."""
        sound = np.concatenate([np.zeros(0, np.int16), *self._blocks])
        return sound[: round(most_s * self.microphone.rate_hz)]

    async def until(self, wanted_s: float) -> None:
        """Wait until so much was heard since the beginning.

        Raises
        ------
        MicrophoneUnusable : it can't be opened
        MicrophoneStopped : it ended, or nothing came for a while
        """
        while self.duration_s < wanted_s:
            if self._trouble is not None:
                raise self._trouble
            if self._is_over:
                raise MicrophoneStopped(self.microphone.name, self.duration_s)
            self._news.clear()
            try:
                async with asyncio.timeout(_STALLED_S):
                    await self._news.wait()
            except TimeoutError:
                raise MicrophoneStopped(self.microphone.name, self.duration_s) from None

    def take(self, block: Pcm, *, is_after_gap: bool) -> None:
        """Keep what came, all channels as one [shape=(samples, channels)]."""
        mono = block.mean(axis=1).astype(np.int16)
        self._blocks.append(mono)
        self._samples += len(mono)
        self.has_gaps |= is_after_gap
        self.level_db = level_db(mono)
        self._news.set()

    def end(self, trouble: BaseException | None = None) -> None:
        """Note that nothing more comes, and why."""
        self._is_over = True
        self._trouble = self._trouble or trouble
        self._news.set()


@asynccontextmanager
async def hearing(microphone: Microphone, *, longest_s: float) -> AsyncIterator[Heard]:
    """Listen from now on, for so long at most; what goes wrong is told by `Heard.until`."""
    heard = Heard(microphone, longest_s)
    is_enough = Event()
    listening = asyncio.create_task(
        asyncio.to_thread(_listen, sound_devices(), heard, is_enough, asyncio.get_running_loop())
    )
    listening.add_done_callback(lambda done: heard.end(None if done.cancelled() else done.exception()))
    try:
        yield heard
    finally:
        is_enough.set()
        await asyncio.wait([listening])


def level_db(sound: Pcm) -> float:
    """Return how loud a sound is, without its mean, which cheap microphones shift; a full sine has -3 dB."""
    deviation = float(sound.std()) if len(sound) else 0.0
    return 20 * math.log10(deviation / _FULL_SCALE) if deviation else -math.inf


def write_wav(file: IO[bytes], sound: Pcm, rate_hz: int) -> None:
    """Write a mono sound as WAV."""
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(rate_hz)
        writer.writeframes(sound.astype("<i2").tobytes())
    file.flush()


def _listen(devices: ModuleType, heard: Heard, is_enough: Event, loop: asyncio.AbstractEventLoop) -> None:
    """Keep the device open, in a thread of its own, until it is enough. Raises MicrophoneUnusable."""
    microphone = heard.microphone
    left = math.ceil(heard.longest_s * microphone.rate_hz)

    def arrived(block: Pcm, count: int, _when: object, status: Any) -> None:
        nonlocal left
        loop.call_soon_threadsafe(partial(heard.take, block.copy(), is_after_gap=bool(status.input_overflow)))
        left -= count
        if left <= 0:
            raise devices.CallbackStop

    def ended() -> None:
        loop.call_soon_threadsafe(heard.end)

    try:
        with _hushed():
            stream = devices.InputStream(
                device=microphone.number,
                channels=min(2, microphone.channels),
                samplerate=microphone.rate_hz,
                blocksize=round(_BLOCK_S * microphone.rate_hz),
                dtype="int16",
                callback=arrived,
                finished_callback=ended,
            )
        with closing(stream):
            with _hushed():
                stream.start()
            is_enough.wait()
    except devices.PortAudioError as error:
        raise MicrophoneUnusable(microphone.name, str(error)) from error


@contextmanager
def _hushed() -> Iterator[None]:
    """Keep PortAudio and ALSA from writing to stderr why a device does not open: the error says it too."""
    before = os.dup(2)
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        os.close(nowhere)
        yield
    finally:
        os.dup2(before, 2)
        os.close(before)
