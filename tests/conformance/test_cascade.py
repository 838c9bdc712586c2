"""The cascade lines of the conformance list (signalling reference 11), each a test named by its line.

The house stands in the middle; what is above and below it is simulated and shares none of its rooms.
"""

from __future__ import annotations

import asyncio
import dataclasses
import re
from collections.abc import AsyncIterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
from msgspec.structs import replace

from gb28181.code import is_camera, is_division, is_group, is_organisation, is_system
from gb28181.edition import Edition
from gb28181.identity import HEADER as IDENTITY
from gb28181.identity import of_operator
from gb28181.manscdp.alarm import Alarm, AlarmQuery
from gb28181.manscdp.catalog import CatalogQuery, Item
from gb28181.manscdp.control import ControlResponse, DeviceControl
from gb28181.manscdp.message import parse
from gb28181.manscdp.position import MobilePosition, PtzPositionNotice
from gb28181.manscdp.preset import PresetList, PresetQuery
from gb28181.routepath import PREFERRED_PATH
from simulator.faults import Faults
from simulator.gathering import Refused
from simulator.holdings import Holdings, division_tree
from simulator.platform_above import Upper
from simulator.platform_below import Lower
from tests.conformance.middle import (
    ABOVE,
    ALSO_ABOVE,
    ALSO_BELOW,
    BELOW,
    CAMERA,
    GROUP,
    OWN,
    STATION,
    Middle,
    opened,
    until,
)


@pytest.fixture
async def middle(tmp_path: Path) -> AsyncIterator[Middle]:
    async with opened(tmp_path) as middle:
        yield middle


# Cascade.


async def test_CAS_01_it_registers_with_its_type_200_id_and_keeps_alive(middle: Middle):
    upper = await middle.above()
    request = upper.registers[-1]
    assert request.from_.uri.user == request.to.uri.user == OWN
    assert is_system(OWN) and request.headers.get("X-GB-Ver") == "3.0"
    await until(lambda: upper.lowers[OWN].keepalives >= 1, 7)


async def test_CAS_02_a_lower_that_registers_is_asked_for_its_catalog_and_subscribed(middle: Middle):
    lower = await middle.below()
    assert "Catalog" in lower.asked
    await until(lambda: any(each.subject == "catalog" for each in lower.followers))


async def test_CAS_03_a_query_goes_down_hop_by_hop_and_its_answer_comes_back(middle: Middle):
    lower, upper = await middle.below(), await middle.above()
    lower.presets[CAMERA] = {1: "大门", 2: "后院"}
    (answer,) = (await upper.ask(OWN, PresetQuery(0, CAMERA))).parts
    assert isinstance(answer, PresetList)
    assert [preset.name for preset in answer.presets] == ["大门", "后院"]
    asked = [request for request in lower.requests if b"PresetQuery" in request.body]
    assert [request.from_.uri.user for request in asked] == [OWN]


async def test_CAS_04_y_of_the_answer_is_made_by_the_realm_of_the_camera(middle: Middle):
    await middle.below()
    upper = await middle.above()
    call = await upper.invite(OWN, CAMERA, with_y=False)
    await call.wait_frames(5)
    assert call.answer.ssrc is not None
    assert f"{call.answer.ssrc:010d}"[1:6] == OWN[3:8]
    assert set(call.receiver.ssrcs) == {call.answer.ssrc}
    await call.bye()


async def test_CAS_04_a_y_that_the_upper_insists_on_is_kept_and_really_sent(middle: Middle):
    # Many upper platforms send y= and require it unchanged (media reference 2.10).
    await middle.below()
    upper = await middle.above()
    call = await upper.invite(OWN, CAMERA, with_y=True)
    await call.wait_frames(5)
    assert call.answer.ssrc is not None and f"{call.answer.ssrc:010d}"[1:6] == ABOVE[3:8]
    assert set(call.receiver.ssrcs) == {call.answer.ssrc}
    await call.bye()


async def test_CAS_05_two_uppers_that_watch_one_camera_share_one_stream(middle: Middle):
    lower = await middle.below()
    one, two = await middle.above(), await middle.above(ALSO_ABOVE)
    first, second = await asyncio.gather(one.invite(OWN, CAMERA), two.invite(OWN, CAMERA, transport="tcp-passive"))
    await asyncio.gather(first.wait_frames(5), second.wait_frames(5))
    assert lower.studio.calls_taken == 1
    await first.bye()
    await second.wait_frames(10)
    await second.bye()
    await until(lambda: not lower.studio.calls)


async def test_CAS_06_media_towards_an_upper_that_is_gone_stops(middle: Middle):
    lower, upper = await middle.below(), await middle.above(transport="tcp")
    call = await upper.invite(OWN, CAMERA)
    await call.wait_frames(5)
    await upper.stack.close()
    await until(lambda: not lower.studio.calls)
    assert await call.receiver.is_quiet(0.3)
    await call.receiver.close()


async def test_CAS_07_a_camera_that_goes_offline_is_told_upward(middle: Middle):
    lower, upper = await middle.below(), await middle.above()
    followed = await upper.follow(OWN)
    lower.holdings.flip(CAMERA, on=False)
    await followed.wait_for(lambda each: ("OFF", CAMERA) in each.events)


async def test_CAS_08_parent_ids_list_system_and_organisations(middle: Middle):
    lower, upper = await middle.below(), await middle.above()
    got = {item.code: item for item in (await upper.ask_catalog(OWN)).items}
    for camera in lower.holdings.cameras:
        assert got[camera.code].parent_ids == camera.parent_ids
    assert any(len(got[camera.code].parent_ids) == 3 for camera in lower.holdings.cameras)


async def test_CAS_09_the_own_system_comes_first_without_parent_and_lower_systems_with_theirs(middle: Middle):
    await middle.below()
    upper = await middle.above()
    first, *others = (await upper.ask_catalog(OWN)).items
    assert (first.code, first.parent_ids) == (OWN, ())
    assert [(item.code, item.parent_ids) for item in others if is_system(item.code)] == [(BELOW, (OWN,))]


def _with_camera_of_another(code: str) -> Holdings:
    holdings = division_tree(code, "南山区", code[:6], "南山区", cameras=2)
    holdings.add(replace(division_tree(BELOW, "", "440106", "天河区")[CAMERA], parent_ids=(code,)))
    return holdings


async def test_CAS_10_a_camera_by_two_paths_is_one_item_with_both_parents_and_on_if_any_is_on(middle: Middle):
    one = await middle.below()
    two = await middle.below(ALSO_BELOW, _with_camera_of_another(ALSO_BELOW))
    upper = await middle.above()

    async def merged() -> Item:
        (item,) = [item for item in (await upper.ask_catalog(OWN)).items if item.code == CAMERA]
        return item

    assert {BELOW, ALSO_BELOW} <= set((await merged()).parent_ids)
    one.holdings.flip(CAMERA, on=False)
    await asyncio.sleep(0.3)
    assert (await merged()).status_on
    two.holdings.flip(CAMERA, on=False)

    async def is_off() -> bool:
        return not (await merged()).status_on

    await until(is_off)


async def test_CAS_11_the_own_id_is_put_in_front_of_the_route_path(middle: Middle):
    await middle.below()
    upper = await middle.above()
    call = await upper.invite(OWN, CAMERA)
    assert call.route == (OWN, BELOW)
    await call.bye()
    with pytest.raises(Refused) as refused:
        await upper.invite(OWN, "44010600001320088888")
    assert refused.value.status == 404


async def test_CAS_12_a_preferred_path_goes_on_without_our_id_and_none_is_added(middle: Middle):
    one = await middle.below()
    two = await middle.below(ALSO_BELOW, _with_camera_of_another(ALSO_BELOW))
    upper = await middle.above()
    for wished, lower in ((ALSO_BELOW, two), (BELOW, one)):
        call = await upper.invite(OWN, CAMERA, via=(OWN, wished))
        await call.wait_frames(2)
        assert call.route == (OWN, wished)
        assert _invite_to(lower).headers.get(PREFERRED_PATH) in (wished, None)
        await call.bye()
        await until(lambda lower=lower: not lower.studio.calls)
    call = await upper.invite(OWN, CAMERA)
    taker = one if one.studio.calls else two
    assert _invite_to(taker).headers.get(PREFERRED_PATH) is None
    await call.bye()


def _invite_to(lower: Lower):
    return [request for request in lower.requests if request.method == "INVITE"][-1]


async def test_CAS_13_nothing_returns_to_where_it_came_from(middle: Middle):
    await middle.below()
    mutual = await middle.above(ABOVE)
    also_below = division_tree(ABOVE, "广东省", "440000", "广东省", cameras=3)
    await middle.below(ABOVE, also_below)
    other = await middle.above(ALSO_ABOVE)
    theirs = {item.code for item in also_below}
    seen = {item.code for item in (await mutual.ask_catalog(OWN)).items}
    assert CAMERA in seen
    assert not {code for code in seen & theirs if len(code) == 20}
    assert {item.code for item in also_below.cameras} <= {item.code for item in (await other.ask_catalog(OWN)).items}


async def test_CAS_13_a_call_back_to_where_the_camera_came_from_is_refused(middle: Middle):
    mutual = await middle.above(ABOVE)
    theirs = division_tree(ABOVE, "广东省", "440000", "广东省", cameras=3)
    lower = await middle.below(ABOVE, theirs)
    with pytest.raises(Refused) as refused:
        await mutual.invite(OWN, theirs.cameras[0].code)
    assert refused.value.status in (404, 482)
    assert lower.studio.calls_taken == 0


async def test_CAS_14_answers_to_equal_sn_from_two_uppers_reach_their_own_requesters(middle: Middle):
    lower = await middle.below()
    one, two = await middle.above(), await middle.above(ALSO_ABOVE)
    other = lower.holdings.cameras[1].code
    lower.presets = {CAMERA: {1: "一"}, other: {1: "二"}}
    first, second = await asyncio.gather(one.ask(OWN, PresetQuery(0, CAMERA)), two.ask(OWN, PresetQuery(0, other)))
    assert one._sn == two._sn
    (a,), (b,) = first.parts, second.parts
    assert isinstance(a, PresetList) and isinstance(b, PresetList)
    assert (a.device, a.presets[0].name) == (CAMERA, "一")
    assert (b.device, b.presets[0].name) == (other, "二")


# Live view, as far as it is relayed.


async def test_LIV_09_media_that_is_lost_releases_the_call_upward_and_downward(tmp_path: Path):
    async with opened(tmp_path, media={"lost_udp_s": 1.0, "lost_tcp_s": 1.0}) as middle:
        lower, upper = await middle.below(), await middle.above()
        call = await upper.invite(OWN, CAMERA)
        await call.wait_frames(5)
        (below,) = lower.studio.calls
        lower.faults = Faults(refuse={"INVITE": 486})  # nor is there another try
        await below.vanish()
        async with asyncio.timeout(10):
            await call.ended.wait()
        await until(lambda: below.dialog.is_over)
        await call.receiver.close()


async def test_LIV_10_sending_stops_when_the_platform_that_receives_says_goodbye(middle: Middle):
    lower, upper = await middle.below(), await middle.above(transport="tcp")
    call = await upper.invite(OWN, CAMERA)
    await call.wait_frames(5)
    await middle.house.directory.change_upper(ABOVE, enabled=False)
    await until(lambda: not lower.studio.calls)
    async with asyncio.timeout(10):
        await call.ended.wait()
    assert await call.receiver.is_quiet(0.3)
    await call.receiver.close()


# Alarms, as far as they are relayed.


async def test_ALM_09_an_alarm_outside_of_the_priorities_followed_is_not_told(middle: Middle):
    lower, upper = await middle.below(), await middle.above(push_alarms=False)
    upper._wish = lambda followed, interval_s: AlarmQuery(  # type: ignore[method-assign]
        9, followed.target, start_priority=1, end_priority=2
    )
    followed = await upper.follow(OWN, "alarm")
    for priority in (4, 1, 3, 2):
        await lower.raise_alarm(CAMERA, priority=priority)
    await followed.wait_for(lambda each: len(each.news) >= 2)
    await asyncio.sleep(0.5)
    told = [said for said in followed.news if isinstance(said, Alarm)]
    assert [alarm.priority for alarm in told] == [1, 2]


# Subscribe and notify.


async def test_SUB_01_our_subscribe_has_event_expires_contact_and_a_catalog_query(middle: Middle):
    lower = await middle.below()
    await until(lambda: lower.followers.of("catalog"))
    (request,) = [request for request in lower.requests if request.method == "SUBSCRIBE" and b"Catalog" in request.body]
    event = request.headers.get("Event") or ""
    assert event.startswith("Catalog;id=") and event.partition("=")[2].isdecimal()
    assert request.expires == 600
    assert request.contact is not None and request.contact.uri.user == OWN
    assert isinstance(parse(request.body), CatalogQuery)


async def test_SUB_02_a_new_catalog_subscription_is_told_at_once_what_is_off(middle: Middle):
    lower, upper = await middle.below(), await middle.above()
    lower.holdings.flip(CAMERA, on=False)
    await until(lambda: _is_off(middle))
    await upper.ask_catalog(OWN)
    followed = await upper.follow(OWN)
    await followed.wait_for(lambda each: ("OFF", CAMERA) in each.events)
    assert {event for event, _ in followed.events} == {"OFF"}


async def _is_off(middle: Middle) -> bool:
    channel = await middle.house.directory.channel(BELOW, CAMERA)
    return channel is not None and not channel.online


async def test_SUB_02_the_first_report_can_be_left_out(middle: Middle):
    lower, upper = await middle.below(), await middle.above(initial_report=False)
    lower.holdings.flip(CAMERA, on=False)
    await until(lambda: _is_off(middle))
    await upper.ask_catalog(OWN)
    followed = await upper.follow(OWN)
    await asyncio.sleep(0.6)
    assert ("OFF", CAMERA) not in followed.events


async def test_SUB_03_a_channel_that_goes_offline_is_told_with_its_code_and_event_alone(middle: Middle):
    lower, upper = await middle.below(), await middle.above()
    await upper.ask_catalog(OWN)
    followed = await upper.follow(OWN)
    lower.holdings.flip(CAMERA)
    await followed.wait_for(lambda each: ("OFF", CAMERA) in each.events)
    items = [item for said in followed.news for item in said.items if item.code == CAMERA]
    assert items == [Item(code=CAMERA, event="OFF")]


async def test_SUB_04_a_new_channel_is_told_as_a_full_item(middle: Middle):
    lower, upper = await middle.below(), await middle.above()
    await upper.ask_catalog(OWN)
    followed = await upper.follow(OWN)
    new = replace(lower.holdings[CAMERA], code="44010600001320005555", name="新装路口", parent_ids=(BELOW, STATION))
    lower.holdings.add(new)
    await followed.wait_for(lambda each: ("ADD", new.code) in each.events)
    (item,) = [item for said in followed.news for item in said.items if item.code == new.code]
    assert replace(item, event=None) == new


async def test_SUB_05_a_notify_is_answered_with_200(middle: Middle):
    lower = await middle.below()
    await until(lambda: lower.followers.of("catalog"))
    (follower,) = lower.followers.of("catalog")
    told = follower.told
    lower.holdings.rename(CAMERA, "改名")
    await until(lambda: follower.told > told)


async def test_SUB_06_a_subscription_is_refreshed_in_its_dialog_after_half_its_time(tmp_path: Path):
    async with opened(tmp_path, follow_expires_s=10) as middle:
        lower = await middle.below()
        await until(lambda: lower.followers.of("catalog"))
        (follower,) = lower.followers.of("catalog")
        await until(lambda: follower.refreshes, 9)
        (again,) = lower.followers.of("catalog")
        assert again is follower


async def test_SUB_07_nothing_is_told_after_a_subscription_ran_out(middle: Middle):
    lower, upper = await middle.below(), await middle.above()
    await upper.ask_catalog(OWN)
    followed = await upper.follow(OWN, expires_s=1)
    await asyncio.sleep(1.5)
    before = len(followed.events)
    lower.holdings.rename(CAMERA, "改名")
    await asyncio.sleep(1.0)
    assert len(followed.events) == before


async def test_SUB_08_a_cancelled_subscription_is_answered_and_stops(middle: Middle):
    lower, upper = await middle.below(), await middle.above()
    await upper.ask_catalog(OWN)
    followed = await upper.follow(OWN)
    assert (await upper.refresh(followed)).status == 200
    assert (await upper.refresh(followed, 0)).status == 200
    before = len(followed.events)
    lower.holdings.rename(CAMERA, "改名")
    await asyncio.sleep(1.0)
    assert len(followed.events) == before


async def test_SUB_09_an_upper_that_is_removed_is_told_that_its_subscription_ends(middle: Middle):
    await middle.below()
    upper = await middle.above()
    followed = await upper.follow(OWN)
    await middle.house.directory.remove_upper(ABOVE)
    await until(lambda: followed.state.startswith("terminated"))


async def test_SUB_10_each_subscriber_in_scope_is_told_in_its_own_dialog(middle: Middle):
    lower = await middle.below()
    one, two = await middle.above(), await middle.above(ALSO_ABOVE)
    whole, other = await one.follow(OWN), await two.follow(OWN)
    in_scope, out_of_scope = await one.follow(OWN, target=CAMERA), await one.follow(OWN, target="44010602")
    await asyncio.sleep(0.5)
    lower.holdings.rename(CAMERA, "改名")
    code = lower.holdings[CAMERA].code
    for followed in (whole, other, in_scope):
        await followed.wait_for(lambda each: ("UPDATE", code) in each.events or ("ADD", code) in each.events)
    assert whole.dialog is not None and other.dialog is not None
    assert whole.dialog.call_id != other.dialog.call_id
    if not lower.holdings[CAMERA].civil_code.startswith("44010602"):
        assert CAMERA not in [code for _, code in out_of_scope.events]


async def test_SUB_11_many_changes_at_once_are_batched_and_told_serially(middle: Middle):
    lower = await middle.below(holdings=division_tree(BELOW, "天河区", "440106", "天河区", cameras=250))
    upper = await middle.above()
    await upper.ask_catalog(OWN)
    followed = await upper.follow(OWN)
    await asyncio.sleep(0.5)
    before = len(followed.pages)
    for camera in lower.holdings.cameras:
        lower.holdings.rename(camera.code, f"{camera.name} 新")
    renamed = {camera.code for camera in lower.holdings.cameras}
    await followed.wait_for(lambda each: renamed <= {code for _, code in each.events}, 20)
    pages = followed.pages[before:]
    assert max(pages) <= 100
    assert len(pages) < 125


async def test_SUB_12_a_channel_that_flaps_is_not_told_each_time(middle: Middle):
    lower, upper = await middle.below(), await middle.above()
    await upper.ask_catalog(OWN)
    followed = await upper.follow(OWN)
    await asyncio.sleep(0.5)
    for _ in range(40):
        lower.holdings.flip(CAMERA)
        await asyncio.sleep(0.01)
    await asyncio.sleep(1.5)
    assert len([code for _, code in followed.events if code == CAMERA]) < 20
    assert upper.mirror(OWN)[CAMERA].status_on is lower.holdings[CAMERA].status_on


@pytest.mark.parametrize("edition", [Edition.V2016, Edition.V2022])
async def test_SUB_13_to_15_positions_go_up_in_the_form_of_the_edition_above(middle: Middle, edition: Edition):
    lower, upper = await middle.below(), await middle.above(edition=edition)
    followed = await upper.follow(OWN, "position", OWN if edition.is_2022 else CAMERA)
    await until(lambda: lower.followers.of("position"))
    await lower.report_place(CAMERA, 113.3, 23.1)
    await followed.wait_for(lambda each: any(isinstance(said, MobilePosition) for said in each.news))
    (said,) = [said for said in followed.news if isinstance(said, MobilePosition)]
    (fix,) = said.fixes
    assert fix.longitude == pytest.approx(113.3) and fix.latitude == pytest.approx(23.1)
    if edition.is_2022:
        assert fix.device == CAMERA


async def test_SUB_16_where_a_dome_looks_is_told_upward(middle: Middle):
    lower, upper = await middle.below(), await middle.above()
    followed = await upper.follow(OWN, "ptz", CAMERA)
    await until(lambda: lower.followers.of("ptz"))
    await lower.report_look(CAMERA, 90.0, 10.0, 2.0)
    await followed.wait_for(lambda each: bool(each.news))
    said = followed.news[0]
    assert isinstance(said, PtzPositionNotice) and said.look.pan == 90.0


async def test_SUB_17_what_nobody_can_follow_is_refused(middle: Middle):
    await middle.below()
    upper = await middle.above()
    upper._wish = lambda followed, interval_s: PresetQuery(9, followed.target)  # type: ignore[method-assign]
    with pytest.raises(Refused) as refused:
        await upper.follow(OWN)
    assert 400 <= refused.value.status < 500


async def test_SUB_18_a_481_to_a_refresh_is_followed_by_a_fresh_subscribe(tmp_path: Path):
    async with opened(tmp_path, follow_expires_s=10) as middle:
        lower = await middle.below()
        await until(lambda: lower.followers.of("catalog"))
        (follower,) = lower.followers.of("catalog")
        lower.followers._followers.clear()  # as after a restart of that platform
        await until(lambda: lower.followers.of("catalog"), 9)
        (fresh,) = lower.followers.of("catalog")
        assert fresh.dialog.call_id != follower.dialog.call_id


# Who asks, across realms.


async def test_SEC_05_and_06_a_user_is_named_by_our_realm_and_a_user_from_above_by_both(middle: Middle):
    lower, upper = await middle.below(), await middle.above()
    await upper.tell(OWN, DeviceControl(7, CAMERA, ptz="A50F0100000000B5"), headers=((IDENTITY, f"{ABOVE}-9-org"),))
    await until(lambda: lower.obeyed)
    peer = middle.house.below.peer(BELOW)
    assert peer is not None
    ours = of_operator(OWN, "wang", "operator")
    await peer.in_name_of(ours).tell(DeviceControl(0, CAMERA, ptz="A50F0000000000B4"))
    controls = [request.headers.get(IDENTITY) for request in lower.requests if b"PTZCmd" in request.body]
    assert controls == [f"{OWN}-{ABOVE}-9-org", ours] and ours.startswith(f"{OWN}-")


# Queries on nodes of the tree, and controls, across realms.


async def test_QRY_08_a_division_is_answered_with_its_regions_and_devices(middle: Middle):
    lower, upper = await middle.below(), await middle.above()
    got = await upper.ask_catalog(OWN, "44010601")
    assert got.is_whole
    assert {item.code for item in got.items if is_division(item.code)} == {"44010601"}
    expected = {item.code for item in lower.holdings.cameras if item.civil_code == "44010601"}
    assert {item.code for item in got.items if is_camera(item.code)} == expected


async def test_QRY_09_the_system_is_answered_with_everything_of_own_and_lower_tiers(middle: Middle):
    lower, upper = await middle.below(), await middle.above()
    got = await upper.ask_catalog(OWN)
    assert got.is_whole and got.sum_num == len(got.items)
    assert {item.code for item in lower.holdings} <= {item.code for item in got.items}
    for is_kind in (is_system, is_division, is_group, is_organisation, is_camera):
        assert any(is_kind(item.code) for item in got.items)


@pytest.mark.parametrize("edition", [Edition.V2016, Edition.V2022])
async def test_QRY_10_and_11_a_group_is_answered_with_organisations_and_in_2022_their_devices(
    middle: Middle, edition: Edition
):
    lower, upper = await middle.below(), await middle.above(edition=edition)
    got = [item.code for item in (await upper.ask_catalog(OWN, GROUP)).items]
    organisations = [item.code for item in lower.holdings if is_organisation(item.code)]
    assert got[0] == GROUP
    assert set(organisations) <= set(got)
    assert any(map(is_camera, got)) is edition.is_2022


async def test_QRY_12_an_organisation_is_answered_with_those_below_it_and_their_devices(middle: Middle):
    lower, upper = await middle.below(), await middle.above()
    got = {item.code for item in (await upper.ask_catalog(OWN, STATION)).items}
    assert got == {item.code for item in lower.holdings.within(STATION)}


@pytest.mark.parametrize("edition", [Edition.V2016, Edition.V2022])
async def test_QRY_13_regions_groups_and_organisations_hold_exactly_their_fields(middle: Middle, edition: Edition):
    await middle.below()
    upper = await middle.above(edition=edition)
    take = upper.stack.on_request
    bodies: list[bytes] = []

    def hear(incoming):
        bodies.append(incoming.request.body)
        take(incoming)

    upper.stack.on_request = hear
    await upper.ask_catalog(OWN)
    items = [
        item
        for body in bodies
        if b"<Response>" in body
        for item in ElementTree.fromstring(re.sub(r"<\?xml.*?\?>", "", body.decode("gb18030"))).iter("Item")
    ]
    fields = {item.findtext("DeviceID") or "": {child.tag for child in item} for item in items}
    assert any(map(is_division, fields)) and any(map(is_group, fields)) and any(map(is_organisation, fields))
    for code, said in fields.items():
        if is_division(code):
            assert said == {"DeviceID", "Name"}, code
        elif is_group(code):
            assert said == {"DeviceID", "Name", "ParentID"} | ({"CivilCode"} if edition.is_2022 else set()), code
        elif is_organisation(code):
            assert {"DeviceID", "Name"} < said <= {"DeviceID", "Name", "ParentID", "BusinessGroupID", "Info"}, code


async def test_a_node_of_a_lower_s_tree_can_be_asked_for_by_itself(middle: Middle):
    # Item 2 of a cascade: queries on any node; what the lower never told of comes in, and nothing else goes.
    lower = await middle.below()
    await until(lambda: lower.followers.of("catalog"))
    known = {item.code for item in lower.holdings}
    lower.holdings.on_change = None
    here, elsewhere = "44010600001320007771", "44010600001320007772"
    lower.holdings.add(replace(lower.holdings[CAMERA], code=here, parent_ids=(BELOW, STATION)))
    lower.holdings.add(replace(lower.holdings[CAMERA], code=elsewhere, parent_ids=(BELOW,)))
    diff = await middle.house.below.ask_catalog(BELOW, STATION)
    assert diff.added == (here,) and diff.removed == ()
    found = {code: await middle.house.directory.find_channel(code) for code in (here, elsewhere, CAMERA)}
    assert found[here] and found[CAMERA] and not found[elsewhere] and elsewhere not in known


async def test_QRY_26_an_answer_from_a_lower_realm_bears_the_sn_of_who_asked(middle: Middle):
    lower, upper = await middle.below(), await middle.above()
    upper._sn = 77_000
    (answer,) = (await upper.ask(OWN, DeviceControl(0, CAMERA, guard=True))).parts
    assert isinstance(answer, ControlResponse) and answer.ok
    assert answer.sn == 77_001
    (obeyed,) = lower.obeyed
    assert obeyed.sn != 77_001


async def test_news_that_a_loss_cuts_off_go_on_where_they_were(middle: Middle):
    # Item 3 of a cascade: resumed after a loss. What was taken is not said again, and nothing is left out.
    lower = await middle.below(BELOW, division_tree(BELOW, "区监控中心", "440106", "区", cameras=1000))
    upper = await middle.above(transport="tcp")
    await upper.ask_catalog(OWN)
    followed = await upper.follow(OWN)
    for camera in lower.holdings.cameras:
        lower.holdings.rename(camera.code, f"{camera.name} 新")
    await followed.wait_for(lambda each: len(each.events) >= 100, 20)
    await upper.stack.close()
    again = await middle.sky.enter_async_context(Upper(dataclasses.replace(upper.settings, port=upper.port)))
    again.mirrors = upper.mirrors
    await again.registered(OWN, 20)
    resumed = await again.follow(OWN)
    await until(lambda: all(item.name.endswith("新") for item in again.mirror(OWN) if is_camera(item.code)), 20)
    repeated = {code for _, code in followed.events} & {code for _, code in resumed.events}
    assert len(repeated) <= 100, "one message at most was on its way"
