"""A set that keeps digests: it knows what a set knows, and is small."""

from __future__ import annotations

import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from gb28181.slim_set import SlimSet

TEXTS = st.text(st.characters(), max_size=4)


@given(st.lists(TEXTS, max_size=300), st.lists(TEXTS, max_size=20))
def test_it_knows_what_a_set_knows(put: list[str], asked: list[str]) -> None:
    slim, plain = SlimSet(put), set(put)
    assert len(slim) == len(plain)
    assert [text in slim for text in (*put, *asked)] == [text in plain for text in (*put, *asked)]


def test_a_hundred_thousand_codes_are_all_known_and_take_a_few_bytes_each() -> None:
    tracemalloc.start()
    try:
        slim = SlimSet(f"340200000013200{number:05d}" for number in range(100_000))
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken < 100_000 * 28
    assert len(slim) == 100_000
    assert all(f"340200000013200{number:05d}" in slim for number in range(0, 100_000, 97))
    assert not any(f"340200000013100{number:05d}" in slim for number in range(0, 100_000, 97))


def test_a_small_one_takes_next_to_nothing() -> None:
    tracemalloc.start()
    try:
        slim = SlimSet(["34020000001320000001"])
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken < 2_000 and len(slim) == 1
