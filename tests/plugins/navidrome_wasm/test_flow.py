"""From untagged items to look-ups, answers, and scans of the folders that changed."""

import json
from collections import Counter

import pytest
from navidrome_daemon import TOKEN
from navidrome_functions import FUNCTIONS, Item

UNTAGGED = Item("id-1", "Inbox/a.mp3", size=123, duration_s=201.5)
TAGGED = Item("id-2", "Miles Davis/So What.mp3", title="So What", artist="Miles Davis", album="Kind of Blue")


def library(count, *, untagged_every):
    """Make a library in which each nth item has no tags."""
    return [
        Item(f"item-{number:05}", f"Artist {number % 97}/{number}.mp3")
        if number % untagged_every == 0
        else Item(
            f"item-{number:05}", f"{number}.mp3", title=f"T{number}", artist="An Artist", album="An Album"
        )
        for number in range(count)
    ]


def test_the_plugin_is_called_regularly_and_soon_after_it_was_loaded(navidrome):
    host = navidrome()
    host.init()
    assert host.recurring == {"sweep": "@every 15m"}
    assert host.waiting == [(10, "first")]


def test_another_cron_expression_is_used(navidrome):
    host = navidrome(cron="0 3 * * *")
    host.init()
    assert host.recurring == {"sweep": "0 3 * * *"}


def test_a_look_up_carries_exactly_what_the_daemon_needs(navidrome, daemon):
    host = navidrome(TAGGED, UNTAGGED)
    host.run_cron()
    assert daemon.asked == [
        {
            "library_path": "/music",
            "relative_path": "Inbox/a.mp3",
            "size": 123,
            "duration_s": 201.5,
            "source": "navidrome",
            "item_id": "id-1",
        }
    ]
    (request,) = host.requests
    assert request["headers"]["Authorization"] == f"Bearer {TOKEN}"
    assert request["timeoutMs"] <= 5_000


def test_the_first_call_after_loading_begins_to_look(navidrome, daemon):
    host = navidrome(UNTAGGED)
    host.init()
    host.run_next()
    assert len(daemon.asked) == 1


def test_an_untagged_item_becomes_a_tagged_one_and_its_folder_is_scanned(navidrome, daemon):
    host = navidrome(UNTAGGED, TAGGED)
    daemon.outcomes = {"Inbox/a.mp3": "tagged"}
    daemon.polls_until_done = 3
    host.init()
    host.run_all()
    assert host.scans == [["1:Inbox"]]
    assert daemon.polls == {"task-0": 3}
    assert host.state["open"] is None
    assert host.waiting == []


def test_a_look_up_is_asked_for_with_growing_delays(navidrome, daemon):
    host = navidrome(UNTAGGED)
    daemon.polls_until_done = 9
    host.run_cron()
    delays_s = [host.run_next() for _ in range(9)]
    assert delays_s == [5, 5, 10, 20, 40, 80, 160, 300, 300]
    assert host.waiting == []


def test_a_look_up_that_is_never_done_is_forgotten(navidrome, daemon):
    host = navidrome(UNTAGGED)
    daemon.polls_until_done = 10_000
    host.run_cron()
    host.run_all(at_most=300)
    assert host.state["open"] is None


@pytest.mark.parametrize("outcome", ["identified", "ambiguous", "unknown", "failed"])
def test_nothing_is_scanned_where_nothing_was_written(navidrome, daemon, outcome):
    host = navidrome(UNTAGGED)
    daemon.outcomes = {"Inbox/a.mp3": outcome}
    host.run_cron()
    host.run_all()
    assert host.scans == []


def test_a_file_that_has_tags_which_navidrome_did_not_read_is_scanned(navidrome, daemon):
    host = navidrome(UNTAGGED)
    daemon.outcomes = {"Inbox/a.mp3": "named"}
    host.run_cron()
    host.run_all()
    assert host.scans == [["1:Inbox"]]


def test_an_item_is_not_asked_for_again_at_each_run(navidrome, daemon):
    host = navidrome(UNTAGGED)
    for _ in range(3):
        host.run_cron()
        host.run_all()
    assert len(daemon.asked) == 1


@pytest.mark.parametrize(
    ("item", "is_asked_for"),
    [
        (Item("a", "x/y.mp3"), True),
        (Item("a", "x/y.mp3", title="A Title"), True),
        (Item("a", "x/y.mp3", artist="Somebody"), True),
        (Item("a", "x/y.mp3", title="Track 01", artist="Somebody", album="Best Of"), True),
        (Item("a", "x/y.mp3", title="", artist="Somebody", album="Best Of"), True),
        (Item("a", "x/y.mp3", title="A Title", artist="Unknown Artist", album="Best Of"), True),
        (Item("a", "x/y.mp3", title="A Title", artist="Somebody"), False),
        (Item("a", "x/y.mp3", title="Tracks of My Tears", artist="Somebody", album="Best Of"), False),
        (Item("a", "x/y.mp3", is_missing=True), False),
    ],
)
def test_only_items_without_a_name_are_asked_for(navidrome, daemon, item, is_asked_for):
    host = navidrome(item)
    host.run_cron()
    assert bool(daemon.asked) is is_asked_for


def test_libraries_are_told_apart(navidrome, daemon):
    host = navidrome(
        Item("a", "x/1.mp3"), Item("b", "x/1.mp3", library_id=2), Item("c", "2.mp3", library_id=2)
    )
    host.libraries = {1: "/music", 2: "/more music"}
    daemon.outcomes = {"x/1.mp3": "tagged", "2.mp3": "tagged"}
    host.run_cron()
    host.run_all()
    assert [each["library_path"] for each in daemon.asked] == ["/music", "/more music", "/more music"]
    assert host.scans == [["1:x", "2:"]]


def test_a_library_that_the_plugin_was_not_given_is_left_alone(navidrome, daemon):
    host = navidrome(Item("a", "x/1.mp3", library_id=2), UNTAGGED)
    host.visible = {1}
    host.run_cron()
    assert [each["item_id"] for each in daemon.asked] == ["id-1"]


def test_an_item_that_the_matcher_guessed_is_not_asked_for(navidrome, daemon):
    host = navidrome(UNTAGGED)
    host.replaced["matcher_matchsongs"] = lambda _: {"results": [TAGGED.matched() | {"artist": ""}]}
    host.run_cron()
    assert daemon.asked == []


def test_names_in_any_script_arrive_unchanged(navidrome, daemon):
    path = "Björk & Sigur Rós/音楽 #1/100% ? 🎵.mp3"
    host = navidrome(Item("ïd", path))
    host.libraries = {1: "/música"}
    daemon.outcomes = {path: "tagged"}
    host.run_cron()
    host.run_all()
    assert (daemon.asked[0]["library_path"], daemon.asked[0]["relative_path"]) == ("/música", path)
    assert daemon.asked[0]["item_id"] == "ïd"
    assert host.scans == [["1:Björk & Sigur Rós/音楽 #1"]]


def test_a_folder_with_several_new_names_is_scanned_once(navidrome, daemon):
    items = [Item(f"i{number}", f"{'ab'[number % 2]}/{number}.mp3") for number in range(10)]
    host = navidrome(*items)
    daemon.outcomes = {item.path: "tagged" for item in items}
    host.run_cron()
    host.run_all()
    assert host.scans == [["1:a", "1:b"]]


def test_a_folder_whose_name_navidrome_would_trim_is_scanned_with_its_library(navidrome, daemon):
    host = navidrome(Item("a", "Inbox /a.mp3"), Item("b", f"{'x' * 200}/{'y' * 900}/b.mp3", library_id=2))
    host.libraries[2] = "/more"
    daemon.outcomes = {item.path: "tagged" for item in host.items}
    host.run_cron()
    host.run_all()
    assert host.scans == [["1:", "2:"]]


def test_no_scan_is_asked_for_while_one_runs(navidrome, daemon):
    host = navidrome(UNTAGGED)
    daemon.outcomes = {"Inbox/a.mp3": "tagged"}
    host.is_scanning = True
    host.run_cron()
    for _ in range(4):
        host.run_next()
    assert host.scans == []
    host.is_scanning = False
    host.run_all()
    assert host.scans == [["1:Inbox"]]


def test_many_folders_are_scanned_in_batches_and_too_many_with_their_library(navidrome, daemon):
    items = [Item(f"i{number:03}", f"folder {number:03}/a.mp3") for number in range(30)]
    host = navidrome(*items)
    daemon.outcomes = {item.path: "tagged" for item in items}
    host.run_cron()
    host.run_all()
    assert [len(targets) for targets in host.scans] == [20, 10]
    many = [Item(f"m{number:03}", f"many {number:03}/a.mp3") for number in range(140)]
    host = navidrome(*many)
    daemon.asked.clear()
    daemon.polls.clear()
    daemon.outcomes = {item.path: "tagged" for item in many}
    host.is_scanning = True
    host.run_cron()
    while host.state["sweeping"] or host.state["open"]:
        host.run_next()
    host.is_scanning = False
    host.run_all()
    assert host.scans == [["1:"]]


def test_ten_thousand_items_take_many_bounded_calls(navidrome, daemon):
    items = library(10_000, untagged_every=8)
    host = navidrome(*items)
    daemon.outcomes = {item.path: "tagged" for item in items if item.title is None}
    host.init()
    host.run_all()
    # Everything was asked for once, nothing else was, and every folder was scanned.
    assert Counter(each["item_id"] for each in daemon.asked) == {
        item.item_id: 1 for item in items if item.title is None
    }
    scanned = {target for targets in host.scans for target in targets}
    assert scanned == {f"1:Artist {number}" for number in range(97)}
    assert len(host.calls) > 1_250 / 40
    for called in host.calls:
        assert called.functions["http_send"] <= 80
        assert called.functions.total() - called.functions["http_send"] <= 15
        assert called.received_bytes < 500_000
        assert called.sent_bytes < 150_000


def test_a_library_of_tagged_items_is_looked_through_without_asking(navidrome, daemon):
    host = navidrome(*library(1_500, untagged_every=10_000)[1:])
    host.run_cron()
    assert host.run_all() == 2
    assert daemon.asked == []
    assert host.state["sweeping"] is False


def test_a_run_during_a_long_sweep_goes_on_where_it_is(navidrome, daemon):
    host = navidrome(*library(1_000, untagged_every=4))
    host.run_cron()
    host.run_next()
    offset = host.state["offset"]
    host.run_cron()
    assert host.state["offset"] > offset > 0
    # The schedule of the call before has become stale: only one chain of calls goes on.
    host.run_all()
    assert len({each["item_id"] for each in daemon.asked}) == len(daemon.asked) == 250


def test_no_more_than_200_look_ups_are_open(navidrome, daemon):
    host = navidrome(*library(400, untagged_every=1))
    daemon.polls_until_done = 8
    host.run_cron()
    most_open = 0
    while host.waiting:
        host.run_next()
        most_open = max(most_open, len(host.state["open"] or []))
    assert most_open == 200
    assert len(daemon.asked) == 400


def test_every_function_that_the_plugin_asked_for_is_used(navidrome, daemon):
    host = navidrome(UNTAGGED)
    daemon.outcomes = {"Inbox/a.mp3": "tagged"}
    host.init()
    host.run_all()
    assert set().union(*(called.functions for called in host.calls)) == set(FUNCTIONS)


def test_what_is_stored_stays_far_below_navidromes_limit(navidrome, daemon):
    deep = "/".join(["folder" * 15] * 11)
    host = navidrome(*(Item(f"{number:022}", f"{deep}/{number:05}/a.mp3") for number in range(400)))
    daemon.polls_until_done = 12
    host.run_cron()
    for _ in range(12):
        host.run_next()
    assert len(json.loads(host.store["state"])["open"]) > 100
    assert sum(map(len, host.store.values())) < 500_000
