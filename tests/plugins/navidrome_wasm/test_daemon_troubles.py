"""Whatever the daemon does, it is said, nothing is asked again and again, and a later run goes on."""

import time

import extism
import pytest
from aiohttp import web
from navidrome_daemon import TOKEN
from navidrome_functions import Item

UNTAGGED = [Item(f"id-{number}", f"Inbox/{number}.mp3") for number in range(3)]
NOWHERE = "http://127.0.0.1:9"


def always(status, **details):
    """Answer each request so."""
    return lambda _: web.json_response({"error": "A reason."}, status=status, **details)


def only(path, status):
    """Refuse one item so, and take the others."""

    def misbehave(body):
        is_it = body is not None and body["relative_path"] == path
        return web.json_response({"error": f"{path} is refused."}, status=status) if is_it else None

    return misbehave


def warnings(host):
    return [line for line in host.log if line.startswith("WARN")]


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"daemon_url": ""}, "daemon_url is empty: enter"),
        ({"daemon_url": "192.168.1.10:8765"}, "is no address: enter"),
        ({"daemon_url": "ftp://192.168.1.10"}, "is no address: enter"),
        ({"daemon_url": "http://"}, "is no address: enter"),
        ({"daemon_url": "http://me:secret@host"}, "must be an address only"),
        ({"daemon_url": "http://host/?a=b"}, "must be an address only"),
        ({"token": " "}, "token is empty: enter what `spectra token add navidrome --scope match` prints"),
        ({"token": "two words"}, "token has blanks"),
        ({"token": "abc\r\nX-Evil: 1"}, "token has blanks"),
        ({"cron": "every day"}, 'cron, "every day", cannot be used: enter'),
    ],
)
def test_a_wrong_setting_is_said_when_the_plugin_is_loaded(navidrome, settings, sentence):
    host = navidrome(**settings)
    with pytest.raises(extism.Error, match=sentence):
        host.init()
    assert host.waiting == []


def test_a_slash_at_the_end_of_the_address_does_no_harm(navidrome, daemon):
    host = navidrome(UNTAGGED[0], daemon_url=f" {daemon.url}/ ")
    host.run_cron()
    assert len(daemon.asked) == 1


def test_a_refused_token_stops_the_run_and_is_said_at_each(navidrome, daemon):
    host = navidrome(*UNTAGGED, token="an-old-one")
    for runs in (1, 2):
        with pytest.raises(extism.Error, match="refuses the token: enter what `spectra token add navidrome"):
            host.run_cron()
        assert len(host.requests) == runs
        assert host.waiting == []
    host.settings["token"] = TOKEN
    host.run_cron()
    assert len(daemon.asked) == 3


def test_a_daemon_that_is_down_is_said_once_and_everything_is_asked_for_later(navidrome, daemon):
    host = navidrome(*UNTAGGED, daemon_url=NOWHERE)
    for _ in range(3):
        host.run_cron()
        assert host.waiting == []
    (sentence,) = warnings(host)
    assert f"Spectra does not answer at {NOWHERE}" in sentence
    assert "does it run" in sentence
    assert len(host.requests) == 3
    host.settings["daemon_url"] = daemon.url
    host.run_cron()
    assert [each["item_id"] for each in daemon.asked] == ["id-0", "id-1", "id-2"]
    assert any("Spectra answers again" in line for line in host.log)


def test_a_daemon_that_fails_at_one_item_goes_on_behind_it(navidrome, daemon):
    host = navidrome(*UNTAGGED)
    daemon.misbehave = only("Inbox/1.mp3", 500)
    host.run_cron()
    assert [each["item_id"] for each in daemon.asked] == ["id-0"]
    daemon.misbehave = lambda _: None
    host.run_cron()
    host.run_all()
    assert {each["item_id"] for each in daemon.asked} == {"id-0", "id-2"}
    # What the daemon failed at is asked for again later: it may be the cause.
    del host.store["asked"]
    host.run_cron()
    assert {each["item_id"] for each in daemon.asked} == {"id-0", "id-1", "id-2"}


def test_a_daemon_that_hangs_costs_one_request_a_run(navidrome):
    host = navidrome(*UNTAGGED)
    timeout = 'Post "http://spectra:8765/lookup": context deadline exceeded'
    host.replaced["http_send"] = lambda _: {"error": timeout}
    host.run_cron()
    assert host.calls[-1].functions["http_send"] == 1
    assert host.waiting == []
    assert host.state["offset"] == 0
    assert "context deadline exceeded" in warnings(host)[0]


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({"Retry-After": "42"}, 42),
        ({"Retry-After": "0"}, 5),
        ({"Retry-After": "999999999999999999999"}, 60),
        ({"Retry-After": "86400"}, 900),
        ({"Retry-After": "soon"}, 60),
        ({}, 60),
    ],
)
def test_a_busy_daemon_is_left_alone_for_as_long_as_it_says(navidrome, daemon, status, headers, wait_s):
    host = navidrome(*UNTAGGED)
    daemon.misbehave = always(status, headers=headers)
    host.run_cron()
    assert len(host.requests) == 1
    assert [delay_s for delay_s, _ in host.waiting] == [wait_s]
    daemon.misbehave = lambda _: None
    host.run_next()
    assert [each["item_id"] for each in daemon.asked] == ["id-0", "id-1", "id-2"]


def test_a_run_does_not_ask_a_daemon_that_said_when_to(navidrome, daemon):
    host = navidrome(*UNTAGGED)
    daemon.misbehave = always(503, headers={"Retry-After": "600"})
    host.run_cron()
    host.run_cron()
    assert len(host.requests) == 1


@pytest.mark.parametrize("status", [400, 403, 404, 409, 413, 415])
def test_an_item_that_cannot_be_looked_up_is_said_and_not_asked_for_again(navidrome, daemon, status):
    host = navidrome(*UNTAGGED)
    daemon.misbehave = only("Inbox/1.mp3", status)
    for _ in range(3):
        host.run_cron()
        host.run_all()
    assert len(host.lookups()) == 3
    assert [each["item_id"] for each in daemon.asked] == ["id-0", "id-2"]
    assert warnings(host) == ['WARN Spectra does not look up "Inbox/1.mp3": Inbox/1.mp3 is refused.']


def test_of_many_refusals_a_few_are_said_and_the_rest_is_counted(navidrome, daemon):
    host = navidrome(*(Item(f"{number}", f"{number}.mp3") for number in range(30)))
    daemon.misbehave = lambda _: web.json_response({"error": "No. " * 10_000}, status=403)
    host.run_cron()
    assert len(warnings(host)) == 3
    assert all(len(line) < 400 for line in warnings(host))
    assert any("asked Spectra about 30 items; it refused 30" in line for line in host.log)


@pytest.mark.parametrize(
    "answer",
    [
        lambda _: web.Response(text="<h1>It works!</h1>", content_type="text/html"),
        lambda _: web.Response(text="Not Found", status=404),
        lambda _: web.json_response({}),
        lambda _: web.json_response({"task_id": "../../admin"}, status=202),
        lambda _: web.json_response([1], status=202),
        lambda _: web.Response(status=302, headers={"Location": "http://elsewhere.invalid/"}),
    ],
)
def test_another_server_at_the_address_is_told_from_spectra(navidrome, daemon, answer):
    host = navidrome(*UNTAGGED)
    daemon.misbehave = answer
    host.run_cron()
    assert len(host.requests) == 1
    assert host.waiting == []
    assert "does not answer as Spectra does" in warnings(host)[0]
    assert "correct the setting daemon_url" in warnings(host)[0]


def test_the_token_goes_to_no_other_address(navidrome, daemon):
    host = navidrome(*UNTAGGED)
    host.run_cron()
    assert all(each["noFollowRedirects"] is True for each in host.requests)
    assert all(each["url"].startswith(f"{daemon.url}/") for each in host.requests)
    assert TOKEN not in host.log_file.read_text()


def test_an_expired_look_up_is_forgotten(navidrome, daemon):
    host = navidrome(UNTAGGED[0])
    host.run_cron()
    daemon.misbehave = always(404)
    host.run_all()
    assert host.state["open"] is None
    assert host.scans == []


def test_a_look_up_that_the_daemon_fails_at_does_not_block_the_others(navidrome, daemon):
    host = navidrome(*UNTAGGED)
    daemon.outcomes = {item.path: "tagged" for item in UNTAGGED}
    host.run_cron()
    daemon.misbehave = always(500)
    host.run_all()
    assert len(host.state["open"]) == 2
    daemon.misbehave = lambda _: None
    host.run_cron()
    host.run_all()
    assert host.scans == [["1:Inbox"]]


def test_a_look_up_that_was_interrupted_is_asked_for_again_after_an_hour(navidrome, daemon):
    host = navidrome(UNTAGGED[0])
    host.run_cron()
    daemon.misbehave = lambda _: web.json_response({"status": "fail", "result": [], "error": "interrupted"})
    host.run_all()
    assert host.state["open"] is None
    until_hour = int.from_bytes(host.store["asked"][:2], "little")
    assert (until_hour - time.time() // 3_600) % 2**16 <= 2


def test_open_look_ups_survive_a_restart_of_both(navidrome, daemon):
    host = navidrome(UNTAGGED[0])
    daemon.outcomes = {"Inbox/0.mp3": "tagged"}
    host.run_cron()
    host.waiting.clear()
    url, host.settings["daemon_url"] = host.settings["daemon_url"], NOWHERE
    host.init()
    host.run_all()
    assert len(host.state["open"]) == 1
    host.settings["daemon_url"] = url
    host.run_cron()
    host.run_all()
    assert host.scans == [["1:Inbox"]]
