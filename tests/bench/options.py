"""What every figure of the bench is told."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Options:
    """From the command line."""

    corpus: Path
    """Folder of real music."""
    cache: Path
    """For what is made once: encoded copies, a big index."""
    is_quick: bool
    """Small numbers, to see that everything works; the figures mean little."""
    files: int | None = None
    """How many, for the figures that grow with them; None: as the figure itself thinks fit."""

    def scaled(self, full: int, quick: int) -> int:
        """Return the number for this run."""
        return quick if self.is_quick else full
