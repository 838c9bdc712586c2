"""What waits for a road."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from media.outlets.backlog import Backlog


def test_pieces_go_out_in_order_and_in_part():
    one = Backlog()
    assert not one and one.bytes == 0 and one.since is None
    one.put(b"aaabbbcc", 3, 1.0)
    one.put(b"ddd", 3, 2.0)
    assert one and one.bytes == 11 and one.since == 1.0
    assert [bytes(each) for each in one.front(9)] == [b"aaabbbcc", b"ddd"]
    one.take(4)
    assert [bytes(each) for each in one.front(1)] == [b"bbcc"] and one.bytes == 7
    assert one.first == (b"aaabbbcc", 3, 4)
    one.take(4)
    assert one.since == 2.0 and one.first == (b"ddd", 3, 0)
    one.take(3)
    assert not one and one.bytes == 0


def test_a_piece_may_come_when_some_of_it_is_gone():
    one = Backlog()
    one.put(b"aaabbb", 3, 0.0, 3)
    assert one.bytes == 3 and [bytes(each) for each in one.front(1)] == [b"bbb"]


def test_a_packet_that_went_in_part_goes_again_whole():
    one = Backlog()
    one.put(b"aaabbbcc", 3, 0.0)
    one.take(4)
    one.rewind()
    assert b"".join(one.front(1)) == b"bbbcc" and one.bytes == 5
    one.rewind()
    assert one.bytes == 5


def test_only_the_rest_of_a_packet_on_its_way_is_kept():
    one = Backlog()
    one.put(b"aaabbbcc", 3, 0.0)
    one.put(b"ddd", 3, 0.0)
    one.take(4)
    one.forget(keeps_half=True)
    assert b"".join(one.front(1)) == b"bb" and one.bytes == 2
    one.put(b"eee", 3, 5.0)
    one.take(2)
    assert b"".join(one.front(1)) == b"eee" and one.bytes == 3
    one.forget(keeps_half=True)
    assert not one and one.bytes == 0


@given(
    st.lists(st.one_of(st.integers(0, 40), st.binary(min_size=1, max_size=30), st.sampled_from(["rewind", "forget"])))
)
def test_what_waits_is_counted_whatever_happens(steps):
    one = Backlog()
    for step in steps:
        if isinstance(step, bytes):
            one.put(step, 7, 0.0)
        elif isinstance(step, int):
            one.take(min(step, one.bytes))
        elif step == "rewind":
            one.rewind()
        else:
            one.forget(keeps_half=True)
        assert one.bytes == sum(map(len, one.front(1000))) and bool(one) is bool(one.bytes)
