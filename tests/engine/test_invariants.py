"""What does not change a sound does not change the answer."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import clips
import numpy as np
import pytest
import synth
import wholes
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.signal import resample_poly
from synth import RATE_HZ, Sound
from wholes import SETTINGS

from engine.audio import load
from engine.decision import Outcome
from engine.fingerprint import constellation, fingerprint
from engine.index import IndexWriter
from engine.index_reader import IndexReader
from engine.merging import run_merge
from engine.recognise import shortlist
from engine.whole_verdict import Relation, WholeVerdict

LENGTH_S = 40.0
RECORDINGS = {number: synth.music(number, LENGTH_S) for number in range(1, 11)}
TWINS = (11, 12)
ABSENT = synth.music(99, LENGTH_S)
SOUNDS = {**RECORDINGS, **dict.fromkeys(TWINS, synth.music(20, LENGTH_S))}
REFERENCES = {number: wholes.heard(sound) for number, sound in SOUNDS.items()}
POSTINGS = {number: fingerprint(peaks, SETTINGS.stored, SETTINGS) for number, peaks in REFERENCES.items()}
START_S, CLIP_S = 15.0, 6.0
KNOWN, TWIN, UNKNOWN = (
    wholes.cut(sound, START_S, START_S + CLIP_S) for sound in (SOUNDS[2], SOUNDS[TWINS[0]], ABSENT)
)
FRAME_S = 1 / SETTINGS.frames_per_s
QUIET = np.float32(0.4)
"""The synthetic music peaks at 0.5: this leaves room for 12 dB more."""
ENCODER_DELAY_S = 0.15
clip = st.sampled_from([KNOWN, TWIN, UNKNOWN])
gain_db = st.floats(-40, 12)
silence_s = st.floats(0, 5)
in_folder = settings(
    deadline=None, max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a user is told."""

    outcome: Outcome
    recordings: tuple[int, ...]
    offsets_s: tuple[float, ...]
    speeds: tuple[float, ...]


@pytest.fixture(scope="module")
def index(tmp_path_factory) -> Iterator[IndexReader]:
    folder = tmp_path_factory.mktemp("index")
    wholes.write_index(folder, REFERENCES)
    reader = IndexReader(folder)
    yield reader
    reader.close()


def answer(index: IndexReader, sound: Sound | Path) -> Answer:
    verdict = clips.verdict(sound, REFERENCES, index)
    found = verdict.candidates
    return Answer(
        verdict.outcome,
        tuple(match.recording_id for match in found),
        tuple(match.offset_s for match in found),
        tuple(match.speed for match in found),
    )


def assert_same(
    changed: Answer, original: Answer, *, moved_s: float = 0.0, within_s: float = 2 * FRAME_S
) -> None:
    assert (changed.outcome, changed.recordings) == (original.outcome, original.recordings)
    assert changed.speeds == original.speeds
    expected_s = [offset_s + moved_s for offset_s in original.offsets_s]
    assert changed.offsets_s == pytest.approx(expected_s, abs=within_s)


def amplified(sound: Sound, gain_db: float) -> Sound:
    """Return the sound as a file of 16 bits holds it."""
    scaled = sound * QUIET * 10 ** (gain_db / 20)
    assert np.abs(scaled).max() <= 1
    return (np.rint(scaled * 32_767) / 32_768).astype(np.float32)


def surrounded(sound: Sound, before_s: float, after_s: float) -> Sound:
    return np.concatenate([synth.silence(before_s), sound, synth.silence(after_s)])


def resampled(sound: Sound, rate_hz: int) -> Sound:
    return resample_poly(sound, rate_hz, RATE_HZ).astype(np.float32)


def channels(sound: Sound, kind: str) -> list[Sound]:
    return {
        "mono": [sound],
        "stereo": [sound, sound],
        "left only": [sound, np.zeros_like(sound)],
        "right softer": [sound, sound * np.float32(0.3)],
        "inverted": [-sound],
        "both inverted": [-sound, -sound],
    }[kind]


CHANNELS = ("mono", "stereo", "left only", "right softer", "inverted", "both inverted")


def test_the_original_clips_have_the_answers_they_should(index):
    assert answer(index, KNOWN).outcome is Outcome.IDENTIFIED
    assert answer(index, KNOWN).recordings == (2,)
    assert answer(index, KNOWN).offsets_s == pytest.approx([START_S], abs=FRAME_S)
    assert (answer(index, TWIN).outcome, answer(index, TWIN).recordings) == (Outcome.AMBIGUOUS, TWINS)
    assert answer(index, UNKNOWN) == Answer(Outcome.UNKNOWN, (), (), ())


@settings(deadline=None, max_examples=25)
@given(clip, gain_db)
def test_loudness_does_not_matter_though_soft_sounds_have_few_bits(index, clip, gain_db):
    assert_same(answer(index, amplified(clip, gain_db)), answer(index, clip))


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_the_offset_follows_wherever_a_clip_is_cut_and_however_long_it_is(index, data):
    number = data.draw(st.sampled_from(list(RECORDINGS)))
    length = data.draw(st.integers(4 * RATE_HZ, 20 * RATE_HZ))
    start = data.draw(st.integers(0, len(RECORDINGS[number]) - length))
    found = answer(index, RECORDINGS[number][start : start + length])
    assert (found.outcome, found.recordings, found.speeds) == (Outcome.IDENTIFIED, (number,), (1.0,))
    assert found.offsets_s == pytest.approx([start / RATE_HZ], abs=FRAME_S)


@settings(deadline=None, max_examples=15)
@given(number=st.sampled_from(list(RECORDINGS)), start=st.integers(0, int((LENGTH_S - 3) * RATE_HZ)))
def test_of_three_seconds_the_right_recording_comes_first(index, number, start):
    sound = RECORDINGS[number][start : start + 3 * RATE_HZ]
    best = clips.recognised(sound, REFERENCES, index)[0]
    assert best.recording_id == number
    assert best.offset_s == pytest.approx(start / RATE_HZ, abs=FRAME_S)
    assert set(answer(index, sound).recordings) <= {number}


@settings(deadline=None, max_examples=25)
@given(clip, silence_s, silence_s)
def test_silence_around_a_clip_moves_only_the_offset(index, clip, before_s, after_s):
    moved_s = -round(before_s * RATE_HZ) / RATE_HZ
    assert_same(answer(index, surrounded(clip, before_s, after_s)), answer(index, clip), moved_s=moved_s)


@pytest.mark.parametrize("sound", [KNOWN, TWIN, UNKNOWN], ids=["known", "twin", "unknown"])
@pytest.mark.parametrize("kind", CHANNELS)
def test_the_channels_do_not_matter(index, tmp_path, sound, kind):
    path = synth.write_audio(tmp_path / "clip.wav", channels(sound, kind))
    assert_same(answer(index, path), answer(index, sound))


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 22_050, 32_000, 44_100, 48_000, 96_000])
def test_the_sample_rate_of_the_file_does_not_matter(index, tmp_path, rate_hz):
    for sound in (KNOWN, TWIN, UNKNOWN):
        path = synth.write_audio(tmp_path / "clip.wav", resampled(sound, rate_hz), rate_hz=rate_hz)
        assert_same(answer(index, path), answer(index, sound))


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".alac.m4a", ".ogg", ".opus", ".mp3", ".m4a", ".wma"])
def test_the_container_does_not_matter(index, tmp_path, suffix):
    for sound in (KNOWN, TWIN, UNKNOWN):
        path = synth.write_audio(tmp_path / f"clip{suffix}", resampled(sound, 44_100), rate_hz=44_100)
        assert_same(answer(index, path), answer(index, sound), within_s=ENCODER_DELAY_S)


@in_folder
@given(
    clip=clip,
    gain_db=st.floats(-25, 12),
    before_s=silence_s,
    kind=st.sampled_from(CHANNELS),
    rate_hz=st.sampled_from([22_050, 32_000, 44_100, 48_000]),
    suffix=st.sampled_from([".wav", ".flac", ".ogg", ".mp3", ".m4a", ".webm"]),
)
def test_nor_does_all_of_it_together(index, tmp_path, *, clip, gain_db, before_s, kind, rate_hz, suffix):
    sound = resampled(surrounded(amplified(clip, gain_db), before_s, 1.0), rate_hz) * np.float32(0.9)
    path = synth.write_audio(tmp_path / f"clip{suffix}", channels(sound, kind), rate_hz=rate_hz)
    moved_s = -round(before_s * RATE_HZ) / RATE_HZ
    assert_same(answer(index, path), answer(index, clip), moved_s=moved_s, within_s=ENCODER_DELAY_S)


@in_folder
@given(
    order=st.permutations(list(POSTINGS)),
    cuts=st.sets(st.integers(1, len(POSTINGS) - 1), max_size=5),
    is_merged=st.booleans(),
)
def test_neither_order_nor_segments_of_the_index_change_a_bit(
    index, tmp_path_factory, order, cuts, is_merged
):
    folder = tmp_path_factory.mktemp("shuffled")
    with IndexWriter(folder, stamp="test") as writer:
        for begin, end in itertools.pairwise([0, *sorted(cuts), len(order)]):
            writer.add([(number, POSTINGS[number]) for number in order[begin:end]])
        if is_merged and (plan := writer.plan_merge()) is not None:
            writer.commit_merge(plan, run_merge(plan))
    shuffled = IndexReader(folder)
    for sound in (KNOWN, TWIN, UNKNOWN):
        assert answer(shuffled, sound) == answer(index, sound)
    shuffled.close()


@settings(deadline=None, max_examples=6)
@given(clip, st.integers(0, 2**32 - 1))
def test_equal_sounds_have_equal_shortlists_matches_and_verdicts(index, clip, seed):
    hard = synth.mixed(clip, synth.noise(seed, CLIP_S), -3)
    first, second = (shortlist(sound, index, SETTINGS) for sound in (hard, hard.copy()))
    assert first.matches == second.matches
    assert clips.verdict(hard, REFERENCES, index) == clips.verdict(hard.copy(), REFERENCES, index)


def whole(index: IndexReader, sound: Sound) -> WholeVerdict:
    return wholes.verdict(sound, REFERENCES, index)


def assert_copy(verdict: WholeVerdict, copies: tuple[int, ...], *, begin_s: float = 0.0) -> None:
    assert (verdict.outcome, verdict.copies) == (Outcome.IDENTIFIED, copies)
    assert set(verdict.relations) == {Relation.COPY}
    for each in verdict.contents:
        (passage,) = each.passages
        assert passage.speed == pytest.approx(1, abs=1e-3)
        assert passage.line.offset_frames * FRAME_S == pytest.approx(-begin_s, abs=2 * FRAME_S)


@settings(deadline=None, max_examples=10)
@given(known=st.sampled_from([(2,), TWINS]), gain_db=gain_db, before_s=st.floats(0, 30), after_s=silence_s)
def test_neither_loudness_nor_silence_make_a_copy_another(index, known, gain_db, before_s, after_s):
    sound = surrounded(amplified(SOUNDS[known[0]], gain_db), before_s, after_s)
    assert_copy(whole(index, sound), known, begin_s=round(before_s * RATE_HZ) / RATE_HZ)


@settings(deadline=None, max_examples=8)
@given(missing=st.integers(0, 2 * RATE_HZ))
def test_a_copy_that_begins_a_little_later_is_one(index, missing):
    assert_copy(whole(index, SOUNDS[2][missing:]), (2,), begin_s=-missing / RATE_HZ)


@pytest.mark.parametrize(
    ("suffix", "rate_hz", "kind"),
    [(".wav", 8_000, "left only"), (".flac", 48_000, "stereo"), (".opus", 48_000, "inverted")],
)
def test_how_a_copy_is_stored_does_not_matter(index, tmp_path, suffix, rate_hz, kind):
    sound = channels(resampled(SOUNDS[2], rate_hz), kind)
    path = synth.write_audio(tmp_path / f"copy{suffix}", sound, rate_hz=rate_hz)
    assert_copy(whole(index, load(path, SETTINGS)), (2,))


@settings(deadline=None, max_examples=8)
@given(gain_db=gain_db, before_s=silence_s)
def test_what_is_absent_stays_unknown(index, gain_db, before_s):
    verdict = whole(index, surrounded(amplified(ABSENT, gain_db), before_s, 0))
    assert (verdict.outcome, verdict.contents) == (Outcome.UNKNOWN, ())


@settings(deadline=None, max_examples=6)
@given(block=st.integers(200, 200_000))
def test_equal_files_have_equal_verdicts_however_they_arrive(index, block):
    sound = np.concatenate([RECORDINGS[1], RECORDINGS[3]])
    blocks = (sound[begin : begin + block] for begin in range(0, len(sound), block))
    arrived = constellation(blocks, SETTINGS)
    once = wholes.heard(sound)
    for name in ("frames", "bins", "ranks"):
        np.testing.assert_array_equal(getattr(arrived, name), getattr(once, name))
    assert whole(index, sound) == whole(index, sound.copy())
