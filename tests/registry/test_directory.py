"""The directory on each kind of store: catalogs, news, presence, counts, pages, search, restarts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import msgspec
import pytest

from gb28181.manscdp.catalog import Item
from registry.branch import device_id
from registry.device import Device, Presence
from registry.directory import DeviceQuery, Directory
from registry.events import (
    Bus,
    CatalogChanged,
    ChannelStatusChanged,
    CountsChanged,
    DeviceCameOnline,
    DeviceRemoved,
    DeviceWentOffline,
    Event,
    RegistrationRefused,
)
from registry.refusal import Refusal, RefusalSeen
from registry.tree import NodeKind, TreeNode

Urls = Callable[[], Awaitable[str]]

PLATFORM = "34010200002000000001"
ROOT = f"device:{PLATFORM}"
GROUP = "34010200002150000001"
NORTH, SOUTH = "34010200002160000001", "34010200002160000002"
RECORDER = "34010200001180000009"


def code(number: int) -> str:
    return f"3401020000132{number:07d}"


def camera(number: int, *parents: str, on: bool = True, name: str | None = None, event: str | None = None) -> Item:
    return Item(
        code(number),
        name=f"环城路{number:03d}" if name is None else name,
        parent_ids=parents or (PLATFORM,),
        status_on=on,
        event=event,
    )


def cameras(count: int) -> list[Item]:
    return [camera(number) for number in range(count)]


def camera_in(civil_code: str) -> Item:
    return Item(code(1), name="环城路001", civil_code=civil_code, parent_ids=(PLATFORM,))


def town() -> list[Item]:
    """A group with two organisations; camera 1 in the north, 2 in the south, 3 in both, 4 in none."""
    return [
        Item(GROUP, name="Traffic", parent_ids=(PLATFORM,)),
        Item(NORTH, name="North", business_group=GROUP),
        Item(SOUTH, name="South", business_group=GROUP),
        camera(1, PLATFORM, NORTH),
        camera(2, PLATFORM, SOUTH),
        camera(3, PLATFORM, NORTH, SOUTH),
        camera(4, PLATFORM),
    ]


def organisation_id(number: str) -> str:
    return f"organisation:{PLATFORM}/{number}"


OTHER = "34010300002000000001"


async def with_platform(directory: Directory, presence: Presence = Presence.ONLINE) -> None:
    await directory.add_device(Device(PLATFORM, name="Yaohai", presence=presence))


async def counts(directory: Directory, *nodes: str) -> list[tuple[int, int]]:
    found = [await directory.node(node) for node in nodes]
    return [(node.online, node.total) for node in found if node is not None]


async def walk(directory: Directory, node: str | None = None) -> list[TreeNode]:
    """Every place in the tree below `node`, in small pages."""
    found: list[TreeNode] = []
    after = None
    while True:
        page = await directory.children(node, after, 3)
        for child in page.items:
            found.append(child)
            if child.kind is not NodeKind.CHANNEL:
                found += await walk(directory, child.id)
        after = page.next
        if after is None:
            return found


def listen(directory: Directory) -> list[Event]:
    heard: list[Event] = []
    directory.bus.listen(heard.append)
    return heard


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Directory]:
    directory = Directory(Bus())
    await directory.open(url)
    try:
        yield directory
    finally:
        await directory.close()


# Catalogs.


async def test_a_catalog_is_stored_and_told(directory: Directory) -> None:
    await with_platform(directory)
    heard = listen(directory)
    diff = await directory.merge(PLATFORM, cameras(5), complete=True, at=7.0)
    assert sorted(diff.added) == [code(n) for n in range(5)]
    assert (diff.changed, diff.removed) == ((), ())
    (told,) = [event for event in heard if isinstance(event, CatalogChanged)]
    assert (told.owner, told.added_count, told.complete) == (PLATFORM, 5, True)
    device = directory.device(PLATFORM)
    assert device is not None
    assert (device.channels_total, device.channels_online, device.catalog_at, device.channels_said) == (5, 5, 7.0, 5)


async def test_the_same_catalog_again_changes_nothing(directory: Directory) -> None:
    await with_platform(directory)
    await directory.merge(PLATFORM, town(), complete=True, at=1.0)
    before = await walk(directory)
    diff = await directory.merge(PLATFORM, town(), complete=True, at=2.0)
    assert diff.is_empty
    assert await walk(directory) == before


async def test_a_complete_catalog_removes_what_is_missing_from_it(directory: Directory) -> None:
    await with_platform(directory)
    await directory.merge(PLATFORM, town(), complete=True, at=1.0)
    rest = [item for item in town() if item.code not in (code(2), SOUTH)]
    diff = await directory.merge(PLATFORM, rest, complete=True, at=2.0)
    assert sorted(diff.removed) == sorted((code(2), SOUTH))
    assert diff.changed == (code(3),)
    assert await directory.channel(PLATFORM, code(2)) is None
    assert await directory.node(organisation_id(SOUTH)) is None
    assert await counts(directory, ROOT) == [(3, 3)]


async def test_an_incomplete_catalog_adds_and_changes_but_never_removes(directory: Directory) -> None:
    await with_platform(directory)
    await directory.merge(PLATFORM, cameras(5), complete=True, at=1.0)
    diff = await directory.merge(
        PLATFORM, [camera(1, name="Gate"), camera(9)], complete=False, at=2.0, expected=6, note="stopped at 2 of 6"
    )
    assert (diff.added, diff.changed, diff.removed) == ((code(9),), (code(1),), ())
    device = directory.device(PLATFORM)
    assert device is not None
    assert (device.channels_total, device.catalog_complete, device.channels_said) == (6, False, 6)


async def test_an_incomplete_catalog_that_moves_an_organisation_takes_its_cameras_along(directory: Directory) -> None:
    await with_platform(directory)
    await directory.merge(PLATFORM, town(), complete=True, at=1.0)
    moved = Item(SOUTH, name="South", business_group=GROUP, parent_ids=(NORTH,))
    await directory.merge(PLATFORM, [moved], complete=False, at=2.0)
    assert await counts(directory, organisation_id(NORTH), organisation_id(SOUTH)) == [(3, 3), (2, 2)]
    path = await directory.path_to(f"channel:{PLATFORM}/{code(2)}")
    assert [node.name for node in path][-4:] == ["Traffic", "North", "South", "环城路002"]


async def test_cameras_whose_organisation_comes_later_move_into_it(directory: Directory) -> None:
    await with_platform(directory)
    items = town()
    await directory.merge(PLATFORM, items[3:], complete=False, at=1.0)
    assert {node.parent for node in await walk(directory) if node.channel} == {ROOT}
    await directory.merge(PLATFORM, items[:3], complete=False, at=2.0)
    assert await counts(directory, organisation_id(NORTH), organisation_id(SOUTH)) == [(2, 2), (2, 2)]


async def test_of_an_item_given_twice_the_last_counts_and_one_without_a_code_is_refused(directory: Directory) -> None:
    await with_platform(directory)
    items = [camera(1, name="old"), Item("", name="nobody"), Item("x" * 65), camera(1, name="new")]
    diff = await directory.merge(PLATFORM, items, complete=True, at=1.0)
    assert (diff.added, diff.refused) == ((code(1),), 2)
    channel = await directory.channel(PLATFORM, code(1))
    assert channel is not None
    assert channel.name == "new"


async def test_a_catalog_of_a_stranger_is_refused(directory: Directory) -> None:
    with pytest.raises(LookupError, match=PLATFORM):
        await directory.merge(PLATFORM, cameras(1), complete=True, at=1.0)


async def test_a_recorder_becomes_a_node_when_a_camera_names_it_later(directory: Directory) -> None:
    await with_platform(directory)
    await directory.merge(PLATFORM, [Item(RECORDER, name="NVR"), camera(1)], complete=True, at=1.0)
    channel = await directory.channel(PLATFORM, RECORDER)
    assert channel is not None
    assert channel.playable
    diff = await directory.merge(PLATFORM, [camera(2, RECORDER)], complete=False, at=2.0)
    assert (diff.added, diff.changed, diff.removed) == ((code(2),), (RECORDER,), ())
    assert await directory.channel(PLATFORM, RECORDER) is None
    assert await counts(directory, f"device:{PLATFORM}/{RECORDER}", ROOT) == [(1, 1), (2, 2)]


async def test_a_merge_that_fails_half_way_leaves_everything_as_it_was(directory: Directory) -> None:
    await with_platform(directory)
    await directory.merge(PLATFORM, town(), complete=True, at=1.0)
    before = await walk(directory)
    heard = listen(directory)
    original = directory._store.writing

    @asynccontextmanager
    async def failing() -> AsyncIterator[object]:
        async with original() as writing:
            yield writing
            raise OSError("the disk is full")

    directory._store.writing = failing  # type: ignore[method-assign,assignment]
    with pytest.raises(OSError, match="disk is full"):
        await directory.merge(PLATFORM, [camera(8), *town()[:2]], complete=True, at=2.0)
    directory._store.writing = original  # type: ignore[method-assign]
    assert await walk(directory) == before
    assert heard == []
    await directory.merge(PLATFORM, town(), complete=True, at=3.0)
    assert await walk(directory) == before


async def test_a_caller_who_loses_patience_leaves_no_half_merge(directory: Directory) -> None:
    await with_platform(directory)
    waiting = asyncio.create_task(directory.merge(PLATFORM, cameras(700), complete=True, at=1.0))
    while not directory._changes.is_held:
        await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    diff = await directory.merge(PLATFORM, cameras(700), complete=True, at=2.0)
    assert diff.is_empty
    assert await counts(directory, ROOT) == [(700, 700)]


# News.


async def test_news_adds_updates_and_removes(directory: Directory) -> None:
    await with_platform(directory)
    await directory.merge(PLATFORM, cameras(3), complete=True, at=1.0)
    diff = await directory.apply_notice(
        PLATFORM,
        [
            camera(0, name="Gate", event="UPDATE "),
            Item(code(1), event="DEL"),
            camera(7, event="ADD"),
            camera(8, event="UPDATE"),
            camera(2, name="known", event="add"),
        ],
    )
    assert sorted(diff.added) == [code(7), code(8)]
    assert sorted(diff.changed) == [code(0), code(2)]
    assert diff.removed == (code(1),)
    assert await counts(directory, ROOT) == [(4, 4)]
    again = await directory.merge(
        PLATFORM,
        [camera(0, name="Gate"), camera(2, name="known"), camera(7), camera(8)],
        complete=True,
        at=2.0,
    )
    assert again.is_empty


@pytest.mark.parametrize("word", ["OFF", "VLOST", "DEFECT", " off "])
async def test_a_state_in_the_news_moves_the_counts_of_all_nodes_above_once(directory: Directory, word: str) -> None:
    await with_platform(directory)
    await directory.merge(PLATFORM, town(), complete=True, at=1.0)
    heard = listen(directory)
    diff = await directory.apply_notice(PLATFORM, [Item(code(3), event=word)])
    assert diff.changed == (code(3),)
    nodes = (organisation_id(NORTH), organisation_id(SOUTH), f"group:{PLATFORM}/{GROUP}", ROOT, "division:34")
    assert await counts(directory, *nodes) == [(1, 2), (1, 2), (2, 3), (3, 4), (3, 4)]
    assert ChannelStatusChanged(PLATFORM, code(3), False) in heard
    (moved,) = [event for event in heard if isinstance(event, CountsChanged)]
    assert ("division:34", 3, 4) in moved.nodes
    await directory.apply_notice(PLATFORM, [Item(code(3), event="ON")])
    assert await counts(directory, *nodes) == [(2, 2), (2, 2), (3, 3), (4, 4), (4, 4)]


async def test_a_state_of_an_unknown_channel_asks_for_a_query(directory: Directory) -> None:
    await with_platform(directory)
    await directory.merge(PLATFORM, town(), complete=True, at=1.0)
    diff = await directory.apply_notice(
        PLATFORM, [Item(code(77), event="ON"), Item(GROUP, event="ON"), Item(PLATFORM, event="ON")]
    )
    assert (diff.unknown, diff.is_empty) == ((code(77),), True)


async def test_an_add_and_its_state_in_one_notice_are_one_thing(directory: Directory) -> None:
    await with_platform(directory)
    await directory.apply_notice(PLATFORM, [camera(1, event="ADD"), Item(code(1), event="OFF")])
    await directory.apply_notice(PLATFORM, [camera(2, event="ADD"), Item(code(2), event="DEL")])
    assert await counts(directory, ROOT) == [(0, 1)]


async def test_deleting_an_organisation_leaves_its_cameras_under_the_device(directory: Directory) -> None:
    await with_platform(directory)
    await directory.merge(PLATFORM, town(), complete=True, at=1.0)
    diff = await directory.apply_notice(PLATFORM, [Item(NORTH, event="DEL")])
    assert diff.removed == (NORTH,)
    homes = {node.code: node.parent for node in await walk(directory) if node.channel}
    assert homes[code(1)] == ROOT
    assert homes[code(3)] == organisation_id(SOUTH)


async def test_the_state_of_channels_can_be_noted_alone(directory: Directory) -> None:
    await with_platform(directory)
    await directory.merge(PLATFORM, cameras(4), complete=True, at=1.0)
    diff = await directory.note_channel_status(PLATFORM, {code(0): False, code(1): True, "who": True})
    assert (diff.changed, diff.unknown) == ((code(0),), ("who",))
    assert await counts(directory, ROOT) == [(3, 4)]


# Presence.


async def test_a_device_that_leaves_takes_its_cameras_offline_and_brings_them_back_as_they_were(
    directory: Directory,
) -> None:
    await with_platform(directory)
    await directory.merge(PLATFORM, [*cameras(3), camera(3, on=False)], complete=True, at=1.0)
    heard = listen(directory)
    directory.note_presence(PLATFORM, Presence.OFFLINE, "keepalive missed", 10.0)
    await directory.flush()
    assert await counts(directory, ROOT, "division:34") == [(0, 4), (0, 4)]
    channel = await directory.channel(PLATFORM, code(0))
    assert channel is not None
    assert not channel.online
    directory.note_presence(PLATFORM, Presence.ONLINE, "registered", 20.0)
    await directory.flush()
    assert await counts(directory, ROOT, "division:34") == [(3, 4), (3, 4)]
    assert [type(event) for event in heard if not isinstance(event, CountsChanged)] == [
        DeviceWentOffline,
        DeviceCameOnline,
    ]
    device = directory.device(PLATFORM)
    assert device is not None
    assert (device.presence_since, device.presence_reason, device.channels_online) == (20.0, "registered", 3)


async def test_a_catalog_that_comes_while_the_device_is_away_counts_nobody_online(directory: Directory) -> None:
    await with_platform(directory, Presence.OFFLINE)
    await directory.merge(PLATFORM, town(), complete=True, at=1.0)
    assert await counts(directory, ROOT) == [(0, 4)]
    directory.note_presence(PLATFORM, Presence.ONLINE, "registered", 2.0)
    await directory.flush()
    assert await counts(directory, ROOT) == [(4, 4)]


async def test_what_changes_while_the_device_is_away_counts_when_it_is_back(directory: Directory) -> None:
    await with_platform(directory, Presence.OFFLINE)
    await directory.merge(PLATFORM, cameras(3), complete=True, at=1.0)
    await directory.apply_notice(PLATFORM, [Item(code(0), event="OFF"), camera(5, event="ADD")])
    assert await counts(directory, ROOT) == [(0, 4)]
    directory.note_presence(PLATFORM, Presence.ONLINE, "registered", 2.0)
    await directory.flush()
    assert await counts(directory, ROOT) == [(3, 4)]


async def test_a_disabled_device_has_no_camera_online(directory: Directory) -> None:
    await with_platform(directory)
    await directory.merge(PLATFORM, cameras(2), complete=True, at=1.0)
    device = await directory.change_device(PLATFORM, enabled=False)
    assert device.channels_online == 0
    assert await counts(directory, ROOT) == [(0, 2)]


async def test_coming_online_is_told_once_unless_it_should_be_asked_anew(directory: Directory) -> None:
    await with_platform(directory, Presence.NEVER)
    heard = listen(directory)
    for first in (False, False, True):
        directory.note_presence(PLATFORM, Presence.ONLINE, "registered", 1.0, first=first)
    came = [event for event in heard if isinstance(event, DeviceCameOnline)]
    assert [event.first for event in came] == [True, True]


async def test_a_restart_shows_nobody_as_failed_and_keeps_all_that_was_said(new_url: Urls) -> None:
    url = await new_url()
    if url == "memory:":
        return
    async with opened(url) as directory:
        await with_platform(directory)
        await directory.merge(PLATFORM, town(), complete=True, at=1.0)
        await directory.rename_channel(PLATFORM, code(1), "大门")
        directory.note_heard_many({PLATFORM: 55.0})
        directory.note_refusal(RefusalSeen("stranger", Refusal.UNKNOWN_DEVICE, "", "10.0.0.1:5060", "UDP", 5.0))
        before = await walk(directory)
    async with opened(url) as directory:
        device = directory.device(PLATFORM)
        assert device is not None
        assert (device.presence, device.heard_at) == (Presence.UNCONFIRMED, 55.0)
        assert await walk(directory) == before
        assert [hit.channel.code for hit in await directory.search("damen")] == [code(1)]
        assert [seen.code for seen in directory.refusals()] == ["stranger"]
        assert (await directory.merge(PLATFORM, town(), complete=True, at=2.0)).is_empty
        directory.note_presence(PLATFORM, Presence.OFFLINE, "not heard since our restart", 9.0)
        await directory.flush()
        assert await counts(directory, ROOT) == [(0, 4)]


# Devices.


async def test_devices_come_change_and_go(directory: Directory) -> None:
    await with_platform(directory)
    with pytest.raises(ValueError, match="known already"):
        await with_platform(directory)
    with pytest.raises(ValueError, match="20 digits"):
        await directory.add_device(Device("a/b"))
    changed = await directory.change_device(PLATFORM, name_here="瑶海", keepalive_count=5)
    assert (changed.shown_name, changed.keepalive_count) == ("瑶海", 5)
    node = await directory.node(ROOT)
    assert node is not None
    assert node.name == "瑶海"
    with pytest.raises(ValueError, match="no field colour"):
        await directory.change_device(PLATFORM, colour="red")
    with pytest.raises(LookupError):
        await directory.change_device("nobody", name="x")


async def test_a_removed_device_leaves_nothing_behind(directory: Directory) -> None:
    await with_platform(directory)
    await directory.merge(PLATFORM, [*town(), Item("340102")], complete=True, at=1.0)
    heard = listen(directory)
    await directory.remove_device(PLATFORM)
    assert DeviceRemoved(PLATFORM) in heard
    assert await walk(directory) == []
    assert await directory.find_channel(code(1)) == []
    assert await directory.search("环城") == []
    assert directory.all_devices() == ()
    await with_platform(directory)
    assert await counts(directory, ROOT) == [(0, 0)]
    with pytest.raises(LookupError):
        await directory.remove_device("nobody")


async def test_devices_are_listed_in_pages_by_wish(directory: Directory) -> None:
    for number, presence in enumerate((Presence.ONLINE, Presence.OFFLINE, Presence.ONLINE)):
        await directory.add_device(Device(f"3402000000118000000{number}", name=f"NVR {9 - number}", presence=presence))
    page = directory.devices(DeviceQuery(sort="name"), None, 2)
    assert ([device.name for device in page.items], page.total) == (["NVR 7", "NVR 8"], 3)
    assert [device.name for device in directory.devices(DeviceQuery(sort="name"), page.next, 2).items] == ["NVR 9"]
    assert directory.devices(DeviceQuery(presence=Presence.ONLINE), None, 10).total == 2
    assert [d.name for d in directory.devices(DeviceQuery(text="nvr 8"), None, 10).items] == ["NVR 8"]
    with pytest.raises(ValueError, match="sorted by"):
        directory.devices(DeviceQuery(sort="colour"), None, 2)


async def test_a_refusal_is_kept_with_its_count_and_shown_at_its_device(directory: Directory) -> None:
    await with_platform(directory)
    heard = listen(directory)
    for at in (1.0, 2.0):
        directory.note_refusal(RefusalSeen(PLATFORM, Refusal.WRONG_PASSWORD, "digest", "10.0.0.9:5060", "UDP", at))
    (seen,) = directory.refusals()
    assert (seen.count, seen.at) == (2, 2.0)
    assert [event.refusal.count for event in heard if isinstance(event, RegistrationRefused)] == [1, 2]
    device = directory.device(PLATFORM)
    assert device is not None
    assert (device.refusal, device.refused_at) == ("wrong-password", 2.0)
    directory.forget_refusal(PLATFORM)
    assert directory.refusals() == []


async def test_strangers_that_were_refused_are_bounded_in_number(directory: Directory) -> None:
    for number in range(2_100):
        directory.note_refusal(RefusalSeen(f"s{number}", Refusal.UNKNOWN_DEVICE, "", "", "UDP", float(number)))
    await directory.flush()
    assert len(directory.refusals(5_000)) == 2_000
    assert directory.refusals(1)[0].code == "s2099"


# The tree.


async def test_a_device_hangs_under_the_division_of_its_code(directory: Directory) -> None:
    await with_platform(directory)
    path = await directory.path_to(ROOT)
    assert [(node.id, node.name) for node in path] == [
        ("division:34", "安徽省"),
        ("division:3401", "合肥市"),
        ("division:340102", "瑶海区"),
        (ROOT, "Yaohai"),
    ]


async def test_a_device_of_an_unknown_division_and_one_with_a_code_of_its_own_are_shown_too(
    directory: Directory,
) -> None:
    await directory.add_device(Device("99887700001320000001"))
    await directory.add_device(Device("camera-1"))
    assert [node.id for node in (await directory.children()).items] == ["division:998877", "device:camera-1"]


async def test_a_camera_of_two_organisations_counts_once_above_them(directory: Directory) -> None:
    await with_platform(directory)
    await directory.merge(PLATFORM, town(), complete=True, at=1.0)
    nodes = (organisation_id(NORTH), organisation_id(SOUTH), f"group:{PLATFORM}/{GROUP}", ROOT)
    assert await counts(directory, *nodes) == [(2, 2), (2, 2), (3, 3), (4, 4)]


async def test_divisions_in_a_catalog_are_nodes_with_names_even_when_nobody_else_knows_them(
    directory: Directory,
) -> None:
    await with_platform(directory)
    items = [
        Item("34010288", name="New Town"),
        Item(code(1), name="A", civil_code="34010288"),
        Item(code(2), name="B", civil_code="349999"),
    ]
    await directory.merge(PLATFORM, items, complete=True, at=1.0)
    by_id = {node.id: node for node in await walk(directory)}
    assert (by_id["division:34010288"].name, by_id["division:34010288"].parent) == ("New Town", "division:340102")
    assert (by_id["division:349999"].name, by_id["division:349999"].parent) == ("349999", "division:34")
    assert await counts(directory, "division:34", "division:340102", ROOT) == [(2, 2), (1, 1), (0, 0)]
    await directory.merge(PLATFORM, [Item("34010288", name="New Town")], complete=True, at=2.0)
    assert await directory.node("division:349999") is None


async def test_a_division_that_becomes_known_later_takes_those_within_it_and_gives_them_back(
    directory: Directory,
) -> None:
    await with_platform(directory)
    await directory.merge(PLATFORM, [Item("340188"), camera_in("34018801")], complete=True, at=1.0)
    assert await counts(directory, "division:340188", "division:3401") == [(1, 1), (1, 1)]
    await directory.apply_notice(PLATFORM, [Item("340188", event="DEL"), Item("34018801", name="Mill", event="ADD")])
    assert [node.name for node in await directory.path_to("division:34018801")] == ["安徽省", "合肥市", "Mill"]
    assert await directory.node("division:340188") is None
    await directory.apply_notice(PLATFORM, [Item("340188", name="New Town", event="ADD")])
    path = await directory.path_to("division:34018801")
    assert [(node.name, node.total) for node in path] == [("安徽省", 1), ("合肥市", 1), ("New Town", 1), ("Mill", 1)]


async def test_things_that_give_no_picture_stand_in_the_tree_but_do_not_count(directory: Directory) -> None:
    await with_platform(directory)
    siren = Item("34010200001340000001", name="Alarm", parent_ids=(PLATFORM,))
    await directory.merge(PLATFORM, [camera(1), siren], complete=True, at=1.0)
    assert await counts(directory, ROOT, f"channel:{PLATFORM}/{siren.code}") == [(1, 1), (0, 0)]
    assert [node.code for node in (await directory.children(ROOT)).items] == [code(1), siren.code]


async def test_pages_of_children_give_each_child_once(directory: Directory) -> None:
    await with_platform(directory)
    await directory.merge(PLATFORM, [*town(), *(camera(n) for n in range(10, 30))], complete=True, at=1.0)
    for limit in (1, 2, 3, 21, 22, 100):
        seen: list[str] = []
        after = None
        while True:
            page = await directory.children(ROOT, after, limit)
            seen += [node.id for node in page.items]
            after = page.next
            if after is None:
                break
        assert seen[0] == f"group:{PLATFORM}/{GROUP}"
        assert len(seen) == len(set(seen)) == 22
    with pytest.raises(ValueError, match="next"):
        await directory.children(ROOT, "page two", 5)
    assert (await directory.children("nothing", None, 5)).items == ()
    assert await directory.node("channel:nothing") is None
    assert await directory.path_to("nothing") == []


async def test_channels_are_listed_in_pages(directory: Directory) -> None:
    await with_platform(directory)
    await directory.merge(PLATFORM, cameras(7), complete=True, at=1.0)
    page = await directory.channels_of(PLATFORM, None, 4)
    rest = await directory.channels_of(PLATFORM, page.next, 4)
    assert ([len(page.items), len(rest.items)], page.total, rest.next) == ([4, 3], 7, None)


# Search and names.


async def test_a_camera_is_found_by_name_code_and_pinyin_with_its_path(directory: Directory) -> None:
    await with_platform(directory)
    await directory.merge(PLATFORM, town(), complete=True, at=1.0)
    for text in ("城路001", code(1), "hcl001", "huanchenglu001"):
        hits = await directory.search(text, 5)
        assert [hit.channel.code for hit in hits] == [code(1)], text
    assert hits[0].path == ("安徽省", "合肥市", "瑶海区", "Yaohai", "Traffic", "North")


async def test_search_can_ask_for_cameras_that_are_there(directory: Directory) -> None:
    await with_platform(directory)
    siren = Item("34010200001340000001", name="环城路 alarm")
    await directory.merge(PLATFORM, [camera(1, on=False), camera(2), siren], complete=True, at=1.0)
    assert len(await directory.search("hcl")) == 3
    assert len(await directory.search("hcl", playable_only=True)) == 2
    found = await directory.search("hcl", online_only=True, playable_only=True)
    assert [hit.channel.code for hit in found] == [code(2)]


async def test_our_name_outlives_a_new_catalog(directory: Directory) -> None:
    await with_platform(directory)
    await directory.merge(PLATFORM, cameras(2), complete=True, at=1.0)
    renamed = await directory.rename_channel(PLATFORM, code(1), "大门")
    assert renamed.name == "大门"
    await directory.merge(PLATFORM, [camera(0), camera(1, name="new word")], complete=True, at=2.0)
    channel = await directory.channel(PLATFORM, code(1))
    assert channel is not None
    assert (channel.name, channel.said.name) == ("大门", "new word")
    for text in ("dm", "new", "大门"):
        assert [hit.channel.code for hit in await directory.search(text)] == [code(1)], text
    assert (await directory.rename_channel(PLATFORM, code(1), None)).name == "new word"
    with pytest.raises(LookupError):
        await directory.rename_channel(PLATFORM, "nobody", "x")


@pytest.mark.parametrize("by", ["news", "catalog"])
async def test_our_name_comes_back_with_a_channel_that_was_gone(directory: Directory, by: str) -> None:
    await with_platform(directory)
    await directory.merge(PLATFORM, cameras(3), complete=True, at=1.0)
    await directory.rename_channel(PLATFORM, code(1), "大门")
    for _ in range(2):
        if by == "news":
            await directory.apply_notice(PLATFORM, [msgspec.structs.replace(camera(1), event="DEL")])
            assert await directory.channel(PLATFORM, code(1)) is None and not await directory.search("大门")
            await directory.apply_notice(PLATFORM, [msgspec.structs.replace(camera(1), event="ADD")])
        else:
            await directory.merge(PLATFORM, [camera(0), camera(2)], complete=True, at=2.0)
            assert await directory.channel(PLATFORM, code(1)) is None
            await directory.merge(PLATFORM, cameras(3), complete=True, at=3.0)
        channel = await directory.channel(PLATFORM, code(1))
        assert channel is not None and channel.name == "大门"
    assert [hit.channel.code for hit in await directory.search("大门")] == [code(1)]
    await directory.remove_device(PLATFORM)
    await with_platform(directory)
    await directory.merge(PLATFORM, cameras(3), complete=True, at=4.0)
    assert not await directory.search("大门")


async def test_our_name_waits_for_its_channel_over_a_restart(new_url: Urls) -> None:
    url = await new_url()
    if url == "memory:":
        return
    async with opened(url) as directory:
        await with_platform(directory)
        await directory.merge(PLATFORM, cameras(3), complete=True, at=1.0)
        await directory.rename_channel(PLATFORM, code(1), "大门")
        await directory.rename_channel(PLATFORM, code(2), "后门")
        await directory.merge(PLATFORM, [camera(0)], complete=True, at=2.0)
    async with opened(url) as directory:
        await directory.merge(PLATFORM, cameras(2), complete=True, at=3.0)
        channel = await directory.channel(PLATFORM, code(1))
        assert channel is not None and channel.name == "大门"
        await directory.rename_channel(PLATFORM, code(1), None)
        await directory.merge(PLATFORM, [camera(0)], complete=True, at=4.0)
    async with opened(url) as directory:
        await directory.merge(PLATFORM, cameras(3), complete=True, at=5.0)
        names = [channel.name_here for channel in (await directory.channels_of(PLATFORM)).items]
        assert names == [None, None, "后门"], "a name that was taken back does not come back"
        await directory.merge(PLATFORM, [camera(0)], complete=True, at=6.0)
        await directory.remove_device(PLATFORM)
    async with opened(url) as directory:
        await with_platform(directory)
        await directory.merge(PLATFORM, cameras(3), complete=True, at=7.0)
        assert [channel.name_here for channel in (await directory.channels_of(PLATFORM)).items] == [None] * 3


async def test_catalogs_that_come_at_once_are_all_found_afterwards(directory: Directory) -> None:
    await with_platform(directory)
    parts = [[camera(number) for number in range(start, 60, 6)] for start in range(6)]
    await asyncio.gather(*(directory.merge(PLATFORM, part, complete=False, at=1.0) for part in parts))
    assert len(await directory.search("环城路", 100)) == 60
    assert await counts(directory, ROOT) == [(60, 60)]


async def with_two_ways(directory: Directory) -> None:
    """Two platforms have cameras 1 and 2; camera 3 is the first's alone."""
    await with_platform(directory)
    await directory.add_device(Device(OTHER, presence=Presence.ONLINE))
    await directory.merge(PLATFORM, [camera(1), camera(2), camera(3)], complete=True, at=1.0)
    await directory.merge(OTHER, [camera(1), camera(2)], complete=True, at=1.0)


async def test_a_camera_that_two_platforms_have_counts_once_at_every_node(directory: Directory) -> None:
    await with_two_ways(directory)
    assert [channel.owner for channel in await directory.find_channel(code(1))] == [PLATFORM, OTHER]
    nodes = ("division:34", device_id(PLATFORM), device_id(OTHER))
    assert await counts(directory, *nodes) == [(3, 3), (3, 3), (2, 2)]
    assert directory.cameras() == (3, 3)
    await directory.apply_notice(OTHER, [msgspec.structs.replace(camera(2), event="DEL")])
    assert await counts(directory, *nodes) == [(3, 3), (3, 3), (1, 1)]
    assert directory.cameras() == (3, 3)
    await directory.remove_device(PLATFORM)
    assert await counts(directory, *nodes) == [(1, 1), (1, 1)]


async def test_a_camera_is_online_when_any_of_its_ways_is(directory: Directory) -> None:
    await with_two_ways(directory)
    nodes = ("division:34", device_id(PLATFORM), device_id(OTHER))
    heard = listen(directory)
    await directory.note_channel_status(PLATFORM, {code(1): False, code(3): False})
    assert await counts(directory, *nodes) == [(2, 3), (2, 3), (2, 2)]
    directory.note_presence(OTHER, Presence.OFFLINE, "silent", 2.0)
    await directory.flush()
    assert await counts(directory, *nodes) == [(1, 3), (1, 3), (1, 2)]
    assert directory.cameras() == (1, 3)
    told = {
        id: (online, total) for event in heard if isinstance(event, CountsChanged) for id, online, total in event.nodes
    }
    assert [told[id] for id in nodes] == await counts(directory, *nodes)
    for node in (device_id(PLATFORM), device_id(OTHER)):
        leaves = {leaf.code: leaf for leaf in (await directory.children(node)).items}
        assert (leaves[code(1)].online, leaves[code(2)].online) == (0, 1)
        assert leaves[code(2)].channel is not None and leaves[code(2)].channel.online
        assert leaves[code(2)].ways == (PLATFORM, OTHER)


async def test_a_camera_that_two_platforms_hang_into_one_place_is_shown_there_once(directory: Directory) -> None:
    await with_platform(directory)
    await directory.add_device(Device(OTHER, presence=Presence.ONLINE))
    division = Item("340102", name="Yaohai")
    for owner in (PLATFORM, OTHER):
        here = [msgspec.structs.replace(camera(number), civil_code="340102", parent_ids=()) for number in range(5)]
        await directory.merge(owner, [division, *here], complete=True, at=1.0)
    shown, after = [], None
    while True:
        page = await directory.children("division:340102", after, 2)
        shown += [node for node in page.items if node.kind is NodeKind.CHANNEL]
        after = page.next
        if after is None:
            break
    assert [(node.code, node.ways) for node in shown] == [(code(n), (PLATFORM, OTHER)) for n in range(5)]
    assert page.total == 5 + 1
    assert await counts(directory, "division:340102") == [(5, 5)]


async def test_search_finds_a_camera_with_two_ways_once(directory: Directory) -> None:
    await with_two_ways(directory)
    directory.note_presence(PLATFORM, Presence.OFFLINE, "silent", 2.0)
    (hit,) = await directory.search(code(1))
    assert hit.channel.code == code(1) and hit.channel.online
    assert len(await directory.search("环城路", 100)) == 3


async def test_cameras_with_several_ways_are_known_after_a_restart(new_url: Urls) -> None:
    url = await new_url()
    if url == "memory:":
        return
    async with opened(url) as directory:
        await with_two_ways(directory)
    async with opened(url) as directory:
        nodes = ("division:34", device_id(PLATFORM), device_id(OTHER))
        assert await counts(directory, *nodes) == [(3, 3), (3, 3), (2, 2)]
        await directory.merge(OTHER, [camera(2)], complete=True, at=2.0)
        assert await counts(directory, *nodes) == [(3, 3), (3, 3), (1, 1)]
        assert (await directory.children(device_id(PLATFORM))).items[0].ways == ()


async def test_the_same_code_at_two_recorders_of_ours_is_two_cameras(directory: Directory) -> None:
    recorders = ("34010200001180000001", "34010200001180000002")
    for owner in recorders:
        await directory.add_device(Device(owner, presence=Presence.ONLINE))
        await directory.merge(owner, [msgspec.structs.replace(camera(1), parent_ids=(owner,))], complete=True, at=1.0)
    assert await counts(directory, "division:340102") == [(2, 2)]
    assert len(await directory.search(code(1))) == 2


async def test_a_camera_with_two_ways_counts_once_in_a_division_that_comes_between(directory: Directory) -> None:
    third = "34010400002000000001"
    for owner in (PLATFORM, OTHER, third):
        await directory.add_device(Device(owner, presence=Presence.ONLINE))
    for owner in (PLATFORM, OTHER):
        here = msgspec.structs.replace(camera(1), civil_code="349988", parent_ids=())
        await directory.merge(owner, [Item("349988", name="Docks"), here], complete=True, at=1.0)
    await directory.merge(third, [Item("3499", name="New Town")], complete=True, at=1.0)
    assert await counts(directory, "division:34", "division:3499", "division:349988") == [(1, 1)] * 3
