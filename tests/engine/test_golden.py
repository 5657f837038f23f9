"""What is stored in databases is found again only while equal sounds give equal hashes."""

import json
import zlib

import numpy as np
import pytest
import synth
from golden.regenerate import DURATION_S, GOLDEN_FILE, current

from engine.codec import decode
from engine.fingerprint import constellation
from engine.settings import FINGERPRINT_VERSION, Settings

CHANGED = (
    "equal samples give another fingerprint than before, so nothing that is stored will be recognised. "
    "If that is meant, raise FINGERPRINT_VERSION and run tests/golden/regenerate.py; see there"
)


@pytest.fixture(scope="module")
def golden():
    return json.loads(GOLDEN_FILE.read_text())


def test_the_golden_file_is_of_the_current_version(golden):
    assert golden["fingerprint_version"] == FINGERPRINT_VERSION, "run tests/golden/regenerate.py"


@pytest.mark.parametrize("part", ["frames", "hashes", "sha1_hashes"])
def test_the_golden_sound_has_the_hashes_it_always_had(golden, part):
    assert current()[part] == golden[part], CHANGED


def test_the_constellation_stored_long_ago_is_the_one_found_today(golden):
    before, today = (decode(bytes.fromhex(each["constellation"])) for each in (golden, current()))
    assert before.frame_count == today.frame_count, CHANGED
    for name in ("frames", "bins", "ranks"):
        np.testing.assert_array_equal(getattr(before, name), getattr(today, name), err_msg=CHANGED)


def test_the_constellation_is_laid_out_as_it_always_was(golden):
    # Inflated, for another zlib may deflate differently.
    before, today = (bytes.fromhex(each["constellation"]) for each in (golden, current()))
    assert before[:12] == today[:12], CHANGED
    assert zlib.decompress(before[16:]) == zlib.decompress(today[16:]), CHANGED


@pytest.mark.parametrize("seed", range(3))
def test_the_golden_sound_does_not_hang_on_the_last_bits_of_a_float(golden, seed):
    sound = synth.portable(DURATION_S)
    disturbed = sound * (1 + 1e-6 * np.random.default_rng(seed).standard_normal(len(sound)))
    before, today = (
        decode(bytes.fromhex(golden["constellation"])),
        constellation([disturbed.astype(np.float32)], Settings()),
    )
    for name in ("frames", "bins", "ranks"):
        np.testing.assert_array_equal(getattr(before, name), getattr(today, name))
