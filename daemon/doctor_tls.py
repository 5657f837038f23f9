"""The doctor's look at the certificate."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from daemon.doctor_diagnosis import Diagnosis, named, trouble, well
from daemon.doctor_files import is_open_to_others
from daemon.errors import TlsUnusable
from daemon.tls import ends_at_s, load_context

_SOON_DAYS = 14
"""Whoever renews by a program does so 30 days before the end."""


def certificate(file: Path, key: Path, now: datetime) -> Iterator[Diagnosis]:
    """Tell whether certificate and key can be used, for how long, and by whom."""
    subject = "TLS"
    if is_open_to_others(key):
        yield trouble(subject, f"every user can read the key {named(key)}: chmod o-rwx {named(key)}")
    try:
        context = load_context(file, key)
    except TlsUnusable as error:
        yield trouble(subject, str(error))
        return
    end_s = ends_at_s(context, file)
    if end_s is None:
        yield well(subject, f"{named(file)} and its key fit; when it ends can't be told")
        return
    days, end = (end_s - now.timestamp()) / 86_400, datetime.fromtimestamp(end_s, UTC).date()
    if days <= 0:
        yield trouble(subject, f"{named(file)} ended on {end}, and browsers refuse it: renew it")
    elif days < _SOON_DAYS:
        yield trouble(subject, f"{named(file)} ends on {end}, in {days:.0f} days: renew it")
    else:
        yield well(subject, f"{named(file)} and its key fit, until {end}")
