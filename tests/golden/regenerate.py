"""Write the golden file anew, after a deliberate change of what a sound's constellation or hashes are.

    PYTHONPATH=.:tests python tests/golden/regenerate.py

Raise FINGERPRINT_VERSION first: what is stored in databases was made by the old one.
"""

import json
from dataclasses import replace
from pathlib import Path

import synth

from engine.codec import encode
from engine.fingerprint import constellation, fingerprint
from engine.settings import FINGERPRINT_VERSION, Settings

GOLDEN_FILE = Path(__file__).with_name("fingerprint.json")
DURATION_S = 15.0
"""More than one block of analysis."""


def current() -> dict[str, object]:
    """Return what the engine makes of the golden sound today."""
    settings = Settings()
    peaks = constellation([synth.portable(DURATION_S)], settings)
    stored = fingerprint(peaks, settings.stored, settings)
    secret = fingerprint(peaks, settings.stored, replace(settings, hash_kind="sha1"))
    return {
        "fingerprint_version": FINGERPRINT_VERSION,
        "constellation": encode(peaks).hex(),
        "frames": stored.frames.tolist(),
        "hashes": stored.hashes.tolist(),
        "sha1_hashes": secret.hashes[:20].tolist(),
    }


if __name__ == "__main__":
    GOLDEN_FILE.write_text(json.dumps(current()) + "\n")
