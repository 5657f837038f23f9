"""From a media server's question over HTTP to a tagged file, and the answer as described."""

import asyncio
import json
import os
from importlib import resources
from pathlib import Path
from typing import Any

import synth
from identifying import ONE, at_once, names, piece, said, settle
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012
from waiting import Served, changed, served

from daemon.config import Config, load_config

Json = dict[str, Any]
URI = "urn:spectra"


def _mapped(config: Config, music: Path) -> Config:
    """Return the configuration of a daemon whose media server sees the music as /music."""
    mapping = load_config(overrides={"path_map": [{"server": "/music", "local": str(music)}]}).path_map
    return at_once(config, first_scan="review").model_copy(update={"path_map": mapping})


async def _asked(daemon: Served, **body: Any) -> tuple[int, Json]:
    async with daemon.http.post("/lookup", json=body) as response:
        answer: Json = await response.json()
        _check("/lookup", "post", response.status, answer)
        return response.status, answer


async def _answer(daemon: Served, task_id: str) -> Json:
    task = await daemon.answer(task_id)
    _check("/task_status/{task_id}", "get", 200, task)
    answer: Json = task["result"][0]
    return answer


def _check(path: str, method: str, status: int, answer: Json) -> None:
    """Assert that an answer is as described."""
    document = json.loads(resources.files("daemon").joinpath("openapi.json").read_text(encoding="utf-8"))
    step = f"#/paths/{path.replace('/', '~1')}/{method}/responses/{status}/content/application~1json/schema"
    if "$ref" in document["paths"][path][method]["responses"][str(status)]:
        return
    registry = Registry().with_resource(URI, Resource(document, DRAFT202012))
    Draft202012Validator({"$ref": f"{URI}{step}"}, registry=registry).validate(answer)


async def test_a_file_that_a_server_does_not_know_is_tagged(config: Config, music: Path) -> None:
    synth.write_audio(music / "one.flac", piece(1), tags=ONE)
    first = synth.write_audio(music / "first.mp3", piece(1))
    async with served(_mapped(config, music), watch=True) as daemon:
        await settle(daemon.services, music)
        (music / "new").mkdir()
        new = synth.write_audio(music / "new" / "x.mp3", piece(1))
        status, taken = await _asked(
            daemon,
            library_path="/music",
            relative_path="new/x.mp3",
            size=new.stat().st_size,
            duration_s=25.0,
            source="navidrome",
            item_id="6cd6",
            tag=True,
        )
        assert (status, taken["status"]) == (202, "pending")
        answer = await _answer(daemon, taken["task_id"])
        assert (answer["outcome"], answer["file_id"], said(new)) == ("tagged", taken["file_id"], names(ONE))
        assert (answer["path"], answer["item_id"]) == ("/music/new/x.mp3", "6cd6")
        status, taken = await _asked(daemon, path="/music/first.mp3", size=first.stat().st_size, tag=True)
        answer = await _answer(daemon, taken["task_id"])
        assert (status, answer["outcome"], answer["title"]) == (202, "identified", ONE["title"])
        assert said(first) == (None, None, None)


async def test_a_file_that_can_not_be_read_fails(config: Config, music: Path) -> None:
    (music / "broken.mp3").write_text("no music")
    async with served(_mapped(config, music), watch=True) as daemon:
        _, taken = await _asked(daemon, path="/music/broken.mp3")
        task = await daemon.answer(taken["task_id"])
        assert (task["status"], task["result"][0]["outcome"]) == ("fail", "failed")
        assert task["error"] == task["result"][0]["detail"]


async def test_refusals_are_as_described(config: Config, music: Path, tmp_path: Path) -> None:
    synth.write_audio(music / "one.flac", piece(1, 8.0), tags=ONE)
    (music / "link.flac").symlink_to(synth.write_audio(tmp_path / "secret.flac", piece(2, 8.0)))
    async with served(_mapped(config, music), watch=True) as daemon:
        await settle(daemon.services, music)
        refused = {
            "C:\\Music\\a.mp3": 400,
            "a.mp3": 400,
            "/music/../secret.flac": 403,
            "/music/link.flac": 403,
            os.fsdecode(os.fsencode(tmp_path) + b"/\xff.mp3"): 403,
            "/music/none.mp3": 404,
            "/music/cover.jpg": 415,
        }
        assert {path: (await _asked(daemon, path=path))[0] for path in refused} == refused
        assert (await _asked(daemon, path="/music/one.flac", size=1))[0] == 409
        async with daemon.http.post("/lookup", data=b" " * 70_000) as response:
            assert response.status == 413
        music.rename(music.with_name("unmounted"))
        async with daemon.http.post("/lookup", json={"path": "/music/one.flac"}) as response:
            assert (response.status, response.headers["Retry-After"]) == (503, "60")


async def test_a_plugin_may_ask_for_hundreds_of_files_in_a_burst(config: Config, music: Path) -> None:
    synth.write_audio(music / "one.flac", piece(1, 8.0), tags=ONE)
    limited = changed(_mapped(config, music), "rate_limits", default="1/minute", lookup="500/minute")
    async with served(limited) as daemon:
        await settle(daemon.services, music)
        answers = await asyncio.gather(
            *(_asked(daemon, path="/music/one.flac", item_id=str(number)) for number in range(500))
        )
        assert {status for status, _ in answers} == {202}
        assert (await _asked(daemon, path="/music/one.flac"))[0] == 429


async def test_an_expired_look_up_is_no_task_any_more(config: Config, music: Path) -> None:
    async with served(_mapped(config, music)) as daemon:
        synth.write_audio(music / "one.flac", piece(1, 8.0), tags=ONE)
        _, taken = await _asked(daemon, path="/music/one.flac")
        await daemon.answer(taken["task_id"])
        await daemon.services.lookups.expire(0)
        async with daemon.http.get(f"/task_status/{taken['task_id']}") as response:
            assert response.status == 404
