"""What waits in the book of devices is taken whole, and comes back whole when it cannot be written."""

from __future__ import annotations

from registry.device import Device
from registry.device_book import DeviceBook

CODE = "34020000001320000001"


def book_of_one() -> DeviceBook:
    book = DeviceBook()
    book.devices[CODE] = Device(CODE)
    return book


def test_nothing_is_taken_where_nothing_waits() -> None:
    assert book_of_one().take(heard=True) is None


def test_what_is_taken_waits_no_more() -> None:
    book = book_of_one()
    book.change(CODE, {"name": "gate"})
    book.redraw(CODE)
    waiting = book.take(heard=True)
    assert waiting is not None
    assert (waiting.dirty, waiting.undrawn) == ({CODE}, {CODE})
    assert book.take(heard=True) is None


def test_heartbeats_wait_for_a_writer_who_asks_for_them() -> None:
    book = book_of_one()
    book.note_heard({CODE: 5.0})
    assert book.take(heard=False) is None
    waiting = book.take(heard=True)
    assert waiting is not None
    assert waiting.heard == {CODE: 5.0}


def test_what_could_not_be_written_comes_back_and_newer_heartbeats_win() -> None:
    book = book_of_one()
    book.change(CODE, {"name": "gate"})
    book.note_heard({CODE: 5.0, "a stranger": 5.0})
    waiting = book.take(heard=True)
    assert waiting is not None
    book.note_heard({CODE: 6.0})
    book.put_back(waiting)
    again = book.take(heard=True)
    assert again is not None
    assert (again.dirty, again.heard) == ({CODE}, {CODE: 6.0})


def test_a_removed_device_is_not_written() -> None:
    book = book_of_one()
    book.change(CODE, {"name": "gate"})
    book.note_heard({CODE: 5.0})
    book.forget(CODE)
    assert book.take(heard=True) is None
