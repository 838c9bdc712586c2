"""A catalog taken in piece by piece leaves the same library as one taken in whole."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gb28181.manscdp.catalog import Item
from registry.catalog import by_code, parents_named
from registry.device import Device, DeviceKind, Presence
from registry.directory import Directory
from registry.events import Bus, CatalogChanged
from registry.tree import NodeKind

LOWER = "34010200002000000001"
GROUP = "34010200002150000001"
ORGANISATIONS = [f"3401020000216000000{number}" for number in range(3)]
RECORDERS = [f"3401020000118000000{number}" for number in range(3)]
CAMERAS = [f"340102000013200000{number:02d}" for number in range(12)]


@asynccontextmanager
async def library() -> AsyncIterator[Directory]:
    directory = Directory(Bus())
    await directory.open("memory:")
    try:
        await directory.add_device(Device(LOWER, kind=DeviceKind.PLATFORM, presence=Presence.ONLINE))
        yield directory
    finally:
        await directory.close()


async def drawn(directory: Directory, node: str | None = None) -> list[object]:
    """The tree with its counts, as an operator sees it."""
    found: list[object] = []
    page = await directory.children(node, None, 1000)
    for child in page.items:
        online = child.channel.online if child.channel is not None else child.online
        inner = [] if child.kind is NodeKind.CHANNEL else await drawn(directory, child.id)
        found.append((child.id, child.name, online, child.total, inner))
    return found


ITEMS = st.one_of(
    st.builds(
        Item,
        st.sampled_from(CAMERAS),
        st.sampled_from("ab"),
        status_on=st.booleans(),
        parent_ids=st.lists(st.sampled_from([LOWER, *ORGANISATIONS, *RECORDERS]), max_size=2, unique=True).map(tuple),
    ),
    st.builds(Item, st.sampled_from(ORGANISATIONS), st.sampled_from("ab"), business_group=st.just(GROUP)),
    st.builds(Item, st.sampled_from(RECORDERS), st.sampled_from("ab"), parent_ids=st.just((LOWER,))),
    st.builds(Item, st.just(GROUP), st.sampled_from("ab"), parent_ids=st.just((LOWER,))),
    st.builds(Item, st.sampled_from(["34", "3401", "340102"]), st.sampled_from("ab")),
)
CATALOGS = st.lists(ITEMS, max_size=25, unique_by=lambda item: item.code)


@settings(max_examples=60, deadline=None)
@given(CATALOGS, CATALOGS, st.integers(1, 8), st.booleans())
async def test_pieces_and_a_conclusion_make_the_same_tree_as_the_whole(before, after, size, more):
    async with library() as whole, library() as pieces:
        for directory in (whole, pieces):
            await directory.merge(LOWER, before, complete=True, at=1.0)
        await whole.merge(LOWER, after, complete=True, at=2.0)
        for start in range(0, len(after), size):
            await pieces.merge(LOWER, after[start : start + size], complete=False, at=2.0, more=more)
        await pieces.conclude(LOWER, {item.code for item in after}, parents_named(by_code(after)[0]), at=2.0)
        assert await drawn(pieces) == await drawn(whole)
        one, other = whole.device(LOWER), pieces.device(LOWER)
        assert one is not None and other is not None
        assert (one.channels_total, one.channels_online, one.channels_said, one.catalog_complete) == (
            other.channels_total,
            other.channels_online,
            other.channels_said,
            other.catalog_complete,
        )


async def test_only_the_conclusion_calls_a_catalog_whole():
    async with library() as directory:
        heard: list[CatalogChanged] = []
        directory.bus.listen(lambda event: heard.append(event) if isinstance(event, CatalogChanged) else None)
        await directory.merge(LOWER, [Item(CAMERAS[0])], complete=False, at=1.0, note="its catalog is still coming")
        device = directory.device(LOWER)
        assert device is not None and not device.catalog_complete
        await directory.conclude(LOWER, {CAMERAS[0]}, set(), at=2.0, expected=1)
        device = directory.device(LOWER)
        assert device is not None
        assert (device.catalog_complete, device.catalog_note, device.catalog_at, device.channels_said) == (
            True,
            "",
            2.0,
            1,
        )
        assert [event.complete for event in heard] == [False, True]
        with pytest.raises(LookupError):
            await directory.conclude("1", set(), set(), at=2.0)


@settings(max_examples=60, deadline=None)
@given(CATALOGS, st.integers(1, 8))
async def test_pieces_that_no_conclusion_follows_are_settled_as_if_each_had_been_the_last(items, size):
    async with library() as patient, library() as eager:
        for start in range(0, len(items), size):
            piece = items[start : start + size]
            await eager.merge(LOWER, piece, complete=False, at=1.0)
            await patient.merge(LOWER, piece, complete=False, at=1.0, more=True)
        await patient.settle(LOWER)
        assert await drawn(patient) == await drawn(eager)


async def test_a_channel_that_came_before_its_recorder_hangs_under_it_when_all_has_come():
    async with library() as directory:
        recorder = Item(RECORDERS[0], "recorder", parental=True, parent_ids=(LOWER,))
        await directory.merge(LOWER, [Item("34")], complete=False, at=1.0)
        await directory.merge(LOWER, [Item(CAMERAS[0], parent_ids=(RECORDERS[0],))], complete=False, at=1.0, more=True)
        await directory.merge(LOWER, [recorder], complete=False, at=1.0, more=True)
        await directory.merge(LOWER, [Item(CAMERAS[1], parent_ids=(RECORDERS[0],))], complete=False, at=1.0, more=True)
        await directory.conclude(LOWER, {"34", RECORDERS[0], *CAMERAS[:2]}, {RECORDERS[0]}, at=2.0)
        node = await directory.node(f"device:{LOWER}/{RECORDERS[0]}")
        assert node is not None and node.total == 2
