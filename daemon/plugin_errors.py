"""Why a plugin, or what was asked of it, can't go on."""

from daemon.errors import DaemonError


class NoSuchPlugin(DaemonError):  # noqa: N818 - a fact, as in `FileNotFound`; so below
    """The configuration names no such plugin."""

    def __init__(self, name: str) -> None:
        super().__init__(name)

    def __str__(self) -> str:
        name = self.args[0]
        return f"There is no plugin {name} in the configuration: add a section [plugins.{name}]."


class PluginUnusable(DaemonError):  # noqa: N818
    """A plugin can't be loaded, or its section of the configuration is wrong."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)

    def __str__(self) -> str:
        return str(self.args[0])


class PluginHangs(DaemonError):  # noqa: N818
    """A plugin did not answer in time."""

    def __init__(self, name: str, waited_s: float) -> None:
        super().__init__(name, waited_s)

    def __str__(self) -> str:
        name, waited_s = self.args
        return f"the plugin {name} did not answer within {waited_s:.0f} s"


class PluginStuck(PluginHangs):
    """A plugin holds its thread, which can't be ended."""

    def __str__(self) -> str:
        return f"the plugin {self.args[0]} hangs: it stays off until Spectra is restarted"


class PluginNotConnected(DaemonError):  # noqa: N818
    """A plugin has no connection to its server now."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(name, reason)

    def __str__(self) -> str:
        name, reason = self.args
        return f"The plugin {name} has no connection to its server: {reason}"


class PluginFailed(DaemonError):  # noqa: N818
    """A plugin made a mistake; the log tells more."""

    def __init__(self, name: str, error: str) -> None:
        super().__init__(name, error)

    def __str__(self) -> str:
        name, error = self.args
        return f"The plugin {name} failed with {error}"
