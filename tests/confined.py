"""Run a program under what systemd/spectra.service demands, as far as that can be done without systemd.

    python tests/confined.py UNIT PROGRAM [ARGUMENT ...]

Environment, limits, umask and system calls are the unit's; user and capabilities are the caller's part
(setpriv). The program takes this process' place, and number.
"""

import ctypes
import ctypes.util
import os
import resource
import subprocess
import sys
from pathlib import Path

_PR_SET_NO_NEW_PRIVS = 38
_ALLOW, _DENY_WITH = 0x7FFF0000, 0x00050000
_EPERM = 1


def options(unit: Path, name: str) -> list[str]:
    """Return what the unit gives an option, in order."""
    lines = unit.read_text("utf-8").splitlines()
    return [line.partition("=")[2] for line in lines if line.startswith(f"{name}=")]


def environment(unit: Path, cache: str) -> dict[str, str]:
    """Return the unit's variables, its cache folder being that one."""
    assignments = [word for line in options(unit, "Environment") for word in line.split()]
    values = dict(word.split("=", 1) for word in assignments)
    return {name: value.replace("%C/spectra", cache) for name, value in values.items()}


def allowed_calls(unit: Path) -> set[str]:
    """Return the names of the system calls that the unit leaves."""
    allowed: set[str] = set()
    for line in options(unit, "SystemCallFilter"):
        names = {name for word in line.removeprefix("~").split() for name in _resolved(word)}
        allowed = allowed - names if line.startswith("~") else allowed | names
    return allowed


def _resolved(word: str) -> set[str]:
    if not word.startswith("@"):
        return {word}
    shown = subprocess.run(
        ["systemd-analyze", "syscall-filter", "--no-pager", word], check=True, capture_output=True, text=True
    ).stdout
    members = [
        line.strip() for line in shown.splitlines()[1:] if line.strip() and not line.strip().startswith("#")
    ]
    return {name for member in members for name in _resolved(member)}


def filter_calls(allowed: set[str]) -> None:
    """Have all other system calls fail with EPERM, here and in everything that is started."""
    library = ctypes.CDLL(ctypes.util.find_library("seccomp") or "libseccomp.so.2", use_errno=True)
    library.seccomp_init.restype = ctypes.c_void_p
    filters = ctypes.c_void_p(library.seccomp_init(ctypes.c_uint32(_DENY_WITH | _EPERM)))
    for name in sorted(allowed):
        number = library.seccomp_syscall_resolve_name(name.encode())
        if number >= 0:  # others belong to other processors
            assert library.seccomp_rule_add(filters, ctypes.c_uint32(_ALLOW), number, 0) == 0, name
    assert ctypes.CDLL(None).prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
    assert library.seccomp_load(filters) == 0


def main() -> None:
    """Become the program."""
    unit, program = Path(sys.argv[1]), sys.argv[2:]
    allowed = allowed_calls(unit)
    os.environ |= environment(unit, os.environ["CACHE_DIRECTORY"])
    os.environ["WATCHDOG_PID"] = str(os.getpid())
    os.umask(int(options(unit, "UMask")[0], 8))
    files = int(options(unit, "LimitNOFILE")[0])
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = files if most == resource.RLIM_INFINITY else min(files, most)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    resource.setrlimit(resource.RLIMIT_CORE, (int(options(unit, "LimitCORE")[0]),) * 2)
    os.chdir("/")
    filter_calls(allowed)
    os.execv(program[0], program)


if __name__ == "__main__":
    main()
