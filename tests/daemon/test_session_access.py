"""When a session counts: as a pure function, for all that a browser may send."""

from dataclasses import replace
from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st
from token_holder import named

from daemon.ip_address import parse_address
from daemon.keyring import Keys
from daemon.peer import Peer
from daemon.request_facts import FORWARDED_HEADERS, Facts
from daemon.scopes import Scope
from daemon.security import Access, Granted, Policy, Refused, classify, may_sign_in
from daemon.session import LIFETIME_S, make_session

TOKEN = "correct-horse-battery-staple"
PHONE = "a-telephone-on-the-wall"
KEYS = Keys.of(TOKEN, [named("phone", PHONE, Scope.MATCH)])
OWNERS, PHONES = KEYS.keys
POLICY = Policy(KEYS)
NOW_S = 1_800_000_000.0
OTHERS = Keys.of("another-token-than-that")
VALID = make_session(KEYS, OWNERS, NOW_S)
HOSTS = ["nas:8765", "nas", "192.168.1.2:8765", "[2001:db8::2]:8765", "localhost:8765"]
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "ODD"]
LOCAL = Facts(Peer(parse_address("127.0.0.1")), "http", frozenset(), hosts=("localhost:8765",), at_s=NOW_S)


def _signed_in(host: str = "nas", method: str = "GET", names: frozenset[str] = frozenset()) -> Facts:
    """Return what a browser of another machine sends that does not say which page asks."""
    peer = Peer(parse_address("192.168.1.9"))
    return Facts(peer, "http", names, hosts=(host,), method=method, sessions=(VALID,), at_s=NOW_S)


def _access(facts: Facts) -> Access | None:
    verdict = classify(facts, POLICY)
    return verdict.access if isinstance(verdict, Granted) else None


SIGNED_IN = st.builds(
    _signed_in,
    st.sampled_from(HOSTS),
    st.sampled_from(METHODS),
    st.frozensets(st.sampled_from(sorted(FORWARDED_HEADERS)), max_size=1),
)
OTHER_ORIGINS = st.one_of(
    st.sampled_from(
        [
            "null",
            "",
            "https://evil.example",
            "http://nas:8096",
            "http://nas.evil.example:8765",
            "http://192.168.1.3:8765",
            "http://nas:8765/",
            "ftp://nas:8765",
            "http://user@nas:8765",
            "http://nas:8765, http://evil.example",
        ]
    ),
    st.text().filter(lambda text: "://" not in text),
)
OTHER_SITES = st.one_of(
    st.sampled_from(["cross-site", "same-site", ""]),
    st.text().filter(lambda text: text.lower() not in {"same-origin", "none"}),
)
HEADER_BYTES = st.binary().map(lambda raw: raw.decode("utf-8", "surrogateescape"))
PLACES = st.integers(0, len(VALID) - 1)
NO_SESSIONS = st.one_of(
    st.just((VALID, VALID)),
    st.just((VALID, "")),
    st.just((make_session(KEYS, OWNERS, NOW_S - LIFETIME_S),)),
    st.just((make_session(OTHERS, OTHERS.keys[0], NOW_S),)),
    st.lists(st.one_of(st.text(), HEADER_BYTES), min_size=1, max_size=2).map(tuple),
    PLACES.map(lambda at: (VALID[:at] + ("y" if VALID[at] == "x" else "x") + VALID[at + 1 :],)),
    PLACES.map(lambda length: (VALID[:length],)),
    st.just((VALID + "x",)),
    st.just((VALID.replace("1", "\u0661"),)),
)


@given(facts=SIGNED_IN)
def test_our_page_passes_with_its_session(facts: Facts) -> None:
    by_site = replace(facts, fetch_sites=("same-origin",))
    by_origin = replace(facts, origins=(f"http://{facts.hosts[0]}",))
    through_tls = replace(facts, origins=(f"https://{facts.hosts[0]}",))
    for each in (by_site, by_origin, through_tls):
        assert _access(each) is Access.SESSION
        assert may_sign_in(each) is None


@pytest.mark.parametrize(
    ("origin", "host", "is_ours"),
    [
        ("http://nas", "nas:80", True),
        ("http://nas:80", "nas", True),
        ("https://nas", "nas:443", True),
        ("https://nas", "nas", True),
        ("https://NAS", "nas", True),
        ("http://[::1]:8765", "[::1]:8765", True),
        ("https://nas", "nas:80", False),
        ("http://nas", "nas:8765", False),
        ("http://nas:8765", "nas", False),
    ],
)
def test_default_ports_need_not_be_named(origin: str, host: str, is_ours: bool) -> None:
    facts = replace(_signed_in(host, "POST"), origins=(origin,))
    assert (_access(facts) is Access.SESSION) == is_ours


@pytest.mark.parametrize("sites", [(), ("none",)])
def test_reading_needs_no_proof_of_the_page_but_changing_does(sites: tuple[str, ...]) -> None:
    reading = replace(_signed_in(), fetch_sites=sites)
    assert _access(reading) is Access.SESSION
    refused = classify(replace(reading, method="POST"), POLICY)
    assert isinstance(refused, Refused)
    assert refused.status is HTTPStatus.FORBIDDEN


def test_what_the_reader_typed_changes_nothing() -> None:
    typed = replace(_signed_in("nas", "POST"), fetch_sites=("none",), origins=("http://nas",))
    assert isinstance(classify(typed, POLICY), Refused)


def test_behind_a_proxy_that_changes_the_host_the_browser_vouches_for_the_page() -> None:
    facts = replace(_signed_in("127.0.0.1:8765", "POST"), origins=("https://music.home",))
    refused = classify(facts, POLICY)
    assert isinstance(refused, Refused)
    assert "proxy" in refused.reason
    assert _access(replace(facts, fetch_sites=("same-origin",))) is Access.SESSION


@given(
    facts=SIGNED_IN,
    sites=st.lists(OTHER_SITES, min_size=1, max_size=2),
    own=st.sampled_from([(), ("same-origin",), ("none",)]),
    origins=st.lists(OTHER_ORIGINS, max_size=2),
)
def test_no_session_counts_from_another_site(facts: Facts, sites, own, origins) -> None:
    facts = replace(facts, fetch_sites=(*sites, *own))
    for shown in ((), (f"http://{facts.hosts[0]}",), tuple(origins)):
        verdict = classify(replace(facts, origins=shown), POLICY)
        assert isinstance(verdict, Refused)
        assert verdict.status is HTTPStatus.FORBIDDEN
        assert may_sign_in(replace(facts, origins=shown)) is not None


@given(
    facts=SIGNED_IN,
    origin=OTHER_ORIGINS,
    own=st.booleans(),
    sites=st.sampled_from([(), ("none",), ("same-site",), ("cross-site",), ("none", "same-origin")]),
)
def test_no_session_counts_from_another_origin(facts: Facts, origin: str, own: bool, sites) -> None:
    ours = (f"http://{facts.hosts[0]}",) if own else ()
    facts = replace(facts, origins=(*ours, origin), fetch_sites=sites)
    assert isinstance(classify(facts, POLICY), Refused)
    assert may_sign_in(facts) is not None


@given(facts=SIGNED_IN, origin=OTHER_ORIGINS)
def test_reading_is_refused_to_another_origin_whatever_else_is_claimed(facts: Facts, origin: str) -> None:
    reading = replace(facts, method="GET", origins=(origin,), fetch_sites=("same-origin",))
    assert isinstance(classify(reading, POLICY), Refused)


@given(facts=SIGNED_IN, hosts=st.sampled_from([(), ("nas", "nas"), ("nas", "evil.example")]))
def test_no_session_counts_without_one_host(facts: Facts, hosts: tuple[str, ...]) -> None:
    facts = replace(facts, hosts=hosts, fetch_sites=("same-origin",))
    assert isinstance(classify(facts, POLICY), Refused)


@given(facts=SIGNED_IN, host=st.text())
def test_no_origin_belongs_to_a_host_that_is_none(facts: Facts, host: str) -> None:
    facts = replace(facts, method="POST", hosts=(f"{host}/",), origins=(f"http://{host}/",))
    assert isinstance(classify(facts, POLICY), Refused)


@given(facts=SIGNED_IN, sessions=NO_SESSIONS)
def test_no_other_cookie_is_a_session(facts: Facts, sessions: tuple[str, ...]) -> None:
    verdict = classify(replace(facts, fetch_sites=("same-origin",), sessions=sessions), POLICY)
    assert isinstance(verdict, Refused)
    assert verdict.status is HTTPStatus.UNAUTHORIZED
    assert "sign in again" in verdict.reason


@given(facts=SIGNED_IN)
def test_without_a_cookie_our_page_needs_the_token(facts: Facts) -> None:
    verdict = classify(replace(facts, fetch_sites=("same-origin",), sessions=()), POLICY)
    assert isinstance(verdict, Refused)
    assert "needs the token" in verdict.reason or "need the token" in verdict.reason


def test_a_session_counts_until_it_ends() -> None:
    before = replace(_signed_in(), at_s=NOW_S + LIFETIME_S - 1)
    assert _access(before) is Access.SESSION
    assert isinstance(classify(replace(before, at_s=NOW_S + LIFETIME_S), POLICY), Refused)


@given(
    facts=st.builds(
        lambda peer, names, host, method: replace(
            LOCAL, peer=peer, header_names=names, hosts=(host,), method=method
        ),
        st.sampled_from([LOCAL.peer, Peer(None, over_unix_socket=True), Peer(None)]),
        st.sampled_from([frozenset(), frozenset({"via"})]),
        st.sampled_from(["localhost:8765", "127.0.0.1", "nas:8765"]),
        st.sampled_from(METHODS),
    ),
    sessions=st.one_of(NO_SESSIONS, st.just((VALID,))),
    origins=st.sampled_from([(), ("http://localhost:8765",), ("http://localhost:1",), ("null",)]),
    sites=st.sampled_from([(), ("same-origin",), ("none",), ("cross-site",)]),
)
def test_no_cookie_makes_a_request_more_or_less_local(facts: Facts, sessions, origins, sites) -> None:
    facts = replace(facts, origins=origins, fetch_sites=sites)
    is_local = _access(facts) is Access.LOCAL
    assert (_access(replace(facts, sessions=sessions)) is Access.LOCAL) == is_local


def test_on_this_machine_an_ended_session_is_ignored() -> None:
    assert _access(replace(LOCAL, sessions=(make_session(KEYS, OWNERS, 0.0),))) is Access.LOCAL


@given(facts=SIGNED_IN)
def test_a_wrong_token_is_refused_beside_a_session(facts: Facts) -> None:
    facts = replace(facts, fetch_sites=("same-origin",), authorizations=("Bearer wrong",))
    assert isinstance(classify(facts, POLICY), Refused)


def test_programs_may_sign_in_from_everywhere() -> None:
    assert may_sign_in(replace(_signed_in(method="POST"), sessions=())) is None


def test_facts_do_not_show_a_session() -> None:
    assert VALID not in repr(_signed_in())


def test_a_session_opens_what_its_token_opens_and_ends_with_it() -> None:
    facts = replace(_signed_in(), sessions=(make_session(KEYS, PHONES, NOW_S),))
    verdict = classify(facts, POLICY)
    assert isinstance(verdict, Granted)
    assert (verdict.access, verdict.scope) == (Access.SESSION, Scope.MATCH)
    removed = Keys.of(TOKEN)
    under_its_name = Keys.of(TOKEN, [named("phone", "another-telephone-there", Scope.MATCH)])
    rotated = Keys.of("another-token-than-that", [named("phone", PHONE, Scope.MATCH)])
    for keys in (removed, under_its_name, rotated):
        assert isinstance(classify(facts, Policy(keys)), Refused)


@given(st.sampled_from(["1", "3", ""]), st.sampled_from([OWNERS, PHONES]))
def test_nobody_raises_what_a_session_opens(version: str, key) -> None:
    """The id of another token, another time and another version need another seal."""
    _, end_s, _, seal = make_session(KEYS, PHONES, NOW_S).split(".")
    for parts in (
        ("2", end_s, OWNERS.session_id, seal),
        ("2", str(int(end_s) + 1), PHONES.session_id, seal),
        (version, end_s, key.session_id, seal),
    ):
        assert isinstance(classify(replace(_signed_in(), sessions=(".".join(parts),)), POLICY), Refused)
