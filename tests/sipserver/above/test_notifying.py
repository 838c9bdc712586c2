"""Subscriptions from above over real sockets: reports, batches, filters, and every end."""

from __future__ import annotations

import asyncio

import pytest

from gb28181.manscdp.alarm import Alarm, AlarmQuery
from gb28181.manscdp.catalog import CatalogNotice, CatalogQuery, Item
from gb28181.manscdp.keepalive import Keepalive
from gb28181.manscdp.position import MobilePosition, MobilePositionQuery, PtzPositionNotice, PtzPositionQuery
from gb28181.manscdp.preset import PresetQuery
from registry.device import Device, DeviceKind
from registry.events import AlarmRaised, PositionReported, PtzPositionReported
from sipserver.stack import Incoming

UPPER_CODE = "34010000002000000001"
OTHER_UPPER = "34000000002000000009"
OUR_CODE = "34010200002000000001"
DEVICE = "34010200001180000001"
CAMERA = "34010200001320000001"
GROUP = "34010200002150000001"


def camera(number: int, **more: object) -> Item:
    return Item(f"3401020000132{number:07d}", **({"name": f"路口{number}"} | more))


def off(number: int) -> Item:
    return Item(camera(number).code, event="OFF")


def catalogs(upper) -> list[CatalogNotice]:
    return [notice.value for notice in upper.heard.notices if isinstance(notice.value, CatalogNotice)]


async def test_SUB_02_an_initial_subscription_is_told_at_once_what_is_offline(joined, until_true):
    upper, house = await joined()
    house.exporter.items = [camera(1), camera(2, status_on=False), camera(3, status_on=False)]
    response, dialog = await upper.subscribe(CatalogQuery(301, OUR_CODE), event="Catalog;id=1894")
    assert response.status == 200 and dialog is not None
    assert response.headers.get("Event") == "Catalog;id=1894" and response.headers.get("Expires") == "600"
    assert response.contact is not None and response.contact.user == OUR_CODE
    await until_true(lambda: catalogs(upper))
    first = upper.heard.notices[0]
    assert (first.event, first.state.partition("=")[0]) == ("Catalog;id=1894", "active;expires")
    assert first.call_id == dialog.call_id
    told = catalogs(upper)[0]
    assert (told.device, told.sum_num) == (OUR_CODE, 2)
    assert [(item.code, item.event) for item in told.items] == [(camera(2).code, "OFF"), (camera(3).code, "OFF")]
    await until_true(lambda: house.state().subscriptions and house.state().subscriptions[0].notified == 2)
    assert house.state().subscriptions[0].subject == "catalog"


async def test_the_initial_report_can_be_left_out(joined, until_true):
    upper, house = await joined(upper_fields={"initial_report": False})
    house.exporter.items = [camera(2, status_on=False)]
    await upper.subscribe(CatalogQuery(1, OUR_CODE))
    house.exporter.change(UPPER_CODE, off(9))
    await until_true(lambda: catalogs(upper))
    assert [item.code for item in catalogs(upper)[0].items] == [camera(9).code]


async def test_SUB_03_SUB_04_changes_are_told_with_their_events_and_marked_when_taken(joined, until_true):
    upper, house = await joined()
    await upper.subscribe(CatalogQuery(1, OUR_CODE))
    await until_true(lambda: catalogs(upper))
    added = camera(7, event="ADD", civil_code="340102", parent_ids=(OUR_CODE,))
    house.exporter.change(UPPER_CODE, added, off(2))
    await until_true(lambda: len(catalogs(upper)) == 2)
    told = catalogs(upper)[1]
    assert [(item.code, item.event) for item in told.items] == [(added.code, "ADD"), (camera(2).code, "OFF")]
    assert told.sum_num == 2 and told.items[0].name == "路口7" and told.items[0].civil_code == "340102"
    await until_true(lambda: [item.event for item in house.exporter.sent.get(UPPER_CODE, ())] == ["ADD", "OFF"])


async def test_SUB_11_250_changes_at_once_go_in_batches_one_after_the_other(joined, until_true):
    upper, house = await joined("tcp")
    await upper.subscribe(CatalogQuery(1, OUR_CODE))
    await until_true(lambda: catalogs(upper))
    house.exporter.change(UPPER_CODE, *(off(number) for number in range(250)))
    await until_true(lambda: sum(len(each.items) for each in catalogs(upper)) == 250)
    assert [len(each.items) for each in catalogs(upper)[1:]] == [100, 100, 50]
    codes = [item.code for each in catalogs(upper)[1:] for item in each.items]
    assert codes == [off(number).code for number in range(250)]


async def test_a_storm_of_changes_is_gathered_before_it_is_told(joined, until_true):
    upper, house = await joined("tcp", batch_s=0.2)
    await upper.subscribe(CatalogQuery(1, OUR_CODE))
    await until_true(lambda: catalogs(upper))
    await asyncio.sleep(0.3)
    for number in range(40):
        house.exporter.change(UPPER_CODE, off(number))
        await asyncio.sleep(0.001)
    await until_true(lambda: sum(len(each.items) for each in catalogs(upper)) == 40)
    assert len(catalogs(upper)) <= 3


async def test_SUB_06_a_refresh_in_the_dialog_prolongs_and_SUB_07_without_it_nothing_more_is_told(joined, until_true):
    upper, house = await joined()
    _, dialog = await upper.subscribe(CatalogQuery(1, OUR_CODE), expires=60)
    await until_true(lambda: catalogs(upper))
    response = await dialog.request(
        "SUBSCRIBE",
        body=upper.written(CatalogQuery(2, OUR_CODE)),
        content_type="Application/MANSCDP+xml",
        headers=(("Event", "Catalog;id=1"), ("Expires", "600")),
    )
    assert response.status == 200 and response.headers.get("Expires") == "600"
    house.pass_time(100)
    house.exporter.change(UPPER_CODE, off(1))
    await until_true(lambda: len(catalogs(upper)) == 2)
    house.pass_time(600)
    house.exporter.change(UPPER_CODE, off(2))
    await until_true(lambda: house.state().subscriptions == ())
    await asyncio.sleep(0.2)
    assert len(catalogs(upper)) == 2


async def test_SUB_08_a_cancel_with_expires_0_is_answered_200_and_ends_it(joined, until_true):
    upper, house = await joined()
    _, dialog = await upper.subscribe(CatalogQuery(1, OUR_CODE))
    await until_true(lambda: catalogs(upper))
    response = await dialog.request(
        "SUBSCRIBE",
        body=upper.written(CatalogQuery(2, OUR_CODE)),
        content_type="Application/MANSCDP+xml",
        headers=(("Event", "Catalog;id=1"), ("Expires", "0")),
    )
    assert (response.status, response.headers.get("Expires")) == (200, "0")
    house.exporter.change(UPPER_CODE, off(1))
    await asyncio.sleep(0.2)
    assert len(catalogs(upper)) == 1
    await until_true(lambda: house.state().subscriptions == ())


async def test_a_481_to_a_notice_removes_the_subscription(joined, until_true):
    upper, house = await joined()
    await upper.subscribe(CatalogQuery(1, OUR_CODE))
    await until_true(lambda: catalogs(upper))
    upper.notify_status = 481
    house.exporter.change(UPPER_CODE, off(1))
    await until_true(lambda: house.state().subscriptions == ())
    assert not house.exporter.sent.get(UPPER_CODE) and house.above.is_up(UPPER_CODE)


async def test_SUB_10_several_subscribers_are_each_told_in_their_own_dialog(make_upper, make_lower, until_true):
    one, two = await make_upper(), await make_upper(OTHER_UPPER, transport="tcp", edition="2.0")
    house = await make_lower(one.as_upper(), two.as_upper())
    await house.registered()
    await house.registered(OTHER_UPPER)
    _, first = await one.subscribe(CatalogQuery(1, OUR_CODE), event="Catalog;id=11")
    _, second = await two.subscribe(CatalogQuery(1, OUR_CODE), event="presence")
    await until_true(lambda: catalogs(one) and catalogs(two))
    house.exporter.change(UPPER_CODE, off(1))
    house.exporter.change(OTHER_UPPER, off(1), off(2))
    await until_true(lambda: len(catalogs(one)) == 2 and len(catalogs(two)) == 2)
    assert (len(catalogs(one)[1].items), len(catalogs(two)[1].items)) == (1, 2)
    assert {notice.call_id for notice in one.heard.notices} == {first.call_id}
    assert {notice.event for notice in two.heard.notices} == {"presence"}
    assert second.call_id != first.call_id


async def test_a_subscription_to_a_group_is_told_of_what_is_beneath_it_alone(joined, until_true):
    upper, house = await joined()
    house.exporter.share(UPPER_CODE, GROUP, owner="", kind="group")
    house.exporter.scopes[GROUP] = [Item(GROUP, name="组"), camera(1, status_on=False)]
    response, _ = await upper.subscribe(CatalogQuery(1, GROUP))
    assert response.status == 200
    await until_true(lambda: catalogs(upper))
    assert catalogs(upper)[0].device == GROUP and [item.code for item in catalogs(upper)[0].items] == [camera(1).code]
    house.exporter.change(UPPER_CODE, off(2), camera(3, event="ADD", parent_ids=(GROUP,)), off(1))
    await until_true(lambda: len(catalogs(upper)) == 2)
    assert [item.code for item in catalogs(upper)[1].items] == [camera(3).code, camera(1).code]


async def test_SUB_17_what_is_not_understood_is_489_and_what_is_not_shared_404(joined):
    upper, _ = await joined()
    assert (await upper.subscribe(PresetQuery(1, OUR_CODE)))[0].status == 489
    assert (await upper.subscribe(Keepalive(1, OUR_CODE)))[0].status == 489
    assert (await upper.subscribe(CatalogQuery(1, CAMERA)))[0].status == 404
    request = upper.request(
        "SUBSCRIBE", headers=(("Expires", "600"),), body=b"<Query>", content_type="Application/MANSCDP+xml"
    )
    assert (await upper.stack.ask(request, upper.path)).status == 400
    request.headers.set("To", f"<sip:{OUR_CODE}@x>;tag=unknown")


async def test_more_subscriptions_than_the_book_holds_are_503_and_the_same_one_again_replaces(joined, until_true):
    upper, house = await joined(subscriptions=1)
    house.exporter.share(UPPER_CODE, CAMERA)
    house.exporter.scopes[CAMERA] = [camera(1)]
    assert (await upper.subscribe(CatalogQuery(1, OUR_CODE)))[0].status == 200
    assert (await upper.subscribe(AlarmQuery(1, OUR_CODE)))[0].status == 503
    _, second = await upper.subscribe(CatalogQuery(1, OUR_CODE))
    await until_true(lambda: len(catalogs(upper)) == 2)
    house.exporter.change(UPPER_CODE, off(4))
    await until_true(lambda: len(catalogs(upper)) == 3)
    assert upper.heard.notices[-1].call_id == second.call_id
    await until_true(lambda: len(house.state().subscriptions) == 1)


async def test_a_notice_nobody_takes_loses_the_upper_and_its_subscriptions_and_it_registers_again(joined, until_true):
    upper, house = await joined(answer_s=0.1, page_tries=2)
    _, dialog = await upper.subscribe(CatalogQuery(1, OUR_CODE))
    await until_true(lambda: catalogs(upper))
    dialog.on_request = lambda incoming: None
    upper.notified = lambda incoming: None
    house.exporter.change(UPPER_CODE, off(1))
    await until_true(lambda: not house.above.is_up(UPPER_CODE))
    await house.registered()
    await until_true(lambda: house.state().subscriptions == ())


def alarm(priority: int = 2, channel: str = CAMERA, kind: str = "6") -> AlarmRaised:
    return AlarmRaised(DEVICE, channel, priority, 5, kind, 1_714_950_489.0, "翻越围栏")


async def test_alarms_are_filtered_by_priority_and_by_what_is_shared(joined, until_true):
    upper, house = await joined()
    house.exporter.share(UPPER_CODE, CAMERA)
    query = AlarmQuery(5, OUR_CODE, start_priority=1, end_priority=2)
    response, _ = await upper.subscribe(query, event="presence")
    assert response.status == 200
    await until_true(lambda: house.state().subscriptions)
    for each in (alarm(4), alarm(2), alarm(1, channel="34010200001320000099"), alarm(1)):
        house.bus.tell(each)
    await until_true(lambda: len(upper.heard.notices) == 2)
    await asyncio.sleep(0.05)
    told = [notice.value for notice in upper.heard.notices]
    assert [(each.device, each.priority, each.alarm_type) for each in told] == [(CAMERA, 2, 6), (CAMERA, 1, 6)]
    assert told[0].description == "翻越围栏" and told[0].at == 1_714_950_489.0
    assert upper.told(Alarm) == []


@pytest.mark.parametrize("pushes", [True, False])
async def test_without_a_subscription_alarms_are_pushed_when_the_link_says_so(joined, until_true, pushes: bool):
    upper, house = await joined(upper_fields={"push_alarms": pushes})
    house.exporter.share(UPPER_CODE, CAMERA)
    house.bus.tell(alarm())
    if pushes:
        await until_true(lambda: upper.told(Alarm))
        assert upper.told(Alarm)[0].device == CAMERA
    else:
        await asyncio.sleep(0.1)
        assert upper.told(Alarm) == []


async def test_SUB_13_SUB_15_places_are_told_once_an_interval_as_a_list(joined, until_true):
    upper, house = await joined()
    house.exporter.share(UPPER_CODE, CAMERA)
    house.exporter.share(UPPER_CODE, camera(2).code)
    await upper.subscribe(MobilePositionQuery(5, OUR_CODE, 5), event="presence")
    await until_true(lambda: house.state().subscriptions)
    house.bus.tell(PositionReported(DEVICE, CAMERA, 100.0, 117.28, 31.86, speed=36.5))
    await until_true(lambda: len(upper.heard.notices) == 1)
    first = upper.heard.notices[0].value
    assert isinstance(first, MobilePosition) and first.device == OUR_CODE
    assert [(fix.device, fix.longitude, fix.speed) for fix in first.fixes] == [(CAMERA, 117.28, 36.5)]
    for longitude in (117.29, 117.30):
        house.bus.tell(PositionReported(DEVICE, CAMERA, 101.0, longitude, 31.86))
    house.bus.tell(PositionReported(DEVICE, camera(2).code, 101.0, 118.0, 32.0))
    await asyncio.sleep(0.1)
    assert len(upper.heard.notices) == 1
    house.pass_time(5.1)
    await until_true(lambda: len(upper.heard.notices) == 2)
    second = upper.heard.notices[1].value
    assert {(fix.device, fix.longitude) for fix in second.fixes} == {(CAMERA, 117.3), (camera(2).code, 118.0)}


async def test_SUB_14_an_upper_of_2016_is_told_each_place_flat(joined, until_true):
    upper, house = await joined(edition="2.0")
    house.exporter.share(UPPER_CODE, CAMERA)
    await upper.subscribe(MobilePositionQuery(5, OUR_CODE, 1), event="presence")
    await until_true(lambda: house.state().subscriptions)
    house.bus.tell(PositionReported(DEVICE, CAMERA, 100.0, 117.28, 31.86))
    await until_true(lambda: upper.heard.notices)
    told = upper.heard.notices[0].value
    assert isinstance(told, MobilePosition) and told.device == CAMERA and told.fixes[0].longitude == 117.28


async def test_SUB_16_looks_are_told_and_asked_for_below_while_somebody_follows(joined, until_true):
    upper, house = await joined()
    house.exporter.share(UPPER_CODE, CAMERA)
    house.exporter.scopes[CAMERA] = [camera(1)]
    _, dialog = await upper.subscribe(PtzPositionQuery(5, CAMERA), event="presence")
    await until_true(lambda: house.neighbours.followed == [(DEVICE, "ptz", CAMERA)])
    house.bus.tell(PtzPositionReported(DEVICE, CAMERA, 100.0, pan=12.5, tilt=3.0, zoom=2.0))
    await until_true(lambda: upper.heard.notices)
    told = upper.heard.notices[0].value
    assert isinstance(told, PtzPositionNotice) and (told.device, told.look.pan) == (CAMERA, 12.5)
    await dialog.request("SUBSCRIBE", headers=(("Event", "presence"), ("Expires", "0")))
    await until_true(lambda: house.neighbours.followed == [])


async def test_places_of_the_whole_system_are_asked_of_everybody_who_may_have_some(joined, until_true):
    upper, house = await joined()
    county, bus = "34010201002000000001", "34010200001380000001"
    house.uppers.devices = {
        DEVICE: Device(DEVICE, kind=DeviceKind.RECORDER),
        county: Device(county, kind=DeviceKind.PLATFORM),
        bus: Device(bus),
    }
    _, dialog = await upper.subscribe(MobilePositionQuery(5, OUR_CODE, 5), event="presence")
    await until_true(lambda: sorted(house.neighbours.followed) == [(bus, "position", ""), (county, "position", "")])
    await dialog.request("SUBSCRIBE", headers=(("Event", "presence"), ("Expires", "0")))
    await until_true(lambda: house.neighbours.followed == [])


async def test_the_whole_catalog_is_told_anew_on_order_to_those_who_follow_it(joined, until_true):
    upper, house = await joined("tcp")
    house.exporter.items = [camera(number) for number in range(1, 120)]
    await upper.subscribe(CatalogQuery(1, OUR_CODE))
    await until_true(lambda: catalogs(upper))
    house.above.resend_catalog(UPPER_CODE)
    await until_true(lambda: sum(len(each.items) for each in catalogs(upper)) == 119)
    assert {item.event for each in catalogs(upper)[1:] for item in each.items} == {"UPDATE"}
    await until_true(lambda: (100, 119) in house.uppers.sent or len(house.exporter.sent.get(UPPER_CODE, ())) == 119)


async def test_a_catalog_sent_anew_that_is_refused_without_a_subscription_is_not_taken_for_told(joined, until_true):
    upper, house = await joined()
    house.exporter.items = [camera(number) for number in range(1, 31)]
    registers = len(upper.heard.registers)
    tried: list[bytes] = []
    take = upper.stack.on_request

    def hear(incoming: Incoming) -> None:
        if b"<CmdType>Catalog" in incoming.request.body:
            tried.append(incoming.request.body)
        take(incoming)

    upper.stack.on_request = hear
    upper.message_status = 403
    house.above.resend_catalog(UPPER_CODE)
    await until_true(lambda: tried)
    upper.message_status = 200
    house.above.resend_catalog(UPPER_CODE)
    await until_true(lambda: len(house.exporter.sent.get(UPPER_CODE, ())) == 30)
    # The page that was refused was the last of its catalog and is told again with the next.
    told = [item.code for notice in upper.told(CatalogNotice) for item in notice.items]
    assert told == [camera(number).code for number in range(1, 31)]
    assert len(tried) == 1 + len(upper.told(CatalogNotice)) > 2
    assert house.exporter.forgotten == [UPPER_CODE, UPPER_CODE]
    assert len(upper.heard.registers) == registers, "a refusal is no loss"


async def test_SUB_09_when_the_house_closes_subscribers_hear_farewell(joined, until_true):
    upper, house = await joined()
    states: list[str] = []
    _, dialog = await upper.subscribe(CatalogQuery(1, OUR_CODE))
    await until_true(lambda: catalogs(upper))

    def farewell(incoming):
        states.append(incoming.request.headers.get("Subscription-State"))
        incoming.respond(200)

    dialog.on_request = farewell
    await house.above.close()
    assert states == ["terminated;reason=deactivated"]
