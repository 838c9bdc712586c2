"""What a county arranges is seen unchanged at the province: three directories, one upon the other, over the wire."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from gb28181.charset import Charset
from gb28181.edition import Edition
from gb28181.manscdp.catalog import CatalogNotice
from gb28181.manscdp.message import parse, serialise
from registry.device import Device, DeviceKind, Presence
from registry.directory import Directory
from registry.events import Bus
from registry.exporting import Exporter, OwnSystem
from registry.platform import Upper
from registry.tree import NodeKind
from tests.registry.test_exporting_news import CAMERAS, catalogs, events, happen, names, owners
from tests.registry.upper_model import fresh

COUNTIES = ("34010200002000000066", "34010300002000000066")
CITY = "34010000002000000001"
PROVINCE = "34000000002000000001"


class Tier:
    """One platform: its directory, its renderer, and how it stands to the one above."""

    def __init__(self, code: str, name: str, above: str) -> None:
        self.code = code
        self.directory = Directory(Bus())
        self.own = OwnSystem(code, name)
        self.upper = Upper(above)

    async def open(self) -> None:
        await self.directory.open("memory:")
        self.upper = await self.directory.add_upper(self.upper)
        self.exporter = Exporter(self.directory, self.own)

    async def close(self) -> None:
        await self.exporter.close()
        await self.directory.close()

    async def knows(self, lower: Tier) -> None:
        device = Device(lower.code, name=lower.own.name, kind=DeviceKind.PLATFORM, presence=Presence.ONLINE)
        await self.directory.add_device(device)

    async def tell(self, upper: Tier, limit: int) -> None:
        """News over the wire until there is none."""
        while news := await self.exporter.changes(self.upper, limit):
            body = serialise(CatalogNotice(1, self.code, len(news), tuple(news)), Charset.GB18030, Edition.V2022)
            notice = parse(body)
            assert isinstance(notice, CatalogNotice)
            diff = await upper.directory.apply_notice(self.code, notice.items)
            assert not diff.unknown, "the upper would have to ask for the whole catalog"
            await self.exporter.mark_sent(self.upper, news)

    async def hand_up(self, upper: Tier) -> None:
        """The whole catalog over the wire."""
        items = await fresh(self.exporter, self.upper)
        body = serialise(CatalogNotice(1, self.code, len(items), tuple(items)), Charset.GB18030, Edition.V2022)
        notice = parse(body)
        assert isinstance(notice, CatalogNotice)
        assert len(notice.items) == len(items)
        await upper.directory.merge(self.code, notice.items, complete=True, at=1.0)


async def house() -> tuple[Tier, Tier, Tier, Tier]:
    counties = [Tier(code, f"County {n}", CITY) for n, code in enumerate(COUNTIES)]
    city, province = Tier(CITY, "City", PROVINCE), Tier(PROVINCE, "Province", "00000000002000000001")
    for tier in (*counties, city, province):
        await tier.open()
    for county in counties:
        await city.knows(county)
    await province.knows(city)
    return counties[0], counties[1], city, province


async def tree(directory: Directory, node: str | None = None, depth: int = 0) -> list[tuple[object, ...]]:
    found: list[tuple[object, ...]] = []
    assert depth < 60
    for child in (await directory.children(node, None, 1000)).items:
        channel = child.channel
        # The state by which a channel counts is `online`; what was said first stays in `said`.
        said = (replace(channel.said, status_on=True), channel.places) if channel is not None else ()
        found.append((depth, child.id, child.parent, child.name, child.online, child.total, *said))
        if child.kind is not NodeKind.CHANNEL:
            found += await tree(directory, child.id, depth + 1)
    return found


happenings = st.one_of(
    st.tuples(st.just("merge"), owners, catalogs, st.just(True)),
    st.tuples(st.just("merge"), owners, catalogs, st.just(True)),
    st.tuples(st.just("notice"), owners, catalogs, st.lists(events, min_size=12, max_size=12)),
    st.tuples(st.just("presence"), owners, st.sampled_from(Presence), st.none()),
    st.tuples(st.just("called"), owners, names, st.none()),
    st.tuples(st.just("renamed"), owners, st.sampled_from(CAMERAS), names),
    st.tuples(st.just("remove"), owners, st.none(), st.none()),
)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 1), happenings, st.booleans()), min_size=1, max_size=7),
    st.sampled_from([2, 1000]),
)
def test_the_province_sees_the_same_by_news_as_by_fresh_catalogs(
    story: list[tuple[int, tuple[str, str, Any, Any], bool]], limit: int
) -> None:
    async def live() -> None:
        one, two, city, province = await house()
        for which, happening, told in story:
            county = (one, two)[which]
            await happen(county.directory, *happening)
            if told:
                await county.tell(city, limit)
                await city.tell(province, limit)
        for county in (one, two):
            await county.tell(city, limit)
        await city.tell(province, limit)

        anew_one, anew_two, anew_city, anew_province = await house()
        for county in (one, two):
            await county.hand_up(anew_city)
        await anew_city.hand_up(anew_province)
        followed = await fresh(city.exporter, city.upper)
        anew = await fresh(anew_city.exporter, anew_city.upper)
        assert [item.code for item in followed] == [item.code for item in anew]
        for one_item, other in zip(followed, anew, strict=True):
            assert one_item == other
        assert await tree(province.directory) == await tree(anew_province.directory)
        for tier in (one, two, city, province, anew_one, anew_two, anew_city, anew_province):
            await tier.close()

    asyncio.run(live())
