"""Whatever Navidrome's own functions answer, nothing is asked again and again, and the next run goes on."""

import json
import time

import extism
import pytest
from navidrome_functions import FUNCTIONS, Item

UNTAGGED = [Item(f"id-{number}", f"Inbox/{number}.mp3") for number in range(3)]


def failing(reason):
    """Answer as Navidrome does when something is wrong."""
    return lambda _: {"error": reason}


def test_without_an_administrator_nothing_is_done_until_one_is_chosen(navidrome, daemon):
    host = navidrome(UNTAGGED[0])
    host.admins = []
    with pytest.raises(extism.Error, match=r"no administrator.*choose one"):
        host.run_cron()
    assert (host.requests, host.waiting) == ([], [])
    host.admins = ["root"]
    host.run_cron()
    assert len(daemon.asked) == 1


@pytest.mark.parametrize("function", ["kvstore_get", "kvstore_set"])
def test_where_nothing_can_be_stored_nothing_is_asked(navidrome, function):
    host = navidrome(*UNTAGGED)
    host.replaced[function] = failing("storage limit exceeded")
    with pytest.raises(extism.Error, match=f"{function} failed: storage limit exceeded"):
        host.run_cron()
    assert (host.requests, host.waiting) == ([], [])


def test_a_store_that_gets_full_during_a_call_stops_the_sweep_until_the_next_run(navidrome, daemon):
    host = navidrome(*UNTAGGED)
    left = iter([True])

    def fills_up(request):
        return host.ask("kvstore_set", request) if next(left, False) else {"error": "storage limit exceeded"}

    host.replaced["kvstore_set"] = fills_up
    with pytest.raises(extism.Error, match="storage limit exceeded"):
        host.run_cron()
    assert host.waiting == []
    host.replaced.clear()
    host.pass_time(60)
    host.run_cron()
    host.run_all()
    assert host.state["sweeping"] is False


@pytest.mark.parametrize("stored", [b"", b"{", b"[]", b'{"offset": "one"}', b"\xff\xfe", b'{"turn": 1e300}'])
def test_a_damaged_state_is_begun_anew(navidrome, daemon, stored):
    host = navidrome(*UNTAGGED)
    host.store = {"state": stored, "asked": stored}
    host.run_cron()
    assert len(daemon.asked) == 3


def test_a_matcher_that_finds_nothing_ends_the_matter(navidrome):
    host = navidrome(*UNTAGGED)
    host.replaced["matcher_matchsongs"] = lambda request: {"results": [None] * len(request["songs"])}
    host.run_cron()
    host.run_all()
    assert host.requests == []
    assert host.state["sweeping"] is False


def test_a_matcher_that_answers_too_little_does_no_harm(navidrome, daemon):
    host = navidrome(*UNTAGGED)
    host.replaced["matcher_matchsongs"] = lambda _: {"results": [UNTAGGED[0].matched()]}
    host.run_cron()
    assert [each["item_id"] for each in daemon.asked] == ["id-0"]


@pytest.mark.parametrize(
    "wrong", [{"error": "out of order"}, [], {"results": 5, "result": 5, "responseJson": "<"}]
)
@pytest.mark.parametrize("function", sorted({*FUNCTIONS} - {"scheduler_schedulerecurring", "kvstore_set"}))
def test_after_any_failure_of_navidromes_the_next_run_goes_on(navidrome, daemon, function, wrong):
    host = navidrome(*UNTAGGED)
    daemon.outcomes = {item.path: "tagged" for item in UNTAGGED}
    host.replaced[function] = lambda _: wrong
    try:
        host.run_cron()
    except extism.Error as error:
        assert function.partition("_")[2] in str(error) or "search3" in str(error)  # noqa: PT017 - in most cases
    host.replaced.clear()
    host.pass_time(60)
    host.run_cron()
    host.run_all()
    assert {each["item_id"] for each in daemon.asked} == {"id-0", "id-1", "id-2"}
    # On a busy machine answers come one by one, and each run that has some asks for a scan.
    assert {tuple(each) for each in host.scans} == {("1:Inbox",)}


def test_a_scan_that_navidrome_refuses_is_asked_for_again_at_leisure(navidrome, daemon):
    host = navidrome(UNTAGGED[0])
    daemon.outcomes = {"Inbox/0.mp3": "tagged"}
    host.run_cron()

    def refuses(request):
        if not request["uri"].startswith("startScan"):
            return host.ask("subsonicapi_call", request)
        refused = {"status": "failed", "error": {"code": 50, "message": "not authorized"}}
        return {"responseJson": json.dumps({"subsonic-response": refused})}

    host.replaced["subsonicapi_call"] = refuses
    with pytest.raises(extism.Error, match="startScan failed: not authorized"):
        host.run_next()
    assert host.waiting == []
    host.replaced.clear()
    host.run_cron()
    assert host.scans == []
    host.run_all()
    assert host.scans == [["1:Inbox"]]


def test_two_calls_never_work_at_the_same_time(navidrome, daemon):
    host = navidrome(*UNTAGGED)
    host.run_cron()
    daemon.asked.clear()
    host.store = {"state": json.dumps({"busy_until": int(time.time()) + 30}).encode()}
    host.run_cron()
    assert daemon.asked == []
    host.pass_time(31)
    host.run_cron()
    assert len(daemon.asked) == 3


def test_a_call_from_before_a_restart_is_ignored(navidrome, daemon):
    host = navidrome(*UNTAGGED)
    host.run_cron()
    polls = daemon.polls.total()
    host.pass_time(60)
    for payload in ("0", "7", "", "nonsense"):
        host.call_back(payload)
    assert daemon.polls.total() == polls
    assert len(host.waiting) == 1


def test_times_from_before_the_clock_was_set_back_do_not_stop_it(navidrome, daemon):
    host = navidrome(*UNTAGGED)
    daemon.outcomes = {item.path: "tagged" for item in UNTAGGED}
    host.run_cron()
    host.pass_time(-400 * 86_400)
    host.waiting.clear()
    assert host.state["open"][0]["due_at"] > time.time() + 86_400
    state = host.state | {
        "busy_until": host.state["open"][0]["due_at"],
        "held_until": 2**40,
        "scan_after": 2**40,
    }
    host.store["state"] = json.dumps(state).encode()
    host.run_cron()
    host.run_all()
    assert host.scans == [["1:Inbox"]]
