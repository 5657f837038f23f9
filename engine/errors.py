"""The error tree. Every error carries facts, and survives pickling (`args` equal the constructor's).

SpectraError
    AudioError                 can't be fingerprinted; the file is at fault, trying again won't help
        NotAudio               no decoder knows it, or nothing in it decodes
        NoAudioStream          a container without sound
        TooLong                more decoded seconds than allowed
        TooShort               less than one analysis window
        Silence                nothing above the noise floor
    IndexDamaged               a segment or manifest does not check out; rebuild it from the database
    IndexStale                 the index was built by other settings; rebuild it from the database
    IndexLocked                another writer has the index open
    CodecError                 stored constellation bytes do not decode
    DaemonError                (daemon) the service cannot do what was asked
"""


class SpectraError(Exception):
    """Root of everything Spectra raises on purpose."""


class AudioError(SpectraError):
    """This audio can't be fingerprinted; trying again won't help."""


class NotAudio(AudioError):  # noqa: N818 - a fact about the file, as in `FileNotFound`
    """No decoder knows the file, or nothing in it decodes."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(name, reason)

    def __str__(self) -> str:
        return f"{self.args[0]}: not audio that can be decoded ({self.args[1]})"


class NoAudioStream(AudioError):  # noqa: N818
    """A container without sound."""

    def __init__(self, name: str) -> None:
        super().__init__(name)

    def __str__(self) -> str:
        return f"{self.args[0]}: has no audio stream"


class TooLong(AudioError):  # noqa: N818
    """More decoded seconds than allowed."""

    def __init__(self, name: str, limit_s: float) -> None:
        super().__init__(name, limit_s)

    def __str__(self) -> str:
        return f"{self.args[0]}: longer than the {self.args[1]:.0f} s that may be decoded"


class TooShort(AudioError):  # noqa: N818
    """Less audio than a fingerprint needs."""

    def __init__(self, name: str, duration_s: float) -> None:
        super().__init__(name, duration_s)

    def __str__(self) -> str:
        return f"{self.args[0]}: {self.args[1]:.2f} s is too short for a fingerprint"


class Silence(AudioError):  # noqa: N818
    """Nothing in it that stands out."""

    def __init__(self, name: str) -> None:
        super().__init__(name)

    def __str__(self) -> str:
        return f"{self.args[0]}: silent, or without anything that stands out"


class IndexDamaged(SpectraError):  # noqa: N818
    """A segment or manifest does not check out; it is rebuilt from the database."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)

    def __str__(self) -> str:
        return f"index file {self.args[0]}: {self.args[1]}"


class IndexStale(SpectraError):  # noqa: N818
    """The index was built by another fingerprint version or other settings."""

    def __init__(self, folder: str, found: str, wanted: str) -> None:
        super().__init__(folder, found, wanted)

    def __str__(self) -> str:
        return f"index {self.args[0]}: built as {self.args[1]!r}, needed as {self.args[2]!r}; rebuild it"


class IndexLocked(SpectraError):  # noqa: N818
    """Another writer has the index open."""

    def __init__(self, folder: str) -> None:
        super().__init__(folder)

    def __str__(self) -> str:
        return f"index {self.args[0]}: another process writes to it; stop that one first"


class CodecError(SpectraError):
    """Stored constellation bytes do not decode."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)

    def __str__(self) -> str:
        return f"stored constellation: {self.args[0]}"
