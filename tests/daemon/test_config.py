"""Options: where they come from, who wins, and what is said when one is wrong."""

import os
import pickle
import re
import tomllib
from ipaddress import ip_network
from itertools import pairwise
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from daemon import config_sources
from daemon.config import Config, default_state_dir, describe, load_config, options
from daemon.config_sources import flatten
from daemon.errors import ConfigError

SAMPLE = Path(__file__).parents[2] / "config" / "spectra.toml"


@pytest.fixture(autouse=True)
def _clean_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in tuple(os.environ):
        if name.upper().startswith(("SPECTRA_", "XDG_")) or name in {"DB_URL", "STATE_DIRECTORY"}:
            monkeypatch.delenv(name)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setattr(config_sources, "SYSTEM_FILE", tmp_path / "etc" / "spectra.toml")
    monkeypatch.chdir(home)


def _written(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def _problems(path: Path | None = None, overrides: dict[str, object] | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(path, overrides=overrides)
    return str(caught.value)


def test_the_sample_file_shows_every_option_and_no_other() -> None:
    text = SAMPLE.read_text(encoding="utf-8")
    everything = tomllib.loads(re.sub(r"^# (?=[a-z_]+ = )", "", text, flags=re.MULTILINE))
    assert set(flatten(everything, "")) == set(options())


def test_the_sample_file_leaves_only_computed_defaults_commented_out() -> None:
    active = set(flatten(tomllib.loads(SAMPLE.read_text(encoding="utf-8")), ""))
    constant = {
        path
        for path, field in options().items()
        if field.default_factory is None and field.default is not None
    }
    assert active == constant


def test_the_sample_file_loads_to_the_defaults() -> None:
    assert load_config(SAMPLE).model_dump() == Config().model_dump()


def test_the_sample_file_explains_every_option() -> None:
    lines = SAMPLE.read_text(encoding="utf-8").splitlines()
    for before, line in pairwise(lines):
        if re.match(r"(# )?[a-z_]+ = ", line):
            assert before.startswith("# "), line


def test_every_option_has_a_description() -> None:
    assert not [path for path, field in options().items() if not field.description]


def test_a_stronger_source_wins_option_by_option(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = _written(
        tmp_path / "a.toml",
        "[server]\nport = 1\nmax_upload_mb = 1\ntask_lifetime_s = 1\nmax_pending_matches = 1\n",
    )
    _written(
        Path(".env"),
        "SPECTRA_SERVER__PORT=2\nSPECTRA_SERVER__MAX_UPLOAD_MB=2\nSPECTRA_SERVER__TASK_LIFETIME_S=2\n",
    )
    monkeypatch.setenv("SPECTRA_SERVER__PORT", "3")
    monkeypatch.setenv("spectra_server__max_upload_mb", "3")
    config = load_config(file, overrides={"server": {"port": 4, "host": None}})
    server = config.server
    assert (server.port, server.max_upload_mb, server.task_lifetime_s, server.max_pending_matches) == (
        4,
        3,
        2,
        1,
    )
    assert server.host == "127.0.0.1"
    assert config.sources == {
        "server.port": "command line",
        "server.max_upload_mb": "environment: SPECTRA_SERVER__MAX_UPLOAD_MB",
        "server.task_lifetime_s": ".env: SPECTRA_SERVER__TASK_LIFETIME_S",
        "server.max_pending_matches": str(file),
    }


def test_overrides_may_be_dotted() -> None:
    assert load_config(overrides={"server.port": 0}).server.port == 0


def test_the_file_is_found_in_its_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_config().server.port == 8765
    _written(tmp_path / "etc" / "spectra.toml", "server.port = 1")
    assert load_config().server.port == 1
    _written(Path.home() / ".config" / "spectra" / "spectra.toml", "server.port = 2")
    assert load_config().server.port == 2
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    _written(tmp_path / "xdg" / "spectra" / "spectra.toml", "server.port = 3")
    assert load_config().server.port == 3
    _written(Path(".env"), f"SPECTRA_CONFIG={_written(tmp_path / 'dotenv.toml', 'server.port = 4')}")
    assert load_config().server.port == 4
    monkeypatch.setenv("SPECTRA_CONFIG", str(_written(tmp_path / "variable.toml", "server.port = 5")))
    assert load_config().server.port == 5
    assert load_config(_written(tmp_path / "argument.toml", "server.port = 6")).server.port == 6


def test_a_file_in_the_working_folder_is_not_read_by_itself() -> None:
    _written(Path("config/spectra.toml"), "server.port = 1")
    _written(Path("spectra.toml"), "server.port = 1")
    assert load_config().server.port == 8765


def test_a_named_file_must_exist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "none.toml: there is no such configuration file" in _problems(tmp_path / "none.toml")
    monkeypatch.setenv("SPECTRA_CONFIG", str(tmp_path / "gone.toml"))
    assert "gone.toml" in _problems()


@pytest.mark.parametrize("content", [b"[server\n", b"host = '\xff'\n"])
def test_broken_toml_is_an_error_that_names_the_file(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "broken.toml"
    file.write_bytes(content)
    assert f"{file}: is not valid TOML" in _problems(file)


def test_an_unreadable_source_is_an_error(tmp_path: Path) -> None:
    assert "can't be read" in _problems(tmp_path)
    Path(".env").write_bytes(b"SPECTRA_SERVER__HOST=\xff\n")
    assert ".env: can't be read" in _problems()


def test_an_unknown_option_is_an_error_with_the_nearest_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPECTRA_WORKERS__MACH", "1")
    monkeypatch.setenv("SPECTRA_PORT", "1")
    _written(Path(".env"), "SPECTRA_SERVER_PORT=1\nNOT_OURS=1\n")
    file = _written(tmp_path / "a.toml", "_env_file = 1\n[server]\nprot = 9000\n[xyzzy]\nqqqq = 1\n")
    problems = _problems(file).splitlines()
    assert len(problems) == 6
    assert f"server.prot: no such option; did you mean server.port? ({file})" in problems
    assert f"xyzzy.qqqq: no such option ({file})" in problems
    expected = {"workers.mach": "workers.match", "port": "server.port", "server_port": "server.port"}
    for wrong, right in expected.items():
        assert any(line.startswith(f"{wrong}: no such option; did you mean {right}?") for line in problems)


def test_a_section_is_not_an_option(tmp_path: Path) -> None:
    assert "server: is a section" in _problems(_written(tmp_path / "a.toml", "server = 5"))


def test_a_wrong_value_names_path_value_and_what_is_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPECTRA_ENGINE__HASH", "md5")
    file = _written(tmp_path / "a.toml", '[server]\nport = 65536\n[library]\nroots = "/music"\n')
    problems = _problems(file)
    assert "server.port: 65536 is not allowed: must be less than or equal to 65535" in problems
    assert "engine.hash: 'md5' is not allowed: must be 'packed' or 'sha1'" in problems
    assert "(environment: SPECTRA_ENGINE__HASH)" in problems
    assert "library.roots: '/music' is not allowed: must be a list" in problems


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("server.cors_origins", ["*"]),
        ("server.cors_origins", ["null"]),
        ("server.cors_origins", ["https://music.example/path"]),
        ("server.allowed_hosts", ["http://music.example"]),
        ("server.allowed_hosts", ["music.example:80"]),
        ("server.trusted_proxies", ["0.0.0.0/0"]),
        ("server.trusted_proxies", ["10.0.0.1/8"]),
        ("server.trusted_proxies", [7]),
        ("server.port", -1),
        ("rate_limits.match", "often"),
        ("rate_limits.match", "0/minute"),
        ("rate_limits.match", "1/second; 5/minute"),
        ("library.quiet_s", float("nan")),
        ("library.roots", [""]),
        ("library.roots", ["~nobody-has-this-name/music"]),
        ("library.extensions", ["*.mp3"]),
        ("workers.match", 0),
    ],
)
def test_a_value_out_of_bounds_is_refused(path: str, value: object) -> None:
    assert _problems(overrides={path: value}).startswith(f"{path}: ")


def test_lists_in_variables_are_parted_by_commas_or_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPECTRA_SERVER__TRUSTED_PROXIES", "10.0.0.0/8, fd00::/8")
    monkeypatch.setenv("SPECTRA_LIBRARY__ROOTS", '["/music, mine", "records"]')
    monkeypatch.setenv("SPECTRA_LIBRARY__EXTENSIONS", "FLAC,.mp3")
    config = load_config()
    assert config.server.trusted_proxies == (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))
    assert config.library.roots == (Path("/music, mine"), Path.cwd() / "records")
    assert config.library.extensions == (".flac", ".mp3")


def test_a_broken_json_list_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPECTRA_LIBRARY__ROOTS", '["/music"')
    assert _problems().startswith("library.roots: ")


def test_a_folder_name_need_not_be_utf8(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPECTRA_LIBRARY__ROOTS", os.fsdecode(b"/m\xfcsik"))
    config = load_config()
    assert os.fsencode(config.library.roots[0]) == b"/m\xfcsik"
    assert all(option.value.encode() for option in describe(config))


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_URL", "")
    monkeypatch.setenv("SPECTRA_SERVER__PORT", "")
    assert load_config().model_dump() == Config().model_dump()


def test_db_url_names_the_server_unless_spectras_own_variable_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_URL", "postgresql://one")
    assert load_config().database.url == SecretStr("postgresql://one")
    monkeypatch.setenv("SPECTRA_DATABASE__URL", "postgresql://two")
    assert load_config().database.url == SecretStr("postgresql://two")


def test_a_secret_appears_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_URL", "postgresql://user:hunter2@host/db")
    config = load_config()
    assert "hunter2" not in repr(config) + str(describe(config))
    problems = _problems(overrides={"database": {"url": ["hunter2"]}, "server": {"port": "x"}})
    assert "database.url: ********" in problems
    assert "hunter2" not in problems


def test_state_goes_where_the_machine_keeps_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert default_state_dir() == Path("/var/lib/spectra")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert default_state_dir() == Path.home() / ".local/state/spectra"
    monkeypatch.setenv("XDG_STATE_HOME", "relative/is/ignored")
    assert default_state_dir() == Path.home() / ".local/state/spectra"
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert default_state_dir() == tmp_path / "spectra"
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/one:/var/lib/two")
    assert load_config().state_dir == Path("/var/lib/one")
    monkeypatch.setenv("SPECTRA_STATE_DIR", "/srv/spectra")
    assert load_config().state_dir == Path("/srv/spectra")


def test_a_user_without_home_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError

    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(Path, "home", homeless)
    assert "set SPECTRA_STATE_DIR" in _problems()
    assert load_config(overrides={"state_dir": "/srv"}).state_dir == Path("/srv")


def test_the_configuration_can_not_be_changed() -> None:
    config = Config()
    with pytest.raises(ValidationError):
        config.server.port = 1
    with pytest.raises(ValidationError):
        config.state_dir = Path("/")


def test_zero_ingest_processes_mean_the_cores_of_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 5, 7})
    assert Config().workers.ingest_processes == 3
    assert load_config(overrides={"workers.ingest": 2}).workers.ingest_processes == 2


def test_describe_shows_values_as_people_write_them() -> None:
    shown = {option.path: option for option in describe(load_config(overrides={"server.port": 9}))}
    assert (shown["server.port"].value, shown["server.port"].source) == ("9", "command line")
    assert shown["library.roots"].value == shown["database.url"].value == "(none)"


def test_the_error_survives_pickling() -> None:
    error = ConfigError(("one", "two"))
    assert str(pickle.loads(pickle.dumps(error))) == "one\ntwo"


def test_a_folder_may_have_a_tagging_mode_of_its_own(tmp_path: Path) -> None:
    file = _written(
        tmp_path / "spectra.toml",
        """
        [tagging]
        mode = "dry-run"
        [[tagging.folders]]
        path = "/music/new"
        mode = "apply"
        [[tagging.folders]]
        path = "/music/new/odd"
        mode = "review"
        """,
    )
    config = load_config(file)
    modes = {
        path: (
            config.tagging.mode_of(Path(path), arrived_later=True),
            config.tagging.mode_of(Path(path), arrived_later=False),
        )
        for path in ("/music/a.mp3", "/music/new/a.mp3", "/music/newer/a.mp3", "/music/new/odd/a.mp3")
    }
    assert modes == {
        "/music/a.mp3": ("dry-run", "review"),
        "/music/new/a.mp3": ("apply", "apply"),
        "/music/newer/a.mp3": ("dry-run", "review"),
        "/music/new/odd/a.mp3": ("review", "review"),
    }
    shown = {option.path: option.value for option in describe(config)}
    assert shown["tagging.folders"] == "/music/new: apply, /music/new/odd: review"


def test_a_folder_with_a_mode_that_is_none_is_refused(tmp_path: Path) -> None:
    file = _written(tmp_path / "spectra.toml", '[[tagging.folders]]\npath = "/music"\nmode = "guess"\n')
    problems = _problems(file)
    assert "tagging.folders" in problems
    assert "'guess' is not allowed" in problems


def test_a_certificate_and_its_key_are_given_together() -> None:
    for given, sentence in (
        (
            {"tls_certificate": "/x.pem"},
            "server.tls_key: None is not allowed: server.tls_certificate needs its key",
        ),
        ({"tls_key": "/x.pem"}, "it needs its server.tls_certificate"),
    ):
        assert sentence in _problems(overrides={"server": given})
    server = load_config(overrides={"server": {"tls_certificate": "/x.pem", "tls_key": "/y.pem"}}).server
    assert (server.tls_certificate, server.tls_key) == (Path("/x.pem"), Path("/y.pem"))
    assert _problems(overrides={"server": {"tls_certificate": "", "tls_key": "/y"}}).count("not allowed") == 1
