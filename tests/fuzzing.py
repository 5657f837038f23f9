"""How long fuzz tests try: the same few inputs each time, or with FUZZ=9 nine times as many, all new."""

import os
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

TIMES = int(os.environ.get("FUZZ", "1"))
"""`make fuzz` sets it."""


def fuzzed(examples: int) -> settings:
    """Return the settings of a test that tries so many inputs, multiplied by FUZZ."""
    return settings(
        max_examples=examples * TIMES,
        derandomize=TIMES == 1,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


def json_values() -> st.SearchStrategy[Any]:
    """Make what JSON can say, half characters, NUL and numbers beyond all columns included."""
    texts = st.text(st.characters(), max_size=20) | st.sampled_from(["\ud800", "\0", "/", "..", "é" * 300])
    numbers = st.integers() | st.sampled_from([2**31, 2**63, -1, 10**400]) | st.floats()
    return st.recursive(
        st.none() | st.booleans() | numbers | texts,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
        max_leaves=12,
    )


def damaged(draw: st.DrawFn, content: bytes, *, most: int = 6) -> bytes:
    """Return the content with some of it changed, cut out, doubled, or put in; hypothesis draws where."""
    result = bytearray(content)
    for _ in range(draw(st.integers(1, most))):
        # The heads of formats are at the beginning, and where the damage is most interesting.
        last = draw(st.sampled_from([63, 1_023, len(result)]))
        place = draw(st.integers(0, max(0, min(last, len(result)) - 1)))
        length = draw(st.integers(1, 64))
        match draw(st.sampled_from(["change", "bytes", "cut", "end", "double"])):
            case "change" if result:
                result[place] ^= 1 << draw(st.integers(0, 7))
            case "bytes":
                result[place : place + length] = draw(
                    st.sampled_from([b"\xff" * length, bytes(length), b"\x7f\xff\xff\xff"])
                    | st.binary(max_size=length)
                )
            case "cut":
                del result[place : place + length]
            case "end":
                del result[place:]
            case "double":
                result[place:place] = result[place : place + length]
    return bytes(result)
