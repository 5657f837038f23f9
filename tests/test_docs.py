"""What README shows works as pasted."""

import asyncio
import re
import shutil
import sys
from pathlib import Path

import pytest
import synth
from waiting import served

from daemon.config import Config

README = Path(__file__).parents[1] / "README.md"
SHELL = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def shell_blocks(word: str) -> list[str]:
    blocks = [block for block in SHELL.findall(README.read_text("utf-8")) if word in block]
    assert blocks, f"README has no block with {word}"
    return blocks


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
async def test_the_curl_lines_of_the_readme_answer(config: Config, music: Path, tmp_path: Path) -> None:
    sound = synth.music(1, 30)
    synth.write_audio(music / "piece.flac", sound)
    clip = synth.write_audio(tmp_path / "some-clip.mp3", sound[10 * synth.RATE_HZ : 20 * synth.RATE_HZ])
    async with served(config) as daemon:
        await daemon.learn(music)
        script = "\n".join(shell_blocks("curl"))
        assert "CLIP=some-clip.mp3" in script
        for shown, ours in (
            ("http://127.0.0.1:8765", str(daemon.http._base_url).rstrip("/")),
            (".venv/bin/spectra", f"{sys.executable} -m daemon"),
            ("curl ", "curl --silent --show-error --fail-with-body "),
        ):
            assert shown in script
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
                "PYTHONPATH": str(README.parent),
            },
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        printed = (await process.communicate())[0].decode()
    assert process.returncode == 0, printed
    for answer in ("spectra-api", '"status": "ok"', '"song_name": "piece.flac"', '"libraries"'):
        assert answer in printed
