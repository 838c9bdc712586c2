"""A catalog followed by its news is the catalog asked for anew, whatever happened in the house."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from gb28181.manscdp.catalog import Item
from registry.device import Device, DeviceKind, Presence
from registry.directory import Directory
from registry.events import Bus
from registry.exporting import Exporter, OwnSystem
from registry.platform import Upper
from registry.sharing import ShareAs, ShareRule
from tests.registry.upper_model import UpperModel, fresh, in_order

CITY = "34010000002000000001"
PROVINCE = "34000000002000000001"
MINISTRY = "00000000002000000001"
PLATFORMS = ("34010200002000000001", "34010300002000000001")
NVR, CAMERA = "34010000001180000001", "34010000001320000009"
OWNERS = (*PLATFORMS, NVR, CAMERA)
GROUPS = [f"3401020000215000000{n}" for n in range(2)]
ORGANISATIONS = [f"3401020000216000000{n}" for n in range(4)]
SYSTEMS = ["34010200002000000007", "34010200002000000008"]
RECORDERS = ["34010200001180000001"]
REGIONS = ["34", "340102", "3499", "349988"]
CAMERAS = [f"3401020000132000000{n}" for n in range(5)]
SPEAKER = "34010200001370000001"
NODES = {"215": "group", "216": "organisation", "200": "system", "118": "device"}
KINDS = {NVR: DeviceKind.RECORDER, CAMERA: DeviceKind.CAMERA}

parents = st.lists(
    st.sampled_from(
        [*GROUPS, *ORGANISATIONS, *SYSTEMS, *RECORDERS, *PLATFORMS, CITY, PROVINCE, "34010200001180000099"]
    ),
    max_size=3,
    unique=True,
).map(tuple)
names = st.sampled_from(["", "East", "West"])
regions = st.builds(Item, code=st.sampled_from(REGIONS), name=names)
groups = st.builds(
    Item,
    code=st.sampled_from([*GROUPS, *ORGANISATIONS, *SYSTEMS]),
    name=names,
    parent_ids=parents,
    business_group=st.sampled_from(["", *GROUPS]),
    civil_code=st.sampled_from(["", *REGIONS]),
    status_on=st.booleans(),
)
recorders = st.builds(
    Item,
    code=st.sampled_from(RECORDERS),
    name=names,
    parent_ids=parents,
    parental=st.just(True),
    status_on=st.booleans(),
)
cameras = st.builds(
    Item,
    code=st.sampled_from([*CAMERAS, PROVINCE, CITY]),
    name=names,
    parent_ids=parents,
    civil_code=st.sampled_from(["", *REGIONS]),
    secrecy=st.sampled_from([False, False, True]),
    status_on=st.booleans(),
)
speakers = st.builds(Item, code=st.just(SPEAKER), parent_ids=st.sampled_from([(CAMERAS[4],), (CAMERAS[0], GROUPS[0])]))
catalogs = st.lists(st.one_of(cameras, cameras, groups, groups, recorders, regions, speakers), max_size=12)
events = st.sampled_from(["ON", "OFF", "ADD", "UPDATE", "DEL", "VLOST"])
owners = st.sampled_from([PLATFORMS[0], PLATFORMS[0], PLATFORMS[1], NVR, CAMERA])
nodes = st.one_of(
    st.sampled_from([f"division:{region}" for region in (*REGIONS, "3401")]),
    st.sampled_from([f"device:{owner}" for owner in OWNERS]),
    st.builds(
        lambda owner, code: f"{NODES.get(code[10:13], 'channel')}:{owner}/{code}",
        owners,
        st.sampled_from([*GROUPS, *ORGANISATIONS, *SYSTEMS, *RECORDERS, *CAMERAS]),
    ),
)
rules = st.dictionaries(nodes, st.booleans(), max_size=4).map(
    lambda said: tuple(ShareRule(node, include) for node, include in said.items())
)
renamed = st.dictionaries(
    st.tuples(owners, st.sampled_from([*CAMERAS, *ORGANISATIONS, *SYSTEMS])),
    st.tuples(st.sampled_from(["", "", "34999900001320000001", "34999900001320000002", CAMERAS[0]]), names),
    max_size=3,
).map(lambda said: tuple(ShareAs(*thing, *other) for thing, other in said.items()))
views = st.fixed_dictionaries(
    {
        "arrangement": st.sampled_from(["as-is", "as-is", "civil", "group"]),
        "share_all": st.booleans(),
        "secrecy": st.booleans(),
        "our_code": st.sampled_from(["", "34010000002000000077"]),
    }
)
happenings = st.one_of(
    st.tuples(st.just("merge"), owners, catalogs, st.booleans()),
    st.tuples(st.just("merge"), owners, catalogs, st.booleans()),
    st.tuples(st.just("notice"), owners, catalogs, st.lists(events, min_size=12, max_size=12)),
    st.tuples(st.just("notice"), owners, catalogs, st.lists(events, min_size=12, max_size=12)),
    st.tuples(st.just("presence"), owners, st.sampled_from(Presence), st.none()),
    st.tuples(st.just("enabled"), owners, st.booleans(), st.none()),
    st.tuples(st.just("called"), owners, names, st.none()),
    st.tuples(st.just("renamed"), owners, st.sampled_from(CAMERAS), names),
    st.tuples(st.just("remove"), owners, st.none(), st.none()),
    st.tuples(st.just("share"), owners, rules, renamed),
    st.tuples(st.just("view"), owners, views, st.none()),
    st.tuples(st.just("tell"), owners, st.sampled_from([2, 5, 1_000]), st.booleans()),
)


async def happen(directory: Directory, what: str, owner: str, one: Any, two: Any) -> None:
    """`one` and `two` are of the kind that `happenings` pairs with `what`."""
    if directory.device(owner) is None:
        kind = KINDS.get(owner, DeviceKind.PLATFORM)
        await directory.add_device(Device(owner, kind=kind, presence=Presence.ONLINE))
    match what:
        case "merge":
            await directory.merge(owner, one, complete=two, at=1.0)
        case "notice":
            await directory.apply_notice(
                owner, [with_event(item, event) for item, event in zip(one, two, strict=False)]
            )
        case "presence":
            directory.note_presence(owner, one, "told", 1.0)
        case "enabled":
            await directory.change_device(owner, enabled=one)
        case "called":
            await directory.change_device(owner, name_here=one or None)
        case "renamed":
            if await directory.channel(owner, one) is not None:
                await directory.rename_channel(owner, one, two or None)
        case "remove":
            await directory.remove_device(owner)
        case "share":
            try:
                await directory.share(PROVINCE, one, two)
            except ValueError:  # two things would have one code there
                await directory.share(PROVINCE, one)
        case "view":
            await directory.change_upper(PROVINCE, **one)


def with_event(item: Item, event: str) -> Item:
    return Item(**{name: getattr(item, name) for name in item.__struct_fields__} | {"event": event})


@settings(max_examples=200, deadline=None)
@given(st.lists(happenings, min_size=1, max_size=10), views, st.sampled_from([2, 1_000]))
@example(
    [("tell", NVR, 2, True), ("tell", NVR, 5, False)], {"arrangement": "civil"}, 9
)  # a division was lost on the way
def test_after_any_story_a_catalog_with_its_news_is_the_catalog_asked_for_anew(
    story: list[tuple[str, str, Any, Any]], first: dict[str, Any], limit: int
) -> None:
    async def live() -> None:
        directory = Directory(Bus())
        await directory.open("memory:")
        upper = await directory.add_upper(Upper(PROVINCE, **first))
        exporter = Exporter(directory, OwnSystem(CITY, "City"))
        above = UpperModel()
        try:
            for what, owner, one, two in story:
                if what == "tell":
                    news = await exporter.changes(upper, one)
                    if two:  # else the news was lost on the way
                        above.apply(news)
                        await exporter.mark_sent(upper, news)
                else:
                    await happen(directory, what, owner, one, two)
                upper = directory.upper(PROVINCE) or upper
            await above.follow(exporter, upper, limit)
            now = await fresh(exporter, upper)
            assert in_order(now), [item.code for item in now]
            assert above.items == {item.code: item for item in now}
            assert now[0].code == (upper.our_code or CITY)
            assert now[0].parent_ids == ()
            assert PROVINCE not in {item.code for item in now}
            assert not exporter.has_changes(upper)
            told = {item.code for item in now}
            for item in now[1:]:
                if len(item.code) == 20 and item.code[10:13] != "216":
                    assert told & set(item.parent_ids), "every root hangs on something that was told"
            if upper.arrangement == "civil":
                short = {code.rstrip("0") for code in told}
                assert all(item.civil_code.rstrip("0") in short for item in now if item.code[10:13] == "132")
        finally:
            await exporter.close()
            await directory.close()

    asyncio.run(live())


@settings(max_examples=40, deadline=None)
@given(st.lists(happenings, min_size=1, max_size=6))
def test_news_is_told_parents_first(story: list[tuple[str, str, Any, Any]]) -> None:
    async def live() -> None:
        directory = Directory(Bus())
        await directory.open("memory:")
        upper = await directory.add_upper(Upper(PROVINCE))
        exporter = Exporter(directory, OwnSystem(CITY, "City"))
        try:
            for what, owner, one, two in story:
                if what not in ("tell", "share", "view"):
                    await happen(directory, what, owner, one, two)
            news: list[Item] = []
            while more := await exporter.changes(upper, 3):
                news += more
                await exporter.mark_sent(upper, more)
            assert in_order([item for item in news if item.event == "ADD"])
            assert len(news) == await exporter.count(upper)
        finally:
            await exporter.close()
            await directory.close()

    asyncio.run(live())
