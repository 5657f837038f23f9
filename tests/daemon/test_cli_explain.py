"""`spectra explain`, as people and scripts meet it."""

import io
import os
import subprocess
import sys
from pathlib import Path

import av
import pytest
from synth import music as play
from synth import silence, write_audio

from daemon import cli_explain
from daemon.cli_explain import write_whole

REPOSITORY = Path(__file__).resolve().parents[2]
PIECE_S = 20.0


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home folder that is a file: nobody, not even root, can write into it."""
    home = tmp_path / "home"
    home.write_text("")
    return home


@pytest.fixture(autouse=True)
def settings(tmp_path: Path, home: Path, conninfo: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No options but these."""
    for name in list(os.environ):
        if name.startswith(("SPECTRA_", "XDG_", "MPL", "NUMBA")):
            monkeypatch.delenv(name)
    given = {
        "DB_URL": conninfo,
        "COLUMNS": "300",  # a message on one line
        "HOME": str(home),
        "PYTHONPATH": str(REPOSITORY),
        "SPECTRA_STATE_DIR": str(tmp_path / "state"),
        "SPECTRA_WORKERS__INGEST": "1",
        "XDG_CONFIG_HOME": str(tmp_path / "no-options"),
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)


def spectra(*arguments: str | bytes | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "daemon", *arguments],
        capture_output=True,
        check=False,
        timeout=60,
        encoding="utf-8",
    )


def test_a_picture_says_what_a_clip_is_also_where_the_home_folder_cant_be_written(
    music: Path, tmp_path: Path
) -> None:
    write_audio(music / "piece.flac", play(1, PIECE_S), tags={"title": "So [b]What", "artist": "Miles Davis"})
    assert spectra("add", music).returncode == 0
    clip = write_audio(tmp_path / "clip.mp3", play(1, PIECE_S)[5 * 8_000 : 13 * 8_000])
    picture = tmp_path / "clip-explained.png"

    known = spectra("explain", clip)
    assert (known.returncode, known.stdout, known.stderr) == (
        0,
        "Known: So [b]What by Miles Davis. The picture: clip-explained.png\n",
        "",
    )
    with av.open(io.BytesIO(picture.read_bytes())) as image:
        assert next(image.decode(video=0)).width == 1_080
    caches = {path.name for path in (tmp_path / "state" / "drawing").iterdir()}
    assert [name for name in caches if name.startswith("fontlist")]

    picture.write_bytes(b"mine")
    again = spectra("explain", clip)
    assert (again.returncode, "--force" in again.stderr, picture.read_bytes()) == (2, True, b"mine")
    assert spectra("explain", "--force", clip).returncode == 0
    assert picture.read_bytes() != b"mine"

    absent = write_audio(tmp_path / "absent.wav", silence(5))
    unknown = spectra("explain", absent, "--output", os.fsencode(tmp_path) + b"/\xff.png")
    assert (unknown.returncode, unknown.stdout.startswith("Not known. The picture: ")) == (1, True)
    assert (tmp_path / os.fsdecode(b"\xff.png")).exists()
    assert not list(tmp_path.glob(".spectra-*"))


def test_what_cant_be_explained_leaves_no_picture(tmp_path: Path) -> None:
    text = tmp_path / "text.mp3"
    text.write_text("no music")
    for arguments, words in [
        ([text], "the clip: not audio"),
        ([tmp_path / "missing.mp3"], "missing.mp3"),
        ([text, "--output", "nowhere/picture.png"], "nowhere"),
        ([text, "--output", "text.mp3", "--force"], "is the clip itself"),
        ([text, "--output", "/dev/null", "--force"], "is no file"),
    ]:
        refused = spectra("explain", *arguments)
        assert (refused.returncode, words in refused.stderr) == (2, True), refused
        assert "Traceback" not in refused.stderr
    assert [path.name for path in tmp_path.iterdir() if path.suffix in {".png", ".part"}] == []
    assert text.read_text() == "no music"


def test_a_file_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "picture.png"

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(os, "fsync", full)
        for replace in (False, True):
            with pytest.raises(OSError, match="No space left"):
                write_whole(target, b"picture", replace=replace)
    assert list(tmp_path.glob("*.p*")) == list(tmp_path.glob(".*.part")) == []
    write_whole(target, b"picture", replace=False)
    assert target.read_bytes() == b"picture"


@pytest.mark.parametrize("has_links", [True, False])
def test_what_another_program_wrote_meanwhile_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_links: bool
) -> None:
    def unsupported(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    if not has_links:
        monkeypatch.setattr(cli_explain.os, "link", unsupported)
    target = tmp_path / "picture.png"
    write_whole(target, b"first", replace=False)
    with pytest.raises(FileExistsError, match="--force"):
        write_whole(target, b"second", replace=False)
    assert target.read_bytes() == b"first"
    write_whole(target, b"second", replace=True)
    assert target.read_bytes() == b"second"
    assert [path.name for path in tmp_path.iterdir() if path.name.endswith((".png", ".part"))] == [
        "picture.png"
    ]
