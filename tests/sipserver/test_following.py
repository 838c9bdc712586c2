"""A subscription as a table, with time as a number."""

from __future__ import annotations

import pytest

from registry.device import Device, DeviceKind
from sipserver.below import following
from sipserver.below.following import Deed, Fact, Following, Standing, Subject, Whom, fact_of, wanted

CODE = "34010200002000000001"


def active(now: float = 0.0, granted_s: float = 600.0) -> Following:
    made = Following(Subject.CATALOG, CODE, poll_s=60.0)
    assert made.tell(Fact.CAME, now) is Deed.SUBSCRIBE
    assert made.tell(Fact.GRANTED, now, granted_s=granted_s) is Deed.NOTHING
    return made


def test_sub_06_it_is_refreshed_when_four_fifths_of_the_time_have_passed():
    made = active(100.0, 600.0)
    assert (made.standing, made.due_at, made.expires_at) == (Standing.ACTIVE, 580.0, 700.0)
    assert made.tell(Fact.DUE, 580.0) is Deed.REFRESH
    assert made.expires_at == 700.0, "it still holds while the refresh is on its way"
    made.tell(Fact.GRANTED, 581.0, granted_s=600)
    assert (made.standing, made.due_at, made.grants) == (Standing.ACTIVE, 1061.0, 2)


@pytest.mark.parametrize(
    ("granted_s", "after_s"), [(3600.0, 2880.0), (60.0, 45.0), (30.0, 15.0), (20.0, 10.0), (10.0, 5.0), (4.0, 4.0)]
)
def test_where_four_fifths_leave_no_time_to_try_again_it_is_refreshed_earlier_but_never_before_half(
    granted_s: float, after_s: float
):
    assert active(0.0, granted_s).due_at == after_s


def test_what_was_chosen_for_a_device_is_stronger_than_the_settings_of_its_kind():
    whom = {Subject.CATALOG: Whom.ALL, Subject.ALARM: Whom.PLATFORMS, Subject.PTZ: Whom.NOBODY}
    camera = Device("34020000001320000001", follows="catalog=off alarm=on ptz=on nonsense=on position")
    assert wanted(camera, whom, is_2022=True, guards=False) == [Subject.ALARM, Subject.PTZ]
    assert wanted(camera, whom, is_2022=False, guards=False) == [Subject.ALARM]
    silent = Device("34020000001320000001", follows="alarm=off")
    assert wanted(silent, {Subject.ALARM: Whom.ALL}, is_2022=True, guards=True) == []


@pytest.mark.parametrize("fact", [Fact.GONE, Fact.FAILED])
def test_sub_18_a_refresh_that_fails_leads_to_a_new_subscription(fact: Fact):
    made = active()
    made.tell(Fact.DUE, 300.0)
    assert made.tell(fact, 301.0, reason="481") is Deed.SUBSCRIBE
    assert (made.standing, made.expires_at) == (Standing.ASKING, None)


def test_a_neighbour_that_knows_no_subscription_is_polled_until_it_comes_again():
    made = Following(Subject.CATALOG, CODE, poll_s=60.0)
    made.tell(Fact.CAME, 0.0)
    assert made.tell(Fact.UNSUPPORTED, 1.0, reason="489 Bad Event") is Deed.FORGET
    assert (made.standing, made.due_at, made.reason) == (Standing.POLLING, 61.0, "489 Bad Event")
    assert made.tell(Fact.DUE, 61.0) is Deed.POLL
    assert made.due_at == 121.0
    assert made.tell(Fact.CAME, 70.0) is Deed.SUBSCRIBE


def test_what_cannot_be_polled_waits_for_the_neighbour_to_come_again():
    made = Following(Subject.ALARM, CODE)
    made.tell(Fact.CAME, 0.0)
    made.tell(Fact.UNSUPPORTED, 1.0)
    assert (made.standing, made.due_at) == (Standing.POLLING, None)


def test_refusals_for_now_are_answered_by_growing_pauses():
    made = Following(Subject.CATALOG, CODE)
    made.tell(Fact.CAME, 0.0)
    pauses = []
    for _ in range(9):
        assert made.tell(Fact.FAILED, 0.0) is Deed.FORGET
        pauses.append(made.due_at)
        assert made.tell(Fact.DUE, 0.0) is Deed.SUBSCRIBE
    assert pauses == [5, 10, 20, 40, 80, 160, 300, 300, 300]


def test_one_that_never_answers_counts_as_knowing_no_subscription():
    made = Following(Subject.CATALOG, CODE, poll_s=60.0)
    made.tell(Fact.CAME, 0.0)
    for _ in range(following.TRIES_UNHEARD):
        assert made.standing is Standing.ASKING
        made.tell(Fact.FAILED, 0.0, unheard=True)
        made.tell(Fact.DUE, made.due_at or 0.0)
    assert made.standing is Standing.POLLING
    assert "4 subscriptions" in made.reason


def test_a_notify_before_the_answer_shows_that_it_is_not_silent():
    made = Following(Subject.CATALOG, CODE)
    made.tell(Fact.CAME, 0.0)
    for _ in range(3 * following.TRIES_UNHEARD):
        made.heard(0.0)
        made.tell(Fact.FAILED, 0.0, unheard=True)
        assert made.standing is Standing.WAITING
        made.tell(Fact.DUE, 0.0)


def test_a_neighbour_that_registers_anew_is_subscribed_at_anew():
    assert active().tell(Fact.CAME, 5.0) is Deed.SUBSCRIBE


def test_who_leaves_is_not_asked_and_late_answers_change_nothing():
    made = active()
    assert made.tell(Fact.LEFT, 5.0) is Deed.FORGET
    for fact in (Fact.GRANTED, Fact.GONE, Fact.DUE, Fact.ENDED, Fact.FAILED, Fact.UNSUPPORTED):
        assert made.tell(fact, 6.0, granted_s=600) is Deed.NOTHING
        assert (made.standing, made.due_at, made.expires_at) == (Standing.AWAY, None, None)


@pytest.mark.parametrize("standing", list(Standing))
@pytest.mark.parametrize("fact", list(Fact))
def test_every_cell_leads_somewhere_that_can_be_left(standing: Standing, fact: Fact):
    made = Following(Subject.CATALOG, CODE, poll_s=60.0)
    made.standing = standing
    deed = made.tell(fact, 0.0, granted_s=600.0)
    if standing is not Standing.AWAY:
        assert made.tell(Fact.LEFT, 1.0) in (Deed.FORGET, Deed.NOTHING)
        assert made.standing is Standing.AWAY
        assert made.tell(Fact.CAME, 2.0) is Deed.SUBSCRIBE
    if deed in (Deed.SUBSCRIBE, Deed.REFRESH):
        # Whatever becomes of the question, somebody looks again.
        assert fact is Fact.CAME or standing is not Standing.AWAY


@pytest.mark.parametrize(
    ("status", "fact"),
    [
        (200, Fact.GRANTED),
        (202, Fact.GRANTED),
        (489, Fact.UNSUPPORTED),
        (501, Fact.UNSUPPORTED),
        (403, Fact.UNSUPPORTED),
        (481, Fact.GONE),
        (408, Fact.GONE),
        (500, Fact.FAILED),
        (404, Fact.FAILED),
    ],
)
def test_each_answer_has_its_meaning(status: int, fact: Fact):
    assert fact_of(status) is fact


def test_the_settings_say_of_whom_what_is_followed():
    whom = {
        Subject.CATALOG: Whom.PLATFORMS,
        Subject.ALARM: Whom.PLATFORMS,
        Subject.POSITION: Whom.ALL,
        Subject.PTZ: Whom.ALL,
    }
    platform, camera = Device(CODE, kind=DeviceKind.PLATFORM), Device("1", kind=DeviceKind.CAMERA)
    assert set(wanted(platform, whom, is_2022=True, guards=False)) == set(Subject)
    assert set(wanted(platform, whom, is_2022=False, guards=False)) == set(Subject) - {Subject.PTZ}
    assert set(wanted(camera, whom, is_2022=False, guards=False)) == {Subject.POSITION}
    assert set(wanted(camera, whom, is_2022=False, guards=True)) == {Subject.POSITION, Subject.ALARM}
    nobody = dict.fromkeys(Subject, Whom.NOBODY)
    assert not wanted(platform, nobody, is_2022=True, guards=True)
