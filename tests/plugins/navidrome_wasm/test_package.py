"""The package: what is in it, what it may do, and that anybody can build the same."""

import json
import shutil
import tomllib
import zipfile
from pathlib import Path

import pytest
from jsonschema import Draft7Validator
from wasm_imports import imports_of

from plugins.navidrome.wasm import build

ROOT = Path(__file__).resolve().parents[3]
PERMISSIONS = {
    "scheduler_": "scheduler",
    "subsonicapi_": "subsonicapi",
    "users_": "users",
    "matcher_": "matcher",
    "library_": "library",
    "kvstore_": "kvstore",
    "http_": "http",
}
"""Which permission Navidrome wants for host functions that begin so."""


@pytest.fixture(scope="module")
def manifest():
    return json.loads((build.SOURCE / "manifest.json").read_text())


def permission_for(function):
    return next(name for prefix, name in PERMISSIONS.items() if function.startswith(prefix))


def test_the_package_holds_the_manifest_and_the_module_only(package, manifest):
    with zipfile.ZipFile(package) as archive:
        assert archive.namelist() == ["manifest.json", "plugin.wasm"]
        assert json.loads(archive.read("manifest.json")) == manifest


def test_every_import_has_its_permission_and_every_permission_is_used(wasm, manifest):
    imported = {name for module, name in imports_of(wasm) if module == "extism:host/user"}
    assert {permission_for(name) for name in imported} == set(manifest["permissions"])


def test_nothing_else_is_imported_but_wasi_and_the_kernel(wasm):
    modules = {module for module, _ in imports_of(wasm)}
    assert modules == {"extism:host/user", "extism:host/env", "wasi_snapshot_preview1"}


def test_an_import_from_elsewhere_is_seen():
    module = b"\0asm\x01\0\0\0" + b"\x01\x04\x01\x60\0\0" + b"\x02\x0b\x01\x03env\x04exec\0\0"
    assert imports_of(module) == {("env", "exec")}


def test_every_permission_says_what_it_is_for(manifest):
    assert all(len(each["reason"]) > 20 for each in manifest["permissions"].values())


def test_the_settings_are_described_by_a_valid_json_schema(manifest):
    Draft7Validator.check_schema(manifest["config"]["schema"])


def test_every_setting_is_shown(manifest):
    shown = {each["scope"] for each in manifest["config"]["uiSchema"]["elements"]}
    assert shown == {f"#/properties/{name}" for name in manifest["config"]["schema"]["properties"]}


@pytest.mark.parametrize(
    "settings",
    [
        {"daemon_url": "http://192.168.1.10:8765", "token": "abc"},
        {"daemon_url": "https://music.example.org/spectra/", "token": "abc", "cron": "0 3 * * *"},
        {"daemon_url": "http://[::1]:8765", "token": "abc"},
    ],
)
def test_the_schema_takes_what_users_enter(manifest, settings):
    Draft7Validator(manifest["config"]["schema"]).validate(settings)


@pytest.mark.parametrize(
    "settings",
    [
        {"token": "abc"},
        {"daemon_url": "http://192.168.1.10:8765"},
        {"daemon_url": "192.168.1.10:8765", "token": "abc"},
        {"daemon_url": "http://me:secret@host", "token": "abc"},
        {"daemon_url": "http://host", "token": ""},
    ],
)
def test_the_schema_refuses_what_cannot_work(manifest, settings):
    assert list(Draft7Validator(manifest["config"]["schema"]).iter_errors(settings))


def test_the_plugin_has_the_version_of_spectra(manifest):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert manifest["version"] == project["version"]


def test_the_same_source_gives_the_same_bytes_in_another_folder(package, tmp_path):
    source = tmp_path / "somewhere else" / "wasm"
    shutil.copytree(build.SOURCE, source, ignore=shutil.ignore_patterns("__pycache__"))
    for path in source.iterdir():
        path.chmod(0o600)
    build.build(tmp_path / "again.ndp", source=source)
    assert (tmp_path / "again.ndp").read_bytes() == package.read_bytes()


def test_a_failed_build_leaves_the_old_package(tmp_path):
    source, package = tmp_path / "wasm", tmp_path / "build" / "spectra.ndp"
    shutil.copytree(build.SOURCE, source)
    (source / "main.go").write_text("package main\n")
    package.parent.mkdir()
    package.write_bytes(b"the one before")
    with pytest.raises(build.subprocess.CalledProcessError):
        build.build(package, source=source)
    assert [path.read_bytes() for path in package.parent.iterdir()] == [b"the one before"]


def test_what_needs_no_navidrome_passes_its_tests_in_go():
    # Vetting would compile the vet tool first, for half a minute.
    build.run_go("test", "-vet=off", "-count=1", "./...")


def test_the_readme_tells_of_every_setting_and_permission(manifest):
    readme = (build.SOURCE / "README.md").read_text()
    names = [*manifest["config"]["schema"]["properties"], *manifest["permissions"]]
    assert [name for name in names if f"`{name}`" not in readme] == []
