"""`spectra match --all` and `--cue`, as people and scripts meet them."""

import asyncio
import io
import json
from pathlib import Path

import numpy as np
import pytest
import synth
import wholes
from command_line import set_options, spectra
from rich.console import Console
from wholes import PIECES, SETTINGS

from daemon import local_sound
from daemon.local_sound import constellation_of
from engine.codec import decode
from engine.errors import NotAudio, TooLong, TooShort
from engine.settings import Settings

TAGS = {"title": 'So "What"', "artist": "Miles Davis"}


@pytest.fixture
def library(tmp_path: Path, music: Path, conninfo: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state that knows three pieces; commands of a test share it."""
    set_options(monkeypatch, tmp_path, DB_URL=conninfo)
    synth.write_audio(music / "1.flac", PIECES[1], tags=TAGS)
    synth.write_audio(music / "2 [red].flac", PIECES[2])
    synth.write_audio(music / "3.flac", PIECES[3])
    return music


def test_a_long_file_is_listed_as_a_table_as_json_and_as_a_cue_sheet(library: Path, tmp_path: Path) -> None:
    mix, spans = wholes.crossfaded([wholes.cut(PIECES[number], 0, 40) for number in (2, 1, 3)])
    file = synth.write_audio(tmp_path / "mix.mp3", mix)
    empty = spectra("match", "--all", file)
    assert (empty.exit_code, "the library is empty" in empty.stdout) == (1, True)
    assert spectra("add", library).exit_code == 0

    listed = spectra("match", "--all", file)
    assert listed.exit_code == 0, listed.output
    head, *lines, verdict = listed.stdout.splitlines()
    assert head.split() == ["from", "to", "name", "artist", "at", "speed", "relation"]
    assert [line[:3] for line in lines] == ["0:0", "0:3", "1:0"]
    assert ["2 [red].flac" in lines[0], 'So "What"' in lines[1], "3.flac" in lines[2]] == [True] * 3
    assert all("100.0%  shares" in line for line in lines)
    assert verdict.startswith("Ambiguous: 3 recordings sound in it; ")

    found = json.loads(spectra("match", "--all", "--json", file).stdout)
    begins_s = [content["passages"][0]["file_begin_s"] for content in found["contents"]]
    assert begins_s == pytest.approx([begin_s for begin_s, _ in spans], abs=wholes.FADE_S / 2)

    cue = spectra("match", "--cue", file)
    assert (cue.exit_code, cue.stderr) == (0, "")
    assert cue.stdout.startswith('FILE "mix.mp3" MP3\n  TRACK 01 AUDIO\n    TITLE "2 [red].flac"\n')
    assert '    TITLE "So \'What\'"\n    PERFORMER "Miles Davis"\n    INDEX 01 00:3' in cue.stdout


def test_a_clip_of_two_that_sound_alike_is_said_to_be_ambiguous(library: Path, tmp_path: Path) -> None:
    synth.write_audio(library / "other name.ogg", PIECES[2])
    assert spectra("add", library).exit_code == 0
    clip = synth.write_audio(tmp_path / "clip.wav", wholes.cut(PIECES[2], 5, 8))
    matched = spectra("match", clip)
    assert matched.exit_code == 0
    assert ("2 [red].flac" in matched.stdout, "other name.ogg" in matched.stdout) == (True, True)
    assert "Ambiguous: 2 recordings explain this clip about equally well; " in matched.stdout
    clear = spectra("match", synth.write_audio(tmp_path / "clear.wav", wholes.cut(PIECES[1], 5, 8)))
    assert (clear.exit_code, "Ambiguous" in clear.stdout) == (0, False)


def test_what_is_not_known_has_its_exit_code_and_no_sheet(library: Path, tmp_path: Path) -> None:
    assert spectra("add", library).exit_code == 0
    absent = synth.write_audio(tmp_path / "absent.wav", synth.silence(30))
    unknown = spectra("match", "--all", absent)
    assert (unknown.exit_code, unknown.stdout) == (
        1,
        "Not known: no recording of the library is in this file.\n",
    )
    sheet = spectra("match", "--cue", absent)
    assert (sheet.exit_code, sheet.stdout) == (1, "")
    assert "Not known" in sheet.stderr
    answer = spectra("match", "--all", "--json", absent)
    assert (answer.exit_code, json.loads(answer.stdout)["outcome"]) == (1, "unknown")


def test_what_can_t_be_asked_is_said_in_a_sentence(library: Path, tmp_path: Path) -> None:
    text = tmp_path / "text.mp3"
    text.write_text("no music")
    broken = spectra("match", "--all", text)
    assert (broken.exit_code, "not audio" in broken.stderr, broken.stdout) == (2, True, "")
    both = spectra("match", "--cue", "--json", text)
    assert (both.exit_code, "choose one of --cue and --json" in both.stderr) == (2, True)
    assert spectra("match", "--all", tmp_path / "missing.mp3").exit_code == 2


async def test_a_file_is_fingerprinted_as_the_daemon_would(tmp_path: Path) -> None:
    file = synth.write_audio(tmp_path / "a.flac", PIECES[1])
    encoded = await constellation_of(file, SETTINGS, Console(file=io.StringIO()))
    assert (decode(encoded).frames == wholes.heard(PIECES[1]).frames).mean() > 0.95


async def test_a_file_that_can_t_be_fingerprinted_says_why(tmp_path: Path) -> None:
    console = Console(file=io.StringIO())
    short = synth.write_audio(tmp_path / "short.wav", PIECES[1][:4_000])
    with pytest.raises(TooShort, match=r"short.wav: 0.50 s"):
        await constellation_of(short, SETTINGS, console)
    long = synth.write_audio(tmp_path / "long.wav", PIECES[1])
    with pytest.raises(TooLong):
        await constellation_of(long, Settings(longest_decoded_s=10), console)
    (tmp_path / "text.mp3").write_text("no music")
    with pytest.raises(NotAudio):
        await constellation_of(tmp_path / "text.mp3", SETTINGS, console)
    with pytest.raises(FileNotFoundError):
        await constellation_of(tmp_path / "missing.mp3", SETTINGS, console)


async def test_decoding_ends_when_nobody_waits_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = []
    begun = asyncio.Event()
    loop = asyncio.get_running_loop()

    def endless(*_: object):  # type: ignore[no-untyped-def]
        while True:
            blocks.append(1)
            loop.call_soon_threadsafe(begun.set)
            yield np.zeros(80, np.float32)

    monkeypatch.setattr(local_sound, "decode", endless)
    file = synth.write_audio(tmp_path / "a.wav", PIECES[1][:8_000])
    waiting = asyncio.create_task(constellation_of(file, SETTINGS, Console(file=io.StringIO())))
    await begun.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await loop.shutdown_default_executor()
    assert blocks
