"""Wrong passwords cost a growing wait, then a lock-out, and never the wrong person."""

from __future__ import annotations

from web.throttle import Throttle, ThrottleSettings

PATIENT = ThrottleSettings()


def guess_wrongly(throttle: Throttle, times: int, *, name: str = "wang", address: str = "10.0.0.7", at: float) -> float:
    """So many guesses, each as soon as it is allowed; the time after the last."""
    for _ in range(times):
        attempt = throttle.attempt(name, address, at)
        if attempt.wait_s:
            at += attempt.wait_s
            assert throttle.attempt(name, address, at).wait_s == 0
    return at


def test_the_first_wrong_passwords_cost_no_wait():
    throttle = Throttle()
    assert [throttle.attempt("wang", "10.0.0.7", 0.0).wait_s for _ in range(3)] == [0, 0, 0]


def test_each_further_one_doubles_the_wait():
    throttle = Throttle()
    waits, now = [], 0.0
    for _ in range(7):
        attempt = throttle.attempt("wang", "10.0.0.7", now)
        waits.append(attempt.wait_s)
        if attempt.wait_s:
            now += attempt.wait_s
            throttle.attempt("wang", "10.0.0.7", now)
    assert waits[:3] == [0, 0, 0]
    assert waits[3:6] == [1.0, 2.0, 4.0]


def test_eight_wrong_passwords_lock_the_name_at_that_address():
    throttle = Throttle()
    now = guess_wrongly(throttle, 7, at=0.0)
    now += throttle.attempt("wang", "10.0.0.7", now).wait_s
    attempt = throttle.attempt("wang", "10.0.0.7", now)
    assert attempt.newly_locked or throttle.attempt("wang", "10.0.0.7", now).locked
    locked = throttle.attempt("wang", "10.0.0.7", now + 1)
    assert locked.locked and locked.wait_s > PATIENT.lock_s - 60


def test_a_lock_out_is_announced_once():
    throttle = Throttle()
    announced, now = 0, 0.0
    for _ in range(50):
        attempt = throttle.attempt("wang", "10.0.0.7", now)
        announced += attempt.newly_locked
        now += 0.0 if attempt.locked else attempt.wait_s
    assert announced == 1


def test_a_stranger_does_not_lock_somebody_out_at_home():
    throttle = Throttle()
    for second in range(30):
        throttle.attempt("wang", "203.0.113.9", second * 1000.0)
    assert throttle.attempt("wang", "10.0.0.7", 30_000.0).wait_s == 0


def test_an_address_that_tries_many_names_is_locked():
    throttle = Throttle()
    attempts = [throttle.attempt(f"name{n}", "203.0.113.9", 0.0) for n in range(60)]
    assert not attempts[0].wait_s
    assert attempts[-1].locked


def test_the_right_password_wipes_the_slate():
    throttle = Throttle()
    for _ in range(3):
        throttle.attempt("wang", "10.0.0.7", 0.0)
    throttle.succeeded("wang", "10.0.0.7")
    assert [throttle.attempt("wang", "10.0.0.7", 1.0).wait_s for _ in range(3)] == [0, 0, 0]


def test_right_passwords_of_a_whole_room_never_lock_its_address():
    throttle = Throttle()
    for n in range(500):
        assert throttle.attempt(f"name{n % 7}", "10.0.0.7", float(n)).wait_s == 0
        throttle.succeeded(f"name{n % 7}", "10.0.0.7")


def test_old_failures_are_forgotten():
    throttle = Throttle()
    for _ in range(3):
        throttle.attempt("wang", "10.0.0.7", 0.0)
    assert throttle.attempt("wang", "10.0.0.7", PATIENT.forget_s + 1).wait_s == 0
    assert throttle.attempt("wang", "10.0.0.7", PATIENT.forget_s + 2).wait_s == 0


def test_a_flood_of_names_and_addresses_fills_a_bounded_table():
    throttle = Throttle(ThrottleSettings(most_rows=100))
    for n in range(1000):
        throttle.attempt(f"name{n}", f"10.{n >> 8}.{n & 255}.1", 0.0)
    assert len(throttle) <= 100
