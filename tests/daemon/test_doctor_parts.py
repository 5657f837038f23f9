"""The doctor on certificates, programs and the service's unit."""

import shutil
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from daemon import doctor_programs, doctor_systemd
from daemon.config import load_config
from daemon.doctor_diagnosis import Diagnosis
from daemon.doctor_programs import caches, decoders, javascript, microphone, ytmusicapi
from daemon.doctor_systemd import service
from daemon.doctor_tls import certificate
from engine.settings import Settings

GOLDEN = Path(__file__).parents[1] / "golden" / "tls"
NOW = datetime(2026, 9, 1, tzinfo=UTC)


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """The key of one.crt, which nobody else can read."""
    copy = tmp_path / "one.key"
    shutil.copyfile(GOLDEN / "one.key", copy)
    copy.chmod(0o640)
    return copy


def test_a_certificate_that_is_right_says_until_when(key: Path) -> None:
    (found,) = certificate(GOLDEN / "one.crt", key, NOW)
    assert (found.is_ok, "fit, until 2120" in found.sentence) == (True, True), found


def test_a_certificate_that_ends_soon_or_has_ended_is_to_be_renewed(key: Path) -> None:
    (ended,) = certificate(GOLDEN / "one-ended.crt", key, NOW)
    (ends,) = certificate(GOLDEN / "one-ended.crt", key, datetime(2020, 12, 22, tzinfo=UTC))
    (lasts,) = certificate(GOLDEN / "one-ended.crt", key, datetime(2020, 12, 1, tzinfo=UTC))
    assert [each.is_ok for each in (ended, ends, lasts)] == [False, False, True]
    assert "ended on 2021-01-01" in ended.sentence
    assert "in 10 days: renew it" in ends.sentence


def test_a_key_that_does_not_fit_or_is_open_to_others_is_told(key: Path) -> None:
    key.chmod(0o644)
    opened, fits = certificate(GOLDEN / "one.crt", key, NOW)
    assert (opened.is_ok, fits.is_ok) == (False, True)
    assert f"chmod o-rwx {key}" in opened.sentence
    key.chmod(0o600)
    (other,) = certificate(GOLDEN / "other.crt", key, NOW)
    assert (other.is_ok, "is not the key of" in other.sentence) == (False, True)


def test_every_kind_of_music_is_decoded() -> None:
    (found,) = decoders(Settings())
    assert found.is_ok
    assert found.sentence.startswith("mp3, m4a, opus, flac, wav, ogg, wma, alac can be decoded")


def test_a_decoder_that_gives_no_sound_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded_s = doctor_programs._decoded_s

    def without_opus(container: str, encoder: str, sample_format: str, settings: Settings) -> float:
        return 0.0 if encoder == "libopus" else decoded_s(container, encoder, sample_format, settings)

    monkeypatch.setattr(doctor_programs, "_decoded_s", without_opus)
    (found,) = decoders(Settings())
    assert (found.is_ok, found.sentence.startswith("opus can't be decoded")) == (False, True)


def test_a_folder_for_numba_is_wanted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "new"))
    (found,) = caches()
    assert (found.is_ok, str(tmp_path / "new") in found.sentence) == (True, True)
    assert not (tmp_path / "new").exists()
    (tmp_path / "file").touch()
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "file"))
    (found,) = caches()
    assert (found.is_ok, "set NUMBA_CACHE_DIR" in found.sentence) == (False, True)


def test_what_listening_needs_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_programs.ctypes.util, "find_library", lambda _: None)
    (without_library,) = microphone()
    monkeypatch.setattr(doctor_programs, "find_spec", lambda _: None)
    (without_package,) = microphone()
    assert without_library.is_ok
    assert without_package.is_ok
    assert "apt install libportaudio2" in without_library.sentence
    assert "sounddevice is not installed" in without_package.sentence


@pytest.mark.parametrize("is_used", [True, False])
def test_a_missing_runtime_is_trouble_where_it_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_used: bool
) -> None:
    monkeypatch.setattr(doctor_programs.sysconfig, "get_path", lambda _: str(tmp_path))
    (found,) = javascript(is_used=is_used)
    assert (found.is_ok, "deno does not run" in found.sentence) == (not is_used, True)


def test_a_missing_package_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(doctor_programs, "version", missing)
    (found,) = ytmusicapi()
    assert (found.is_ok, "pip install --upgrade" in found.sentence) == (False, True)


class Installed:
    """A unit with drop-ins, and the configuration that it reads."""

    def __init__(self, folder: Path) -> None:
        self.units = folder / "units"
        self.file = folder / "spectra.toml"
        (self.units / "spectra.service.d").mkdir(parents=True)
        (self.units / "spectra.service").write_text("[Service]\nProtectHome=tmpfs\n")

    def found(self, drop_in: str, **given: object) -> list[Diagnosis]:
        """Return what is found of this drop-in with these options."""
        (self.units / "spectra.service.d" / "music.conf").write_text(f"[Service]\n{drop_in}\n", "utf-8")
        self.file.write_text("[server]\nport = 9\n")
        config = load_config(self.file, overrides=given)
        return list(service(config, folders=(self.units,), system_file=self.file))


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installed:
    """A service on a machine with systemd."""
    monkeypatch.setattr(doctor_systemd.shutil, "which", lambda _: "/usr/bin/systemctl")
    return Installed(tmp_path)


@pytest.mark.parametrize(
    ("drop_in", "root"),
    [
        ('ReadWritePaths="-/srv/music"', "/srv/music"),
        ("ReadWritePaths=-/mnt/a /srv", "/srv/music"),
        ('ReadWritePaths="-/srv/100%% \\"music\\""', '/srv/100% "music"'),
        ('BindPaths="-/home/alice/Music"', "/home/alice/Music"),
        ("BindPaths=/disks/1:/srv/music:rbind", "/srv/music"),
        ("BindReadOnlyPaths=-/home/bob", "/home/bob/Music"),
    ],
)
def test_folders_that_the_unit_names_are_reached(installed: Installed, drop_in: str, root: str) -> None:
    (found,) = installed.found(drop_in, **{"library.roots": [root]})
    assert found.is_ok, found


@pytest.mark.parametrize(
    ("drop_in", "root", "line"),
    [
        ("", "/srv/music", 'can\'t write /srv/music: add ReadWritePaths="-/srv/music"'),
        ("ReadWritePaths=/srv/music", "/srv/music2", 'ReadWritePaths="-/srv/music2"'),
        ("ReadWritePaths=/srv/music\nReadWritePaths=", "/srv/music", 'ReadWritePaths="-/srv/music"'),
        ("ReadWritePaths=/home/a", "/home/a", 'can\'t see /home/a: add BindPaths="-/home/a"'),
        ("#ReadWritePaths=/srv/50%", "/srv/50%", 'ReadWritePaths="-/srv/50%%"'),
    ],
)
def test_folders_that_the_unit_does_not_name_come_with_the_line_that_does(
    installed: Installed, drop_in: str, root: str, line: str
) -> None:
    (found,) = installed.found(drop_in, **{"library.roots": [root]})
    assert not found.is_ok
    assert line in found.sentence
    assert "systemctl daemon-reload" in found.sentence


def test_secrets_that_the_service_does_not_see_are_told(installed: Installed) -> None:
    (found,) = installed.found("", **{"youtube.cookies_file": "/home/a/cookies"})
    assert (found.is_ok, "can't see /home/a/cookies: move that to" in found.sentence) == (False, True)
    (found,) = installed.found("", **{"youtube.cookies_file": "/etc/spectra/cookies"})
    assert found.is_ok


def test_the_unit_of_another_configuration_is_no_trouble(
    installed: Installed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = load_config(overrides={"library.roots": ["/srv/music"]})
    (found,) = service(config, folders=(installed.units,), system_file=installed.file)
    assert (found.is_ok, "not what is looked at here" in found.sentence) == (True, True)
    (found,) = service(config, folders=(tmp_path / "none",))
    assert (found.is_ok, "make install" in found.sentence) == (True, True)
    monkeypatch.setattr(doctor_systemd.shutil, "which", lambda _: None)
    assert list(service(config, folders=(installed.units,))) == []
