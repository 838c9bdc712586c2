"""Queries and controls from above over real sockets: own answers, pages, and what is handed on."""

from __future__ import annotations

import asyncio
import dataclasses
from itertools import pairwise

from broker.arbitration import Steerer
from gb28181 import ptz
from gb28181.dialect import DIALECTS, STANDARD
from gb28181.hops import read_warnings
from gb28181.manscdp.catalog import Catalog, CatalogQuery, Item
from gb28181.manscdp.control import ControlResponse, DeviceControl, HomePosition
from gb28181.manscdp.device_info import DeviceInfo, DeviceInfoQuery
from gb28181.manscdp.device_status import DeviceStatus, DeviceStatusQuery
from gb28181.manscdp.preset import Preset, PresetList, PresetQuery
from gb28181.manscdp.record_info import RecordInfo, RecordInfoQuery, RecordItem
from gb28181.peer import PeerSilent
from registry.channel import Channel
from registry.device import Device, DeviceKind
from registry.events import NoticeHeard
from sipserver.link import Manners

UPPER_CODE = "34010000002000000001"
OTHER_UPPER = "34000000002000000009"
OUR_CODE = "34010200002000000001"
DEVICE = "34010200001180000001"
CAMERA = "34010200001320000001"
ALIAS = "34010200001320009999"


def cameras(count: int) -> list[Item]:
    head = Item(OUR_CODE, name="庐阳区平台")
    rest = [
        Item(f"3401020000132{number:07d}", name=f"路口{number}", parent_ids=(OUR_CODE,)) for number in range(1, count)
    ]
    return [head, *rest][:count]


async def test_questions_about_ourselves_are_answered_at_once(joined, until_true):
    upper, _house = await joined()
    assert (await upper.say(DeviceInfoQuery(7, OUR_CODE))).status == 200
    assert (await upper.say(DeviceStatusQuery(8, OUR_CODE))).status == 200
    assert (await upper.say(PresetQuery(9, OUR_CODE))).status == 200
    await until_true(lambda: len(upper.heard.messages) == 3)
    info = next(each for each in upper.heard.messages if isinstance(each, DeviceInfo))
    assert (info.sn, info.device, info.name, info.ok) == (7, OUR_CODE, "庐阳区平台", True)
    status = next(each for each in upper.heard.messages if isinstance(each, DeviceStatus))
    assert (status.sn, status.online) == (8, True)
    presets = next(each for each in upper.heard.messages if isinstance(each, PresetList))
    assert (presets.sn, presets.ok) == (9, False)


async def test_the_catalog_comes_in_pages_each_after_the_answer_to_the_one_before(joined, until_true):
    upper, house = await joined(upper_fields={"page_size": 3})
    house.exporter.items = cameras(10)
    upper.delay_s = 0.05
    assert (await upper.say(CatalogQuery(21, OUR_CODE))).status == 200
    await until_true(lambda: len(upper.catalog(21)) == 4)
    pages = upper.catalog(21)
    assert [page.sum_num for page in pages] == [10] * 4
    assert [len(page.items) for page in pages] == [3, 3, 3, 1]
    assert [item.code for page in pages for item in page.items] == [item.code for item in house.exporter.items]
    times = upper.heard.at[-4:]
    assert all(later - earlier >= 0.045 for earlier, later in pairwise(times))
    await until_true(lambda: len(house.exporter.sent.get(UPPER_CODE, ())) == 10)
    assert house.exporter.forgotten == [UPPER_CODE]
    assert house.uppers.sent and house.uppers.sent[0][1] == 10
    await until_true(lambda: house.state().catalog_sent is None)


async def test_an_empty_catalog_is_an_answer_too(joined, until_true):
    upper, _house = await joined()
    await upper.say(CatalogQuery(5, OUR_CODE))
    await until_true(lambda: upper.catalog(5))
    assert upper.catalog(5)[0].sum_num == 0 and upper.catalog(5)[0].items == ()


async def test_a_page_that_was_lost_is_sent_again_and_nothing_is_missing(joined, until_true):
    upper, house = await joined(upper_fields={"page_size": 2}, answer_s=0.15)
    house.exporter.items = cameras(6)
    upper.drops_messages = 2
    await upper.say(CatalogQuery(22, OUR_CODE))
    await until_true(lambda: len(upper.catalog(22)) == 3)
    got = [item.code for page in upper.catalog(22) for item in page.items]
    assert got == [item.code for item in house.exporter.items]
    assert house.above.is_up(UPPER_CODE)


async def test_an_upper_that_never_takes_a_page_is_lost_and_not_sent_the_rest(joined, until_true):
    upper, house = await joined(upper_fields={"page_size": 2}, answer_s=0.1, page_tries=2)
    house.exporter.items = cameras(8)
    upper.delay_s = 0.05
    await upper.say(CatalogQuery(23, OUR_CODE))
    await until_true(lambda: len(upper.catalog(23)) == 1)
    upper.drops_messages = 1000
    await until_true(lambda: not house.above.is_up(UPPER_CODE))
    assert len(upper.catalog(23)) < 4
    assert len(house.exporter.sent[UPPER_CODE]) < 8
    upper.drops_messages = 0
    await house.registered()


async def test_a_page_that_is_refused_ends_the_answer(joined, until_true):
    upper, house = await joined(upper_fields={"page_size": 2})
    house.exporter.items = cameras(8)
    upper.message_status = 488
    await upper.say(CatalogQuery(24, OUR_CODE))
    await until_true(lambda: house.above.answers.tally.catalogs == 1)
    await asyncio.sleep(0.1)
    assert not house.exporter.sent and house.above.is_up(UPPER_CODE)


async def test_a_catalog_of_a_shared_node_is_that_nodes_alone(joined, until_true):
    upper, house = await joined()
    house.exporter.share(UPPER_CODE, DEVICE, kind="device")
    house.exporter.scopes[DEVICE] = cameras(3)[1:]
    await upper.say(CatalogQuery(25, DEVICE))
    await until_true(lambda: upper.catalog(25))
    assert upper.catalog(25)[0].device == DEVICE and upper.catalog(25)[0].sum_num == 2
    assert house.exporter.forgotten == []


async def test_over_TCP_a_page_holds_many_items(joined, until_true):
    upper, house = await joined("tcp")
    house.exporter.items = cameras(120)
    await upper.say(CatalogQuery(26, OUR_CODE))
    await until_true(lambda: len(upper.catalog(26)) == 3)
    assert [len(page.items) for page in upper.catalog(26)] == [50, 50, 20]


async def test_CAS_14_two_uppers_asking_with_one_SN_each_get_their_own_answer(make_upper, make_lower, until_true):
    one, two = await make_upper(), await make_upper(OTHER_UPPER, edition="2.0")
    two.lower = "34019900002000000077"
    house = await make_lower(one.as_upper(), two.as_upper(our_code=two.lower))
    await house.registered()
    await house.registered(OTHER_UPPER)
    house.exporter.share(UPPER_CODE, CAMERA)
    house.exporter.share(OTHER_UPPER, ALIAS, code="34010200001320000002")
    house.peer.answers = lambda value: [PresetList(value.sn, value.device, (Preset("1", f"门 {value.device[-1]}"),))]
    await asyncio.gather(one.say(PresetQuery(17, CAMERA)), two.say(PresetQuery(17, ALIAS)))
    await until_true(lambda: one.told(PresetList) and two.told(PresetList))
    first, second = one.told(PresetList)[0], two.told(PresetList)[0]
    assert (first.sn, first.device, first.presets[0].name) == (17, CAMERA, "门 1")
    assert (second.sn, second.device, second.presets[0].name) == (17, ALIAS, "门 2")
    sns = [handed.value.sn for handed in house.peer.handed]
    assert len(set(sns)) == 2 and 17 not in sns


async def test_what_is_not_shared_is_404(joined):
    upper, house = await joined()
    assert (await upper.say(PresetQuery(3, CAMERA))).status == 404
    assert (await upper.say(CatalogQuery(4, CAMERA))).status == 404
    assert house.peer.handed == []


async def test_who_was_refused_is_heard_again_with_the_very_same(joined, until_true):
    """A 503 says Retry-After 5; what came again then was taken for a repeat, answered 200, and never done."""
    upper, house = await joined(questions=1, questions_at_once=1)
    query = PresetQuery(3, CAMERA)
    assert [(await upper.say(query)).status for _ in range(2)] == [404, 404]
    house.exporter.share(UPPER_CODE, CAMERA)
    house.peer.answers = lambda value: [PresetList(value.sn, value.device, ())]
    house.peer.gate = asyncio.Event()
    for sn in (11, 12):  # one is asked below, one waits
        assert (await upper.say(DeviceInfoQuery(sn, CAMERA))).status == 200
        await until_true(lambda: house.peer.handed)
    assert (await upper.say(query)).status == 503
    house.peer.gate.set()
    await until_true(lambda: len(house.peer.handed) == 2)
    assert (await upper.say(query)).status == 200
    await until_true(lambda: upper.told(PresetList))


async def test_a_question_that_has_its_answer_may_come_again_under_its_SN(joined, until_true):
    """An SN is its question's own while that is open, and some count no further than 1 (signalling 4.1)."""
    upper, house = await joined()
    house.exporter.items = cameras(2)
    house.exporter.share(UPPER_CODE, CAMERA)
    house.peer.answers = lambda value: [PresetList(value.sn, value.device, ())]
    house.peer.gate = asyncio.Event()
    for _ in range(3):  # while it is open it is asked once
        assert (await upper.say(PresetQuery(1, CAMERA))).status == 200
    house.peer.gate.set()
    for times in (1, 2):
        await until_true(lambda: len(upper.told(PresetList)) == times)  # noqa: B023 - awaited within the turn
        await asyncio.sleep(0.05)
        assert len(house.peer.handed) == times
        assert (await upper.say(PresetQuery(1, CAMERA))).status == 200
    for times in (1, 2):
        await upper.say(CatalogQuery(1, OUR_CODE))
        await until_true(lambda: len(upper.catalog(1)) == times)  # noqa: B023
        await until_true(lambda: house.state().catalog_sent is None)
        await asyncio.sleep(0.05)


async def test_what_cannot_be_read_is_400_and_a_body_less_message_is_taken(joined):
    upper, _house = await joined()
    assert (await upper.say(b"<Query><CmdType>")).status == 400
    assert (await upper.say(b"")).status == 200


async def test_a_control_without_answer_is_handed_on_and_200_is_all(joined, until_true):
    upper, house = await joined()
    house.exporter.share(UPPER_CODE, ALIAS, code=CAMERA)
    assert (await upper.say(DeviceControl(40, ALIAS, ptz="A50F01021F0000D6"))).status == 200
    await until_true(lambda: house.peer.handed)
    handed = house.peer.handed[0]
    assert isinstance(handed.value, DeviceControl)
    assert (handed.value.device, handed.value.ptz, handed.answer) == (CAMERA, "A50F01021F0000D6", False)
    await asyncio.sleep(0.05)
    assert upper.heard.messages == []


async def test_a_repeated_control_is_answered_and_obeyed_once(joined, until_true):
    upper, house = await joined()
    house.exporter.share(UPPER_CODE, CAMERA)
    for _ in range(5):
        assert (await upper.say(DeviceControl(41, CAMERA, ptz="A50F01021F0000D6"))).status == 200
    await upper.say(DeviceControl(42, CAMERA, ptz="A50F0100000000B5"))
    await upper.say(DeviceControl(41, CAMERA, ptz="A50F01021F0000D6"))
    await until_true(lambda: len(house.peer.handed) == 3)
    assert [handed.value.ptz[6:8] for handed in house.peer.handed] == ["02", "00", "02"]


async def test_commands_to_one_camera_keep_their_order_though_it_is_slow(joined, until_true):
    upper, house = await joined()
    house.exporter.share(UPPER_CODE, CAMERA)
    house.peer.gate = asyncio.Event()
    for sn in range(1, 8):
        assert (await upper.say(DeviceControl(sn, CAMERA, ptz=f"A50F0102{sn:02X}000000"))).status == 200
    await asyncio.sleep(0.05)
    assert len(house.peer.handed) == 1
    house.peer.gate.set()
    await until_true(lambda: len(house.peer.handed) == 7)
    assert [int(handed.value.ptz[8:10], 16) for handed in house.peer.handed] == list(range(1, 8))


async def test_a_control_that_has_an_answer_gets_it_or_an_ERROR(joined, until_true):
    upper, house = await joined()
    house.exporter.share(UPPER_CODE, CAMERA)
    house.peer.answers = lambda value: [ControlResponse(value.sn, value.device, True)]
    await upper.say(DeviceControl(50, CAMERA, guard=True))
    await until_true(lambda: upper.told(ControlResponse))
    assert upper.told(ControlResponse)[0] == ControlResponse(50, CAMERA, True)
    house.peer.error = PeerSilent("it did not answer in 10 s")
    await upper.say(DeviceControl(51, CAMERA, guard=False))
    await until_true(lambda: len(upper.told(ControlResponse)) == 2)
    refused = upper.told(ControlResponse)[1]
    assert (refused.sn, refused.ok) == (51, False) and "did not answer" in refused.reason


async def test_a_control_that_a_maker_obeys_in_silence_is_answered_OK_and_not_waited_for(joined, until_true):
    """Dahua moves to its home position and sends no answer, which is no failure (signalling 10.1)."""
    upper, house = await joined()
    house.exporter.share(UPPER_CODE, CAMERA)
    house.peer.manners = Manners(DIALECTS["dahua"])
    await upper.say(DeviceControl(52, CAMERA, home_position=HomePosition(True, 120, 3)))
    await until_true(lambda: upper.told(ControlResponse))
    assert upper.told(ControlResponse) == [ControlResponse(52, CAMERA, True)]
    assert [handed.answer for handed in house.peer.handed] == [False]
    await upper.say(DeviceControl(53, CAMERA, guard=True))
    await until_true(lambda: len(house.peer.handed) == 2)
    assert house.peer.handed[1].answer, "of everything else it has an answer"


async def test_a_record_list_of_many_parts_comes_up_with_its_codes_and_sum(joined, until_true):
    upper, house = await joined()
    house.exporter.share(UPPER_CODE, ALIAS, code=CAMERA)

    def answer(value):
        return [
            RecordInfo(
                value.sn, CAMERA, "门", 4, tuple(RecordItem(CAMERA, start=100.0 * n, end=100.0 * n + 50) for n in pair)
            )
            for pair in ((1, 2), (3, 4))
        ]

    house.peer.answers = answer
    await upper.say(RecordInfoQuery(60, ALIAS, start=0, end=1000))
    await until_true(lambda: len(upper.told(RecordInfo)) == 2)
    parts = upper.told(RecordInfo)
    assert {(part.sn, part.device, part.sum_num) for part in parts} == {(60, ALIAS, 4)}
    assert {item.device for part in parts for item in part.items} == {ALIAS}
    assert house.peer.handed[0].value.device == CAMERA


async def test_patience_grows_with_the_tiers_below(joined, until_true):
    upper, house = await joined(hop_patience_s=2.0)
    house.exporter.share(UPPER_CODE, CAMERA)
    await upper.say(PresetQuery(1, CAMERA))
    await until_true(lambda: house.peer.handed)
    house.uppers.devices[DEVICE] = Device(DEVICE, kind=DeviceKind.PLATFORM)
    await upper.say(PresetQuery(2, CAMERA))
    await until_true(lambda: len(house.peer.handed) == 2)
    house.uppers.channels[DEVICE, CAMERA] = Channel(DEVICE, Item(CAMERA, parent_ids=("34010300002000000009",)))
    await upper.say(PresetQuery(3, CAMERA))
    await until_true(lambda: len(house.peer.handed) == 3)
    assert [handed.timeout_s for handed in house.peer.handed] == [2.0, 4.0, 6.0]


async def test_a_status_asked_of_what_is_offline_comes_from_the_store(joined, until_true):
    upper, house = await joined()
    house.exporter.share(UPPER_CODE, CAMERA)
    house.peer.is_online = False
    assert (await upper.say(DeviceStatusQuery(70, CAMERA))).status == 200
    await until_true(lambda: upper.told(DeviceStatus))
    assert (upper.told(DeviceStatus)[0].sn, upper.told(DeviceStatus)[0].online) == (70, False)
    await upper.say(DeviceInfoQuery(71, CAMERA))
    await until_true(lambda: upper.told(DeviceInfo))
    assert not upper.told(DeviceInfo)[0].ok


async def test_of_several_neighbours_the_one_online_is_asked(joined, until_true):
    upper, house = await joined()
    second = "34010200002000000005"
    house.neighbours.peers[second] = type(house.peer)()
    house.exporter.share(UPPER_CODE, CAMERA, owners=(DEVICE, second))
    house.peer.is_online = False
    await upper.say(PresetQuery(80, CAMERA))
    await until_true(lambda: house.neighbours.peers[second].handed)
    assert house.peer.handed == []


async def test_who_is_expected_back_since_our_restart_is_asked_when_nobody_else_is_there(joined, until_true):
    upper, house = await joined()
    second = "34010200002000000005"
    house.neighbours.peers[second] = type(house.peer)()
    house.exporter.share(UPPER_CODE, CAMERA, owners=(DEVICE, second))
    house.peer.is_online, house.peer.is_expected = False, True
    await upper.say(PresetQuery(80, CAMERA))
    await until_true(lambda: house.neighbours.peers[second].handed)
    assert house.peer.handed == []
    house.neighbours.peers[second].is_online = False
    await upper.say(PresetQuery(81, CAMERA))
    await until_true(lambda: house.peer.handed)


async def test_SEC_06_the_user_above_goes_down_with_our_realm_in_front_and_a_circle_is_482(joined, until_true):
    upper, house = await joined()
    house.exporter.share(UPPER_CODE, CAMERA)
    headers = (("Monitor-User-Identity", f"{UPPER_CODE}-34010000004000000007-org"),)
    assert (await upper.say(DeviceControl(90, CAMERA, ptz="A50F0100000000B5"), headers=headers)).status == 200
    await until_true(lambda: house.peer.handed)
    sent = house.peer.handed[0].headers["Monitor-User-Identity"]
    assert sent == f"{OUR_CODE}-{UPPER_CODE}-34010000004000000007-org"
    circle = (("Monitor-User-Identity", sent),)
    assert (await upper.say(DeviceControl(91, CAMERA, ptz="A50F0100000000B5"), headers=circle)).status == 482


def turn(sn: int, command: ptz.Command) -> DeviceControl:
    return DeviceControl(sn, CAMERA, ptz=ptz.encode(command))


async def test_a_camera_of_ours_that_an_upper_moves_stops_when_no_more_is_heard_of_it(joined, until_true):
    upper, house = await joined(ptz_hold_s=1.0)
    house.exporter.share(UPPER_CODE, CAMERA)
    who = f"{UPPER_CODE}-34010000004000000007-org"
    move = turn(1, ptz.Move(pan=1.0))
    assert (await upper.say(move, headers=(("Monitor-User-Identity", who),))).status == 200
    await until_true(lambda: house.peer.told)
    stop = DeviceControl(0, CAMERA, ptz=ptz.encode(ptz.Stop()))
    assert house.peer.told[0] == stop
    assert [handed.value.ptz for handed in house.peer.handed] == [move.ptz]
    assert house.peer.names[0] == house.peer.handed[0].headers["Monitor-User-Identity"] == f"{OUR_CODE}-{who}"


async def test_a_pan_from_above_is_doubled_for_a_device_that_wants_it_twice_and_for_no_other(joined, until_true):
    upper, house = await joined()
    house.exporter.share(UPPER_CODE, CAMERA)
    pan, tilt, zoom = ptz.Move(pan=-0.5), ptz.Move(pan=0.5, tilt=0.2), ptz.Move(zoom=1.0)
    addressed = DeviceControl(4, CAMERA, ptz=ptz.encode(pan, address=0x123))
    said = [turn(1, pan), turn(2, tilt), turn(3, zoom), addressed]
    for dialect in (STANDARD, DIALECTS["pan-speed-twice"]):
        house.peer.handed.clear()
        house.peer.manners = dataclasses.replace(house.peer.manners, dialect=dialect)
        for number, control in enumerate(said, 1):
            again = dataclasses.replace(control, sn=control.sn + (50 if dialect is STANDARD else 60))
            assert (await upper.say(again)).status == 200
            await until_true(lambda number=number: len(house.peer.handed) == number)
        twice = dialect.doubles_pan_speed
        assert [handed.value.ptz for handed in house.peer.handed] == [
            ptz.encode(pan, doubled=twice),
            ptz.encode(tilt),
            ptz.encode(zoom),
            ptz.encode(pan, address=0x123, doubled=twice),
        ]


async def test_a_stop_from_above_lets_the_lever_go(joined, until_true):
    upper, house = await joined()
    house.exporter.share(UPPER_CODE, CAMERA)
    await upper.say(turn(1, ptz.Move(pan=1.0)))
    await until_true(lambda: len(house.levers) == 1)
    await upper.say(turn(2, ptz.Stop()))
    await until_true(lambda: len(house.peer.handed) == 2 and len(house.levers) == 0)
    assert house.peer.told == []


async def test_the_cameras_of_a_platform_below_are_its_own_to_stop(joined, until_true):
    upper, house = await joined()
    house.uppers.devices[DEVICE] = Device(DEVICE, kind=DeviceKind.PLATFORM)
    house.exporter.share(UPPER_CODE, CAMERA)
    await upper.say(turn(1, ptz.Move(pan=1.0)))
    await until_true(lambda: house.peer.handed)
    assert len(house.levers) == 0


async def test_a_hand_on_the_stick_waits_for_nobody_to_come_back_and_a_question_does(joined, until_true):
    upper, house = await joined()
    house.exporter.share(UPPER_CODE, CAMERA)
    for number, said in enumerate((turn(1, ptz.Move(pan=1.0)), DeviceControl(2, CAMERA, guard=True)), 1):
        await upper.say(said)
        await until_true(lambda number=number: len(house.peer.handed) == number)
    await upper.say(PresetQuery(3, CAMERA))
    await until_true(lambda: len(house.peer.handed) == 3)
    assert house.peer.may_wait == [False, True, True]


async def test_a_steering_that_cannot_be_read_goes_down_all_the_same(joined, until_true):
    upper, house = await joined()
    house.exporter.share(UPPER_CODE, CAMERA)
    await upper.say(DeviceControl(1, CAMERA, ptz="A50F4D1000001021FF"))
    await until_true(lambda: house.peer.handed)
    assert len(house.levers) == 0


async def test_news_of_ordered_work_go_to_the_upper_that_ordered_it(make_upper, make_lower, until_true):
    one, two = await make_upper(), await make_upper(OTHER_UPPER)
    house = await make_lower(one.as_upper(), two.as_upper())
    await house.registered()
    await house.registered(OTHER_UPPER)
    house.exporter.share(UPPER_CODE, ALIAS, code=CAMERA)
    session = "a1b2c3d4" * 4
    order = (
        f"<Control><CmdType>DeviceControl</CmdType><SN>1</SN><DeviceID>{ALIAS}</DeviceID><DeviceUpgrade>"
        f"<Firmware>2</Firmware><FileURL>http://x/f</FileURL><Manufacturer>A</Manufacturer>"
        f"<SessionID>{session}</SessionID></DeviceUpgrade></Control>"
    )
    await one.say(order.encode())
    await until_true(lambda: house.peer.handed)
    body = (
        f"<Notify><CmdType>DeviceUpgradeResult</CmdType><SN>5</SN><DeviceID>{CAMERA}</DeviceID>"
        f"<SessionID>{session}</SessionID><UpgradeResult>OK</UpgradeResult></Notify>"
    )
    house.bus.tell(NoticeHeard(DEVICE, "DeviceUpgradeResult", CAMERA, session, body.encode()))
    await until_true(lambda: any(b"UpgradeResult" in each for each in one.heard.bodies))
    told = next(each for each in one.heard.bodies if b"DeviceUpgradeResult" in each)
    assert ALIAS.encode() in told and session.encode() in told
    assert two.heard.bodies == []


async def test_another_code_from_the_uppers_very_address_is_the_upper(joined):
    upper, house = await joined()
    assert (await upper.say(DeviceInfoQuery(1, OUR_CODE), from_code="34010000004000000001")).status == 200
    assert house.below == []


async def test_a_catalog_of_another_edition_has_that_editions_elements(make_upper, make_lower, until_true):
    new, old = await make_upper(), await make_upper(OTHER_UPPER, edition="2.0")
    house = await make_lower(new.as_upper(), old.as_upper())
    await house.registered()
    await house.registered(OTHER_UPPER)
    house.exporter.items = [Item(CAMERA, name="门口", business_group="34010200002150000001", owner="x")]
    await asyncio.gather(new.say(CatalogQuery(9, OUR_CODE)), old.say(CatalogQuery(9, OUR_CODE)))
    await until_true(lambda: new.told(Catalog) and old.told(Catalog))
    assert b"<Owner>" in old.heard.bodies[-1] and b"<Owner>" not in new.heard.bodies[-1]
    assert new.catalog(9)[0].items[0].name == old.catalog(9)[0].items[0].name == "门口"


async def test_an_upper_that_steers_what_an_operator_steers_is_refused_and_told_who_holds_it(joined, until_true):
    upper, house = await joined()
    house.exporter.share(UPPER_CODE, CAMERA)
    arbitration = house.levers.arbitration
    arbitration.hold(DEVICE, CAMERA, Steerer("user:wang", "wang", 200), 60)
    refused = await upper.say(turn(1, ptz.Move(pan=1.0)))
    assert refused.status == 403
    (hop,) = read_warnings(refused.headers.all("Warning"))
    assert (hop.who, hop.status) == (OUR_CODE, 403) and "steered by wang until" in hop.reason
    # What does not steer is nobody's to refuse, and the upper's own motion goes down when the camera is free again.
    assert (await upper.say(DeviceControl(2, CAMERA, guard=True))).status == 200
    arbitration.give_back(DEVICE, CAMERA, Steerer("user:wang", "wang", 200))
    assert (await upper.say(turn(3, ptz.Move(pan=1.0)))).status == 200
    await until_true(lambda: len(house.peer.handed) == 2)
    hold = arbitration.of(DEVICE, CAMERA)
    assert hold is not None and hold.steerer.key == f"upper:{UPPER_CODE}"
