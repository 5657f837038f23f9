"""Speak TLS with a certificate from two files, also after they were renewed."""

import asyncio
import logging
import os
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

from daemon.errors import TlsUnusable
from daemon.tasks import end_tasks

log = logging.getLogger(__name__)

LOOK_EVERY_S = 60.0
"""Whoever renews certificates does so weeks before they end."""
_NO_CHECK_TIME = 0x200000
"""X509_V_FLAG_NO_CHECK_TIME of openssl/x509_vfy.h, which the ssl module does not name."""
_HANDSHAKE_TURNS = 4

Stamp: TypeAlias = tuple[tuple[int, int, int] | None, ...]
"""Inode, size and mtime in ns of each file; None for one that is not there."""


class ServerCertificate:
    """What connections are answered with. All methods read files: call them in threads."""

    def __init__(self, certificate: Path, key: Path, *, clock: Callable[[], float] = time.time) -> None:
        """Read both files (PEM; the certificate with its chain). Raises TlsUnusable."""
        self._files = certificate, key
        self._clock = clock
        self._stamp = self._stamp_now()
        self._current = self._load()
        self.context = self._current
        """For the listening socket: hands each new connection to the certificate in force."""
        self.context.sni_callback = self._choose

    def renew(self) -> bool:
        """Take the files if they changed, and say whether; unusable ones are logged, once, and not taken."""
        stamp = self._stamp_now()
        if stamp == self._stamp:
            return False
        self._stamp = stamp
        try:
            self._current = self._load()
        except TlsUnusable as error:
            log.warning("%s; until then the former certificate stays in use", error)
            return False
        log.info("the certificate %s was renewed", self._files[0])
        return True

    def _choose(self, connection: ssl.SSLObject, _name: str | None, _asked: ssl.SSLContext) -> None:
        # A whole context at a time: half-renewed files never mix with the former ones.
        connection.context = self._current

    def _load(self) -> ssl.SSLContext:
        certificate, key = self._files
        context = load_context(certificate, key)
        end_s = ends_at_s(context, certificate)
        if end_s is not None and end_s <= self._clock():
            ended = datetime.fromtimestamp(end_s, UTC).date()
            log.warning("the certificate %s ended on %s: browsers refuse it; renew it", certificate, ended)
        return context

    def _stamp_now(self) -> Stamp:
        return tuple(_stamp(file) for file in self._files)


@asynccontextmanager
async def tls_context(certificate: Path | None, key: Path | None) -> AsyncIterator[ssl.SSLContext | None]:
    """Yield what to answer connections with, renewed while the context lasts; None without a certificate.

    Raises
    ------
    TlsUnusable : the files can't be read, or don't belong together
    """
    if certificate is None or key is None:
        yield None
        return
    served = await asyncio.to_thread(ServerCertificate, certificate, key)
    following = asyncio.create_task(_follow(served), name="certificate")
    try:
        yield served.context
    finally:
        await end_tasks(following)


async def _follow(served: ServerCertificate) -> None:
    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        try:
            await asyncio.to_thread(served.renew)
        except Exception:
            log.exception("the certificate could not be looked at; it is tried again in %.0f s", LOOK_EVERY_S)


def load_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """Return what a server needs to speak TLS 1.2 or newer. Raises TlsUnusable."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    for file in (certificate, key):
        # OpenSSL does not say which file it could not read.
        try:
            file.read_bytes()
        except OSError as error:
            raise TlsUnusable(str(file), f"can't be read ({error.strerror})") from error
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
    except _EncryptedKeyError:
        raise TlsUnusable(str(key), "is encrypted, and nobody is there to type its password") from None
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise TlsUnusable(str(key), f"is not the key of {certificate}") from error
        reason = f"can't be used together with {key} ({error.reason or error})"
        raise TlsUnusable(str(certificate), reason) from error
    return context


class _EncryptedKeyError(Exception):
    """OpenSSL asks for a password; without an answer it would ask the terminal, and wait."""


def _no_password() -> str:
    raise _EncryptedKeyError


def ends_at_s(context: ssl.SSLContext, certificate: Path) -> float | None:
    """Return when the certificate ends, in seconds since 1970; None when it can't be told.

    The ssl module decodes only what a peer showed and was verified: so a client in memory, which trusts just
    this certificate and does not look at the time, connects.
    """
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    try:
        client.load_verify_locations(certificate)
        client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | ssl.VerifyFlags(_NO_CHECK_TIME)
        asking = client.wrap_bio(to_client, to_server)
        answering = context.wrap_bio(to_server, to_client, server_side=True)
        for _ in range(_HANDSHAKE_TURNS):
            for side in (asking, answering):
                with suppress(ssl.SSLWantReadError):
                    side.do_handshake()
        shown = asking.getpeercert()
    except (ssl.SSLError, ValueError):
        return None
    return ssl.cert_time_to_seconds(str(shown["notAfter"])) if shown and "notAfter" in shown else None


def _stamp(file: Path) -> tuple[int, int, int] | None:
    try:
        status = os.stat(file)  # noqa: PTH116 - follows certbot's links, as reading does
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns
