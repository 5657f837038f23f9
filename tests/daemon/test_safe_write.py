"""Tags are written completely or not at all, nothing of a file is lost, and every write can be undone."""

import errno
import fcntl
import os
import pickle
import resource
import shutil
import struct
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import mutagen
import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from synth import music, write_audio
from tagged_files import JPEG, VARIANTS, content, make

from daemon import file_lease, file_safety, staging, tag_files
from daemon.audio_digest import audio_digest
from daemon.leftovers import is_leftover_name, sweep, temporary_name
from daemon.safe_write import (
    Prepared,
    commit,
    discard,
    look,
    prepare,
    prepare_restore,
    restore,
)
from daemon.tag_errors import (
    AttributesNotKept,
    CoverRefused,
    DeltaTooLarge,
    EditedSince,
    FileChanged,
    FileRefused,
    InUse,
    LinkRefused,
    NoSpace,
    NotQuiet,
    NotTaggable,
    ReadOnly,
    TagError,
    VerificationFailed,
)
from daemon.tag_fields import Cover, TagFields
from daemon.tag_files import kind_of, read_fields, read_others

FIELDS = TagFields(
    title="A Song \U0001f3b5 \u05d0\u05d1",
    artist="Somebody",
    artists=("Somebody", "\u05d0\u05d1"),
    album="An Album",
    track=3,
    track_total=12,
    date="2020-05-01",
    cover=Cover(JPEG, "image/jpeg"),
)
NOBODY = 65_534


def later() -> float:
    """Tell a time at which every file has been quiet for long."""
    return time.time() + 3_600


def prepared(path: Path, fields: TagFields = FIELDS) -> Prepared:
    made = prepare(path, fields, clock=later)
    assert made is not None
    return made


@pytest.fixture
def song(tmp_path: Path) -> Path:
    """A tagged MP3 in a folder of its own."""
    folder = tmp_path / "music"
    folder.mkdir()
    return make(folder, "mp3")


def access_list(owner: int, nobody: int, group: int, mask: int, others: int) -> bytes:
    """Return a POSIX ACL as the kernel takes it."""
    nobody_in_particular = 2**32 - 1
    entries = ((1, owner), (2, nobody), (4, group), (16, mask), (32, others))
    return struct.pack("<I", 2) + b"".join(
        struct.pack("<HHI", tag, rights, NOBODY if tag == 2 else nobody_in_particular)
        for tag, rights in entries
    )


def only_file(path: Path) -> bool:
    return list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("variant", sorted(VARIANTS))
def test_a_written_file_reopens_sounds_the_same_and_can_be_undone(tmp_path: Path, variant: str) -> None:
    path = make(tmp_path, variant)
    original = path.read_bytes()
    sound = audio_digest(path, path.name)
    made = prepared(path)
    assert path.read_bytes() == original
    stamp = commit(made, clock=later)
    assert look(path, made.before_sha256, made.after_sha256) == "after"
    assert file_safety.stamp_of(path.stat()) == stamp
    assert read_fields(path, kind_of(path)).fields == made.new
    assert made.new.title == FIELDS.title or variant in ("mp3-v1",)
    assert audio_digest(path, path.name) == sound == made.audio_md5
    assert len(made.delta) < 20_000
    restore(path, made.delta)
    assert path.read_bytes() == original
    assert only_file(path)


FORMATS = ("aiff-id3", "flac-picture", "m4a", "mp3", "mp3-v23", "ogg", "opus", "wav-id3")
TEXTS = st.one_of(st.none(), st.text(max_size=60))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    variant=st.sampled_from(FORMATS),
    fields=st.builds(
        TagFields,
        title=TEXTS,
        artist=TEXTS,
        artists=st.lists(st.text(max_size=20), max_size=4).map(tuple),
        album=TEXTS,
        track=st.one_of(st.none(), st.integers(-1, 70_000)),
        date=st.sampled_from([None, "1999", "1999-02", "1999-02-30", "soon"]),
        cover=st.sampled_from([None, Cover(JPEG, "image/jpeg")]),
    ),
    mode=st.sampled_from(["fill", "overwrite", "exact"]),
)
def test_whatever_is_written_nothing_else_changes(
    tmp_path: Path, variant: str, fields: TagFields, mode: Any
) -> None:
    assume(mode != "exact" or fields.date != "soon")
    path = make(Path(tempfile.mkdtemp(dir=tmp_path)), variant)
    original = path.read_bytes()
    kind = kind_of(path)
    every = frozenset(
        ("title", "artist", "artists", "album", "track", "date", "cover", "disc", "album_artist")
    )
    others = read_others(path, kind, every)
    made = prepare(path, fields, mode=mode, clock=later)
    if made is None:
        return
    commit(made, clock=later)
    assert read_others(path, kind, every) == others
    assert read_fields(path, kind).fields == made.new
    restore(path, made.delta)
    assert path.read_bytes() == original
    assert only_file(path)


def test_a_file_that_says_it_all_is_not_written(song: Path) -> None:
    commit(prepared(song), clock=later)
    assert prepare(song, FIELDS, clock=later) is None
    assert prepare(song, TagFields(), clock=later) is None
    assert only_file(song)


def test_a_prepared_write_travels_between_processes(song: Path) -> None:
    made = prepared(song)
    assert pickle.loads(pickle.dumps(made)) == made


def test_a_discarded_write_leaves_nothing(song: Path) -> None:
    made = prepared(song)
    discard(made)
    discard(made)
    assert only_file(song)


def test_the_new_file_is_newer_even_than_one_from_the_future(song: Path) -> None:
    future_ns = time.time_ns() + 10**18
    os.utime(song, ns=(future_ns, future_ns))
    commit(prepared(song), clock=later)
    assert song.stat().st_mtime_ns > future_ns + 10**9


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_owner_group_mode_and_attributes_are_kept(song: Path) -> None:
    acl = access_list(6, 6, 4, 6, 0)
    os.chown(song, NOBODY, 12_345)
    song.chmod(0o640)
    os.setxattr(song, "user.mood", b"happy")
    os.setxattr(song, "system.posix_acl_access", acl)
    before = song.stat()
    commit(prepared(song), clock=later)
    after = song.stat()
    assert (after.st_uid, after.st_gid, after.st_mode) == (NOBODY, 12_345, before.st_mode)
    assert os.getxattr(song, "user.mood") == b"happy"
    assert os.getxattr(song, "system.posix_acl_access") == acl


def test_an_acl_that_a_folder_gives_to_new_files_is_not_added(song: Path) -> None:
    os.setxattr(song.parent, "system.posix_acl_default", access_list(7, 7, 7, 7, 7))
    commit(prepared(song), clock=later)
    assert "system.posix_acl_access" not in os.listxattr(song)


@pytest.mark.parametrize("call", ["fchown", "setxattr", "fchmod"])
def test_what_cannot_be_kept_is_not_written(song: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    if call == "fchown" and os.geteuid() != 0:
        pytest.skip("only root can make a file another's")
    os.setxattr(song, "user.mood", b"happy")
    if os.geteuid() == 0:
        os.chown(song, NOBODY, NOBODY)
    original = song.read_bytes()

    def refuse(*_: object) -> NoReturn:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, call, refuse)
    if call == "fchmod":
        song.chmod(0o664)
    with pytest.raises(AttributesNotKept, match="run Spectra as the music's owner"):
        prepared(song)
    assert song.read_bytes() == original
    assert only_file(song)


def test_a_file_that_just_changed_is_left_alone(song: Path) -> None:
    changed_s = song.stat().st_ctime
    with pytest.raises(NotQuiet):
        prepare(song, FIELDS, clock=lambda: changed_s + 59)
    made = prepare(song, FIELDS, clock=lambda: changed_s + 61)
    assert made is not None
    with pytest.raises(NotQuiet):
        commit(made, clock=lambda: changed_s + 59)
    commit(made, clock=lambda: changed_s + 61)


def test_an_old_mtime_does_not_make_a_new_file_quiet(song: Path) -> None:
    os.utime(song, (1, 1))
    with pytest.raises(NotQuiet) as raised:
        prepare(song, FIELDS)
    assert 0 < raised.value.args[1] <= 60


@pytest.mark.parametrize("stage", ["prepare", "commit"])
def test_a_file_that_is_open_for_writing_is_left_alone(song: Path, stage: str) -> None:
    made = prepared(song) if stage == "commit" else None
    with song.open("r+b"), pytest.raises(InUse):
        commit(made, clock=later) if made else prepared(song)
    if made:
        commit(made, clock=later)


def test_a_reader_does_not_keep_a_file_from_being_tagged(song: Path) -> None:
    with song.open("rb") as file:
        commit(prepared(song), clock=later)
        assert file.read() == content("mp3")


def test_who_wants_to_write_in_the_last_moment_keeps_the_file(
    song: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = prepared(song)
    check_same = staging.check_same

    def open_for_writing(*arguments: Any) -> None:
        check_same(*arguments)
        with pytest.raises(BlockingIOError):
            os.open(song, os.O_RDWR | os.O_NONBLOCK)

    monkeypatch.setattr(staging, "check_same", open_for_writing)
    with pytest.raises(InUse):
        commit(made, clock=later)
    assert song.read_bytes() == content("mp3")


@pytest.mark.parametrize(
    ("file_system", "refusal"),
    [
        ("ext4", errno.EINVAL),
        ("ext4", errno.EACCES),
        ("nfs4", errno.EAGAIN),
        ("cifs", errno.EAGAIN),
        ("fuse", None),
    ],
)
def test_where_nobody_can_tell_who_writes_a_file_must_be_quiet_for_longer(
    song: Path, monkeypatch: pytest.MonkeyPatch, file_system: str, refusal: int | None
) -> None:
    real = fcntl.fcntl
    changed_s = song.stat().st_ctime

    def without_leases(number: int, command: int, argument: int = 0) -> int:
        if command == fcntl.F_SETLEASE and refusal is not None:
            raise OSError(refusal, os.strerror(refusal))
        return real(number, command, argument)

    monkeypatch.setattr(fcntl, "fcntl", without_leases)
    monkeypatch.setattr(file_lease, "_file_system", lambda path: file_system)
    with pytest.raises(NotQuiet, match="nobody can tell"):
        prepare(song, FIELDS, clock=lambda: changed_s + 299)
    made = prepare(song, FIELDS, clock=lambda: changed_s + 301)
    assert made is not None
    with pytest.raises(NotQuiet, match="nobody can tell"):
        commit(made, clock=lambda: changed_s + 299)
    commit(made, clock=lambda: changed_s + 301)
    restore(song, made.delta)


@pytest.mark.parametrize("file_system", ["ext4", "fuse.mergerfs"])
def test_a_writer_is_seen_wherever_leases_are_the_kernel_s_own(
    song: Path, monkeypatch: pytest.MonkeyPatch, file_system: str
) -> None:
    monkeypatch.setattr(file_lease, "_file_system", lambda path: file_system)
    with song.open("r+b"), pytest.raises(InUse):
        prepared(song)


def test_a_file_s_own_file_system_is_asked(song: Path) -> None:
    assert file_lease._file_system(song) not in ("", "proc")
    assert file_lease._file_system(Path("/proc/self/status")) == "proc"


def _replace_it(path: Path) -> None:
    other = path.with_name("other")
    shutil.copy2(path, other)
    other.replace(path)


def _append(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def _rewrite_in_place(path: Path) -> None:
    status = path.stat()
    with path.open("r+b") as file:
        file.write(b"ID4")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


CHANGES: dict[str, Callable[[Path], object]] = {
    "appended": _append,
    "attributes": lambda path: path.chmod(0o600),
    "deleted": lambda path: path.unlink(),
    "folder": lambda path: (path.unlink(), path.mkdir()),
    "linked": lambda path: path.with_name("second").hardlink_to(path),
    "moved": lambda path: path.rename(path.with_name("moved.mp3")),
    "replaced": _replace_it,
    "rewritten": _rewrite_in_place,
    "symlinked": lambda path: (path.rename(path.with_name("real")), path.symlink_to("real")),
}


def everything(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.mark.parametrize("change", sorted(CHANGES))
def test_a_file_that_changed_since_it_was_prepared_is_not_replaced(song: Path, change: str) -> None:
    made = prepared(song)
    CHANGES[change](song)
    before = everything(song.parent)
    with pytest.raises(TagError):
        commit(made, clock=later)
    assert everything(song.parent) == before
    discard(made)


@pytest.mark.parametrize("change", sorted(CHANGES))
def test_a_file_that_changes_while_it_is_prepared_is_left_as_it_is(
    song: Path, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_fields = tag_files.write_fields

    def change_meanwhile(*arguments: Any) -> None:
        CHANGES[change](song)
        write_fields(*arguments)

    monkeypatch.setattr("daemon.safe_write.write_fields", change_meanwhile)
    with pytest.raises(TagError):
        prepared(song)
    assert not [path for path in song.parent.iterdir() if is_leftover_name(path.name)]


def test_a_copy_that_somebody_changed_is_not_used(song: Path) -> None:
    made = prepared(song)
    _append(made.temporary)
    with pytest.raises(FileChanged):
        commit(made, clock=later)
    made.temporary.unlink()
    with pytest.raises(FileChanged):
        commit(made, clock=later)
    assert song.read_bytes() == content("mp3")


def test_links_are_told_and_not_touched(song: Path) -> None:
    link = song.with_name("link.mp3")
    link.symlink_to(song)
    with pytest.raises(LinkRefused, match="symbolic link"):
        prepared(link)
    link.unlink()
    link.hardlink_to(song)
    with pytest.raises(LinkRefused, match="2 names"):
        prepared(song)


def test_what_is_no_file_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp3")
    with pytest.raises(NotTaggable):
        prepared(tmp_path / "pipe.mp3")
    with pytest.raises(NotTaggable):
        prepared(tmp_path)
    with pytest.raises(FileChanged):
        prepared(tmp_path / "nothing.mp3")


def test_a_file_without_write_permission_is_left_alone(song: Path) -> None:
    song.chmod(0o444)
    with pytest.raises(ReadOnly):
        prepared(song)


def test_a_refusal_names_the_file_and_not_its_copy(song: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: Path, *_: object) -> NoReturn:
        raise NotTaggable(path.name, "damaged")

    monkeypatch.setattr("daemon.safe_write.write_fields", fail)
    with pytest.raises(NotTaggable, match=r"^mp3\.mp3: .*damaged"):
        prepared(song)


def test_a_folder_that_takes_no_new_files_is_told(song: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    access = os.access
    monkeypatch.setattr(
        os, "access", lambda path, mode, **more: path != song.parent and access(path, mode, **more)
    )
    with pytest.raises(ReadOnly, match="folder"):
        prepared(song)
    assert only_file(song)


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.EPERM])
def test_a_refused_rename_keeps_the_file_and_can_be_tried_again(
    song: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    made = prepared(song)

    def refuse(*_: object) -> NoReturn:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", refuse)
        with pytest.raises(ReadOnly):
            commit(made, clock=later)
    assert song.read_bytes() == content("mp3")
    commit(made, clock=later)
    assert look(song, made.before_sha256, made.after_sha256) == "after"
    assert only_file(song)


def test_a_read_only_file_system_is_told(song: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.fstatvfs

    def read_only(number: int) -> os.statvfs_result:
        values = list(real(number))
        values[8] |= os.ST_RDONLY
        return os.statvfs_result(values)

    monkeypatch.setattr(os, "fstatvfs", read_only)
    with pytest.raises(ReadOnly, match="mounted read-only"):
        prepared(song)


def test_too_little_space_is_told_before_anything_is_written(
    song: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_safety, "SPARE_BYTES", 1 << 60)
    with pytest.raises(NoSpace, match="free some space"):
        prepared(song)
    assert only_file(song)


@pytest.mark.parametrize("step", ["copy", "tag", "sync"])
def test_a_full_disk_leaves_no_copy(song: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    def full(*_: object, **__: object) -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device")

    if step == "copy":
        monkeypatch.setattr("daemon.safe_write.write_parts", full)
    elif step == "tag":
        monkeypatch.setattr(mutagen.id3.ID3, "_prepare_data", full)
    else:
        monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(NoSpace):
        prepared(song)
    assert song.read_bytes() == content("mp3")
    assert only_file(song)


@pytest.mark.parametrize("more_bytes", [-30_000, -1, 0, 500, 3_000])
def test_a_write_that_breaks_off_leaves_no_copy(song: Path, more_bytes: int) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(content("mp3")) + more_bytes, limits[1]))
    try:
        with pytest.raises(NoSpace):
            prepared(song)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert song.read_bytes() == content("mp3")
    assert only_file(song)


@pytest.mark.parametrize("suffix", ["aac", "mka", "webm", "wma"])
def test_what_mutagen_or_the_mapping_cannot_tag_is_refused(tmp_path: Path, suffix: str) -> None:
    path = write_audio(tmp_path / f"one.{suffix}", music(1, 1.0))
    original = path.read_bytes()
    with pytest.raises(NotTaggable):
        prepared(path)
    assert path.read_bytes() == original
    assert only_file(path)


@pytest.mark.parametrize(
    "junk", [b"", b"\0" * 3_000, b"ID3\4\0\0\0\0\0\x7f" + b"x" * 200, np.random.default_rng(1).bytes(9_000)]
)
def test_what_does_not_sound_is_not_tagged(tmp_path: Path, junk: bytes) -> None:
    path = tmp_path / "one.mp3"
    path.write_bytes(junk)
    with pytest.raises(NotTaggable):
        prepared(path)
    assert path.read_bytes() == junk
    assert only_file(path)


def test_a_cover_that_is_too_large_is_refused_with_the_reason(song: Path) -> None:
    with pytest.raises(CoverRefused, match=r"3\.0 MB"):
        prepared(song, replace(FIELDS, cover=Cover(JPEG[:4] + b"x" * 3_000_000, "image/jpeg")))
    assert only_file(song)


def test_a_write_that_could_not_be_undone_is_refused(song: Path) -> None:
    with pytest.raises(DeltaTooLarge):
        prepare(song, FIELDS, clock=later, delta_limit_bytes=10)
    assert only_file(song)


def _damage_sound(path: Path) -> None:
    whole = bytearray(path.read_bytes())
    whole[len(whole) // 2 : len(whole) // 2 + 4_000] = bytes(4_000)
    path.write_bytes(whole)


def _lose_a_comment(path: Path) -> None:
    file: Any = mutagen.File(path, options=[mutagen.mp3.MP3])
    file.tags.delall("COMM")
    file.save(v2_version=4)


def _lose_the_title(path: Path) -> None:
    file: Any = mutagen.File(path, options=[mutagen.mp3.MP3])
    file.tags.delall("TIT2")
    file.save(v2_version=4)


@pytest.mark.parametrize("fault", [_damage_sound, _lose_a_comment, _lose_the_title])
def test_a_copy_that_went_wrong_is_thrown_away(
    song: Path, monkeypatch: pytest.MonkeyPatch, fault: Callable[[Path], None]
) -> None:
    write_fields = tag_files.write_fields

    def write_badly(path: Path, *arguments: Any) -> None:
        write_fields(path, *arguments)
        fault(path)

    monkeypatch.setattr("daemon.safe_write.write_fields", write_badly)
    with pytest.raises(VerificationFailed):
        prepared(song)
    assert song.read_bytes() == content("mp3")
    assert only_file(song)


def test_an_edited_file_is_not_undone(song: Path) -> None:
    made = prepared(song)
    commit(made, clock=later)
    _append(song)
    edited = song.read_bytes()
    with pytest.raises(EditedSince):
        restore(song, made.delta)
    assert song.read_bytes() == edited
    assert only_file(song)


def test_an_undo_is_as_careful_as_a_write(song: Path) -> None:
    made = prepared(song)
    commit(made, clock=later)
    tagged = song.read_bytes()
    with song.open("r+b"), pytest.raises(InUse):
        restore(song, made.delta)
    back = prepare_restore(song, made.delta)
    assert (back.before_sha256, back.after_sha256) == (made.after_sha256, made.before_sha256)
    _replace_it(song)
    with pytest.raises(FileRefused):
        commit(back, quiet_s=0)
    discard(back)
    assert song.read_bytes() == tagged
    assert only_file(song)


def test_a_moved_file_can_be_undone_where_it_is(song: Path) -> None:
    made = prepared(song)
    commit(made, clock=later)
    moved = song.rename(song.with_name("elsewhere.mp3"))
    restore(moved, made.delta)
    assert moved.read_bytes() == content("mp3")
    assert look(song, made.before_sha256, made.after_sha256) == "missing"
    assert look(moved, made.before_sha256, made.after_sha256) == "before"
    _append(moved)
    assert look(moved, made.before_sha256, made.after_sha256) == "other"


def test_a_name_that_is_not_utf_8_is_no_trouble(song: Path) -> None:
    path = song.rename(song.with_name(os.fsdecode(b"caf\xe9.mp3")))
    commit(prepared(path), clock=later)
    path.chmod(0o444)
    with pytest.raises(ReadOnly) as raised:
        prepared(path)
    str(raised.value).encode()


def test_a_sweep_removes_our_copies_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    ours = [tmp_path / temporary_name(), folder / temporary_name()]
    kept = [
        tmp_path / ".spectra-0123456789abcdef00000000.tmp",
        tmp_path / ".spectra-notes.tmp",
        tmp_path / "one.mp3",
        tmp_path / f"{temporary_name()}.mp3",
    ]
    for path in (*ours, *kept):
        path.write_bytes(b"x")
    link, second, subfolder = (tmp_path / temporary_name() for _ in range(3))
    link.symlink_to(kept[2])
    second.hardlink_to(kept[2])
    subfolder.mkdir()
    swept = sweep(tmp_path)
    assert sorted(swept.removed) == sorted(ours)
    assert swept.failed == ()
    assert all(path.exists() for path in (*kept, link, second, subfolder))
    assert sweep(tmp_path / "nothing").failed


def test_every_refusal_survives_pickling_and_speaks() -> None:
    errors: list[TagError] = [
        NotTaggable("a", "b"),
        CoverRefused("a"),
        LinkRefused("a", "b"),
        ReadOnly("a", "b"),
        NoSpace("a", 5, 3),
        AttributesNotKept("a", "owner", "c"),
        InUse("a"),
        NotQuiet("a", 3.0),
        FileChanged("a", "b"),
        VerificationFailed("a", "b"),
        DeltaTooLarge(64 << 20),
        EditedSince("a"),
    ]
    for error in errors:
        again = pickle.loads(pickle.dumps(error))
        assert (type(again), again.args, str(again)) == (type(error), error.args, str(error))
