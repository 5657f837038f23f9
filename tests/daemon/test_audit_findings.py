"""What related recordings and odd files amount to, in words."""

from itertools import permutations

import pytest

from daemon.audit_broken import find_broken
from daemon.audit_clusters import clusters, seen_from
from daemon.audit_duplicates import MOST_MEMBERS, find_duplicates
from daemon.audit_names import find_mislabelled
from daemon.audit_rows import AuditedFile, Finding, Related, SuspectFile

SO_WHAT = ("So What", "Miles Davis")
NAIMA = ("Naima", "John Coltrane")


def file(number: int, recording_id: int | None = None, **options: object) -> AuditedFile:
    """Return a file whose recording has its number, unless another is given."""
    given: dict[str, object] = {
        "recording_id": number if recording_id is None else recording_id,
        "duration_s": 200.0,
        "title": None,
        "artist": None,
        "is_named": False,
        "has_album": False,
        "file_id": number,
        "place": b"/music/%d.mp3" % number,
        "size_bytes": 1_000 * number,
        "mtime_ns": 1,
        "disk_place": (1, number),
        "content_hash": b"%d" % number,
    }
    return AuditedFile(**(given | options))  # type: ignore[arg-type]


def named(number: int, name: tuple[str, str], **options: object) -> AuditedFile:
    return file(number, title=name[0], artist=name[1], is_named=True, **options)


def related(one: int, other: int, relation: str = "copy", *, is_reversed: bool = False) -> Related:
    return Related(one, other, relation, is_reversed, 0.9, 0.5, 0.8, 1.25)  # type: ignore[arg-type]


def shown(finding: Finding) -> list[tuple[int | None, str | None, int | None]]:
    """Return file, relation and to which place, of each member."""
    return [(each.file_id, each.relation, each.related_place) for each in finding.members]


def problem(**options: object) -> tuple[str | None, str] | None:
    """Return what is wrong with a file of three minutes of sound that has these peculiarities."""
    given: dict[str, object] = {
        "file_id": 1,
        "place": b"/music/one.mp3",
        "recording_id": 1,
        "size_bytes": 1,
        "mtime_ns": 1,
        "error": None,
        "duration_s": 180.0,
        "stated_s": 180.0,
        "sounding_s": 170.0,
        "is_recognisable": True,
    }
    found = find_broken([SuspectFile(**(given | options))])  # type: ignore[arg-type]
    return (found[0].problem, found[0].reason) if found else None


def test_recordings_are_united_however_they_are_connected() -> None:
    pairs = [related(1, 2), related(4, 5), related(2, 3)]
    for order in permutations(pairs):
        assert clusters(range(1, 8), order) == [[1, 2, 3], [4, 5], [6], [7]]


@pytest.mark.parametrize(
    ("relation", "is_reversed", "of_the_one", "of_the_other"),
    [
        ("copy", False, "copy", "copy"),
        ("version", False, "version", "version"),
        ("edit", False, "edit", "fuller"),
        ("edit", True, "fuller", "edit"),
        ("excerpt", False, "excerpt", "contains"),
        ("excerpt", True, "contains", "excerpt"),
    ],
)
def test_a_relation_has_two_sides(
    relation: str, is_reversed: bool, of_the_one: str, of_the_other: str
) -> None:
    pair = related(1, 2, relation, is_reversed=is_reversed)
    one, other = seen_from(pair, 1), seen_from(pair, 2)
    assert (one.relation, one.coverage, one.other_coverage, one.speed) == (of_the_one, 0.9, 0.5, 1.25)
    assert (other.relation, other.coverage, other.other_coverage, other.speed) == (
        of_the_other,
        0.5,
        0.9,
        0.8,
    )


def test_a_group_is_told_by_its_best_file() -> None:
    files = [file(1, bit_rate=320_000), file(2, is_lossless=True, bit_rate=700_000), file(3, bit_rate=64_000)]
    (finding,) = find_duplicates(files, [related(1, 2), related(1, 3)])
    assert shown(finding) == [(2, None, None), (1, "copy", 0), (3, "copy", 1)]
    assert finding.reason == "3 files of one sound"


def test_an_edit_is_told_by_what_it_was_cut_from() -> None:
    files = [file(1, is_lossless=True), file(2, is_lossless=False)]
    (finding,) = find_duplicates(files, [related(1, 2, "edit")])
    assert shown(finding) == [(2, None, None), (1, "edit", 0)]
    assert finding.reason == "one sound; 1 edit"


def test_files_of_one_recording_are_copies_or_identical() -> None:
    files = [file(1, 7), file(2, 7), file(3, 7, content_hash=b"2")]
    (finding,) = find_duplicates(files, [])
    assert shown(finding) == [(3, None, None), (2, "identical", 0), (1, "copy", 0)]


def test_hard_links_are_one_file() -> None:
    assert find_duplicates([file(1, 7), file(2, 7, disk_place=(1, 1))], []) == []


def test_what_is_there_once_is_no_duplicate() -> None:
    reference = AuditedFile(2, 200.0, *SO_WHAT, is_named=True, has_album=True)
    assert find_duplicates([file(1), reference], [related(1, 2)]) == []


def test_a_mix_lists_what_is_in_it_and_unites_nothing() -> None:
    mix, others = file(9), [file(1), file(2), file(3, 2)]
    findings = find_duplicates([mix, *others], [related(1, 9, "excerpt"), related(2, 9, "excerpt")])
    assert [shown(each) for each in findings] == [
        [(3, None, None), (2, "copy", 0)],
        [(9, None, None), (1, "excerpt", 0), (3, "excerpt", 0), (2, "copy", 2)],
    ]
    assert findings[1].reason == "2 files of one sound; 2 excerpts"


def test_a_finding_lists_so_many_members_and_counts_all() -> None:
    (finding,) = find_duplicates([file(number, 7) for number in range(1, MOST_MEMBERS + 51)], [])
    assert len(finding.members) == MOST_MEMBERS
    assert finding.reason == f"{MOST_MEMBERS + 50} files of one sound"


def test_copies_with_different_names_are_mislabelled() -> None:
    files = [named(1, SO_WHAT), named(2, NAIMA), file(3), named(4, ("so what!", "MILES DAVIS"))]
    (finding,) = find_mislabelled(files, [related(1, 2), related(2, 3), related(3, 4)])
    assert [(each.file_id, each.name_number, each.is_likely) for each in finding.members] == [
        (1, 0, None), (2, 1, None), (3, None, None), (4, 0, None),
    ]  # fmt: skip
    assert "2 names: \u201cSo What\u201d by Miles Davis, \u201cNaima\u201d by John Coltrane" in finding.reason
    assert "MusicBrainz" not in finding.reason


def test_the_name_of_a_better_source_is_likelier() -> None:
    files = [named(1, SO_WHAT), named(2, NAIMA, has_mbid=True)]
    (finding,) = find_mislabelled(files, [related(1, 2)])
    assert [(each.name_number, each.is_likely, each.source) for each in finding.members] == [
        (1, False, "tagged file"), (0, True, "MusicBrainz-tagged file"),
    ]  # fmt: skip
    assert finding.reason.endswith("the first is from a MusicBrainz-tagged file, the others are not")


def test_a_reference_without_a_file_contradicts_too() -> None:
    reference = AuditedFile(2, 200.0, *NAIMA, is_named=True, has_album=True)
    (finding,) = find_mislabelled([named(1, SO_WHAT), reference], [related(1, 2)])
    assert [(each.file_id, each.source) for each in finding.members] == [
        (1, "tagged file"), (None, "album audio"),
    ]  # fmt: skip


def test_equal_bytes_with_other_names_are_mislabelled() -> None:
    (finding,) = find_mislabelled([named(1, SO_WHAT, recording_id=7), named(2, NAIMA, recording_id=7)], [])
    assert len(finding.members) == 2


@pytest.mark.parametrize("relation", ["version", "edit", "excerpt"])
def test_what_is_no_copy_may_have_another_name(relation: str) -> None:
    assert find_mislabelled([named(1, SO_WHAT), named(2, NAIMA)], [related(1, 2, relation)]) == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("So What", "Miles Davis"), ("so what?", "miles  davis")),
        (("So What", "Miles Davis"), ("So What (Remastered 2009)", "Miles Davis Sextet")),
        (("Stay", "Rihanna feat. Mikky Ekko"), ("Stay feat. Mikky Ekko", "Rihanna")),
        (("Stay", "Rihanna feat. Mikky Ekko"), ("Stay (ft. Mikky Ekko)", "Mikky Ekko & Rihanna")),
        (("Cecilia", "Simon & Garfunkel"), ("Cecilia", "Simon and Garfunkel")),
        (("Beyonc\u00e9", "X"), ("Beyonce", "x")),
    ],
)
def test_spelling_editions_and_guests_are_no_contradiction(
    one: tuple[str, str], other: tuple[str, str]
) -> None:
    assert find_mislabelled([named(1, one), named(2, other)], [related(1, 2)]) == []


def test_a_whole_file_is_not_broken() -> None:
    assert problem() is None
    assert problem(stated_s=None, sounding_s=None, is_recognisable=None) is None
    assert problem(stated_s=183.0) is None
    assert problem(duration_s=8.0, stated_s=9.9, sounding_s=8.0) is None


def test_what_is_cut_off_is_truncated() -> None:
    assert problem(stated_s=240.0) == (
        "truncated",
        "it says it is 240 s long, but only 180 s of that can be heard",
    )


def test_silence_with_a_click_in_it_is_silent() -> None:
    assert problem(sounding_s=3.0, is_recognisable=False) == ("silent", "silent but for 3 of its 180 s")


def test_what_holds_too_little_is_short() -> None:
    assert problem(duration_s=1.2, stated_s=None, sounding_s=1.0, is_recognisable=False) == (
        "short",
        "its 1.2 s hold too little to be known again",
    )


def test_what_failed_says_why_without_its_name() -> None:
    assert problem(error="one.mp3: has no audio stream", duration_s=None) == ("failed", "has no audio stream")
