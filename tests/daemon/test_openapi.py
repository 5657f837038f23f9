"""The description of the API: complete, sound, and true of real answers."""

import json
import os
import signal
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from fake_youtube import address, install, listing, track
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012
from synth import music as play
from synth import write_audio
from tagged_files import make as make_tagged
from waiting import Served, changed, served, until

from daemon.api import routes
from daemon.change_rows import Change
from daemon.config import Config
from daemon.playlist_errors import SourceBlocked
from daemon.session import COOKIE
from daemon.tag_fields import Cover, TagFields
from daemon.token_file import load_or_create_token

URI = "urn:spectra"
Json = dict[str, Any]
Operation = tuple[str, str, Json]


@pytest.fixture(scope="module")
def document() -> Json:
    text = resources.files("daemon").joinpath("openapi.json").read_text(encoding="utf-8")
    described: Json = json.loads(text)
    return described


def _operations(document: Json) -> Iterator[Operation]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def _resolved(document: Json, node: Json) -> Json:
    """Follow a $ref within the document."""
    if "$ref" not in node:
        return node
    found: Any = document
    for step in node["$ref"].removeprefix("#/").split("/"):
        found = found[step.replace("~1", "/")]
    return _resolved(document, found)


def _nodes(node: Any) -> Iterator[Json]:
    if isinstance(node, dict):
        yield node
        for child in node.values():
            yield from _nodes(child)
    elif isinstance(node, list):
        for child in node:
            yield from _nodes(child)


def _check(document: Json, schema: Json, value: object) -> None:
    """Assert that the value fits the schema, and that every key in it is described."""
    strict = json.loads(json.dumps(document))
    for node in _nodes(strict["components"]["schemas"]):
        if node.get("type") == "object" and "properties" in node:
            node["additionalProperties"] = False
    resource = Resource(strict, DRAFT202012)
    anchored = json.loads(json.dumps(schema).replace('"#/', f'"{URI}#/'))
    validator = Draft202012Validator(
        anchored,
        registry=Registry().with_resource(URI, resource),
        format_checker=Draft202012Validator.FORMAT_CHECKER,
    )
    validator.validate(value)


def _contents(document: Json) -> Iterator[tuple[str, Json]]:
    """Yield every JSON body that is described, with where."""
    for method, path, operation in _operations(document):
        bodies = {str(status): each for status, each in operation["responses"].items()}
        bodies["request"] = operation.get("requestBody", {"content": {}})
        for name, body in bodies.items():
            content = _resolved(document, body).get("content", {})
            if "application/json" in content:
                yield f"{method} {path} {name}", content["application/json"]


def test_every_route_is_described_and_nothing_else(document: Json) -> None:
    served_routes = {(route.method, route.path) for route in routes}
    assert {(method, path) for method, path, _ in _operations(document)} == served_routes


def test_every_operation_says_what_it_does_and_how_it_refuses(document: Json) -> None:
    names = [operation["operationId"] for _, _, operation in _operations(document)]
    assert len(set(names)) == len(names)
    for method, path, operation in _operations(document):
        assert operation["summary"], path
        assert {"401", "403", "429", "500"} < set(operation["responses"]), (method, path)
        parameters = {each["name"] for each in operation.get("parameters", []) if each["in"] == "path"}
        assert parameters == {part[1:-1] for part in path.split("/") if part.startswith("{")}
        for response in operation["responses"].values():
            assert _resolved(document, response)["description"], path
    assert document["openapi"].startswith("3.1.")
    assert document["components"]["securitySchemes"]["token"]["scheme"] == "bearer"


def test_every_reference_leads_somewhere_and_every_component_is_used(document: Json) -> None:
    used = {node["$ref"] for node in _nodes(document) if "$ref" in node}
    for reference in used:
        assert _resolved(document, {"$ref": reference})
    defined = {
        f"#/components/{kind}/{name}"
        for kind, components in document["components"].items()
        if kind != "securitySchemes"
        for name in components
    }
    assert defined == used


def test_every_schema_is_one_and_every_example_fits_it(document: Json) -> None:
    for where, content in _contents(document):
        Draft202012Validator.check_schema(content["schema"])
        if "/openapi.json" not in where or "200" not in where:
            assert content["examples"], where
        for example in content.get("examples", {}).values():
            _check(document, content["schema"], example["value"])


def test_a_request_has_no_property_that_is_not_described(document: Json) -> None:
    for where, content in _contents(document):
        if where.endswith(" request") and "/hooks/" not in where:  # what those hold is the servers'
            schema = _resolved(document, content["schema"])
            open_to_any = [
                each
                for each in _nodes(schema)
                if each.get("type") == "object" and each.get("additionalProperties") is not False
            ]
            assert schema["properties"], where
            assert not open_to_any, where


def test_both_ways_to_prove_oneself_are_described(document: Json) -> None:
    assert document["security"] == [{}, {"token": []}, {"session": []}]
    scheme = document["components"]["securitySchemes"]["session"]
    assert (scheme["type"], scheme["in"], scheme["name"]) == ("apiKey", "cookie", COOKIE)


async def _fits(document: Json, daemon: Served, method: str, url: str, path: str, **options: Any) -> Json:
    """Ask over TCP, and assert that the answer is as described."""
    async with daemon.http.request(method, url, **options) as response:
        body: Json = await response.json()
    described = document["paths"][path][method.lower()]["responses"][str(response.status)]
    described = _resolved(document, described)
    _check(document, described["content"]["application/json"]["schema"], body)
    for name, header in described.get("headers", {}).items():
        assert name in response.headers or not _resolved(document, header).get("required")
    return body


async def test_real_answers_are_as_described(
    document: Json, config: Config, music: Path, tmp_path: Path
) -> None:
    write_audio(music / "piece.flac", play(1, 20.0), tags={"title": "So What", "artist": "Miles Davis"})
    (music / "notes.mp3").write_text("no music")
    clip = write_audio(tmp_path / "clip.flac", play(1, 20.0)[: 8 * 8_000]).read_bytes()
    async with served(config, watch=True) as daemon:
        await daemon.learn(music)
        assert await _fits(document, daemon, "GET", "/openapi.json", "/openapi.json") == document
        await _fits(document, daemon, "GET", "/ping", "/ping")
        await _fits(document, daemon, "GET", "/health", "/health")
        status = await _fits(document, daemon, "GET", "/status", "/status")
        assert (status["libraries"][0]["failed"], len(status["failed"])) == (1, 1)
        taken = await _fits(document, daemon, "POST", "/match_file", "/match_file", data=clip)
        await _fits(document, daemon, "POST", "/match_file", "/match_file", data=b"")
        task = f"/task_status/{taken['task_id']}"
        await daemon.answer(taken["task_id"])
        known = await _fits(document, daemon, "GET", task, "/task_status/{task_id}")
        assert known["result"][0]["song_name"] == "So What"
        await _fits(document, daemon, "GET", "/task_status/x", "/task_status/{task_id}")
        failed = await daemon.send(b"no music")
        await daemon.answer(failed)
        await _fits(document, daemon, "GET", f"/task_status/{failed}", "/task_status/{task_id}")
        await _fits(document, daemon, "POST", "/add", "/add", json={"paths": [str(music)]})
        await _fits(document, daemon, "GET", "/ping", "/ping", headers={"Authorization": "Bearer x"})
        await _fits(document, daemon, "POST", "/reindex", "/reindex")
        looked = await daemon.local.post("/add", {"paths": [str(music), "/nowhere"]})
        assert (len(looked["failed"]), len(looked["problems"])) == (1, 1)
        _check(document, document["components"]["schemas"]["Looked"], looked)
        os.kill(daemon.services.match_workers.pids()[0], signal.SIGKILL)
        await _fits(document, daemon, "GET", "/health", "/health")


async def test_real_answers_about_files_are_as_described(document: Json, config: Config, music: Path) -> None:
    write_audio(music / "piece.flac", play(1, 20.0), tags={"title": "So What", "artist": "Miles Davis"})
    for name in ("a.mp3", "b.opus", "c.m4a"):
        write_audio(music / name, play(1, 20.0))
    async with served(changed(config, "tagging", quiet_s=0.0)) as daemon:
        await daemon.learn(music)

        async def is_proposed() -> bool:
            return len((await daemon.local.get("/files?status=review"))["files"]) == 3

        await until(is_proposed)
        page = await _fits(document, daemon, "GET", "/files?status=review", "/files")
        await _fits(document, daemon, "GET", "/files?status=odd", "/files")
        first, second, third = (each["file_id"] for each in page["files"])
        for action, body in (("reject", {}), ("accept", {}), ("name", {"title": "Naima"})):
            path = f"/files/{first}/{action}"
            await _fits(document, daemon, "POST", path, f"/files/{{file_id}}/{action}", json=body)
            path = f"/files/999/{action}"
            await _fits(document, daemon, "POST", path, f"/files/{{file_id}}/{action}", json=body)
        accepted = await _fits(document, daemon, "POST", f"/files/{second}/accept", "/files/{file_id}/accept")
        assert accepted["change"]["cause"] == "accepted"
        detail = await _fits(document, daemon, "GET", f"/files/{second}", "/files/{file_id}")
        assert len(detail["changes"]) == 1
        everything = await _fits(document, daemon, "POST", "/review/accept", "/review/accept", json={})
        assert everything["accepted"] == [third]
        await _fits(document, daemon, "GET", "/review/doubtful", "/review/doubtful")
        name = {"title": "Naima", "artist": "John Coltrane", "track": 6}
        await _fits(document, daemon, "POST", f"/files/{first}/name", "/files/{file_id}/name", json=name)


async def test_playlists_answer_as_described(
    document: Json, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    youtube = install(monkeypatch)
    youtube.lists[address("a")] = listing(track(1), track(2, title="Piece 2 (Live)"))
    youtube.failures["video000001"] = SourceBlocked("a bot check")
    one = "/playlists/{playlist_id}"
    async with served(config) as daemon:
        added = await _fits(document, daemon, "POST", "/playlists", "/playlists", json={"url": address("a")})
        path = f"/playlists/{added['playlist_id']}"
        await _fits(document, daemon, "POST", "/playlists", "/playlists", json={"url": "https://example.org"})
        await _fits(document, daemon, "POST", f"{path}/sync", f"{one}/sync")

        async def is_paused() -> bool:
            return (await daemon.local.get("/playlists"))["pause"] is not None

        await until(is_paused)
        await _fits(document, daemon, "GET", "/playlists", "/playlists")
        answer = await _fits(document, daemon, "GET", path, one)
        assert len(answer["tracks"]) == 2
        await _fits(document, daemon, "GET", f"{path}?state=odd", one)
        await _fits(document, daemon, "DELETE", path, one)
        await _fits(document, daemon, "DELETE", path, one)


async def test_changes_answer_as_described(document: Json, config: Config, music: Path) -> None:
    path = make_tagged(music, "mp3")
    async with served(changed(config, "tagging", quiet_s=0.0)) as daemon:
        await daemon.learn(music)
        file_id = await daemon.services.journal.file_at(os.fsencode(music), os.fsencode(path.name))
        assert file_id is not None
        cover = Cover(b"\xff\xd8\xff", "image/jpeg")
        change = await daemon.services.tagging.apply(
            file_id,
            TagFields(title="So What", artist="Miles Davis", artists=("Miles Davis",), track=1, cover=cover),
            cause="identified",
            recording_id=None,
            evidence={"relation": "copy"},
        )
        assert isinstance(change, Change), change
        listed = await _fits(document, daemon, "GET", "/changes", "/changes")
        assert listed["changes"][0]["after"]["cover"]["size_bytes"] == 3
        one = f"/changes/{change.change_id}"
        assert await _fits(document, daemon, "GET", one, "/changes/{change_id}") == listed["changes"][0]
        path.write_bytes(path.read_bytes() + b"edited")
        undo = "/changes/{change_id}/undo"
        await _fits(document, daemon, "POST", f"{one}/undo", undo)
        await _fits(document, daemon, "POST", f"{one}/undo", undo, json={"force": True})
        await _fits(document, daemon, "POST", f"{one}/undo", undo, json={"force": 1})
        await _fits(document, daemon, "POST", "/changes/0/undo", undo)
        await _fits(document, daemon, "GET", "/changes?limit=x", "/changes")


async def test_answers_about_the_audit_are_as_described(document: Json, config: Config, music: Path) -> None:
    write_audio(music / "one.flac", play(1, 20.0), tags={"title": "So What", "artist": "Miles Davis"})
    write_audio(music / "naima.mp3", play(1, 20.0), tags={"title": "Naima", "artist": "John Coltrane"})
    (music / "notes.mp3").write_text("no music")
    async with served(config) as daemon:
        await daemon.learn(music)
        await _fits(document, daemon, "GET", "/audit", "/audit")
        await _fits(document, daemon, "POST", "/audit", "/audit", json={"fresh": True})

        async def is_over() -> bool:
            return bool((await daemon.local.get("/audit"))["run"]["status"] == "done")

        await until(is_over)
        answer = await _fits(document, daemon, "GET", "/audit", "/audit")
        assert [each["kind"] for each in answer["findings"]] == ["mislabelled", "duplicates", "broken"]
        await _fits(document, daemon, "DELETE", "/audit", "/audit")
        await _fits(document, daemon, "GET", "/audit?kind=odd", "/audit")
        await _fits(document, daemon, "POST", "/audit", "/audit", json={"fresh": 1})


async def test_signing_in_answers_as_described(document: Json, config: Config) -> None:
    async with served(config) as daemon:
        path = "/session"
        assert (await _fits(document, daemon, "GET", path, path))["access"] == "local"
        assert (await _fits(document, daemon, "GET", path, path, headers=daemon.bearer()))[
            "access"
        ] == "token"
        await _fits(document, daemon, "GET", path, path, headers={"Via": "1.1 proxy"})
        token = load_or_create_token(config.state_dir)
        for body in ({"token": token}, {"token": "wrong"}, {}, {"token": "x" * 5_000}):
            await _fits(document, daemon, "POST", path, path, json=body)
        await _fits(document, daemon, "POST", path, path, data=b"token")
        async with daemon.http.delete(path) as response:
            described = document["paths"][path]["delete"]["responses"][str(response.status)]
            assert set(described["headers"]) <= set(response.headers)
