"""What README and docs/ show works as pasted, and their links lead somewhere."""

import asyncio
import re
import shutil
import sys
from pathlib import Path

import pytest
import synth
from waiting import served

from daemon.config import Config

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").glob("*.md"))]
RUNNABLE = re.compile(r"^```sh runnable\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:)(?P<file>[^)#]*)(?:#(?P<heading>[^)]*))?\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
SHOWN = {
    "docs/api.md": ("spectra-api", '"status": "ok"', '"song_name": "piece.flac"', '"libraries"'),
    "README.md": ("piece.flac", "some-clip-explained.png", "1 recording"),
}
"""What the runnable blocks of each document print at least."""


def runnable(document: Path) -> list[str]:
    return RUNNABLE.findall(document.read_text("utf-8"))


def test_documents_with_runnable_blocks_are_known() -> None:
    assert {str(each.relative_to(ROOT)) for each in DOCUMENTS if runnable(each)} == SHOWN.keys()


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize("name", SHOWN)
async def test_runnable_blocks_run(config: Config, music: Path, tmp_path: Path, name: str) -> None:
    sound = synth.music(1, 30)
    synth.write_audio(music / "piece.flac", sound)
    clip = synth.write_audio(tmp_path / "some-clip.mp3", sound[10 * synth.RATE_HZ : 20 * synth.RATE_HZ])
    synth.write_audio(tmp_path / "some-mix.flac", sound)
    async with served(config) as daemon:
        await daemon.learn(music)
        script = "\n".join(runnable(ROOT / name))
        for shown, ours in (
            ("http://127.0.0.1:8765", str(daemon.http._base_url).rstrip("/")),
            (".venv/bin/spectra", f"{sys.executable} -m daemon"),
            ("curl ", "curl --silent --show-error --fail-with-body "),
        ):
            script = script.replace(shown, ours)
        process = await asyncio.create_subprocess_exec(
            "bash",
            "-euo",
            "pipefail",
            "-c",
            script,
            cwd=clip.parent,
            env={
                "PATH": "/usr/local/bin:/usr/bin:/bin",
                "SPECTRA_STATE_DIR": str(config.state_dir),
                "PYTHONPATH": str(ROOT),
                "COLUMNS": "200",
            },
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        printed = (await process.communicate())[0].decode()
    assert process.returncode == 0, printed
    for part in SHOWN[name]:
        assert part in printed


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda each: each.name)
def test_links_lead_somewhere(document: Path) -> None:
    for link in LINK.finditer(document.read_text("utf-8")):
        target = document.parent / link["file"] if link["file"] else document
        assert target.exists(), link[0]
        if link["heading"]:
            anchors = {_anchor(each) for each in HEADING.findall(target.read_text("utf-8"))}
            assert link["heading"] in anchors, link[0]


def _anchor(heading: str) -> str:
    """Return a heading's anchor, as forges make it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
