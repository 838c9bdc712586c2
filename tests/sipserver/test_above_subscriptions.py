"""The book of what an upper follows: every cell, ends, replacement, scopes, filters."""

from __future__ import annotations

import itertools

import pytest

from gb28181.manscdp.alarm import Alarm, AlarmQuery
from gb28181.manscdp.catalog import Item
from sipserver.above.subscriptions import (
    TABLE,
    BookFull,
    Deed,
    Followed,
    Happening,
    Stage,
    Subscription,
    SubscriptionBook,
    passes,
)

US = "34010200002000000001"
CAMERA = "34010200001320000001"


def opened(book: SubscriptionBook, target: str = US, now: float = 0.0, **given: object) -> Subscription:
    made, _ = book.open(Followed.CATALOG, target, event="Catalog;id=1", expires_at=now + 600, **given)  # type: ignore[arg-type]
    return made


def at(stage: Stage) -> tuple[SubscriptionBook, Subscription]:
    book = SubscriptionBook(8)
    made = opened(book)
    if stage is Stage.ACTIVE:
        book.happened(made, Happening.REPORTED)
    elif stage is Stage.OVER:
        book.happened(made, Happening.CANCELLED)
    assert made.stage is stage
    return book, made


@pytest.mark.parametrize(("stage", "what"), list(itertools.product(Stage, Happening)), ids=str)
def test_every_cell_leads_where_the_table_says(stage: Stage, what: Happening):
    book, made = at(stage)
    deed = book.happened(made, what, 999.0)
    expected = TABLE[stage].get(what, (stage, Deed.NOTHING))
    assert (made.stage, deed) == expected
    assert len(book) == (0 if made.stage is Stage.OVER else 1)
    if deed is Deed.PROLONG:
        assert made.expires_at == 999.0


def test_SUB_07_what_nobody_refreshes_runs_out():
    book = SubscriptionBook(8)
    made = opened(book)
    assert book.run_out(599.0) == []
    assert book.run_out(600.0) == [made]
    assert made.is_over and len(book) == 0


def test_a_refresh_moves_the_end():
    book = SubscriptionBook(8)
    made = opened(book)
    book.happened(made, Happening.REFRESHED, 1200.0)
    assert book.run_out(700.0) == []
    assert book.run_out(1200.0) == [made]


def test_the_same_thing_asked_anew_replaces_what_was_asked_before():
    book = SubscriptionBook(1)
    first = opened(book)
    second, before = book.open(Followed.CATALOG, US, event="Catalog;id=2", expires_at=600)
    assert before is first and first.is_over
    assert list(book) == [second]


def test_more_than_the_book_holds_is_refused():
    book = SubscriptionBook(2)
    opened(book)
    opened(book, CAMERA)
    with pytest.raises(BookFull):
        opened(book, "34010200001320000002")


def test_a_scope_takes_in_what_hangs_itself_beneath_and_lets_go_what_is_gone():
    made = opened(SubscriptionBook(8), "34010200002150000001")
    made.covered = {"34010200002150000001", "34010200002160000001"}
    inside = Item(code=CAMERA, parent_ids=("34010200002160000001",), event="ADD")
    assert made.covers_item(inside)
    assert made.covers_item(Item(code=CAMERA, event="OFF"))
    assert not made.covers_item(Item(code="34010200001320000009", event="OFF"))
    assert made.covers_item(Item(code=CAMERA, event="DEL"))
    assert not made.covers_item(Item(code=CAMERA, event="ON"))


def test_a_division_takes_in_what_its_civil_code_says():
    made = opened(SubscriptionBook(8), "340102")
    made.covered = {"340102"}
    assert made.covers_item(Item(code=CAMERA, civil_code="34010201", event="ADD"))
    assert not made.covers_item(Item(code="34010300001320000001", civil_code="340103", event="ADD"))


ALARM = Alarm(1, CAMERA, priority=2, method=5, at=1000.0, alarm_type=6)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (None, True),
        (AlarmQuery(1, US), True),
        (AlarmQuery(1, US, start_priority=1, end_priority=2), True),
        (AlarmQuery(1, US, start_priority=3, end_priority=4), False),
        (AlarmQuery(1, US, start_priority=1, end_priority=1), False),
        (AlarmQuery(1, US, methods=(5,)), True),
        (AlarmQuery(1, US, methods=(1, 2)), False),
        (AlarmQuery(1, US, alarm_type="6"), True),
        (AlarmQuery(1, US, alarm_type="1/2"), False),
        (AlarmQuery(1, US, alarm_type="0"), True),
        (AlarmQuery(1, US, start=999.0, end=1001.0), True),
        (AlarmQuery(1, US, start=1001.0), False),
        (AlarmQuery(1, US, end=999.0), False),
    ],
)
def test_an_alarm_passes_when_it_is_one_that_was_asked_for(query: AlarmQuery | None, expected: bool):
    assert passes(query, ALARM) is expected


def test_what_an_alarm_does_not_say_is_no_obstacle():
    assert passes(AlarmQuery(1, US, start_priority=1, end_priority=1, methods=(5,), start=5.0), Alarm(1, CAMERA))
