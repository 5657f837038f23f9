"""The functions that Navidrome offers its plugins, as strict as its own."""

import base64
import http.client
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

Json = dict[str, Any]
FUNCTIONS = (
    "scheduler_schedulerecurring",
    "scheduler_scheduleonetime",
    "users_getadmins",
    "subsonicapi_call",
    "matcher_matchsongs",
    "library_getalllibraries",
    "http_send",
    "kvstore_get",
    "kvstore_set",
)
LARGEST_STORE_BYTES = 1_000_000
UNKNOWN_ARTIST, UNKNOWN_ALBUM = "[Unknown Artist]", "[Unknown Album]"


@dataclass(frozen=True, slots=True)
class Item:
    """An item of Navidrome's library."""

    item_id: str
    path: str
    """Relative to its library."""
    library_id: int = 1
    title: str | None = None
    """None: the file has no title, so Navidrome shows its base name."""
    artist: str = UNKNOWN_ARTIST
    album: str = UNKNOWN_ALBUM
    size: int = 1_000
    duration_s: float = 200.5
    is_missing: bool = False

    def shown(self) -> Json:
        """Return it as a search shows it: the path is made up."""
        title = self.title if self.title is not None else Path(self.path).stem
        return {"id": self.item_id, "title": title, "artist": self.artist, "album": self.album} | {
            "path": f"{self.artist}/{self.album}/{title}.mp3",
            "isDir": False,
        }

    def matched(self) -> Json:
        """Return it as the matcher does, zero values left out."""
        track = {"path": self.path, "libraryId": self.library_id, "missing": self.is_missing}
        full = self.shown() | track | {"size": self.size, "duration": self.duration_s}
        return {name: value for name, value in full.items() if value}


@dataclass(kw_only=True)
class NavidromeFunctions:
    """What they know, and what they were asked for. Requests and answers are JSON."""

    items: list[Item]
    libraries: dict[int, str] = field(default_factory=lambda: {1: "/music"})
    admins: list[str] = field(default_factory=lambda: ["admin"])
    visible: set[int] | None = None
    """The libraries that the plugin was given; None: all."""
    is_scanning: bool = False
    store: dict[str, bytes] = field(default_factory=dict)
    scans: list[list[str]] = field(default_factory=list)
    requests: list[Json] = field(default_factory=list)
    recurring: dict[str, str] = field(default_factory=dict)
    waiting: list[tuple[int, str]] = field(default_factory=list)
    """One-time schedules: delay in seconds, payload."""

    def ask(self, function: str, request: Json) -> Json:
        """Answer as that function does."""
        answered: Json = getattr(self, f"_{function}")(request)
        return answered

    def _scheduler_schedulerecurring(self, request: Json) -> Json:
        assert set(request) == {"cronExpression", "payload", "scheduleId"}
        if request["cronExpression"].startswith("every"):
            return {"error": "failed to parse the cron expression"}
        self.recurring[request["scheduleId"]] = request["cronExpression"]
        return {"newScheduleId": request["scheduleId"]}

    def _scheduler_scheduleonetime(self, request: Json) -> Json:
        assert set(request) == {"delaySeconds", "payload", "scheduleId"}
        # While a schedule's call runs, its name is still taken: the plugin must not choose one.
        assert request["scheduleId"] == ""
        assert 0 < request["delaySeconds"] < 2**31
        self.waiting.append((request["delaySeconds"], request["payload"]))
        return {"newScheduleId": f"random-{len(self.waiting)}"}

    def _users_getadmins(self, request: Json) -> Json:
        assert request == {}
        users = [{"userName": name, "name": name.title(), "isAdmin": True} for name in self.admins]
        return {"result": users} if users else {}

    def _library_getalllibraries(self, request: Json) -> Json:
        assert request == {}
        return {
            "result": [
                {
                    "id": number,
                    "name": f"Library {number}",
                    "path": path,
                    "mountPoint": f"/libraries/{number}",
                }
                for number, path in self.libraries.items()
            ]
        }

    def _matcher_matchsongs(self, request: Json) -> Json:
        assert set(request) == {"songs", "opts"}
        assert all(set(each) == {"id", "name"} for each in request["songs"])
        by_id = {item.item_id: item for item in self.items}
        return {"results": [self._matched(by_id.get(each["id"])) for each in request["songs"]]}

    def _matched(self, item: Item | None) -> Json | None:
        if item is None or not (self.visible is None or item.library_id in self.visible):
            return None
        return item.matched()

    def _subsonicapi_call(self, request: Json) -> Json:
        assert set(request) == {"uri"}
        parts = urlsplit(request["uri"])
        query = parse_qs(parts.query, keep_blank_values=True)
        if query["u"][0] not in self.admins:
            return {"error": f"user {query['u'][0]} is not authorized for this plugin"}
        answered = {
            "search3": self._search,
            "getScanStatus": self._scan_status,
            "startScan": self._start_scan,
        }
        inner = {"status": "ok", "version": "1.16.1"} | answered[parts.path](query)
        return {"responseJson": json.dumps({"subsonic-response": inner}, ensure_ascii=False)}

    def _search(self, query: dict[str, list[str]]) -> Json:
        assert (query["query"], query["artistCount"], query["albumCount"]) == ([""], ["0"], ["0"])
        offset, count = int(query["songOffset"][0]), int(query["songCount"][0])
        found = [item.shown() for item in self.items[offset : offset + count]]
        return {"searchResult3": {"song": found} if found else {}}

    def _scan_status(self, _: dict[str, list[str]]) -> Json:
        return {"scanStatus": {"scanning": self.is_scanning, "count": len(self.items)}}

    def _start_scan(self, query: dict[str, list[str]]) -> Json:
        assert not self.is_scanning
        assert set(query) == {"u", "target"}
        self.scans.append(query["target"])
        return self._scan_status(query)

    def _http_send(self, request: Json) -> Json:
        assert set(request) == {"request"}
        sent = request["request"]
        assert set(sent) <= {"method", "url", "headers", "body", "timeoutMs", "noFollowRedirects"}
        self.requests.append(sent)
        parts = urlsplit(sent["url"])
        connection = http.client.HTTPConnection(parts.netloc, timeout=sent["timeoutMs"] / 1_000)
        try:
            body = base64.b64decode(sent["body"]) if "body" in sent else None
            connection.request(sent["method"], parts.path, body=body, headers=sent["headers"])
            answered = connection.getresponse()
            content = base64.b64encode(answered.read()).decode()
        except OSError as error:
            return {"error": f"{sent['method'].title()} {sent['url']!r}: {error}"}
        finally:
            connection.close()
        headers = dict(answered.getheaders())
        return {"result": {"statusCode": answered.status, "headers": headers, "body": content}}

    def _kvstore_get(self, request: Json) -> Json:
        assert set(request) == {"key"}
        value = self.store.get(request["key"])
        return {} if value is None else {"value": base64.b64encode(value).decode(), "exists": True}

    def _kvstore_set(self, request: Json) -> Json:
        assert set(request) == {"key", "value"}
        assert 0 < len(request["key"].encode()) <= 256
        value = base64.b64decode(request["value"])
        others = sum(len(each) for key, each in self.store.items() if key != request["key"])
        if others + len(value) > LARGEST_STORE_BYTES:
            return {"error": "storage limit exceeded"}
        self.store[request["key"]] = value
        return {}
