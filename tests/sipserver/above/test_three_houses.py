"""Three real houses one above the other: what the lowest arranges is what the highest sees, by query and by news."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from contextlib import AsyncExitStack

import pytest
from msgspec.structs import replace

from broker.levers import Levers
from gb28181.charset import Charset
from gb28181.code import is_group
from gb28181.edition import Edition
from gb28181.manscdp.alarm import Alarm, AlarmQuery
from gb28181.manscdp.catalog import Item
from gb28181.manscdp.message import parse, serialise, with_sn
from gb28181.manscdp.position import Fix, MobilePosition, MobilePositionQuery
from gb28181.peer import Gathered
from registry.device import Device, DeviceKind, Presence
from registry.directory import Directory
from registry.events import Bus
from registry.export_plan import OwnSystem
from registry.exporting import Exporter
from registry.platform import Upper
from sipserver.above.above import Above
from sipserver.above.settings import AboveSettings
from sipserver.below.below import Below
from sipserver.below.settings import BelowSettings
from sipserver.stack import Stack, StackSettings
from sipserver.switchboard import Switchboard

PROVINCE, CITY, COUNTY = "34000000002000000001", "34010000002000000001", "34010300002000000001"
RECORDER = "34010300001180000001"
GROUP, HALL, YARD = "34010300002150000001", "34010300002160000001", "34010300002160000002"
PASSWORD = "87654321"


class Nobody:
    """A hall without pictures."""


class RealHouse:
    """One platform, as wiring joins it."""

    def __init__(self, code: str, name: str) -> None:
        self.code = code
        self.bus = Bus()
        self.directory = Directory(self.bus)
        self.stack = Stack(StackSettings(host="127.0.0.1", port=0, t1_s=0.1))
        self.name = name

    async def open(self, taken: AsyncExitStack) -> None:
        await self.directory.open("memory:")
        taken.push_async_callback(self.directory.close)
        settings = BelowSettings(code=self.code, domain=self.code[:10], keepalive_interval_s=30)
        self.below = Below(self.stack, self.directory, self.bus, settings)
        self.exporter = Exporter(self.directory, OwnSystem(self.code, self.name))
        taken.push_async_callback(self.exporter.close)
        taken.push_async_callback(self.stack.close)
        await self.below.start()
        taken.push_async_callback(self.below.close)
        await self.stack.start()
        self.above = Above(
            self.stack,
            self.directory,
            self.exporter,
            Nobody(),  # type: ignore[arg-type]
            self.below,
            self.bus,
            AboveSettings(code=self.code, name=self.name, retry_s=0.2, reconnect_s=0.1, batch_s=0.05, jitter=0.0),
            levers=Levers(self.below),
        )
        self.below.ladder.know_also(self.above.at)
        switchboard = Switchboard(self.stack, self.above)
        taken.callback(switchboard.close)
        await self.above.start()
        taken.push_async_callback(self.above.close)

    async def look_up_to(self, upper: RealHouse, *, transport: str, edition: str, **more: object) -> None:
        await upper.directory.add_device(Device(self.code, kind=DeviceKind.PLATFORM, password=PASSWORD))
        await self.directory.add_upper(
            Upper(
                upper.code,
                host="127.0.0.1",
                port=upper.stack.port,
                transport=transport,
                edition=edition,
                password=PASSWORD,
                **more,  # type: ignore[arg-type]
            )
        )

    async def shown_to(self, upper: str) -> dict[str, Item]:
        found = self.directory.upper(upper)
        assert found is not None
        async with self.exporter.rendering(found) as rendering:
            return {item.code: item async for page in rendering.pages(100) for item in page}

    async def held_of(self, lower: str) -> dict[str, Item]:
        held = {code: item for code, (_, item) in self.directory.directories().get(lower, {}).items()}
        after: str | None = None
        while True:
            page = await self.directory.channels_of(lower, after, 500)
            held |= {channel.code: replace(channel.said, status_on=channel.online) for channel in page.items}
            if page.next is None:
                return held
            after = page.next


def facts(items: dict[str, Item]) -> dict[str, tuple[object, ...]]:
    """What must be the same above and below: name, place, parents, group, status. 2016 knows no place of a group."""
    return {
        code: (
            item.name,
            "" if is_group(code) else item.civil_code,
            tuple(sorted(item.parent_ids)),
            item.business_group,
            item.status_on,
        )
        for code, item in items.items()
    }


async def same_above(lower: RealHouse, upper: RealHouse, seconds: float = 10.0) -> None:
    """Wait until what `upper` holds of `lower` is what `lower` would answer now."""
    wanted: dict[str, tuple[object, ...]] = {}
    held: dict[str, tuple[object, ...]] = {}
    try:
        async with asyncio.timeout(seconds):
            while True:
                wanted, held = facts(await lower.shown_to(upper.code)), facts(await upper.held_of(lower.code))
                wanted.pop(lower.code, None)
                held.pop(lower.code, None)
                if wanted and wanted == held:
                    return
                await asyncio.sleep(0.05)
    except TimeoutError:
        missing, odd = wanted.keys() - held.keys(), held.keys() - wanted.keys()
        other = {code: (wanted[code], held[code]) for code in wanted.keys() & held.keys() if wanted[code] != held[code]}
        pytest.fail(f"missing {sorted(missing)}, odd {sorted(odd)}, other {other}")


def camera(number: int, **more: object) -> Item:
    code = f"3401030000132{number:07d}"
    said = {"name": f"路口{number}", "civil_code": "340103", "parent_ids": (RECORDER, YARD), "business_group": GROUP}
    return Item(code, **(said | more))  # type: ignore[arg-type]


def tree(numbers: range) -> list[Item]:
    return [
        Item("340103", name="庐阳区"),
        Item(GROUP, name="安防", civil_code="340103", parent_ids=(COUNTY,)),
        Item(HALL, name="大厅", parent_ids=(GROUP,), business_group=GROUP),
        Item(YARD, name="院子", parent_ids=(HALL,), business_group=GROUP),
        Item(RECORDER, name="录像机", civil_code="340103", parent_ids=(COUNTY,)),
        *(camera(number) for number in numbers),
    ]


@pytest.fixture
async def three():
    async with AsyncExitStack() as taken:
        houses = [RealHouse(PROVINCE, "省厅"), RealHouse(CITY, "市局"), RealHouse(COUNTY, "庐阳区")]
        for house in houses:
            await house.open(taken)
        province, city, county = houses
        await county.directory.add_device(Device(RECORDER, kind=DeviceKind.RECORDER))
        county.directory.note_presence(RECORDER, Presence.ONLINE, "registered", time.time())
        await county.directory.merge(RECORDER, tree(range(1, 30)), complete=True, at=time.time())
        await county.look_up_to(city, transport="udp", edition="2.0", page_size=3)
        await city.look_up_to(province, transport="tcp", edition="3.0")
        yield province, city, county


async def test_CAS_08_CAS_09_three_tiers_hold_one_tree_by_query(three):
    province, city, county = three
    await same_above(county, city)
    await same_above(city, province)
    top, bottom = await province.held_of(CITY), await county.shown_to(CITY)
    assert top[camera(1).code].name == "路口1"
    assert top[camera(1).code].parent_ids == bottom[camera(1).code].parent_ids
    assert top[YARD].parent_ids == (HALL,) and top[GROUP].name == "安防"
    assert COUNTY in top and CITY in top[COUNTY].parent_ids
    # What passed between them can be read on both sides.
    methods = {rung.method for rung in county.below.ladder.of_peer(CITY, 60)}
    assert {"REGISTER", "MESSAGE"} <= methods


async def test_CAS_07_what_changes_at_the_bottom_reaches_the_top_by_news_alone(three):
    province, city, county = three
    await same_above(county, city)
    await same_above(city, province)
    asked = county.above.answers.tally.catalogs, city.above.answers.tally.catalogs
    dice = random.Random(7)
    alive = set(range(1, 30))
    newest = 30
    for _ in range(6):
        for _ in range(dice.randint(1, 5)):
            number = dice.choice(sorted(alive))
            match dice.choice(("off", "on", "rename", "move", "delete", "add")):
                case "off":
                    news = Item(camera(number).code, event="OFF")
                case "on":
                    news = Item(camera(number).code, event="ON")
                case "rename":
                    news = camera(number, name=f"新名{dice.randint(0, 99)}", event="UPDATE")
                case "move":
                    news = camera(number, parent_ids=(RECORDER, HALL), event="UPDATE")
                case "delete":
                    alive.discard(number)
                    news = Item(camera(number).code, event="DEL")
                case _:
                    alive.add(newest)
                    news = camera(newest, event="ADD")
                    newest += 1
            await county.directory.apply_notice(RECORDER, [news])
        await same_above(county, city)
        await same_above(city, province)
    assert (county.above.answers.tally.catalogs, city.above.answers.tally.catalogs) == asked


async def test_a_recorder_that_goes_takes_its_cameras_off_up_to_the_top(three):
    province, city, county = three
    await same_above(county, city)
    await same_above(city, province)
    county.directory.note_presence(RECORDER, Presence.OFFLINE, "silent", time.time())
    await same_above(county, city)
    await same_above(city, province)
    assert not (await province.held_of(CITY))[camera(3).code].status_on


async def test_CAS_13_two_that_register_with_each_other_return_nothing_to_its_origin(three):
    _, city, county = three
    await same_above(county, city)
    # The city registers with its own county, too.
    await city.look_up_to(county, transport="tcp", edition="3.0")
    async with asyncio.timeout(10):
        while not city.above.is_up(COUNTY):
            await asyncio.sleep(0.05)
    shown = await city.shown_to(COUNTY)
    assert camera(1).code not in shown and RECORDER not in shown
    await same_above(county, city)
    assert camera(1).code not in await county.held_of(CITY)


@pytest.mark.parametrize("kind", ["position", "alarm"])
async def test_an_operator_at_the_top_is_answered_by_the_notice_of_a_device_at_the_bottom(three, kind: str):
    province, city, county = three
    await same_above(county, city)
    await same_above(city, province)
    code = camera(1).code
    place = MobilePosition(0, code, 1_714_950_495.0, (Fix(code, 1_714_950_495.0, 117.25, 31.5, speed=36.5),))
    query, notice = {
        "position": (MobilePositionQuery(0, code), place),
        "alarm": (AlarmQuery(0, code), Alarm(0, code, priority=1, method=5, at=1_714_950_495.0, alarm_type=6)),
    }[kind]
    recorder = county.below.peer(RECORDER)

    async def relay(body_builder: Callable[[int], bytes], **more: object) -> list[bytes]:
        asked = parse(body_builder(77))
        assert isinstance(asked, type(query)) and asked.device == code
        return [serialise(with_sn(notice, 77), Charset.GB18030, Edition.V2022)]

    recorder._is_online, recorder.relay = (lambda: True), relay
    peer = province.below.peer(CITY)
    answer = await peer.ask(query, timeout_s=20.0)
    # What was alarmed comes as a list of however many there were.
    (told,) = answer.parts if isinstance(answer, Gathered) else (answer,)
    assert isinstance(told, type(notice))
    assert with_sn(told, 0) == notice
