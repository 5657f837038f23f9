"""GET, POST and DELETE /playlists, POST /playlists/{id}/sync."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from fake_youtube import Clock, FakeYouTube, address, listing, track
from waiting import Served, served, until

from daemon.config import Config
from daemon.config_options import Playlist
from daemon.playlist_errors import SourceBlocked, Unavailable

Json = dict[str, Any]


@pytest.fixture
async def daemon(config: Config, youtube: FakeYouTube, clock: Clock) -> AsyncIterator[Served]:
    with_list = config.model_copy(update={"playlists": (Playlist(url=address("z")),)})
    async with served(with_list) as opened:
        yield opened


async def asked(daemon: Served, method: str, path: str, body: object = None) -> tuple[int, Json]:
    async with daemon.http.request(method, path, json=body) as response:
        return response.status, await response.json()


async def synced(daemon: Served, url: str) -> Json:
    """Add a list, have it read, and return it with its tracks when all is done."""
    _, added = await asked(daemon, "POST", "/playlists", {"url": url})
    path = f"/playlists/{added['playlist_id']}"
    assert (await asked(daemon, "POST", f"{path}/sync"))[0] == 202
    await until(lambda: is_idle_or_only_due(daemon), within_s=60)
    return (await asked(daemon, "GET", path))[1]


async def is_idle_or_only_due(daemon: Served) -> bool:
    """The configured list stays due: this daemon reads only what it is asked for."""
    answer = (await asked(daemon, "GET", "/playlists"))[1]
    others = [each for each in answer["playlists"] if each["source"] == "added"]
    return answer["pause"] is not None or not any(
        each["is_due"] or each["counts"]["to_fetch"] for each in others
    )


async def test_a_list_is_added_read_and_removed(daemon: Served, youtube: FakeYouTube) -> None:
    youtube.lists[address("a")] = listing(track(1), track(2, title="Piece 2 (Live)"), track(3))
    youtube.failures["video000003"] = Unavailable("video000003", "private")
    status, added = await asked(daemon, "POST", "/playlists", {"url": address("a") + "&si=tracking"})
    assert (status, added["url"], added["every_s"], added["is_due"]) == (201, address("a"), None, False)
    assert (await asked(daemon, "POST", "/playlists", {"url": address("a")}))[0] == 200
    found = await synced(daemon, address("a"))
    assert (found["outcome"], found["detail"], found["is_due"]) == ("read", "3 tracks", False)
    assert [(each["title"], each["state"]) for each in found["tracks"]] == [
        ("Piece 1", "fetched"),
        ("Piece 2 (Live)", "refused"),
        ("Piece 3", "unavailable"),
    ]
    assert "it is private" in found["tracks"][2]["reason"]
    path = f"/playlists/{found['playlist_id']}"
    page = (await asked(daemon, "GET", f"{path}?limit=2"))[1]
    rest = (await asked(daemon, "GET", f"{path}?limit=2&after={page['next']}"))[1]
    assert ([each["position"] for each in page["tracks"] + rest["tracks"]], rest["next"]) == ([0, 1, 2], None)
    only = (await asked(daemon, "GET", f"{path}?state=refused"))[1]["tracks"]
    assert [each["title"] for each in only] == ["Piece 2 (Live)"]
    assert await asked(daemon, "DELETE", path) == (200, {"removed": found["playlist_id"]})
    assert (await asked(daemon, "GET", path))[0] == 404
    assert (await asked(daemon, "DELETE", path))[0] == 404
    assert (await asked(daemon, "POST", f"{path}/sync"))[0] == 404


async def test_how_often_may_be_said_later(daemon: Served, youtube: FakeYouTube) -> None:
    youtube.lists[address("a")] = listing(track(1))
    await asked(daemon, "POST", "/playlists", {"url": address("a")})
    status, answer = await asked(daemon, "POST", "/playlists", {"url": address("a"), "every": "1d"})
    assert (status, answer["every_s"]) == (200, 86_400.0)


async def test_a_list_is_read_only_when_asked_if_that_is_said_later(
    daemon: Served, youtube: FakeYouTube
) -> None:
    youtube.lists[address("a")] = listing(track(1))
    await asked(daemon, "POST", "/playlists", {"url": address("a"), "every": "1d"})
    kept = (await asked(daemon, "POST", "/playlists", {"url": address("a")}))[1]
    never = (await asked(daemon, "POST", "/playlists", {"url": address("a"), "every": None}))[1]
    assert (kept["every_s"], never["every_s"]) == (86_400.0, None)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [("[" * 200_000, "application/json"), ('{"url": "x"}', "application/json; charset=odd"), ("\xff", "")],
    ids=["deep", "an unknown charset", "no JSON"],
)
async def test_a_body_that_is_no_json_is_refused(daemon: Served, body: str, content_type: str) -> None:
    headers = {"Content-Type": content_type}
    async with daemon.http.post("/playlists", data=body.encode("latin-1"), headers=headers) as response:
        assert response.status == 400
        assert "The body must be JSON" in (await response.json())["error"]


async def test_a_pause_is_in_the_status_and_no_illness(
    daemon: Served, youtube: FakeYouTube, clock: Clock
) -> None:
    assert (await asked(daemon, "GET", "/status"))[1]["playlists"] == {"pause": None}
    status, answer = await asked(daemon, "GET", "/health")
    assert (status, answer["checks"]["playlists"]["detail"]) == (200, "no pause")
    youtube.lists[address("a")] = SourceBlocked("a bot check")
    await synced(daemon, address("a"))
    pause = (await asked(daemon, "GET", "/status"))[1]["playlists"]["pause"]
    assert pause["until"] == "2026-01-01T00:15:00+00:00"
    status, answer = await asked(daemon, "GET", "/health")
    said = answer["checks"]["playlists"]
    assert (status, answer["status"], said["status"]) == (200, "ok", "ok")
    assert said["detail"].startswith("nothing is asked until 2026-01-01T00:15:00+00:00: YouTube refuses")
    clock.turn(hours=1)
    assert (await asked(daemon, "GET", "/status"))[1]["playlists"] == {"pause": None}


async def test_a_list_of_the_configuration_is_not_removed(daemon: Served) -> None:
    [configured] = (await asked(daemon, "GET", "/playlists"))[1]["playlists"]
    assert (configured["source"], configured["every_s"]) == ("config", 21_600.0)
    status, answer = await asked(daemon, "DELETE", f"/playlists/{configured['playlist_id']}")
    assert status == 409
    assert "[[playlists]]" in answer["error"]
    again = (await asked(daemon, "POST", "/playlists", {"url": address("z"), "every": "30m"}))[1]
    assert again["every_s"] == 21_600.0


async def test_a_pause_is_told_with_its_reason_and_end(daemon: Served, youtube: FakeYouTube) -> None:
    youtube.lists[address("a")] = SourceBlocked("a bot check")
    found = await synced(daemon, address("a"))
    assert (found["outcome"], found["pause"]["until"]) == ("blocked", "2026-01-01T00:15:00+00:00")
    assert "bot check" in (await asked(daemon, "GET", "/playlists"))[1]["pause"]["reason"]


@pytest.mark.parametrize(
    ("request_line", "body", "status", "wrong"),
    [
        ("POST /playlists", {"url": "https://example.org/playlist?list=PLx"}, 400, "is no list"),
        ("POST /playlists", {"url": "file:///etc/passwd"}, 400, "is no list"),
        ("POST /playlists", {"url": 1}, 400, "The body must be"),
        ("POST /playlists", {"link": ""}, 400, "The body must be"),
        ("POST /playlists", [], 400, "The body must be"),
        ("POST /playlists", {"url": address("a"), "every": "1m"}, 400, "10 minutes at least"),
        ("POST /playlists", {"url": address("a"), "every": 6}, 400, "looks like"),
        ("GET /playlists/x", None, 404, "by its number"),
        ("GET /playlists/99999999999999999999", None, 404, "by its number"),
        ("GET /playlists/1?state=odd", None, 400, "`state` must be one of"),
        ("GET /playlists/1?limit=1001", None, 400, "`limit` must be"),
        ("GET /playlists/1?page=1", None, 400, "'page' is no parameter"),
    ],
)
async def test_what_makes_no_sense_is_refused(
    daemon: Served, request_line: str, body: object, status: int, wrong: str
) -> None:
    method, path = request_line.split(" ")
    found, answer = await asked(daemon, method, path, body)
    assert found == status
    assert wrong in answer["error"]
