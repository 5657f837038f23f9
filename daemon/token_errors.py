"""What can be wrong with the tokens that have names.

TokensUnusable   their file can't be read, written or trusted
TokenRefused     a change to them is not possible
    BadTokenName     a name that can't be shown in one line
    TokenNameTaken   another token has the name
    TooManyTokens    there are as many as there may be
    NoSuchToken      none has the name
"""

from daemon.errors import DaemonError, TokenUnusable


class TokensUnusable(TokenUnusable):
    """Their file can't be read, written or trusted."""

    def __str__(self) -> str:
        path, reason = self.args
        return (
            f"{path}: {reason}. Check its owner, permissions and the free space; deleting it ends all tokens "
            "with names (`spectra token add` makes new ones), and the owner's stays"
        )


class TokenRefused(DaemonError):  # noqa: N818 - a fact, as in `FileNotFound`; so below
    """A change to the tokens is not possible."""


class BadTokenName(TokenRefused):
    """A name that can't be shown in one line."""

    def __init__(self, name: str) -> None:
        super().__init__(name)

    def __str__(self) -> str:
        return (
            f"{self.args[0]!r} is no name for a token: take at most 64 letters (a to z), digits, dots, "
            "dashes, underscores and blanks, a letter or digit first"
        )


class TokenNameTaken(TokenRefused):
    """Another token has the name."""

    def __init__(self, name: str) -> None:
        super().__init__(name)

    def __str__(self) -> str:
        name = self.args[0]
        return (
            f"there is a token {name!r} already: take another name, or end that one "
            f"(spectra token remove {name!r})"
        )


class TooManyTokens(TokenRefused):
    """There are as many as there may be."""

    def __init__(self, most: int) -> None:
        super().__init__(most)

    def __str__(self) -> str:
        return f"there are {self.args[0]} tokens already: remove one (`spectra token list` shows them)"


class NoSuchToken(TokenRefused):
    """None has the name."""

    def __init__(self, name: str) -> None:
        super().__init__(name)

    def __str__(self) -> str:
        return f"there is no token {self.args[0]!r}: `spectra token list` shows those there are"
