"""What a platform above sees of the house: order, scopes, other codes, several paths, and never its own again."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from gb28181.manscdp.catalog import Item
from registry.device import Device, DeviceKind, Presence
from registry.directory import Directory
from registry.exporting import Exporter, OwnSystem, Shared
from registry.platform import Upper
from registry.sharing import ShareAs, ShareRule
from tests.registry.upper_model import UpperModel, fresh, in_order

CITY, PROVINCE = "34010000002000000001", "34000000002000000001"
COUNTY, OTHER = "34010200002000000001", "34010300002000000001"
SYSTEM, GROUP = "34010200002000000007", "34010200002150000001"
RING, EAST = "34010200002160000001", "34010200002160000002"
NVR, CAMERA = "34010200001180000001", "34010200001320000001"
INSIDE, LONE, SPEAKER = "34010200001320000002", "34010200001320000003", "34010200001370000001"
OWN_NVR, OWN_CAMERA, OWN_CHANNEL = "34010000001180000001", "34010000001320000001", "34010000001320000011"

CATALOG = (
    Item(COUNTY, name="Shushan", manufacturer="ACME", model="P9", civil_code="340104", address="Town"),
    Item("340102", name="Yaohai"),
    Item("34010299", name="New Town"),
    Item(SYSTEM, name="Hospital", parent_ids=(COUNTY,)),
    Item(GROUP, name="Traffic", parent_ids=(COUNTY,), civil_code="340102"),
    Item(EAST, name="Ring east", parent_ids=(RING,), business_group=GROUP),
    Item(RING, name="Ring", business_group=GROUP),
    Item(NVR, name="Recorder", parent_ids=(SYSTEM,), civil_code="340102", parental=True),
    Item(INSIDE, name="Ward", parent_ids=(NVR,), civil_code="340102"),
    Item(CAMERA, name="Ring 01", parent_ids=(COUNTY, EAST), civil_code="34010299", ptz_type=1, block="b"),
    Item(LONE, name="Gate", status_on=False, secrecy=True),
    Item(SPEAKER, name="Horn", parent_ids=(CAMERA,)),
)


async def knows(
    directory: Directory, code: str, items: tuple[Item, ...], kind: DeviceKind = DeviceKind.PLATFORM
) -> None:
    await directory.add_device(Device(code, name=f"name of {code}", kind=kind, presence=Presence.ONLINE))
    await directory.merge(code, items, complete=True, at=1.0)


@pytest.fixture
async def upper(directory: Directory) -> Upper:
    await knows(directory, COUNTY, CATALOG)
    return await directory.add_upper(Upper(PROVINCE, secrecy=True))


@pytest.fixture
async def exporter(directory: Directory, upper: Upper) -> AsyncIterator[Exporter]:
    made = Exporter(directory, OwnSystem(CITY, "Hefei"))
    yield made
    await made.close()


def codes(items: list[Item]) -> list[str]:
    return [item.code for item in items]


def by_code(items: list[Item]) -> dict[str, Item]:
    return {item.code: item for item in items}


async def test_a_catalog_begins_with_ourselves_and_no_child_precedes_its_parent(
    exporter: Exporter, upper: Upper
) -> None:
    items = await fresh(exporter, upper)
    assert codes(items) == [
        *(CITY, COUNTY, SYSTEM, "340102", "34010299", GROUP, RING, EAST, NVR),
        *(CAMERA, INSIDE, LONE, SPEAKER),
    ]
    assert items[0].parent_ids == ()
    assert items[0].name == "Hefei"
    assert items[1].parent_ids == (CITY,)
    assert in_order(items)


async def test_the_structure_of_a_lower_platform_is_kept_and_only_its_roots_hang_anew(
    exporter: Exporter, upper: Upper
) -> None:
    seen = by_code(await fresh(exporter, upper))
    said = by_code(list(CATALOG))
    for code in (SYSTEM, GROUP, EAST, RING, CAMERA):
        assert seen[code].parent_ids == said[code].parent_ids
        assert seen[code].business_group == said[code].business_group
        assert seen[code].civil_code == said[code].civil_code or code == SYSTEM
    assert seen[CAMERA].ptz_type == 1
    assert seen[CAMERA].block == "b"
    assert seen[INSIDE].parent_ids == (NVR,)
    assert seen[NVR].parent_ids == (SYSTEM,)
    assert seen[LONE].parent_ids == (COUNTY,), "the direct lower is assumed where no system is named"
    assert seen[SPEAKER].parent_ids == (COUNTY, CAMERA)
    assert seen[LONE].civil_code == ""
    assert not seen[LONE].status_on


async def test_our_own_devices_hang_on_us_and_cameras_are_told_once(
    directory: Directory, exporter: Exporter, upper: Upper
) -> None:
    channel = Item("34010000001320000022", name="Yard", parent_ids=(OWN_NVR,))
    await knows(directory, OWN_NVR, (channel,), DeviceKind.RECORDER)
    await knows(directory, OWN_CAMERA, (Item(OWN_CHANNEL, name="Door", parent_ids=(OWN_CAMERA,)),), DeviceKind.CAMERA)
    seen = by_code(await fresh(exporter, upper))
    assert seen[OWN_NVR].parent_ids == (CITY,)
    assert seen[OWN_NVR].parental
    assert seen[channel.code].parent_ids == (OWN_NVR,)
    assert seen[OWN_CHANNEL].parent_ids == (CITY,)
    assert seen[OWN_CHANNEL].civil_code == "3401"
    assert seen[OWN_CHANNEL].manufacturer
    assert seen[OWN_CHANNEL].address == "Door"
    assert OWN_CAMERA not in seen


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        (CITY, None),
        (COUNTY, [COUNTY, SYSTEM, "340102", "34010299", GROUP, RING, EAST, NVR, CAMERA, INSIDE, LONE, SPEAKER]),
        (SYSTEM, [SYSTEM, NVR, INSIDE]),
        ("340102", ["340102", "34010299", NVR, CAMERA, INSIDE]),
        ("34010299", ["34010299", CAMERA]),
        (GROUP, [GROUP, RING, EAST, CAMERA]),
        (RING, [RING, EAST, CAMERA]),
        (NVR, [NVR, INSIDE]),
        (CAMERA, [CAMERA]),
    ],
)
async def test_a_part_of_the_catalog_is_what_the_standard_says_of_its_scope(
    exporter: Exporter, upper: Upper, scope: str, expected: list[str] | None
) -> None:
    items = await fresh(exporter, upper, scope)
    whole = codes(await fresh(exporter, upper))
    assert codes(items) == (whole if expected is None else expected)


async def test_in_2016_a_business_group_is_answered_without_its_devices(
    directory: Directory, exporter: Exporter
) -> None:
    older = await directory.change_upper(PROVINCE, edition="2.0")
    assert codes(await fresh(exporter, older, GROUP)) == [GROUP, RING, EAST]
    assert codes(await fresh(exporter, older, RING)) == [RING, EAST, CAMERA]


async def test_what_hangs_on_a_camera_comes_with_it_when_it_says_so(
    directory: Directory, exporter: Exporter, upper: Upper
) -> None:
    await directory.apply_notice(COUNTY, [Item(CAMERA, name="Ring 01", parental=True, event="UPDATE")])
    assert codes(await fresh(exporter, upper, CAMERA)) == [CAMERA, SPEAKER]


async def test_a_scope_that_is_not_shared_is_unknown(directory: Directory, exporter: Exporter, upper: Upper) -> None:
    await directory.share(PROVINCE, [ShareRule(f"organisation:{COUNTY}/{EAST}", False)])
    for scope in ("34010200001329999999", CAMERA, EAST):
        with pytest.raises(LookupError):
            await exporter.count(upper, scope)


async def test_a_shared_branch_is_shown_with_the_way_to_it(
    directory: Directory, exporter: Exporter, upper: Upper
) -> None:
    upper = await directory.change_upper(PROVINCE, share_all=False)
    assert codes(await fresh(exporter, upper)) == [CITY]
    await directory.share(PROVINCE, [ShareRule(f"organisation:{COUNTY}/{EAST}", True)])
    assert codes(await fresh(exporter, upper)) == [CITY, COUNTY, "340102", GROUP, RING, EAST, CAMERA]
    await directory.share(PROVINCE, [ShareRule(f"channel:{COUNTY}/{INSIDE}", True)])
    assert codes(await fresh(exporter, upper)) == [CITY, COUNTY, SYSTEM, "340102", NVR, INSIDE]
    await directory.share(PROVINCE, [ShareRule("division:34010299", True)])
    seen = by_code(await fresh(exporter, upper))
    assert {"340102", "34010299"} <= seen.keys()
    assert CAMERA not in seen, "it stands under an organisation"
    await directory.share(
        PROVINCE, [ShareRule(f"device:{COUNTY}", True), ShareRule(f"system:{COUNTY}/{SYSTEM}", False)]
    )
    seen = by_code(await fresh(exporter, upper))
    assert CAMERA in seen
    assert SYSTEM not in seen
    assert seen[NVR].parent_ids == (COUNTY,), "the tree shows it in its division, outside of the system"


async def test_secret_things_are_shown_only_to_whom_they_may_be(
    directory: Directory, exporter: Exporter, upper: Upper
) -> None:
    assert LONE in codes(await fresh(exporter, upper))
    upper = await directory.change_upper(PROVINCE, secrecy=False)
    assert LONE not in codes(await fresh(exporter, upper))
    assert await exporter.resolve(upper, LONE) is None


async def test_other_codes_and_names_are_used_wherever_a_thing_is_named(
    directory: Directory, exporter: Exporter, upper: Upper
) -> None:
    there = {CAMERA: "34999900001320000001", EAST: "34999900002160000002", GROUP: "34999900002150000001"}
    await directory.share(PROVINCE, [], [ShareAs(COUNTY, here, code, f"name {code}") for here, code in there.items()])
    seen = by_code(await fresh(exporter, upper))
    assert not there.keys() & seen.keys()
    assert seen[there[CAMERA]].parent_ids == (COUNTY, there[EAST])
    assert seen[there[CAMERA]].name == f"name {there[CAMERA]}"
    assert seen[there[EAST]].business_group == there[GROUP]
    assert seen[SPEAKER].parent_ids == (COUNTY, there[CAMERA])
    assert await exporter.resolve(upper, there[CAMERA]) == Shared(COUNTY, CAMERA, "channel", (COUNTY,))
    assert await exporter.resolve(upper, CAMERA) is None
    assert await exporter.code_there(upper, COUNTY, CAMERA) == there[CAMERA]
    assert await exporter.shared_as(upper, COUNTY, CAMERA) == there[CAMERA]
    assert codes(await fresh(exporter, upper, there[EAST])) == [there[EAST], there[CAMERA]]


async def test_codes_are_found_both_ways(directory: Directory, exporter: Exporter, upper: Upper) -> None:
    upper = await directory.change_upper(PROVINCE, our_code="34010000002000000099")
    assert await exporter.resolve(upper, "34010000002000000099") == Shared("", CITY, "own")
    assert await exporter.resolve(upper, COUNTY) == Shared(COUNTY, COUNTY, "system", (COUNTY,))
    assert await exporter.resolve(upper, NVR) == Shared(COUNTY, NVR, "device", (COUNTY,))
    assert await exporter.resolve(upper, EAST) == Shared(COUNTY, EAST, "organisation", (COUNTY,))
    assert await exporter.resolve(upper, "340102") == Shared(COUNTY, "340102", "division", (COUNTY,))
    assert await exporter.resolve(upper, CITY) is None
    assert await exporter.code_there(upper, "", CITY) == "34010000002000000099"
    assert await exporter.shared_as(upper, COUNTY, "34010200001329999999") is None
    assert by_code(await fresh(exporter, upper))[COUNTY].parent_ids == ("34010000002000000099",)


async def test_the_same_camera_from_two_lowers_is_one_item_on_while_any_has_it_on(
    directory: Directory, exporter: Exporter, upper: Upper
) -> None:
    await knows(directory, OTHER, (Item(CAMERA, name="By the other path", status_on=False),))
    await directory.note_channel_status(COUNTY, {CAMERA: False})
    seen = by_code(await fresh(exporter, upper))
    assert seen[CAMERA].parent_ids == (COUNTY, EAST, OTHER)
    assert seen[CAMERA].name == "Ring 01"
    assert not seen[CAMERA].status_on
    await directory.note_channel_status(OTHER, {CAMERA: True})
    assert by_code(await fresh(exporter, upper))[CAMERA].status_on
    directory.note_presence(COUNTY, Presence.OFFLINE, "test", 2.0)
    found = await exporter.resolve(upper, CAMERA)
    assert found == Shared(OTHER, CAMERA, "channel", (OTHER, COUNTY)), "who is online comes first"
    assert await exporter.shared_as(upper, OTHER, CAMERA) == CAMERA


async def test_two_cameras_that_only_happen_to_share_a_code_can_be_told_apart(
    directory: Directory, exporter: Exporter, upper: Upper
) -> None:
    await knows(directory, OTHER, (Item(CAMERA, name="Another"),))
    await directory.share(PROVINCE, [], [ShareAs(OTHER, CAMERA, "34999900001320000001")])
    seen = by_code(await fresh(exporter, upper))
    assert seen[CAMERA].parent_ids == (COUNTY, EAST)
    assert seen["34999900001320000001"].name == "Another"
    assert await exporter.resolve(upper, "34999900001320000001") == Shared(OTHER, CAMERA, "channel", (OTHER,))


async def test_what_an_operator_chose_for_a_thing_holds_when_it_vanishes_and_returns(
    directory: Directory, exporter: Exporter, upper: Upper
) -> None:
    own_code = ShareAs(COUNTY, CAMERA, "34999900001320000001", "Our word")
    hidden = ShareRule(f"channel:{COUNTY}/{INSIDE}", False)
    await directory.share(PROVINCE, [hidden], [own_code])
    before = await fresh(exporter, upper)
    await directory.merge(COUNTY, CATALOG[:1], complete=True, at=2.0)
    assert own_code.code_there not in codes(await fresh(exporter, upper))
    await directory.merge(COUNTY, CATALOG, complete=True, at=3.0)
    assert await fresh(exporter, upper) == before
    assert own_code.code_there in codes(before) and INSIDE not in codes(before)


async def test_what_came_from_a_platform_never_goes_back_to_it(
    directory: Directory, exporter: Exporter, upper: Upper
) -> None:
    theirs = "34000000001320000001"
    await knows(directory, PROVINCE, (Item(theirs, name="Theirs"), Item(CITY, name="Ourselves")))
    roundabout = (
        Item(PROVINCE, name="Province", parent_ids=(OTHER,)),
        Item("34000000002000000077", name="Below it", parent_ids=(PROVINCE,)),
        Item(theirs, name="Theirs", parent_ids=("34000000002000000077",)),
        Item(CITY, name="Ourselves"),
        Item("34010300001320000009", name="Of the other", parent_ids=(OTHER,)),
    )
    await knows(directory, OTHER, roundabout)
    seen = codes(await fresh(exporter, upper))
    assert not {PROVINCE, theirs, "34000000002000000077"} & set(seen)
    assert seen.count(CITY) == 1
    assert "34010300001320000009" in seen
    assert await exporter.resolve(upper, theirs) is None


async def test_by_civil_divisions_there_are_no_groups_and_every_camera_has_its_division(
    directory: Directory, exporter: Exporter
) -> None:
    civil = await directory.change_upper(PROVINCE, arrangement="civil")
    items = await fresh(exporter, civil)
    assert codes(items)[:7] == [CITY, COUNTY, SYSTEM, "34", "3401", "340102", "340104"]
    seen = by_code(items)
    assert not {GROUP, RING, EAST} & seen.keys()
    assert seen[CAMERA].parent_ids == (COUNTY,)
    assert seen[CAMERA].civil_code == "34010299"
    assert seen[LONE].civil_code == "340102", "where nothing was said, the code says it"
    assert codes(await fresh(exporter, civil, "3401"))[:2] == ["3401", "340102"]
    assert await exporter.resolve(civil, "3401") == Shared("", "3401", "division")


async def test_by_groups_there_are_no_divisions(directory: Directory, exporter: Exporter) -> None:
    grouped = await directory.change_upper(PROVINCE, arrangement="group")
    seen = codes(await fresh(exporter, grouped))
    assert not {"340102", "34010299"} & set(seen)
    assert {GROUP, RING, EAST, CAMERA} <= set(seen)


async def test_a_name_of_ours_is_the_name_above(directory: Directory, exporter: Exporter, upper: Upper) -> None:
    await directory.rename_channel(COUNTY, CAMERA, "Our name")
    await directory.change_device(COUNTY, name_here="Our county")
    seen = by_code(await fresh(exporter, upper))
    assert (seen[CAMERA].name, seen[COUNTY].name) == ("Our name", "Our county")


async def test_one_flip_is_one_item_of_news_and_nothing_counts_as_told_before_it_was_confirmed(
    directory: Directory, exporter: Exporter, upper: Upper
) -> None:
    above = UpperModel()
    await above.follow(exporter, upper)
    assert not exporter.has_changes(upper)
    await directory.note_channel_status(COUNTY, {CAMERA: False})
    for _ in range(2):
        news = await exporter.changes(upper)
        assert news == [Item(CAMERA, status_on=False, event="OFF")]
    await exporter.mark_sent(upper, news)
    assert await exporter.changes(upper) == []


async def test_a_lower_platform_that_is_lost_turns_everything_of_it_off(
    directory: Directory, exporter: Exporter, upper: Upper
) -> None:
    above = UpperModel()
    await above.follow(exporter, upper)
    directory.note_presence(COUNTY, Presence.OFFLINE, "test", 2.0)
    news = await exporter.changes(upper)
    assert {(item.code, item.event) for item in news} == {
        (code, "OFF") for code in (COUNTY, SYSTEM, NVR, CAMERA, INSIDE, SPEAKER)
    }
    reported = [item async for page in exporter.offline(upper, None, 2) for item in page]
    assert {item.code for item in reported} == {item.code for item in news} | {LONE}
    assert {item.event for item in reported} == {"OFF"}


async def test_unsharing_is_told_as_gone_children_first(directory: Directory, exporter: Exporter, upper: Upper) -> None:
    above = UpperModel()
    await above.follow(exporter, upper)
    await directory.share(PROVINCE, [ShareRule(f"device:{COUNTY}", False)])
    news = await exporter.changes(upper)
    assert {item.event for item in news} == {"DEL"}
    assert news[-1].code in {COUNTY, SYSTEM}
    above.apply(news)
    await exporter.mark_sent(upper, news)
    assert [*above.items] == [CITY]
    await directory.share(PROVINCE, [])
    assert [item.code for item in await exporter.changes(upper)] == codes(await fresh(exporter, upper))[1:]


async def test_the_diff_names_what_it_does_not_know_yet(directory: Directory, exporter: Exporter, upper: Upper) -> None:
    await UpperModel().follow(exporter, upper)
    told = await exporter.diff(upper)
    assert (told.added_count, told.changed_count, told.removed_count) == (0, 0, 0)
    assert told.total == told.sent == 13
    moved = Item(CAMERA, name="Moved", parent_ids=(COUNTY,), event="UPDATE")
    new = Item("34010200001320000099", name="New", event="ADD")
    await directory.apply_notice(COUNTY, [moved, new, Item(SPEAKER, event="DEL"), Item(INSIDE, event="OFF")])
    diff = await exporter.diff(upper)
    assert diff.added == (("34010200001320000099", "New"),)
    assert diff.changed == ((CAMERA, "Moved"), (INSIDE, "Ward"))
    assert diff.removed == ((SPEAKER, "Horn"),)
    assert (diff.added_count, diff.changed_count, diff.removed_count, diff.total, diff.sent) == (1, 2, 1, 13, 13)
    assert len(await exporter.changes(upper)) == 4, "looking tells nothing"


async def test_a_catalog_sent_slowly_is_of_one_moment_and_its_news_come_after(
    directory: Directory, exporter: Exporter, upper: Upper
) -> None:
    above = UpperModel()
    await exporter.forget_sent(upper)
    async with exporter.rendering(upper) as rendering:
        assert rendering.total == 13
        async for page in rendering.pages(5):
            if not above.items:
                await directory.apply_notice(COUNTY, [Item(CAMERA, name="Changed meanwhile", event="UPDATE")])
                await directory.apply_notice(COUNTY, [Item(SPEAKER, event="DEL")])
                early = [item for item in await exporter.changes(upper) if item.code in (CAMERA, SPEAKER)]
                above.apply(early)
                await exporter.mark_sent(upper, early)
            above.apply(page)
            await exporter.mark_sent(upper, page)
    assert len(above.items) == 13
    await above.follow(exporter, upper)
    assert above.items == by_code(await fresh(exporter, upper))
    assert above.items[CAMERA].name == "Changed meanwhile"


async def test_what_was_told_is_known_after_a_restart(directory: Directory, exporter: Exporter, upper: Upper) -> None:
    await UpperModel().follow(exporter, upper)
    await exporter.close()
    again = Exporter(directory, OwnSystem(CITY, "Hefei"))
    assert again.has_changes(upper), "nobody knows what happened while we were away"
    assert await again.changes(upper) == []
    assert not again.has_changes(upper)
    await again.close()


async def test_whoever_follows_is_woken_by_what_may_concern_him(
    directory: Directory, exporter: Exporter, upper: Upper
) -> None:
    await UpperModel().follow(exporter, upper)
    woken: list[str] = []
    exporter.on_dirty = woken.append
    await directory.note_channel_status(COUNTY, {CAMERA: True})
    assert woken == []
    await directory.note_channel_status(COUNTY, {CAMERA: False})
    assert set(woken) == {PROVINCE}
