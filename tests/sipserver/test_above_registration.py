"""The table of a lower platform's registration: every cell walked, and the stories that cross it."""

from __future__ import annotations

import itertools

import pytest

from sipserver.above.registration import (
    MOST_MOVES,
    MOST_PROOFS,
    TABLE,
    Effect,
    Heard,
    Order,
    Pace,
    Place,
    Registration,
    Standing,
)

HOME = Place("34010000002000000001", "192.0.2.1", 5060)
AWAY = Place("34010000002000000002", "192.0.2.2", 5061)
UP = (Standing.UP, Standing.REFRESHING, Standing.REPROVING)


def new(**changes: object) -> Registration:
    pace = Pace(**({"expires_s": 3600} | changes))  # type: ignore[arg-type]
    return Registration(HOME, pace, lambda: 0.5)


def up(now: float = 0.0, **changes: object) -> Registration:
    made = new(**changes)
    made.heard(Heard.START, now)
    made.heard(Heard.CHALLENGED, now)
    assert made.heard(Heard.GRANTED, now, expires_s=3600) == (Effect.CAME,)
    return made


def standing_at(standing: Standing) -> Registration:
    """A registration brought to a standing by what leads there."""
    made = new()
    match standing:
        case Standing.OFF:
            return made
        case Standing.TRYING | Standing.PROVING | Standing.WAITING:
            made.heard(Heard.START, 0.0)
            if standing is Standing.PROVING:
                made.heard(Heard.CHALLENGED, 0.0)
            elif standing is Standing.WAITING:
                made.heard(Heard.SILENT, 0.0)
            return made
    made = up()
    if standing in (Standing.REFRESHING, Standing.REPROVING):
        made.heard(Heard.TIME, 0.0)
    if standing is Standing.REPROVING:
        made.heard(Heard.CHALLENGED, 0.0)
    if standing in (Standing.LEAVING, Standing.LEAVING_PROVEN):
        made.heard(Heard.STOP, 0.0)
    if standing is Standing.LEAVING_PROVEN:
        made.heard(Heard.CHALLENGED, 0.0)
    return made


@pytest.mark.parametrize(("standing", "heard"), list(itertools.product(Standing, Heard)), ids=str)
def test_every_cell_leads_where_the_table_says(standing: Standing, heard: Heard):
    registration = standing_at(standing)
    assert registration.standing is standing
    effects = registration.heard(heard, 1.0, expires_s=7200, place=AWAY)
    cell = TABLE[standing].get(heard)
    assert registration.standing is (cell[0] if cell else standing)
    assert (Effect.WENT in effects) == (standing in UP and registration.standing not in UP)
    assert (Effect.CAME in effects) == (standing not in UP and registration.standing in UP)
    if registration.standing is Standing.WAITING:
        assert registration.due_at is not None
    order = registration.order(1.0)
    if registration.standing in (Standing.OFF, Standing.WAITING, Standing.UP):
        assert order is None
    else:
        assert order is not None


def test_it_registers_with_credentials_only_when_it_is_challenged():
    registration = new()
    assert registration.order(0.0) is None
    registration.heard(Heard.START, 0.0)
    assert registration.order(0.0) is Order.REGISTER
    registration.heard(Heard.CHALLENGED, 0.1)
    assert registration.order(0.1) is Order.PROVE
    assert registration.heard(Heard.GRANTED, 0.2, expires_s=3600) == (Effect.CAME,)
    assert registration.order(0.2) is None


def test_REG_09_it_refreshes_before_the_expiry_with_the_full_challenge():
    registration = up(keepalive_interval_s=100_000)
    assert registration.due_at is not None and 0.5 * 3600 < registration.due_at < 3600
    assert registration.order(registration.due_at) is Order.REGISTER
    registration.heard(Heard.CHALLENGED, 2500.0)
    assert registration.order(2500.0) is Order.PROVE
    assert registration.heard(Heard.GRANTED, 2500.0, expires_s=3600) == (Effect.RENEWED,)
    assert registration.expires_at == 6100.0


def test_REG_08_an_expiry_below_an_hour_is_refused():
    with pytest.raises(ValueError, match="3600"):
        Pace(expires_s=3599)


def test_REG_11_REG_12_failed_tries_wait_longer_each_time_with_a_random_part():
    registration = new()
    registration.heard(Heard.START, 0.0)
    pauses = []
    now = 0.0
    for _ in range(6):
        registration.heard(Heard.SILENT, now)
        assert registration.due_at is not None
        pauses.append(registration.due_at - now)
        now = registration.due_at
        assert registration.order(now - 0.01) is None
        assert registration.order(now) is Order.REGISTER
    assert pauses == pytest.approx([66.0, 132.0, 264.0, 528.0, 660.0, 660.0])
    other = Registration(HOME, Pace(), lambda: 0.0)
    other.heard(Heard.START, 0.0)
    other.heard(Heard.SILENT, 0.0)
    assert other.due_at == 60.0


def test_a_second_challenge_means_a_wrong_password_and_waits():
    registration = new()
    registration.heard(Heard.START, 0.0)
    registration.heard(Heard.CHALLENGED, 0.0)
    registration.heard(Heard.CHALLENGED, 0.0)
    assert registration.standing is Standing.WAITING
    assert registration.was_refused and "password" in registration.reason
    assert registration.due_at is not None and registration.due_at >= 60.0


def test_a_stale_nonce_is_answered_anew_but_not_for_ever():
    registration = new()
    registration.heard(Heard.START, 0.0)
    for _ in range(MOST_PROOFS):
        registration.heard(Heard.STALE, 0.0)
        assert registration.order(0.0) is Order.PROVE
    registration.heard(Heard.STALE, 0.0)
    assert registration.standing is Standing.WAITING


def test_KAL_04_three_keepalives_without_an_answer_lose_the_upper_and_it_registers_again():
    registration = up(keepalive_interval_s=60, keepalive_count=3)
    now = 0.0
    effects: tuple[Effect, ...] = ()
    for missed in range(3):
        assert registration.due_at is not None
        now = registration.due_at
        assert now == 60.0 * (missed + 1)
        assert registration.order(now) is Order.KEEP_ALIVE
        effects = registration.heard(Heard.UNHEARD, now)
    assert effects == (Effect.WENT,)
    assert registration.standing is Standing.WAITING
    assert registration.due_at is not None and now < registration.due_at < now + 5
    assert registration.order(registration.due_at) is Order.REGISTER


def test_one_answered_keepalive_makes_good_for_those_missed():
    registration = up(keepalive_interval_s=60, keepalive_count=3)
    for now in (60.0, 120.0):
        registration.order(now)
        registration.heard(Heard.UNHEARD, now)
    assert registration.missed == 2
    registration.order(180.0)
    registration.heard(Heard.KEPT, 180.0)
    assert registration.missed == 0
    assert registration.due_at == 240.0


def test_an_upper_that_forgot_us_is_registered_with_at_once():
    registration = up()
    registration.order(60.0)
    assert registration.heard(Heard.TURNED_AWAY, 60.0) == (Effect.WENT,)
    assert registration.order(60.0) is Order.REGISTER


def test_REG_20_a_redirection_is_followed_with_a_fresh_challenge_flow():
    registration = new()
    registration.heard(Heard.START, 0.0)
    registration.heard(Heard.CHALLENGED, 0.0)
    registration.heard(Heard.MOVED, 0.0, place=AWAY)
    assert registration.place == AWAY and registration.is_redirected
    assert registration.order(0.0) is Order.REGISTER
    registration.heard(Heard.CHALLENGED, 0.0)
    assert registration.heard(Heard.GRANTED, 0.0, expires_s=3600) == (Effect.CAME,)
    assert registration.place == AWAY


@pytest.mark.parametrize("loss", [Heard.GONE, Heard.CUT])
def test_REG_21_a_redirected_registration_that_is_lost_begins_at_home_again(loss: Heard):
    registration = up()
    registration.heard(Heard.TIME, 1.0)
    registration.heard(Heard.MOVED, 1.0, place=AWAY)
    registration.heard(Heard.GRANTED, 1.0, expires_s=3600)
    registration.heard(loss, 2.0)
    assert registration.place == HOME


def test_REG_21_a_place_that_refuses_sends_us_home():
    registration = new()
    registration.heard(Heard.START, 0.0)
    registration.heard(Heard.MOVED, 0.0, place=AWAY)
    registration.heard(Heard.REFUSED, 0.0, reason="403 Forbidden")
    assert registration.place == HOME and registration.standing is Standing.WAITING
    assert registration.reason == "403 Forbidden" and registration.was_refused


def test_redirections_in_a_circle_end():
    registration = new()
    registration.heard(Heard.START, 0.0)
    for _ in range(MOST_MOVES):
        registration.heard(Heard.MOVED, 0.0, place=AWAY)
        assert registration.standing is Standing.TRYING
    registration.heard(Heard.MOVED, 0.0, place=AWAY)
    assert registration.standing is Standing.WAITING


def test_an_expiry_that_is_too_brief_is_lengthened_once_and_not_beyond_reason():
    registration = new(expires_s=3600)
    registration.heard(Heard.START, 0.0)
    registration.heard(Heard.TOO_BRIEF, 0.0, expires_s=7200)
    assert registration.order(0.0) is Order.REGISTER and registration.expires_s == 7200
    registration.heard(Heard.TOO_BRIEF, 0.0, expires_s=7200)
    assert registration.standing is Standing.WAITING


def test_a_refresh_that_nobody_answers_is_tried_again_until_the_registration_runs_out():
    registration = up(keepalive_interval_s=100_000)
    assert registration.due_at is not None
    now = registration.due_at
    tries = 0
    while registration.is_up:
        assert registration.order(now) is Order.REGISTER
        effects = registration.heard(Heard.SILENT, now)
        tries += 1
        if registration.is_up:
            assert registration.due_at is not None and registration.due_at > now
            now = registration.due_at
    assert effects == (Effect.WENT,)
    assert tries > 3 and now == 3600.0


def test_leaving_goes_through_the_challenge_too():
    registration = up()
    assert registration.heard(Heard.STOP, 1.0) == (Effect.WENT,)
    assert registration.order(1.0) is Order.LEAVE
    registration.heard(Heard.CHALLENGED, 1.0)
    assert registration.order(1.0) is Order.LEAVE_PROVEN
    registration.heard(Heard.GRANTED, 1.0)
    assert registration.standing is Standing.OFF and registration.order(1.0) is None


def test_a_grant_shorter_than_asked_is_kept_to_and_a_longer_one_is_not_believed():
    short, long = up(expires_s=86400), new(expires_s=3600)
    assert short.expires_at == 3600.0
    long.heard(Heard.START, 0.0)
    long.heard(Heard.GRANTED, 0.0, expires_s=999_999_999)
    assert long.expires_at == 3600.0
