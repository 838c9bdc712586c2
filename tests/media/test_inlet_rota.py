"""Whose turn it is to be looked at."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from media.inlets.rota import CALM_EVERY_TICKS, LOOK_EVERY_TICKS, WATCH_EVERY_TICKS, Rota


class Express:
    def __init__(self, session: Session) -> None:
        self.is_ahead = self.has_let_go = False
        self.on_switch: Callable[[], None] | None = None
        self._session = session

    def watch(self, now: float) -> None:
        self._session.looks += 1

    def switch(self, is_ahead: bool, *, has_let_go: bool = True) -> None:
        self.is_ahead, self.has_let_go = is_ahead, has_let_go
        if self.on_switch is not None:
            self.on_switch()


class Session:
    """Counts its turns."""

    def __init__(self, *, fails: bool = False) -> None:
        self.express = Express(self)
        self.ticks = self.watches = self.looks = 0
        self._fails = fails

    def tick(self, now: float) -> None:
        self.ticks += 1
        if self._fails:
            raise RuntimeError("of this one")

    def watch(self, now: float) -> None:
        self.watches += 1


@pytest.fixture
def rota() -> Rota:
    return Rota()


def filled(rota: Rota, count: int) -> list[Session]:
    sessions = [Session() for _ in range(count)]
    for session in sessions:
        rota.add(session)
    return sessions


def test_whose_packets_are_taken_one_by_one_has_a_turn_at_every_tick_and_is_watched_at_every_fifth(rota):
    sessions = filled(rota, 7)
    for tick in range(10 * WATCH_EVERY_TICKS):
        before = [session.watches for session in sessions]
        rota.tick(float(tick))
        assert sum(session.watches for session in sessions) - sum(before) <= 2  # they take turns
    assert {(each.ticks, each.watches, each.looks) for each in sessions} == {(10 * WATCH_EVERY_TICKS, 10, 0)}


def test_who_goes_by_himself_is_left_alone_but_for_a_look_now_and_then(rota):
    sessions = filled(rota, 2 * LOOK_EVERY_TICKS)
    for session in sessions:
        session.express.switch(True)
    for tick in range(10 * CALM_EVERY_TICKS):
        touched = sum(session.watches + session.looks for session in sessions)
        rota.tick(float(tick))
        assert sum(session.watches + session.looks for session in sessions) - touched == 2
    looks = 10 * CALM_EVERY_TICKS // LOOK_EVERY_TICKS - 10
    assert {(each.ticks, each.watches, each.looks) for each in sessions} == {(0, 10, looks)}


def test_who_has_something_to_let_go_is_looked_at_more_often_until_it_has(rota):
    [session] = filled(rota, 1)
    session.express.switch(True, has_let_go=False)
    for tick in range(4 * WATCH_EVERY_TICKS):
        rota.tick(float(tick))
    assert session.ticks == 0 and session.looks + session.watches == 5  # and once in its turn among all
    session.express.has_let_go = True
    session.looks = session.watches = 0
    for tick in range(CALM_EVERY_TICKS):
        rota.tick(float(tick))
    assert session.looks + session.watches == CALM_EVERY_TICKS // LOOK_EVERY_TICKS


def test_who_falls_back_has_its_ticks_again_at_once(rota):
    [session] = filled(rota, 1)
    session.express.switch(True)
    rota.tick(0.0)
    assert session.ticks == 0
    session.express.switch(False)
    rota.tick(0.05)
    rota.tick(0.1)
    assert session.ticks == 2


def test_who_has_gone_has_no_turn_and_switches_for_nobody(rota):
    gone, here = filled(rota, 2)
    rota.remove(gone)
    rota.remove(gone)
    gone.express.switch(True)
    gone.express.switch(False)
    for tick in range(CALM_EVERY_TICKS):
        rota.tick(float(tick))
    assert (gone.ticks, gone.watches, gone.looks) == (0, 0, 0) and here.ticks == CALM_EVERY_TICKS


def test_one_that_fails_keeps_no_other_from_its_turn_and_is_tried_again(rota, caplog):
    broken, sound = Session(fails=True), Session()
    rota.add(broken)
    rota.add(sound)
    rota.tick(0.0)
    rota.tick(0.05)
    assert (broken.ticks, sound.ticks) == (2, 2)
    assert [str(each.exc_info[1]) for each in caplog.records] == ["of this one"] * 2
