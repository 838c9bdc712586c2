"""The kept counts are those that a recount would give, whatever happened before."""

from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from gb28181.code import is_system
from gb28181.manscdp.catalog import Item
from registry.branch import device_id
from registry.device import Device, Presence
from registry.directory import Directory
from registry.events import Bus
from registry.merging import moves_of
from registry.store.promise import Shelf
from registry.tree import NodeKind, TreeNode

OWNERS = ("34010200002000000001", "34010300002000000001", "34010400002000000001", "34010200001180000009")
GROUPS = [f"3401020000215000000{n}" for n in range(2)]
ORGANISATIONS = [f"3401020000216000000{n}" for n in range(4)]
SYSTEMS = ["34010200002000000007"]
RECORDERS = ["34010200001180000001"]
REGIONS = ["34", "340102", "3499", "349988", "34998877"]
CAMERAS = [f"3401020000132000000{n}" for n in range(6)] + ["34010200001340000001"]

parents = st.lists(
    st.sampled_from([*GROUPS, *ORGANISATIONS, *SYSTEMS, *RECORDERS, *OWNERS, CAMERAS[0]]), max_size=3, unique=True
).map(tuple)
regions = st.builds(Item, code=st.sampled_from(REGIONS), name=st.sampled_from(["", "New Town"]))
directories = st.builds(
    Item,
    code=st.sampled_from([*GROUPS, *ORGANISATIONS, *SYSTEMS, *RECORDERS]),
    parent_ids=parents,
    business_group=st.sampled_from(["", *GROUPS]),
    civil_code=st.sampled_from(["", *REGIONS]),
    parental=st.booleans(),
)
cameras = st.builds(
    Item,
    code=st.sampled_from(CAMERAS),
    parent_ids=parents,
    civil_code=st.sampled_from(["", *REGIONS]),
    status_on=st.booleans(),
)
catalogs = st.lists(st.one_of(cameras, cameras, directories, regions), max_size=12)
events = st.sampled_from(["ON", "OFF", "ADD", "UPDATE", "DEL", "VLOST"])
owners = st.sampled_from([OWNERS[0], OWNERS[0], *OWNERS[1:]])
happenings = st.one_of(
    st.tuples(st.just("merge"), owners, catalogs, st.booleans()),
    st.tuples(st.just("notice"), owners, catalogs, st.lists(events, min_size=12, max_size=12)),
    st.tuples(st.just("presence"), owners, st.sampled_from(Presence), st.none()),
    st.tuples(st.just("enabled"), owners, st.booleans(), st.none()),
    st.tuples(st.just("remove"), owners, st.none(), st.none()),
)


async def happen(directory: Directory, what: str, owner: str, one: object, two: object) -> None:
    if directory.device(owner) is None:
        await directory.add_device(Device(owner, presence=Presence.ONLINE))
    if what == "merge":
        await directory.merge(owner, one, complete=bool(two), at=1.0)  # type: ignore[arg-type]
    elif what == "notice":
        items = [Item(**{**_fields(item), "event": event}) for item, event in zip(one, two)]  # type: ignore[call-overload]  # noqa: B905
        await directory.apply_notice(owner, items)
    elif what == "presence":
        directory.note_presence(owner, one, "told", 1.0)  # type: ignore[arg-type]
    elif what == "enabled":
        await directory.change_device(owner, enabled=one)
    else:
        await directory.remove_device(owner)


def _fields(item: Item) -> dict[str, object]:
    return {name: getattr(item, name) for name in item.__struct_fields__}


async def recount(
    directory: Directory, node: TreeNode, path: tuple[str, ...] = ()
) -> dict[tuple[str | bool, str], bool]:
    """The distinct cameras below a node by walking, and whether each is online; checks each node on the way."""
    assert node.id not in path
    below: dict[tuple[str | bool, str], bool] = {}
    after = None
    children = 0
    while True:
        page = await directory.children(node.id, after, 2)
        for child in page.items:
            children += 1
            assert child.parent == node.id
            if child.kind is NodeKind.CHANNEL:
                assert child.channel is not None
                if child.channel.playable:
                    # What platforms call by one code is one camera; a recorder's channels are its own.
                    below[is_system(child.owner) or child.owner, child.code] = child.channel.online
            else:
                below |= await recount(directory, child, (*path, node.id))
        after = page.next
        if after is None:
            break
    assert (node.total, node.online) == (len(below), sum(below.values())), node.id
    assert node.has_children == (children > 0)
    return below


async def check(directory: Directory) -> None:
    await directory.flush()
    seen: dict[tuple[str | bool, str], bool] = {}
    for root in (await directory.children(None, None, 1000)).items:
        seen |= await recount(directory, root)
    assert directory.cameras() == (sum(seen.values()), len(seen))
    store = directory._store
    for device in directory.all_devices():
        rows = await directory.rows_of(device.code, "", 1000)
        assert directory._forest.holdings.get(device.code, {}) == moves_of(rows)
        mine = {row.code for row in rows if row.playable}
        assert {(is_system(device.code) or device.code, code) for code in mine} <= seen.keys(), (
            "each is shown somewhere"
        )
        assert device.channels_total == len(mine)
        is_lit = device.enabled and device.presence in (Presence.ONLINE, Presence.UNCONFIRMED)
        on = {row.code for row in rows if row.playable and row.online and is_lit}
        assert device.channels_online == len(on)
        assert all(seen[is_system(device.code) or device.code, code] for code in on)
        assert await directory.node(device_id(device.code)) is not None
    kept = {str(row["id"]): (row["online"], row["total"], row["kids"]) for row in await store.load(Shelf.NODES)}
    true = {node.id: (node.online, node.total, node.kids) for node in directory._forest.nodes.values()}
    assert kept == true
    holdings = {(row["owner"], row["places"]): row["channels"] for row in await store.load(Shelf.HOLDINGS)}
    assert holdings == {
        (owner, "\n".join(places)): holding.channels
        for owner, mine in directory._forest.holdings.items()
        for places, holding in mine.items()
    }


@settings(max_examples=120, deadline=None)
@given(st.lists(happenings, min_size=1, max_size=7))
def test_after_any_story_every_node_counts_the_distinct_cameras_below_it(
    story: list[tuple[str, str, object, object]],
) -> None:
    async def live() -> None:
        directory = Directory(Bus())
        await directory.open("memory:")
        try:
            for happening in story:
                await happen(directory, *happening)
                await check(directory)
        finally:
            await directory.close()

    asyncio.run(live())


async def tree(directory: Directory, node: str | None = None) -> list[tuple[str, str | None, str, int, int]]:
    found = []
    for child in (await directory.children(node, None, 1000)).items:
        found.append((child.id, child.parent, child.name, child.online, child.total))
        if child.kind is not NodeKind.CHANNEL:
            found += await tree(directory, child.id)
    return found


plain = st.builds(
    Item,
    name=st.sampled_from(["", "New Town"]),
    code=st.sampled_from([*GROUPS, *ORGANISATIONS, *REGIONS, *REGIONS, *CAMERAS]),
    parent_ids=st.lists(st.sampled_from([*GROUPS, *ORGANISATIONS, *OWNERS]), max_size=3, unique=True).map(tuple),
    business_group=st.sampled_from(["", *GROUPS]),
    civil_code=st.sampled_from(["", *REGIONS]),
    status_on=st.booleans(),
)


@settings(max_examples=80, deadline=None)
@given(
    st.lists(plain, max_size=10),
    st.lists(st.tuples(plain, st.sampled_from(["ADD", "UPDATE", "DEL"])), max_size=10),
)
def test_a_catalog_after_its_news_is_the_same_as_a_fresh_one(first: list[Item], news: list[tuple[Item, str]]) -> None:
    owner = OWNERS[0]
    final = {item.code: item for item in first}
    for item, event in news:
        if event == "DEL":
            final.pop(item.code, None)
        else:
            final[item.code] = item

    async def live() -> None:
        followed, fresh = Directory(Bus()), Directory(Bus())
        for directory in (followed, fresh):
            await directory.open("memory:")
            await directory.add_device(Device(owner, presence=Presence.ONLINE))
        await followed.merge(owner, first, complete=True, at=1.0)
        for item, event in news:
            await followed.apply_notice(owner, [Item(**{**_fields(item), "event": event})])
        await fresh.merge(owner, list(final.values()), complete=True, at=1.0)
        assert sorted(await tree(followed)) == sorted(await tree(fresh))
        await followed.close()
        await fresh.close()

    asyncio.run(live())
