"""What a WebAssembly module imports (core specification, chapter 5)."""

from collections.abc import Iterator

_IMPORT_SECTION = 2
_FUNCTION = 0


def imports_of(wasm: bytes) -> set[tuple[str, str]]:
    """Return module and name of all that a WebAssembly module imports."""
    assert wasm[:8] == b"\0asm\x01\0\0\0"
    at = 8
    while at < len(wasm):
        section = wasm[at]
        length, at = _leb128(wasm, at + 1)
        if section == _IMPORT_SECTION:
            return set(_imports(wasm, at))
        at += length
    return set()


def _imports(wasm: bytes, at: int) -> Iterator[tuple[str, str]]:
    count, at = _leb128(wasm, at)
    for _ in range(count):
        module, at = _name(wasm, at)
        name, at = _name(wasm, at)
        assert wasm[at] == _FUNCTION, "only functions are imported"
        _, at = _leb128(wasm, at + 1)
        yield module, name


def _name(wasm: bytes, at: int) -> tuple[str, int]:
    length, at = _leb128(wasm, at)
    return wasm[at : at + length].decode(), at + length


def _leb128(wasm: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = wasm[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
