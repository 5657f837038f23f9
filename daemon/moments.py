"""Moments as JSON has them."""

from datetime import datetime


def iso(moment: datetime | None) -> str | None:
    """Return a moment in ISO 8601; None: there was none yet."""
    return None if moment is None else moment.isoformat()
