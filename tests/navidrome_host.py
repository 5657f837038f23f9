"""A Navidrome that runs one plugin, in the real runtime of plugins, and calls it when told to."""

import base64
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import extism
from navidrome_functions import FUNCTIONS, Json, NavidromeFunctions

LONGEST_CALL_MS = 30_000


@dataclass(frozen=True, slots=True)
class Called:
    """What a plugin asked in one call."""

    export: str
    functions: Counter[str]
    sent_bytes: int
    received_bytes: int


@dataclass(kw_only=True)
class NavidromeHost(NavidromeFunctions):
    """A Navidrome with one plugin, which it calls when told to."""

    plugin: extism.extism.CompiledPlugin
    settings: dict[str, str]
    log_file: Path
    replaced: dict[str, Callable[[Json], Json]] = field(default_factory=dict)
    """Functions that answer otherwise."""
    calls: list[Called] = field(default_factory=list)
    broken: list[Exception] = field(default_factory=list)
    """What went wrong in here: the runtime swallows it."""

    def __post_init__(self) -> None:
        self._log_begin = self.log_file.stat().st_size if self.log_file.exists() else 0
        self._reset()

    def _reset(self) -> None:
        self._functions: Counter[str] = Counter()
        self._sent_bytes = self._received_bytes = 0

    def init(self) -> None:
        """Load the plugin. Raises extism.Error with what the plugin says."""
        self._call("nd_on_init", {})

    def run_cron(self) -> None:
        """Let the recurring schedule's time come."""
        self._call("nd_scheduler_callback", {"scheduleId": "sweep", "payload": "", "isRecurring": True})

    def run_next(self) -> int:
        """Let the next one-time schedule's time come; return how long that took in seconds."""
        delay_s, payload = min(self.waiting)
        self.waiting.remove((delay_s, payload))
        self.pass_time(delay_s)
        self.call_back(payload)
        return delay_s

    def call_back(self, payload: str) -> None:
        """Call as a one-time schedule does."""
        self._call(
            "nd_scheduler_callback", {"scheduleId": "r4nd0m", "payload": payload, "isRecurring": False}
        )

    def run_all(self, *, at_most: int = 1_000) -> int:
        """Run until nothing is scheduled; return the number of calls."""
        calls = 0
        while self.waiting:
            assert calls < at_most, "it never comes to rest"
            self.run_next()
            calls += 1
        return calls

    def pass_time(self, seconds: int) -> None:
        """Let the plugin's clock seem to go on: move the times that it stored back."""
        self.waiting = [(max(delay_s - seconds, 0), payload) for delay_s, payload in self.waiting]
        if "state" in self.store:
            self.store["state"] = json.dumps(_moved(json.loads(self.store["state"]), -seconds)).encode()

    @property
    def state(self) -> Json:
        """What the plugin stored."""
        return dict(json.loads(self.store["state"]))

    @property
    def log(self) -> list[str]:
        """What the plugin wrote into Navidrome's log: `LEVEL sentence`."""
        with self.log_file.open("rb") as file:
            file.seek(self._log_begin)
            lines = file.read().decode().splitlines()
        parts = [line.split(maxsplit=1)[1] for line in lines if " extism::pdk: " in line]
        return [part.replace(" extism::pdk:", "").rpartition(" plugin=")[0] for part in parts]

    def lookups(self) -> list[Json]:
        """Return the bodies of the look-ups sent."""
        posts = [each for each in self.requests if each["method"] == "POST"]
        return [json.loads(base64.b64decode(each["body"])) for each in posts]

    def _call(self, export: str, given: Json) -> None:
        # As in Navidrome, every call has an instance of its own.
        instance = extism.Plugin(self.plugin, config=self.settings)
        try:
            instance.call(export, json.dumps(given), host_context=self)
        finally:
            self.calls.append(Called(export, self._functions, self._sent_bytes, self._received_bytes))
            self._reset()
            if self.broken:
                raise ExceptionGroup("in Navidrome's own functions", self.broken)

    def answer(self, function: str, encoded: str) -> str:
        """Answer one of the plugin's questions."""
        self._functions[function] += 1
        self._sent_bytes += len(encoded)
        try:
            request = json.loads(encoded)
            replaced = self.replaced.get(function)
            given = self.ask(function, request) if replaced is None else replaced(request)
        except Exception as error:  # noqa: BLE001 - `_call` raises it
            self.broken.append(error)
            given = {"error": "this Navidrome is broken"}
        answered = json.dumps(given)
        self._received_bytes += len(answered)
        return answered


def compile_plugin(wasm: bytes) -> extism.extism.CompiledPlugin:
    """Compile a plugin as Navidrome loads it: an import that is not offered fails. Raises extism.Error."""
    functions = [_host_function(name) for name in FUNCTIONS]
    manifest = {"wasm": [{"data": base64.b64encode(wasm).decode()}], "timeout_ms": LONGEST_CALL_MS}
    return extism.extism.CompiledPlugin(manifest, wasi=True, functions=functions)


def _host_function(name: str) -> extism.Function:
    one_offset = [extism.ValType.I64]

    @extism.host_fn(name=name, signature=(one_offset, one_offset))
    def function(current: Any, given: list[Any], returned: list[Any]) -> None:
        host = current.host_context()
        current.return_string(returned[0], host.answer(name, current.input_string(given[0])))

    return function


def _moved(stored: Any, seconds: int) -> Any:
    """Move all times in what the plugin stored."""
    if isinstance(stored, list):
        return [_moved(each, seconds) for each in stored]
    if not isinstance(stored, dict):
        return stored
    is_time = {name for name in stored if name.endswith(("_at", "_until", "_after")) and stored[name] > 0}
    return {
        name: value + seconds if name in is_time else _moved(value, seconds) for name, value in stored.items()
    }
