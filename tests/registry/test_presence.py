"""The presence book: silence, expiry, restarts and our own stalls, with time as a number."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from registry.device import Presence
from registry.presence import Change, PresenceBook, Reason, Rhythm

GATE = "34020000001320000001"
YARD = "34020000001320000002"
RHYTHM = Rhythm(60, 3)  # 190 s of patience
FAR = 10_000_000.0


def ticking(book: PresenceBook, start: float, end: float) -> list[Change]:
    """Every second of a stretch of time, as the house asks for it."""
    changes: list[Change] = []
    now = start
    while now <= end:
        changes += book.due(now)
        now += 1.0
    return changes


def test_a_device_that_registers_is_online_and_that_is_said_once():
    book = PresenceBook()
    first = book.registered(GATE, RHYTHM, 0.0, expires_at=FAR)
    assert first == Change(GATE, Presence.ONLINE, Reason.REGISTERED, Presence.OFFLINE)
    assert book.registered(GATE, RHYTHM, 50.0, expires_at=FAR) is None
    assert book.presence(GATE) is Presence.ONLINE


def test_three_missed_keepalives_make_it_offline_and_a_later_one_revives_it():
    book = PresenceBook()
    book.registered(GATE, RHYTHM, 0.0, expires_at=FAR)
    book.heard(GATE, 60.0)
    assert ticking(book, 1.0, 249.0) == []
    (gone,) = ticking(book, 250.0, 260.0)
    assert (gone.presence, gone.reason, gone.silence_s) == (Presence.OFFLINE, Reason.KEEPALIVE_MISSED, 190.0)
    back = book.heard(GATE, 300.0)
    assert back is not None and (back.presence, back.reason) == (Presence.ONLINE, Reason.KEEPALIVE)
    assert [change.reason for change in ticking(book, 300.0, 490.0)] == [Reason.KEEPALIVE_MISSED]


def test_an_expired_registration_is_offline_and_no_keepalive_revives_it():
    book = PresenceBook()
    book.registered(GATE, RHYTHM, 0.0, expires_at=100.0)
    book.heard(GATE, 99.0)
    (gone,) = ticking(book, 1.0, 100.0)
    assert gone.reason is Reason.REGISTRATION_EXPIRED
    assert book.heard(GATE, 101.0) is None
    assert book.presence(GATE) is Presence.OFFLINE


def test_keepalives_extend_a_registration_only_where_we_say_so():
    book = PresenceBook()
    book.registered(GATE, RHYTHM, 0.0, expires_at=100.0)
    book.extend(GATE, 200.0)
    book.heard(GATE, 150.0)
    assert ticking(book, 1.0, 199.0) == []
    assert [change.reason for change in ticking(book, 200.0, 201.0)] == [Reason.REGISTRATION_EXPIRED]


def test_goodbye_and_a_broken_connection_are_offline_at_once():
    for reason in (Reason.DEREGISTERED, Reason.CONNECTION_LOST):
        book = PresenceBook()
        book.registered(GATE, RHYTHM, 0.0, expires_at=FAR)
        gone = book.gone(GATE, reason, 5.0)
        assert gone is not None and gone.reason is reason
        assert book.gone(GATE, reason, 6.0) is None
        assert book.heard(GATE, 7.0) is None


def test_a_restart_shows_nothing_as_failed_and_gives_everybody_their_time():
    book = PresenceBook(now=1000.0, restart_grace_s=30.0)
    unsure = book.recall(GATE, RHYTHM, 1000.0, expires_at=FAR, was_there=True)
    assert unsure is not None and unsure.presence is Presence.UNCONFIRMED
    assert book.recall(YARD, RHYTHM, 1000.0, expires_at=FAR, was_there=False) is None
    assert ticking(book, 1001.0, 1219.0) == []
    assert book.statistics().unconfirmed == 1
    (gone,) = ticking(book, 1220.0, 1225.0)
    assert (gone.code, gone.reason) == (GATE, Reason.NOT_HEARD_SINCE_RESTART)


def test_a_registration_that_ran_out_while_we_were_away_gets_the_same_grace():
    book = PresenceBook(now=1000.0)
    unsure = book.recall(GATE, RHYTHM, 1000.0, expires_at=400.0, was_there=True)
    assert unsure is not None and unsure.presence is Presence.UNCONFIRMED
    assert ticking(book, 1001.0, 1219.0) == []
    assert len(ticking(book, 1220.0, 1221.0)) == 1


def test_a_device_known_before_the_restart_comes_back_by_keepalive():
    book = PresenceBook(now=1000.0)
    book.recall(GATE, RHYTHM, 1000.0, expires_at=FAR, was_there=True)
    back = book.heard(GATE, 1030.0)
    assert back == Change(GATE, Presence.ONLINE, Reason.KEEPALIVE, Presence.UNCONFIRMED, 0.0)
    assert ticking(book, 1031.0, 1219.0) == []
    assert [change.reason for change in ticking(book, 1220.0, 1300.0)] == [Reason.KEEPALIVE_MISSED]


def test_when_we_stood_still_nobody_else_is_blamed():
    book = PresenceBook(stall_s=5.0)
    for number in range(100):
        book.registered(f"{number:020d}", RHYTHM, 0.0, expires_at=150.0 if number == 7 else FAR)
    assert book.due(1.0) == []
    assert book.due(400.0) == [], "nobody read the socket for 400 s, so silence proves nothing"
    assert book.statistics().stalls == 1
    for number in range(99):
        book.heard(f"{number:020d}", 430.0)
    changes = ticking(book, 401.0, 560.0)
    assert {(change.code[-2:], change.reason) for change in changes} == {
        ("07", Reason.REGISTRATION_EXPIRED),
        ("99", Reason.KEEPALIVE_MISSED),
    }


def test_interval_and_count_of_a_device_may_change_while_it_lives():
    book = PresenceBook()
    book.registered(GATE, RHYTHM, 0.0, expires_at=FAR)
    book.change_rhythm(GATE, Rhythm(30, 2))
    assert ticking(book, 1.0, 69.0) == []
    assert [change.reason for change in ticking(book, 70.0, 71.0)] == [Reason.KEEPALIVE_MISSED]


def test_patience_follows_interval_and_count_with_some_grace():
    assert Rhythm(60, 3).patience_s == 190.0
    assert Rhythm(5, 3).patience_s == 25.0
    assert Rhythm(1, 3, grace_s=0.5).patience_s == 3.5


def test_who_was_heard_is_handed_over_once_in_a_batch():
    book = PresenceBook()
    book.registered(GATE, RHYTHM, 0.0, expires_at=FAR)
    book.registered(YARD, RHYTHM, 0.0, expires_at=FAR)
    assert book.take_heard() == {GATE: 0.0, YARD: 0.0}
    book.heard(GATE, 60.0)
    assert book.take_heard() == {GATE: 60.0}
    assert book.take_heard() == {}


def test_a_stranger_changes_nothing():
    book = PresenceBook()
    assert book.heard(GATE, 1.0) is None
    assert book.gone(GATE, Reason.DEREGISTERED, 1.0) is None
    assert book.presence(GATE) is Presence.NEVER
    assert len(book) == 0


def test_a_forgotten_device_is_never_spoken_of_again():
    book = PresenceBook()
    book.registered(GATE, RHYTHM, 0.0, expires_at=FAR)
    book.heard(GATE, 10.0)
    book.forget(GATE)
    assert book.take_heard() == {}
    assert ticking(book, 1.0, 400.0) == []
    assert book.statistics().online == 0


def test_hearing_a_device_a_million_times_keeps_one_entry_on_the_heap():
    book = PresenceBook()
    book.registered(GATE, RHYTHM, 0.0, expires_at=FAR)
    for second in range(0, 20_000, 20):
        book.heard(GATE, float(second))
        book.registered(GATE, RHYTHM, float(second), expires_at=FAR)
        book.due(float(second))
    assert len(book._heap) == 1


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 3),
            st.sampled_from(["registered", "heard", "gone", "recall", "forget", "due"]),
            st.floats(0.0, 120.0),
        ),
        max_size=120,
    )
)
def test_whatever_happens_the_counts_are_right_and_changes_alternate(story):
    book = PresenceBook(stall_s=1e9)
    shown: dict[str, Presence] = {}
    now = 0.0

    def tell(changes: list[Change | None]) -> None:
        for change in changes:
            if change is not None:
                assert change.before is shown.get(change.code, Presence.OFFLINE)
                assert change.presence is not change.before
                shown[change.code] = change.presence

    for who, what, after in story:
        now += after
        code = f"{who:020d}"
        match what:
            case "registered":
                tell([book.registered(code, RHYTHM, now, expires_at=now + 500.0)])
            case "heard":
                tell([book.heard(code, now)])
            case "gone":
                tell([book.gone(code, Reason.DEREGISTERED, now)])
            case "recall" if code not in shown:
                tell([book.recall(code, RHYTHM, now, expires_at=now + 500.0, was_there=True)])
            case "forget":
                book.forget(code)
                shown.pop(code, None)
            case "due":
                tell(list(book.due(now)))
    for _ in range(3):
        now += 1000.0
        tell(list(book.due(now)))
    assert book.statistics().online == 0, "nobody stays online who is never heard"
    assert book.statistics().unconfirmed == 0
    assert all(presence is Presence.OFFLINE for presence in shown.values())
