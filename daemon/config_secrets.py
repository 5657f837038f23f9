"""Check addresses that may hold passwords; what is said of them shows nothing of them."""

from urllib.parse import urlsplit

_PROXIES = frozenset({"http", "https", "socks4", "socks4a", "socks5", "socks5h"})
_DATABASE = (
    "an address looks like postgresql://user:password@host:5432/name; in user and password a % is written "
    "%25, @ is %40, : is %3A, / is %2F"
)
_PROXY = (
    "a proxy looks like http://user:password@host:3128 (or socks5h://...); in user and password a % is "
    "written %25, @ is %40, : is %3A, / is %2F"
)


def check_database_address(address: str) -> None:
    """Raise ValueError for what libpq can't read, or reads otherwise than its writer meant.

    libpq's own words repeat what they are about: of a password with an odd character, the password.
    """
    # Imported here: who names no database shall not wait for it.
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict

    try:
        parts = conninfo_to_dict(address)
    except ProgrammingError:
        raise ValueError(_DATABASE) from None
    ports = str(parts.get("port") or "").replace(",", "")
    if "@" in str(parts.get("host") or "") or (ports and not ports.isdecimal()):
        raise ValueError(_DATABASE)


def check_proxy(address: str) -> None:
    """Raise ValueError for what is no proxy's address."""
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        raise ValueError(_PROXY) from None
    is_plain = address.isascii() and address.isprintable() and " " not in address
    has_rest = parts.path not in {"", "/"} or parts.query or parts.fragment
    if parts.scheme not in _PROXIES or not parts.hostname or port == 0 or has_rest or not is_plain:
        raise ValueError(_PROXY)
    if "@" in parts.netloc.rpartition("@")[0]:
        raise ValueError(_PROXY)
