"""Platforms above: checked at birth, kept by every store, told of on the bus."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from registry.directory import Directory
from registry.events import Bus, Event, SharingChanged, UpperChanged, UpperStateChanged
from registry.platform import Upper, UpperState, upper_of, upper_row
from registry.sharing import ShareAs, ShareRule
from registry.store.promise import SentRow

Urls = Callable[[], Awaitable[str]]
PROVINCE, COUNTY = "34000000002000000001", "34010200002000000001"


def test_what_follows_from_the_rest_may_be_left_out() -> None:
    upper = Upper(PROVINCE)
    assert upper.shown_domain == "3400000000"
    assert upper.shown_name == PROVINCE
    assert upper_of(upper_row(upper)) == upper


@pytest.mark.parametrize(
    "wrong",
    [
        {"code": "34"},
        {"code": "3400000000200000000x"},
        {"our_code": "1"},
        {"our_code": PROVINCE},
        {"port": 0},
        {"transport": "tls"},
        {"edition": "1.0"},
        {"charset": "EBCDIC"},
        {"arrangement": "heap"},
        {"expires_s": 3_599},
        {"keepalive_interval_s": 0},
        {"keepalive_count": 0},
        {"page_size": 10_001},
    ],
)
def test_a_field_that_cannot_be_meant_is_refused_by_its_name(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Upper(**{"code": PROVINCE} | wrong)


def heard(directory: Directory) -> list[Event]:
    events: list[Event] = []
    directory.bus.listen(events.append)
    return events


async def test_a_platform_above_is_added_changed_and_removed(directory: Directory) -> None:
    events = heard(directory)
    added = await directory.add_upper(Upper(PROVINCE, host="::1"))
    assert added.added_at == 1_000.0
    assert directory.uppers() == (added,)
    with pytest.raises(ValueError, match="known already"):
        await directory.add_upper(Upper(PROVINCE))
    changed = await directory.change_upper(PROVINCE, name="Anhui")
    assert directory.upper(PROVINCE) == changed
    assert events == [UpperChanged(PROVINCE), UpperChanged(PROVINCE)]
    for wrong in ({"nose": 1}, {"port": -1}):
        with pytest.raises(ValueError, match=r"field|port"):
            await directory.change_upper(PROVINCE, **wrong)
    await directory.remove_upper(PROVINCE)
    assert directory.upper(PROVINCE) is None
    for work in (directory.remove_upper(PROVINCE), directory.change_upper(PROVINCE), directory.share(PROVINCE, [])):
        with pytest.raises(LookupError):
            await work


async def test_saving_it_unchanged_tells_nobody(directory: Directory) -> None:
    upper = await directory.add_upper(Upper(PROVINCE, host="10.0.0.1"))
    await directory.share(PROVINCE, [ShareRule("division:34", True)])
    events = heard(directory)
    assert await directory.change_upper(PROVINCE, host="10.0.0.1") == upper
    await directory.share(PROVINCE, [ShareRule("division:34", True)])
    assert events == []


async def test_a_change_of_what_it_sees_is_told_as_such(directory: Directory) -> None:
    await directory.add_upper(Upper(PROVINCE))
    events = heard(directory)
    await directory.share(PROVINCE, [ShareRule("division:34", False)])
    await directory.change_upper(PROVINCE, share_all=False)
    assert events == [SharingChanged(PROVINCE), UpperChanged(PROVINCE), SharingChanged(PROVINCE)]
    assert (await directory.sharing(PROVINCE)).rules == (ShareRule("division:34", False),)
    assert not (await directory.sharing(PROVINCE)).share_all
    assert not (await directory.sharing(COUNTY)).share_all, "nothing is shared with a stranger"


async def test_how_things_stand_is_told_when_it_is_new(directory: Directory) -> None:
    await directory.add_upper(Upper(PROVINCE))
    events = heard(directory)
    for _ in range(2):
        directory.note_upper_state(UpperState(PROVINCE, "registered"))
    directory.note_upper_state(UpperState(COUNTY, "registered"))
    assert events == [UpperStateChanged(PROVINCE)]
    assert directory.upper_state(PROVINCE) == UpperState(PROVINCE, "registered")
    assert directory.upper_state(COUNTY) is None


@pytest.mark.parametrize("new_url", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True)
async def test_platforms_rules_and_names_survive_a_restart(new_url: Urls) -> None:
    url = await new_url()
    first = Directory(Bus())
    await first.open(url)
    upper = await first.add_upper(Upper(PROVINCE, password="p", keepalive_interval_s=0.5, arrangement="civil"))
    rules = [ShareRule("division:34", True), ShareRule(f"device:{COUNTY}", False)]
    await first.share(PROVINCE, [ShareRule("division:35", True), *rules], [ShareAs(COUNTY, "a", "b", "c")])
    sharing = await first.share(PROVINCE, rules, [ShareAs(COUNTY, "d", "e", "f")])
    await first.close()
    second = Directory(Bus())
    await second.open(url)
    assert second.uppers() == (upper,)
    assert await second.sharing(PROVINCE) == sharing
    await second.remove_upper(PROVINCE)
    await second.close()
    third = Directory(Bus())
    await third.open(url)
    assert third.uppers() == ()
    assert (await third.sharing(PROVINCE)).rules == ()
    await third.close()


async def test_what_it_was_told_is_kept_in_order_of_our_code(directory: Directory) -> None:
    await directory.add_upper(Upper(PROVINCE))
    rows = [SentRow(PROVINCE, f"t{n}", f"c{n // 2}", "name", "digest", True) for n in range(5)]
    await directory.sent.keep(PROVINCE, rows[::-1], {}, [])
    assert await directory.sent.page(PROVINCE, ("", ""), 3) == rows[:3]
    assert await directory.sent.page(PROVINCE, ("c1", "t2"), 3) == rows[3:]
    assert sorted(await directory.sent.of(PROVINCE, ["c0", "c2", "c9"])) == [rows[0], rows[1], rows[4]]
    moved = SentRow(PROVINCE, "t0", "c7", "name", "other", True)
    await directory.sent.keep(PROVINCE, [moved], {"t1": False, "t9": False}, ["t2", "t9"])
    assert await directory.sent.page(PROVINCE, ("", ""), 9) == [rows[1]._replace(online=False), *rows[3:], moved]
    assert await directory.sent.count(PROVINCE) == 4
    await directory.sent.forget(PROVINCE)
    assert await directory.sent.count(PROVINCE) == 0
    await directory.sent.keep(COUNTY, [SentRow(COUNTY, "t", "c", "", "", True)], {}, [])
    assert await directory.sent.count(COUNTY) == 0, "a stranger was told nothing"
