"""A stub of Navidrome's OpenSubsonic, for what only Navidrome does."""

import asyncio
import hashlib
import posixpath
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mutagen
from aiohttp import web
from aiohttp.test_utils import TestServer

Form = Any
PARAMETERS = {
    "ping": set(),
    "getUser": {"username"},
    "getMusicFolders": set(),
    "getScanStatus": set(),
    "startScan": {"target"},
    "search3": {"query", "artistCount", "albumCount", "songCount", "songOffset", "musicFolderId"},
}
_ALWAYS = {"u", "v", "c", "f", "t", "s", "p"}


@dataclass
class Library:
    """A library, and what the server knows of its files by relative path."""

    library_id: int
    name: str
    path: str
    """As the server sees it."""
    local: Path | None = None
    entries: dict[str, dict[str, Any]] = field(default_factory=dict)

    def read(self, below: str = "") -> None:
        """Read the tags of the files below a folder."""
        assert self.local is not None
        for file in sorted(self.local.rglob("*.*")):
            relative = str(file.relative_to(self.local))
            if not file.name.startswith(".") and (not below or relative.startswith(below + "/")):
                tags = mutagen.File(file, easy=True)
                entry = self.entries.setdefault(relative, {"id": f"{self.library_id}-{len(self.entries)}"})
                entry |= {
                    "title": (tags.get("title") or [file.stem])[0],
                    "artist": (tags.get("artist") or ["[Unknown Artist]"])[0],
                    "album": (tags.get("album") or ["[Unknown Album]"])[0],
                    "size": file.stat().st_size,
                    "duration": int(tags.info.length),
                }


class NavidromeStub:
    """A server with two users; what it does wrong is set by the test."""

    def __init__(self, *libraries: Library) -> None:
        self.libraries = libraries
        self.users = {"admin": ("secret", True), "guest": ("guest", False)}
        self.reports_real_path = True
        self.knows_tokens = True
        self.largest_page = 500
        self.fault: str | None = None
        self.begin_polls = 1
        """Questions for the status that are answered before a scan begins."""
        self.scan_polls = 2
        """Questions for the status that are answered while it runs."""
        self.scan_error = ""
        self.calls: list[str] = []
        self.salts: list[str] = []
        self.scans: list[list[str]] = []
        self.forgotten = 0
        """Scans that were asked for while one ran."""
        self.misuse: list[str] = []
        self._scan: list[str] | None = None
        self._polls = 0
        self._last_scan = 0
        self._closing = asyncio.Event()

    @asynccontextmanager
    async def serving(self, prefix: str = "") -> AsyncIterator[str]:
        """Yield the address while the stub answers."""
        app = web.Application()
        app.router.add_route("*", f"{prefix}/rest/{{method}}", self._answer)
        async with TestServer(app) as server:
            try:
                yield str(server.make_url(prefix)).rstrip("/")
            finally:
                self._closing.set()
        assert not self.misuse, self.misuse

    def begin(self, targets: list[str]) -> None:
        """Have a scan run that nobody asked for here."""
        self._scan, self._polls = targets, self.begin_polls + self.scan_polls

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        self.calls.append(method)
        if self.fault is not None:
            return await self._fail(request, self.fault)
        form = await request.post()
        if request.method != "POST" or request.query_string:
            self.misuse.append(f"{method}: credentials belong into a body")
        if unknown := set(form) - _ALWAYS - PARAMETERS[method]:
            self.misuse.append(f"{method}: {unknown}")
        error = self._refused(form)
        body = error or getattr(self, f"_{method}")(form)
        status = "failed" if "error" in body else "ok"
        head = {"status": status, "version": "1.16.1", "type": "navidrome", "serverVersion": "0.58.0"}
        return web.json_response({"subsonic-response": head | {"openSubsonic": True} | body})

    def _refused(self, form: Form) -> dict[str, Any] | None:
        if (form["c"], form["f"]) != ("spectra", "json"):
            return failed(10, "missing parameter")
        password, _ = self.users.get(form["u"], ("", False))
        if "p" in form:
            is_right = form["p"] == f"enc:{password.encode().hex()}"
        elif not self.knows_tokens:
            return failed(41, "Token authentication not supported")
        else:
            self.salts.append(form["s"])
            is_right = form["t"] == hashlib.md5(f"{password}{form['s']}".encode()).hexdigest()
        return None if password and is_right else failed(40, "Invalid username, password, or API key")

    def _ping(self, form: Form) -> dict[str, Any]:
        return {}

    def _getUser(self, form: Form) -> dict[str, Any]:  # noqa: N802
        return {"user": {"username": form["u"], "adminRole": self.users[form["u"]][1]}}

    def _getMusicFolders(self, form: Form) -> dict[str, Any]:  # noqa: N802
        known = [{"id": each.library_id, "name": each.name} for each in self.libraries]
        return {"musicFolders": {"musicFolder": known}}

    def _search3(self, form: Form) -> dict[str, Any]:
        (library,) = (each for each in self.libraries if str(each.library_id) == form["musicFolderId"])
        start = int(form["songOffset"])
        end = start + min(int(form["songCount"]), self.largest_page)
        found = [
            entry | {"path": self._path(library, path, entry), "isDir": False}
            for path, entry in sorted(library.entries.items())[start:end]
        ]
        return {"searchResult3": {"song": found} if found else {}}

    def _path(self, library: Library, path: str, entry: dict[str, Any]) -> str:
        if self.reports_real_path:
            return posixpath.join(library.path, path)
        return f"{entry['artist']}/{entry['album']}/{entry['title']}{posixpath.splitext(path)[1]}"

    def _startScan(self, form: Form) -> dict[str, Any]:  # noqa: N802
        if not self.users[form["u"]][1]:
            return failed(50, "User is not authorized for the given operation")
        targets = form.getall("target", [])
        known = {str(each.library_id) for each in self.libraries}
        if unknown := [each for each in targets if each.partition(":")[0] not in known]:
            return failed(70, f"Library of {unknown} not found")
        if self._scan is None:
            self.scans.append(targets)
            self.begin(targets)
        else:
            self.forgotten += 1
        return self._status()

    def _getScanStatus(self, form: Form) -> dict[str, Any]:  # noqa: N802
        status = self._status()
        if self._scan is not None:
            self._polls -= 1
            if self._polls < 0:
                self._finish(self._scan)
                return self._status()
        return status

    def _status(self) -> dict[str, Any]:
        is_scanning = self._scan is not None and self._polls <= self.scan_polls
        last_scan = f"2026-08-01T00:00:{self._last_scan:02}Z"
        status = {"scanning": is_scanning, "count": 1, "folderCount": 1, "lastScan": last_scan}
        return {"scanStatus": status | ({"error": self.scan_error} if self.scan_error else {})}

    def _finish(self, targets: list[str]) -> None:
        self._scan = None
        self._last_scan += 1
        for library in self.libraries:
            mine = [each for each in targets if each.partition(":")[0] == str(library.library_id)]
            for target in mine if targets else [":"]:
                if library.local is not None:
                    library.read(target.partition(":")[2])

    async def _fail(self, request: web.Request, fault: str) -> web.StreamResponse:
        if fault == "hang":
            await self._closing.wait()
        elif fault == "hang up" and request.transport is not None:
            request.transport.close()
        elif fault == "endless":
            response = web.StreamResponse()
            await response.prepare(request)
            while not self._closing.is_set():
                await response.write(b"[" * (1 << 20))
            return response
        status, content_type, text = {
            "html": (200, "text/html", "<html>Welcome</html>"),
            "html 500": (500, "text/html", "<html>Oops</html>"),
            "500": (500, "application/json", "{}"),
            "502": (502, "text/plain", "bad gateway"),
            "404": (404, "text/plain", "not found"),
            "login": (401, "text/html", "<html>Who are you?</html>"),
            "redirect": (302, "text/html", ""),
            "truncated": (200, "application/json", '{"subsonic-response":{"status":"o'),
            "not an object": (200, "application/json", "[1, 2]"),
            "wrong types": (200, "application/json", '{"subsonic-response":{"status":7,"error":[]}}'),
        }.get(fault, (500, "text/plain", ""))
        headers = {"Location": "https://elsewhere.example/login?next=secret"} if fault == "redirect" else None
        return web.Response(status=status, text=text, content_type=content_type, headers=headers)


def failed(code: int, message: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": message}}
