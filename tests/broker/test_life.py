"""The life of a stream, cell by cell."""

from __future__ import annotations

import pytest

from broker.failure import STATUS_OF_VERDICT, WORDS_OF_VERDICT, of_media
from broker.life import LIFE, State, Turn
from media.plane import Seen, Verdict


def test_every_state_has_a_row_and_all_but_the_end_can_end():
    assert set(LIFE) == set(State)
    assert LIFE[State.ENDED] == {}
    for state in State:
        if state is not State.ENDED:
            assert State.ENDED in LIFE[state].values()


def test_every_state_is_reached_from_the_beginning():
    reached, new = {State.INVITING}, {State.INVITING}
    while new:
        new = {after for state in new for after in LIFE[state].values()} - reached
        reached |= new
    assert reached == set(State)


@pytest.mark.parametrize(
    ("state", "turn", "after"),
    [
        (State.INVITING, Turn.ANSWERED, State.AWAITING),
        (State.AWAITING, Turn.FIRST_FRAME, State.LIVE),
        (State.LIVE, Turn.LAST_LEFT, State.LINGERING),
        (State.LINGERING, Turn.VIEWER_CAME, State.LIVE),
        (State.LIVE, Turn.BROKEN, State.RETRYING),
        (State.LINGERING, Turn.BROKEN, State.ENDED),
        (State.RETRYING, Turn.RING_AGAIN, State.INVITING),
        (State.INVITING, Turn.FAILED_AGAIN, State.RETRYING),
    ],
)
def test_the_table_is_that_of_the_figure(state, turn, after):
    assert LIFE[state][turn] is after


def test_an_ended_stream_is_not_woken_by_a_late_first_frame():
    assert Turn.FIRST_FRAME not in LIFE[State.ENDED]


@pytest.mark.parametrize("verdict", list(Verdict))
def test_every_verdict_has_words_and_a_status(verdict):
    failure = of_media(Seen(verdict), "34020000001320000001", "10.0.0.9:30012", "c1")
    assert WORDS_OF_VERDICT[verdict] in str(failure.as_error())
    assert failure.status == STATUS_OF_VERDICT.get(verdict, 504)
