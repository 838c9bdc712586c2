"""What every store promises, held against each kind."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from registry.store.memory import MemoryStore
from registry.store.promise import ChannelRow, Shelf, Store
from registry.store.sql import COPY_FROM, SqlStore

Urls = Callable[[], Awaitable[str]]

OWNER = "34020000002000000001"


def channel(number: int, *, owner: str = OWNER, **changes: object) -> ChannelRow:
    row = ChannelRow(owner, f"c{number:06d}", f"门{number}", None, "m men", True, True, "device:x", "", "{}")
    return row._replace(**changes)  # type: ignore[arg-type]  # the tests know the fields


@pytest.fixture
async def store(new_url: Urls) -> AsyncIterator[Store]:
    url = await new_url()
    made: Store = MemoryStore() if url == "memory:" else SqlStore(url)
    await made.open()
    yield made
    await made.close()


async def test_rows_of_a_shelf_are_put_replaced_and_removed_by_their_key(store: Store) -> None:
    async with store.writing() as writing:
        await writing.put(Shelf.SETTINGS, [{"name": "a", "value": "1"}, {"name": "b", "value": "2"}])
        await writing.put(Shelf.SETTINGS, [{"name": "a", "value": "3"}])
        await writing.remove(Shelf.SETTINGS, [("b",), ("never there",)])
    (row,) = await store.load(Shelf.SETTINGS)
    assert row == {"name": "a", "value": "3"} and {type(name) for name in row} == {str}


async def test_a_block_that_raises_has_not_happened(store: Store) -> None:
    async with store.writing() as writing:
        await writing.put_channels([channel(1), channel(2)])
        await writing.put(Shelf.SETTINGS, [{"name": "a", "value": "1"}])
    with pytest.raises(OSError, match="no"):
        async with store.writing() as writing:
            await writing.put_channels([channel(1, name="other"), channel(3, also="organisation:y")])
            await writing.set_online(OWNER, {"c000002": False})
            await writing.drop_channels(OWNER, ["c000002"])
            await writing.put(Shelf.SETTINGS, [{"name": "a", "value": "2"}, {"name": "b", "value": "2"}])
            await writing.audit({"at": 1.0, "who": "", "what": "", "target": "", "result": "", "address": ""})
            raise OSError("no")
    assert await store.channels_of(OWNER, "", 10) == [channel(1), channel(2)]
    assert await store.standing("organisation:y", ("", ""), 10) == []
    assert await store.load(Shelf.SETTINGS) == [{"name": "a", "value": "1"}]
    assert await store.audits(None, 10) == []


async def test_who_is_cancelled_is_told_so_and_leaves_nothing_behind(store: Store) -> None:
    """A statement cut in its middle took its connection along, and raised something else that hid the cancellation."""
    dice = random.Random(28181)

    async def write(number: int) -> None:
        async with store.writing() as writing:
            await writing.put(Shelf.SETTINGS, [{"name": f"{number}", "value": "whole"}])
            await writing.put(Shelf.SETTINGS, [{"name": f"{number}.", "value": "or not at all"}])

    async def read(number: int) -> None:
        await store.load(Shelf.SETTINGS)

    for number in range(60):
        tasks = [asyncio.create_task(work(number * 2 + at)) for at, work in enumerate((write, read, write))]
        for _ in range(dice.randrange(8)):
            await asyncio.sleep(dice.choice((0, 0.0005, 0.001)))
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(each is None or isinstance(each, asyncio.CancelledError) for each in ended), ended
    names = {str(row["name"]) for row in await store.load(Shelf.SETTINGS)}
    assert {name for name in names if name[-1] != "."} == {name[:-1] for name in names if name[-1] == "."}
    if isinstance(store, SqlStore):
        assert store.lent == 0


async def test_channels_are_written_changed_and_dropped(store: Store) -> None:
    async with store.writing() as writing:
        await writing.put_channels([channel(n) for n in range(5)])
        await writing.put_channels([channel(1, name="new", name_here="ours"), channel(2)])
        await writing.set_online(OWNER, {"c000003": False})
        await writing.drop_channels(OWNER, ["c000004", "c999999"])
        assert [row.code for row in await writing.page(OWNER, "c000000", 2)] == ["c000001", "c000002"]
        assert len(await writing.these(OWNER, ["c000000", "c000004", "c000003"])) == 2
    rows = await store.channels_of(OWNER, "", 10)
    assert rows == [channel(0), channel(1, name="new", name_here="ours"), channel(2), channel(3, online=False)]
    assert await store.channels([(OWNER, "c000002"), ("who", "c000002")]) == [channel(2)]


async def test_more_rows_than_one_copy_takes_are_written_and_written_over(store: Store) -> None:
    rows = [channel(n) for n in range(COPY_FROM + 5)]
    async with store.writing() as writing:
        await writing.put_channels(rows)
    changed = [row._replace(name="new 'quoted' \\ \t name") if int(row.code[1:]) % 2 else row for row in rows]
    async with store.writing() as writing:
        await writing.put_channels(changed)
        await writing.put_channels([row._replace(owner="second") for row in rows])
    assert await store.channels_of(OWNER, "", COPY_FROM + 10) == changed
    assert len(await store.channels_of("second", "", COPY_FROM + 10)) == len(rows)


async def test_a_channel_stands_in_each_of_its_places_and_in_no_former_one(store: Store) -> None:
    both = channel(1, place="organisation:a", also="organisation:b\norganisation:c")
    async with store.writing() as writing:
        await writing.put_channels([both, channel(0, place="organisation:b"), channel(2, place="organisation:b")])
    assert [r.code for r in await store.standing("organisation:b", ("", ""), 9)] == ["c000000", "c000001", "c000002"]
    assert [r.code for r in await store.standing("organisation:b", ("c000000", OWNER), 1)] == ["c000001"]
    assert both.places == ("organisation:a", "organisation:b", "organisation:c")
    async with store.writing() as writing:
        await writing.put_channels([both._replace(also="organisation:c")])
    assert [r.code for r in await store.standing("organisation:b", ("", ""), 9)] == ["c000000", "c000002"]
    assert [r.code for r in await store.standing("organisation:c", ("", ""), 9)] == ["c000001"]
    async with store.writing() as writing:
        await writing.drop_channels(OWNER, ["c000001"])
    assert await store.standing("organisation:c", ("", ""), 9) == []


async def test_an_owner_is_dropped_whole_and_alone(store: Store) -> None:
    async with store.writing() as writing:
        await writing.put_channels([channel(1), channel(2, also="organisation:b")])
        await writing.put_channels([channel(1, owner="other")])
        for owner in (OWNER, "other"):
            await writing.put(Shelf.DIRECTORIES, [{"owner": owner, "code": "g", "kind": "group", "said": "{}"}])
        await writing.drop_owner(OWNER)
    assert await store.beginning("c00", 5) == [("other", "c000001")]
    assert await store.namesakes("c000001", 5) == [channel(1, owner="other")]
    assert [row["owner"] for row in await store.load(Shelf.DIRECTORIES)] == ["other"]
    assert await store.standing("organisation:b", ("", ""), 9) == []


async def test_lines_for_search_come_in_order_of_code_points(store: Store) -> None:
    # PostgreSQL would order these otherwise in most languages.
    codes = ["B", "a", "_", "é", "Z9", "门"]
    async with store.writing() as writing:
        await writing.put_channels([channel(0)._replace(code=code) for code in codes])
        await writing.put_channels([channel(0, owner="0")._replace(code="x")])
    lines = await store.lines(("", ""), 4)
    assert [line.code for line in lines] == ["x", *sorted(codes)[:3]]
    rest = await store.lines((lines[-1].owner, lines[-1].code), 9)
    assert [line.code for line in rest] == sorted(codes)[3:]
    assert [row.code for row in await store.channels_of(OWNER, "Z9", 2)] == ["_", "a"]


async def test_the_book_is_read_backwards_in_pages(store: Store) -> None:
    async with store.writing() as writing:
        for number in range(5):
            line = {"who": "admin", "what": f"w{number}", "target": "", "result": "ok", "address": ""}
            await writing.audit({"at": float(number)} | line)
    newest = await store.audits(None, 2)
    assert [row["what"] for row in newest] == ["w4", "w3"]
    last = newest[-1]["id"]
    assert isinstance(last, int)
    assert [row["what"] for row in await store.audits(last, 9)] == ["w2", "w1", "w0"]


async def test_the_book_is_searched_by_action_and_by_text(store: Store) -> None:
    async with store.writing() as writing:
        for number, (who, target) in enumerate(
            (("Wang", "100%"), ("li", "1000"), ("wang", "gate_1"), ("li", "gateA1"))
        ):
            line = {"who": who, "what": f"w{number % 2}", "target": target, "result": "ok", "address": "10.0.0.7"}
            await writing.audit({"at": float(number)} | line)

    async def found(text: str = "", what: str = "", before: int | None = None, limit: int = 9) -> list[object]:
        return [row["target"] for row in await store.audits(before, limit, text, what)]

    assert await found("WANG") == ["gate_1", "100%"]
    assert await found("gate_") == ["gate_1"] and await found("0%") == ["100%"]  # as they stand, no patterns
    assert await found(what="w1") == ["gateA1", "1000"]
    assert await found("10.0.0.7", "w0", limit=1) == ["gate_1"]
    newest = (await store.audits(None, 1, "wang"))[0]["id"]
    assert isinstance(newest, int)
    assert await found("wang", before=newest) == ["100%"] and await found("nobody") == []


def test_another_kind_of_database_is_refused() -> None:
    with pytest.raises(ValueError, match="sqlite:///file or postgresql"):
        SqlStore("mysql://somewhere/db")
