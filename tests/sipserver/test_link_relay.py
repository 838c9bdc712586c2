"""Questions handed on to a neighbour: their raw answers come back, gathered, each to its own asker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from gb28181.charset import Charset
from gb28181.edition import Edition
from gb28181.manscdp.alarm import Alarm, AlarmQuery, AlarmResponse
from gb28181.manscdp.config import Config, ConfigQuery, Setting
from gb28181.manscdp.control import ControlResponse, DeviceControl
from gb28181.manscdp.message import Manscdp, Unknown, parse, serialise, sn_of, with_sn
from gb28181.manscdp.position import Fix, MobilePosition, MobilePositionQuery
from gb28181.manscdp.preset import Preset, PresetList, PresetQuery
from gb28181.manscdp.record_info import RecordInfo, RecordInfoQuery, RecordItem
from gb28181.manscdp.relay import peek, recode
from gb28181.peer import Gathered, PeerOffline, PeerRefused, PeerSilent
from registry.events import AlarmRaised, PositionReported

CODE = "34020000001320000001"
CHANNEL = "34020000001310000001"


def bytes_of(value: Manscdp) -> bytes:
    return serialise(value, Charset.GB2312, Edition.V2016)


def asks(value: Manscdp) -> Callable[[int], bytes]:
    """As the side above builds it: the body that came, under the SN it is given."""
    body = bytes_of(value)
    return lambda sn: recode(body, sn=sn, codes=lambda code: code, charset=Charset.GB2312, edition=Edition.V2016)


def record(number: int) -> RecordItem:
    return RecordItem(CHANNEL, f"file {number}", start=1_700_000_000.0 + number, end=1_700_000_060.0 + number)


async def online(make_house, make_camera, until_true):
    house = await make_house()
    camera = await make_camera(house)
    await camera.register()
    await until_true(lambda: not house.below.is_onboarding(CODE))
    link = house.below.peer(CODE)
    assert link is not None
    return house, camera, link


async def test_an_answer_of_a_kind_nobody_reads_comes_back_as_it_was_sent(make_house, make_camera, until_true):
    _, camera, link = await online(make_house, make_camera, until_true)
    kind = "ConfigDefence"

    async def answer(asked: Manscdp) -> None:
        assert isinstance(asked, Unknown) and asked.cmd_type == kind
        body = f"<Response><CmdType>{kind}</CmdType><SN>{asked.sn}</SN><Odd a='1'>布防</Odd></Response>"
        await camera.send("MESSAGE", body.encode("gb18030"))

    camera.answer = answer
    query = f"<Query><CmdType>{kind}</CmdType><SN>{{}}</SN><DeviceID>{CHANNEL}</DeviceID></Query>"
    bodies = await link.relay(lambda sn: query.format(sn).encode())
    assert len(bodies) == 1
    assert "<Odd a='1'>布防</Odd>".encode("gb18030") in bodies[0]


async def test_parts_of_a_record_list_are_gathered_until_the_sum_is_there(make_house, make_camera, until_true):
    _, camera, link = await online(make_house, make_camera, until_true)

    async def answer(asked: Manscdp) -> None:
        for number in (2, 0, 0, 1):
            await camera.say(RecordInfo(sn_of(asked), CHANNEL, "gate", 3, (record(number),)))

    camera.answer = answer
    started = asyncio.get_running_loop().time()
    bodies = await link.relay(asks(RecordInfoQuery(0, CHANNEL, 0.0, 9.0)))
    assert asyncio.get_running_loop().time() - started < 0.35, "the sum ends the wait, not silence"
    kept = [parse(body) for body in bodies]
    assert [part.items[0].name for part in kept if isinstance(part, RecordInfo)] == ["file 2", "file 0", "file 1"]
    assert len({peek(body).sn for body in bodies}) == 1


async def test_a_lost_part_ends_in_silence_and_what_came_is_handed_on(make_house, make_camera, until_true):
    _, camera, link = await online(make_house, make_camera, until_true)

    async def answer(asked: Manscdp) -> None:
        await camera.say(RecordInfo(sn_of(asked), CHANNEL, "gate", 3, (record(1),)))

    camera.answer = answer
    bodies = await link.relay(asks(RecordInfoQuery(0, CHANNEL, 0.0, 9.0)), between_s=0.1)
    assert [parse(body).sum_num for body in bodies] == [3]


async def test_qry_21_each_kind_of_configuration_is_waited_for(make_house, make_camera, until_true):
    _, camera, link = await online(make_house, make_camera, until_true)

    async def answer(asked: Manscdp) -> None:
        assert isinstance(asked, ConfigQuery)
        for kind in asked.kinds:
            await asyncio.sleep(0.02)
            await camera.say(Config(asked.sn, asked.device, settings=(Setting(kind, within=(Setting("A", "1"),)),)))

    camera.answer = answer
    bodies = await link.relay(asks(ConfigQuery(0, CODE, ("BasicParam", "VideoParamOpt"))))
    assert [parse(body).settings[0].name for body in bodies] == ["BasicParam", "VideoParamOpt"]


async def test_cas_14_two_questions_at_once_get_their_own_answers(make_house, make_camera, until_true):
    _, camera, link = await online(make_house, make_camera, until_true)
    open_questions: list[PresetQuery] = []

    async def answer(asked: Manscdp) -> None:
        assert isinstance(asked, PresetQuery)
        open_questions.append(asked)
        if len(open_questions) == 2:
            for each in reversed(open_questions):
                await camera.say(PresetList(each.sn, each.device, (Preset("1", f"of {each.device}"),), 1))

    camera.answer = answer
    one, two = await asyncio.gather(link.relay(asks(PresetQuery(7, CHANNEL))), link.relay(asks(PresetQuery(7, CODE))))
    assert [parse(body).presets[0].name for body in (*one, *two)] == [f"of {CHANNEL}", f"of {CODE}"]


async def test_a_control_without_an_answer_is_done_at_its_200(make_house, make_camera, until_true):
    _, camera, link = await online(make_house, make_camera, until_true)
    camera.asked.clear()
    control = DeviceControl(5, CHANNEL, ptz="A50F01000000B500")
    assert await link.relay(asks(control), answer=False) == []
    await until_true(lambda: camera.queries(DeviceControl))
    camera.status_for_messages = 404
    with pytest.raises(PeerRefused) as refused:
        await link.relay(asks(control), answer=False)
    assert (refused.value.status, refused.value.hops[0].who) == (404, CODE)


async def test_the_wait_is_as_long_as_the_caller_says(make_house, make_camera, until_true):
    house, camera, link = await online(make_house, make_camera, until_true)

    async def answer(asked: Manscdp) -> None:
        await asyncio.sleep(0.3)
        await camera.say(PresetList(sn_of(asked), CHANNEL, (), 0))

    camera.answer = answer
    with pytest.raises(PeerSilent):
        await link.relay(asks(PresetQuery(0, CHANNEL)), timeout_s=0.1)
    assert len(await link.relay(asks(PresetQuery(0, CHANNEL)), timeout_s=0.9)) == 1
    house.below._bindings.loose(CODE)
    with pytest.raises(PeerOffline):
        await link.relay(asks(PresetQuery(0, CHANNEL)))


async def test_headers_of_the_asker_go_with_the_question(make_house, make_camera, until_true):
    _, camera, link = await online(make_house, make_camera, until_true)
    seen: list[str | None] = []
    camera.stack.on_request = lambda incoming: (
        seen.append(incoming.request.headers.get("Monitor-User-Identity")),
        incoming.respond(200),
    )
    await link.relay(
        asks(DeviceControl(5, CHANNEL, i_frame=True)), answer=False, headers=(("Monitor-User-Identity", "a-b"),)
    )
    assert seen == ["a-b"]


@pytest.mark.parametrize(
    ("query", "answer"),
    [
        (MobilePositionQuery(0, CHANNEL), MobilePosition(0, CHANNEL, 9.0, (Fix(CHANNEL, 9.0, 117.0, 31.0),))),
        (AlarmQuery(0, CHANNEL), Alarm(0, CHANNEL, priority=1, method=5, at=9.0)),
        (AlarmQuery(0, CHANNEL), AlarmResponse(0, CHANNEL)),
    ],
)
async def test_an_operators_question_that_a_notify_answers_is_answered_and_the_notify_is_news_too(
    make_house, make_camera, until_true, query: Manscdp, answer: Manscdp
):
    house, camera, link = await online(make_house, make_camera, until_true)
    news: list[object] = []
    house.directory.bus.listen(news.append)

    async def say(asked: Manscdp) -> None:
        if isinstance(asked, type(query)):  # and not the Response to an alarm of ours
            await camera.say(with_sn(answer, sn_of(asked)))

    camera.answer = say
    told = await link.ask(query)
    # What was alarmed comes as a list of however many there were; a bare Response says that there was nothing.
    parts = told.parts if isinstance(told, Gathered) else (told,)
    assert [type(part) for part in parts] == ([] if isinstance(answer, AlarmResponse) else [type(answer)])
    kinds = {MobilePosition: PositionReported, Alarm: AlarmRaised}
    if type(answer) in kinds:
        await until_true(lambda: [event for event in news if isinstance(event, kinds[type(answer)])])


async def test_a_place_that_is_refused_is_not_waited_for(make_house, make_camera, until_true):
    _, camera, link = await online(make_house, make_camera, until_true)

    async def answer(asked: Manscdp) -> None:
        await camera.say(ControlResponse(sn_of(asked), CHANNEL, False, "not supported", "MobilePosition"))

    camera.answer = answer
    with pytest.raises(PeerRefused) as refused:
        await link.ask(MobilePositionQuery(0, CHANNEL), timeout_s=60.0)
    assert refused.value.reason == "not supported"
    (body,) = await link.relay(asks(MobilePositionQuery(0, CHANNEL)), timeout_s=60.0)
    assert b"not supported" in body
