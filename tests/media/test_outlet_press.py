"""One piece lies many times over in pipes: every socket gets its own copy whole, whatever others do with theirs."""

from __future__ import annotations

import errno
import os
import random
import socket

import pytest

from media.outlets.press import PAGE_BYTES, Press, Shelf

PIECE = random.Random(5).randbytes(3 * PAGE_BYTES + 77)


@pytest.fixture
def descriptors():
    before = set(os.listdir("/proc/self/fd"))
    yield
    assert set(os.listdir("/proc/self/fd")) <= before


@pytest.fixture
def press(descriptors):
    made = Press()
    yield made
    made.close()


@pytest.fixture
def pair(descriptors):
    ours, there = socket.socketpair()
    ours.setblocking(False)
    there.settimeout(5)
    yield ours, there
    ours.close()
    there.close()


def taken(source: int, pair: tuple[socket.socket, socket.socket], size: int = len(PIECE)) -> bytes:
    """What a socket's other end gets of the next copy."""
    got = b""
    while len(got) < size:
        assert os.splice(source, pair[0].fileno(), size - len(got)) > 0
        got += pair[1].recv(size)
    return got


@pytest.mark.parametrize("batches", [1, 2, 5])
def test_every_copy_is_whole_and_the_last_batch_leaves_nothing(press, pair, batches):
    assert press.load(PIECE, 6) and press.batch == 6
    for number in range(batches):
        assert not press.is_empty
        source = press.copies(6, is_last=number == batches - 1)
        assert all(taken(source, pair) == PIECE for _ in range(6))
    assert press.is_empty
    # It can take in the next one.
    other = PIECE[::-1]
    assert press.load(other, 2)
    assert taken(press.copies(1, is_last=False), pair) == other
    assert taken(press.copies(2, is_last=True), pair) == other


def test_a_batch_may_have_fewer_copies_than_there_is_room_for(press, pair):
    press.load(PIECE, 4)
    assert taken(press.copies(1, is_last=False), pair) == PIECE
    source = press.copies(3, is_last=True)
    assert all(taken(source, pair) == PIECE for _ in range(3))
    assert not press.is_empty


def test_none_is_taken_by_nobody(press, pair):
    press.load(PIECE, 2)
    press.copies(0, is_last=False)
    source = press.copies(2, is_last=True)
    assert taken(source, pair) == taken(source, pair) == PIECE


@pytest.mark.parametrize("used", [0, 1, PAGE_BYTES, len(PIECE) - 1])
def test_what_one_does_not_take_is_thrown_away_before_the_next(press, pair, used):
    press.load(PIECE, 2)
    source = press.copies(2, is_last=True)
    assert taken(source, pair, used) == PIECE[:used]
    press.skip(source, len(PIECE) - used)
    assert taken(source, pair) == PIECE


def test_a_socket_keeps_its_bytes_when_the_press_is_used_again_and_closed(press, pair):
    press.load(PIECE, 1)
    assert os.splice(press.copies(1, is_last=True), pair[0].fileno(), len(PIECE)) == len(PIECE)
    press.load(bytes(len(PIECE)), 1)
    press.copies(1, is_last=True)
    press.close()
    assert pair[1].recv(len(PIECE), socket.MSG_WAITALL) == PIECE


def test_as_many_copies_fit_as_there_are_pages_and_what_has_no_room_is_refused(press):
    assert press.load(PIECE, 1000)
    assert press.batch == press._pages // 4
    press.copies(press.batch, is_last=True)
    assert not Press.load(press, bytes(press._pages * PAGE_BYTES + 1), 1)


def test_less_room_means_smaller_batches(press, pair, monkeypatch):
    monkeypatch.setattr("media.outlets.press.ROOM_BYTES", 5 * PAGE_BYTES)  # the system makes eight of it
    small = Press()
    try:
        assert small.load(PIECE, 1000) and small.batch == 2
        source = small.copies(2, is_last=True)
        assert taken(source, pair) == taken(source, pair) == PIECE
    finally:
        small.close()


def test_without_descriptors_there_is_none_and_nothing_is_left_open(descriptors, monkeypatch):
    real, left = os.pipe2, [2]

    def scarce(flags: int) -> tuple[int, int]:
        if not left[0]:
            raise OSError(errno.EMFILE, "too many")
        left[0] -= 1
        return real(flags)

    monkeypatch.setattr(os, "pipe2", scarce)
    with pytest.raises(OSError, match="too many"):
        Press()
    left[0] = 2
    assert Shelf().take() is None


def test_a_shelf_keeps_one_that_is_empty_and_closes_any_other(descriptors):
    shelf = Shelf()
    first, second = shelf.take(), shelf.take()
    assert first is not None and second is not None and first is not second
    second.load(PIECE, 1)
    shelf.put_back(second)
    shelf.put_back(first)
    assert not second._pipes and shelf.take() is first
    shelf.put_back(first)
    shelf.put_back(Press())
    assert shelf.take() is first
    shelf.put_back(first)
    shelf.clear()
    shelf.clear()
    assert not first._pipes
