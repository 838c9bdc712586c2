"""Refusals on their way to the operator: none is lost, and a flood is no flood of notes."""

from __future__ import annotations

import dataclasses

from registry.refusal import Refusal, RefusalSeen
from sipserver.below.grievances import Grievances

WRONG = RefusalSeen("1", Refusal.WRONG_PASSWORD, "tried the common password", "192.0.2.1:5060", "UDP", 100.0)


def at(seconds: float, **fields: object) -> RefusalSeen:
    return dataclasses.replace(WRONG, at=seconds, **fields)


def test_the_first_is_told_at_once_and_its_repeats_together():
    told: list[RefusalSeen] = []
    grievances = Grievances(told.append, every_s=5.0)
    for second in range(5):
        grievances.note(at(100.0 + second))
    assert [seen.count for seen in told] == [1]
    grievances.flush(104.0)
    assert len(told) == 1
    grievances.flush(105.0)
    assert [(seen.count, seen.at) for seen in told] == [(1, 100.0), (4, 104.0)]
    assert grievances.total == 5


def test_other_reasons_codes_and_sources_wait_for_nobody():
    told: list[RefusalSeen] = []
    grievances = Grievances(told.append)
    grievances.note(WRONG)
    grievances.note(at(100.0, reason=Refusal.LOCKED_OUT))
    grievances.note(at(100.0, code="2"))
    grievances.note(at(100.0, source="192.0.2.2:5060"))
    grievances.note(at(100.0, source="192.0.2.1:6000"))
    assert len(told) == 4, "another port of the same host is the same story"


def test_a_repeat_after_a_while_carries_what_was_held():
    told: list[RefusalSeen] = []
    grievances = Grievances(told.append)
    for second in (100.0, 101.0, 102.0, 110.0):
        grievances.note(at(second))
    assert [seen.count for seen in told] == [1, 3]


def test_every_refusal_is_counted_however_many_kinds_there_are():
    told: list[RefusalSeen] = []
    grievances = Grievances(told.append, size=10)
    for number in range(100):
        grievances.note(at(100.0, code=str(number)))
        grievances.note(at(100.5, code=str(number)))
    grievances.flush(200.0)
    assert sum(seen.count for seen in told) == 200 == grievances.total
