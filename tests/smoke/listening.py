"""Open the page in Chromium, let its microphone hear real music, and see what the page says it is."""

import io
import sys
import tempfile
import wave
from pathlib import Path

import av
import numpy as np
from playwright.sync_api import expect, sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from browsing import CHROMIUM, PICTURES

RATE_HZ = 44_100
WITHIN_MS = 60_000


def heard(address: str, clip: bytes) -> str:
    """Return what the page calls a clip that its microphone hears, again and again."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        sound = Path(folder, "heard.wav")
        _write_wav(sound, clip)
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--use-fake-device-for-media-stream",
                "--use-fake-ui-for-media-stream",
                f"--use-file-for-fake-audio-capture={sound}",
            ],
        )
        page = browser.new_page(base_url=address)
        page.goto("/")
        page.get_by_role("button", name="Listen").click()
        result = page.get_by_role("region", name="Result")
        expect(result).to_be_visible(timeout=WITHIN_MS)
        PICTURES.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=PICTURES / "real-music.png", full_page=True)
        return result.get_by_role("heading").first.inner_text()


def _write_wav(path: Path, clip: bytes) -> None:
    """Write what Chromium reads: 16-bit PCM."""
    with av.open(io.BytesIO(clip)) as container, wave.open(str(path), "wb") as written:
        written.setnchannels(1)
        written.setsampwidth(2)
        written.setframerate(RATE_HZ)
        resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE_HZ)
        for frame in container.decode(audio=0):
            for part in resampler.resample(frame):
                written.writeframes(part.to_ndarray().astype(np.int16).tobytes())
