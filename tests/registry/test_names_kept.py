"""Names of channels that are gone wait for them: not too many, and not for ever."""

from __future__ import annotations

import pytest

from registry import names_kept
from registry.names_kept import KEPT_FOR_S, NamesKept

ONE, TWO = "34010200002000000001", "34010300002000000001"


def part(book: NamesKept, owner: str, gone: dict[str, str], *back: str, now: float = 0.0) -> None:
    book.adopt(book.part(owner, gone, back, now))


def test_a_name_waits_for_its_channel_and_no_longer():
    book = NamesKept()
    part(book, ONE, {"1": "gate", "2": "yard"})
    assert (dict(book.of(ONE)), dict(book.of(TWO))) == ({"1": "gate", "2": "yard"}, {})
    part(book, ONE, {}, "1")
    assert dict(book.of(ONE)) == {"2": "yard"}


def test_nothing_is_true_before_it_is_stored():
    book = NamesKept()
    part(book, ONE, {"1": "gate"})
    parting = book.part(ONE, {"2": "yard"}, ["1"], 1.0)
    assert (parting.kept, parting.dropped) == ({(ONE, "2"): "yard"}, ((ONE, "1"),))
    assert dict(book.of(ONE)) == {"1": "gate"}


def test_a_channel_that_goes_and_comes_in_one_step_keeps_what_it_went_with():
    book = NamesKept()
    part(book, ONE, {"1": "gate"})
    part(book, ONE, {"1": "door"}, "1")
    assert dict(book.of(ONE)) == {"1": "door"}


def test_the_name_that_waited_longest_gives_way(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(names_kept, "MOST", 3)
    book = NamesKept()
    for number in range(3):
        part(book, ONE, {str(number): "gate"}, now=float(number))
    part(book, TWO, {"9": "yard"}, now=3.0)
    assert (list(book.of(ONE)), list(book.of(TWO)), len(book)) == (["1", "2"], ["9"], 3)
    part(book, TWO, {str(number): "yard" for number in range(100, 110)}, now=4.0)
    assert len(book) == 3


def test_a_name_is_not_kept_for_ever():
    book = NamesKept()
    book.load([(ONE, "2", "yard", 10.0), (ONE, "1", "gate", 0.0)])
    part(book, TWO, {}, now=KEPT_FOR_S + 5.0)
    assert dict(book.of(ONE)) == {"2": "yard"}


def test_who_is_removed_takes_its_names_along():
    book = NamesKept()
    part(book, ONE, {"1": "gate"})
    part(book, TWO, {"1": "yard"})
    book.adopt(book.forget(ONE))
    assert (dict(book.of(ONE)), dict(book.of(TWO)), len(book)) == ({}, {"1": "yard"}, 1)
