"""The broadcast lines of the conformance list (signalling reference 11), each a test named by its line."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from broker.speech import Obstacle, SomebodyTalks, SpeechWish, Stage, Style, Whom
from broker.voice import Speech
from gb28181.edition import Edition
from gb28181.manscdp.broadcast import Broadcast
from gb28181.manscdp.catalog import Catalog, CatalogQuery
from gb28181.manscdp.control import ControlResponse
from gb28181.sdp import parse_answer, parse_offer, serialise
from gb28181.subject import Subject
from gb28181.voice import answer_to_listener, listener_offer
from simulator.camera import Camera, CameraSettings, ChannelSettings
from simulator.hearing import HearingSettings
from simulator.loudspeaker import Loudspeaker
from simulator.platform_above import Upper
from simulator.speaker import SpeakerSettings
from simulator.tone import Tone
from sipserver.stack import Incoming
from tests.conformance import middle
from tests.conformance.bare import CAMERA, bare
from tests.conformance.pair import Estate, Pair, house, joined, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

PITCH_HZ = 500
SOURCE = "34020000001360000001"
SPEAKER = "34020000001370000001"
UPPER_SOURCE = "44000000001360000001"
TOWN_CAMERA = "44010000001320000001"
TOWN_SPEAKER = "44010000001370000001"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def estate(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Estate]:
    async with house(Path(tmp_path_factory.mktemp("voice")), voice={"ask_s": 2.0, "call_s": 1.0}) as estate:
        yield estate


def camera(number: int) -> tuple[str, str]:
    """A camera's code and that of its loudspeaker."""
    return f"3402000000132000{number:04d}", f"3402000000137000{number:04d}"


async def hears(estate: Estate, number: int, *, edition: Edition = Edition.V2022, **quirks: object) -> Pair:
    code, output = camera(number)
    hearing = HearingSettings(outputs=(output,), **quirks)  # type: ignore[arg-type]
    return await listed(await joined(estate, code, edition=edition, hearing=hearing))


async def listed(pair: Pair) -> Pair:
    """Until its loudspeakers are known, too."""
    directory = pair.estate.house.directory
    for output in pair.camera.settings.hearing.outputs:
        await until(lambda output=output: directory.channel(pair.code, output))
    return pair


@asynccontextmanager
async def speaking(pair: Pair, style: Style = Style.AUTO, channel: str = "") -> AsyncIterator[Speech]:
    """Somebody speaks a tone to a device until the block ends."""
    voices = pair.estate.house.voices
    wish = SpeechWish((Whom(pair.code, channel or pair.code),), "operator", style)
    speech = await voices.speak(wish)
    tone = Tone(PITCH_HZ)

    async def speak() -> None:
        for number in range(1, 10_000):
            sound = tone.until(number * 1800)
            assert sound is not None
            speech.say(sound.data)
            await asyncio.sleep(0.02)

    task = asyncio.create_task(speak())
    try:
        yield speech
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await voices.end(speech.id, "released")


async def heard(pair: Pair, output: str) -> float:
    """How much of what a loudspeaker hears is our tone, when it has heard some of it."""
    await until(lambda: output in pair.camera.hearing.heard)
    loudspeaker = pair.camera.hearing.heard[output]
    await until(lambda: loudspeaker.energy(0.3) > 0.05)
    await until(lambda: loudspeaker.loudness(PITCH_HZ, 0.3) > 0.8)
    return loudspeaker.loudness(PITCH_HZ, 0.3)


@pytest.mark.parametrize("edition", [Edition.V2016, Edition.V2022])
async def test_BRD_01_a_broadcast_is_told_by_a_notice_with_source_and_target(estate: Estate, edition: Edition):
    number = 11 if edition is Edition.V2016 else 12
    pair = await hears(estate, number, edition=edition)
    async with speaking(pair):
        notice = await pair.ours.see(Broadcast, out=True)
        assert notice.method == "MESSAGE"
        xml = notice.xml
        assert xml.tag == "Notify"
        assert [child.tag for child in xml] == ["CmdType", "SN", "SourceID", "TargetID"]
        assert xml.findtext("SourceID") == estate.house.voices.source_code
        assert (xml.findtext("SourceID") or "")[10:13] == "136"
        assert xml.findtext("TargetID") == camera(number)[1]
        assert await heard(pair, camera(number)[1]) > 0.8


@pytest.mark.parametrize("edition", [Edition.V2016, Edition.V2022])
async def test_BRD_02_a_device_that_can_answers_ok_and_calls_with_audio_and_a_subject(edition: Edition):
    hearing = HearingSettings(outputs=(SPEAKER,))
    async with bare(edition, hearing=hearing) as (platform, _):
        called: list[Incoming] = []
        take = platform.stack.on_request
        assert take is not None

        def watch(incoming: Incoming) -> None:
            if incoming.request.method == "INVITE":
                called.append(incoming)
            else:
                take(incoming)

        platform.stack.on_request = watch
        assert await platform.say(Broadcast(31, SOURCE, SPEAKER)) == 200
        answer = await platform.hear(ControlResponse)
        assert (answer.cmd_type, answer.sn, answer.device, answer.ok) == ("Broadcast", 31, SPEAKER, True)
        await until(lambda: called)
        request = called[0].request
        assert request.request_uri.user == request.to.user == SOURCE
        subject = Subject.parse(request.headers.get("Subject") or "")
        assert (subject.sender, subject.receiver) == (SOURCE, SPEAKER)
        assert b"s=Play\r\n" in request.body and b"m=audio " in request.body
        offer = parse_offer(request.body)
        assert offer.payload_map() == {8: "PCMA"}
        called[0].respond(486)


async def test_BRD_03_a_device_without_a_loudspeaker_answers_error():
    async with bare() as (platform, _):
        assert await platform.say(Broadcast(32, SOURCE, CAMERA)) == 200
        answer = await platform.hear(ControlResponse)
        assert (answer.cmd_type, answer.sn, answer.ok) == ("Broadcast", 32, False)


async def test_BRD_04_every_loudspeaker_of_a_recorder_that_calls_is_taken(estate: Estate):
    recorder = "34020000001180000004"
    outputs = tuple(f"3402000000137000004{n}" for n in range(3))
    hearing = HearingSettings(outputs=outputs)
    pair = await listed(
        await joined(estate, recorder, channels=(ChannelSettings("34020000001320000004", "一号"),), hearing=hearing)
    )
    async with speaking(pair, channel=recorder) as speech:
        notice = await pair.ours.hear(Broadcast, out=True)
        assert notice.target == recorder
        for output in outputs:
            assert await heard(pair, output) > 0.8
        (view,) = speech.view().hearers
        assert len(view.legs) == 3
    await until(lambda: pair.camera.hearing.ends == ["BYE"] * 3)


async def test_BRD_05_the_platform_says_bye_when_the_broadcast_ends(estate: Estate):
    pair = await hears(estate, 15)
    async with speaking(pair):
        await heard(pair, camera(15)[1])
    bye = await pair.ours.see("BYE", out=True)
    assert bye.message.call_id == (await pair.ours.see("INVITE", out=False)).message.call_id
    await until(lambda: pair.camera.hearing.ends == ["BYE"])
    assert not pair.ours.all("BYE", out=False)


async def test_QRY_15_a_device_with_a_loudspeaker_lists_it_with_the_device_as_parent():
    async with bare(hearing=HearingSettings(outputs=(SPEAKER,))) as (platform, _):
        await platform.say(CatalogQuery(7, CAMERA))
        catalog = await platform.hear(Catalog)
        (item,) = [item for item in catalog.items if item.code[10:13] == "137"]
        assert (item.code, item.parent_ids) == (SPEAKER, (CAMERA,))


# The same lines with a platform of ours as the lower one: a voice from above.


@asynccontextmanager
async def between(tmp_path: Path, **quirks: Any) -> AsyncIterator[tuple[Upper, Camera, list[Incoming]]]:
    """A platform above, a house of ours that has registered with it, and a camera below that hears; and the INVITEs
    that come up."""
    async with middle.opened(tmp_path) as town:
        upper = await town.above(edition=quirks.pop("edition", Edition.V2022))
        upper.settings = replace(upper.settings, ask_s=15.0)
        hearing = HearingSettings(outputs=(TOWN_SPEAKER,), **quirks)
        speaker = SpeakerSettings(
            TOWN_CAMERA, middle.PASSWORD, "127.0.0.1", town.house.stack.port, middle.OWN, keepalive_s=1.0, retry_s=0.2
        )
        camera = Camera(CameraSettings(speaker, "北门", (ChannelSettings(TOWN_CAMERA, "北门"),), hearing=hearing))
        running = asyncio.create_task(camera.run())
        try:
            await until(lambda: town.house.directory.channel(TOWN_CAMERA, TOWN_SPEAKER), 20)
            called: list[Incoming] = []
            take = upper.stack.on_request
            assert take is not None

            def watch(incoming: Incoming) -> None:
                if incoming.request.method == "INVITE":
                    called.append(incoming)
                else:
                    take(incoming)

            upper.stack.on_request = watch
            yield upper, camera, called
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await camera.close()


async def told(upper: Upper, target: str) -> ControlResponse:
    """What our house answers, under the same SN, to a notice from above."""
    (answer,) = (await upper.ask(middle.OWN, Broadcast(0, UPPER_SOURCE, target))).parts
    assert isinstance(answer, ControlResponse)
    return answer


@pytest.mark.parametrize("edition", [Edition.V2016, Edition.V2022])
async def test_BRD_02_a_voice_from_above_is_handed_on_and_its_call_goes_up_with_the_subject_rewritten(
    tmp_path: Path, edition: Edition
):
    async with between(tmp_path, edition=edition) as (upper, camera, called):
        answer = await told(upper, TOWN_SPEAKER)
        assert (answer.cmd_type, answer.device, answer.ok) == ("Broadcast", TOWN_SPEAKER, True)
        (notice,) = camera.hearing.notices
        assert notice.target == TOWN_SPEAKER and notice.source != UPPER_SOURCE
        await until(lambda: called)
        request = called[0].request
        assert request.to.user == request.request_uri.user == UPPER_SOURCE
        assert request.from_.user == middle.OWN
        subject = Subject.parse(request.headers.get("Subject") or "")
        assert (subject.sender, subject.receiver) == (UPPER_SOURCE, TOWN_SPEAKER)
        offer = listener_offer(request.body)
        voice = Loudspeaker("udp")
        await voice.open()
        answered = answer_to_listener(
            offer, owner=UPPER_SOURCE, host="127.0.0.1", port=voice.port, ssrc=9, payload=offer.payloads[0]
        )
        dialog = called[0].accept(serialise(answered))
        voice.source = (offer.host, offer.port)
        voice.speak(PITCH_HZ, 9)
        await until(lambda: TOWN_SPEAKER in camera.hearing.heard)
        loudspeaker = camera.hearing.heard[TOWN_SPEAKER]
        await until(lambda: loudspeaker.energy(0.3) > 0.05 and loudspeaker.loudness(PITCH_HZ, 0.3) > 0.8)
        await dialog.bye(timeout_s=3)
        await until(lambda: camera.hearing.ends == ["BYE"])
        await voice.close()


async def test_BRD_05_a_voice_from_above_ends_when_the_device_hangs_up(tmp_path: Path):
    async with between(tmp_path) as (upper, camera, called):
        assert (await told(upper, TOWN_CAMERA)).ok
        await until(lambda: called)
        offer = listener_offer(called[0].request.body)
        ended: list[str] = []
        answered = answer_to_listener(
            offer, owner=UPPER_SOURCE, host="127.0.0.1", port=9, ssrc=9, payload=offer.payloads[0]
        )
        called[0].accept(serialise(answered)).on_end = ended.append
        await until(lambda: camera.hearing.calls)
        await asyncio.sleep(3.1)  # later than what counts as a stumble at the start
        await camera.hearing.hang_up(TOWN_SPEAKER)
        await until(lambda: ended == ["BYE"])


@pytest.mark.parametrize("quirk", ["nobody", "mute", "deaf"])
async def test_BRD_03_what_cannot_hear_a_voice_from_above_is_answered_error(tmp_path: Path, quirk: str):
    quirks = {"nobody": {}, "mute": {"answers": False, "calls": False}, "deaf": {"payload": 18}}[quirk]
    async with between(tmp_path, **quirks) as (upper, _, called):
        target = "44010600001370099999" if quirk == "nobody" else TOWN_SPEAKER
        answer = await told(upper, target)
        # A deaf one answers OK like any other, and is refused when it calls.
        assert (answer.cmd_type, answer.ok) == ("Broadcast", quirk == "deaf")
        assert not called


# What is no line of the list, and how devices really are (media reference 8.5).


@pytest.mark.parametrize("number, transport", [(21, "udp"), (22, "tcp-passive"), (23, "tcp-active")])
@pytest.mark.parametrize("payload", [8, 0, 96])
async def test_a_voice_is_heard_over_every_transport_in_every_form(
    estate: Estate, number: int, transport: str, payload: int
):
    pair = await hears(estate, number * 100 + payload, transport=transport, payload=payload)
    output = camera(number * 100 + payload)[1]
    async with speaking(pair) as speech:
        assert await heard(pair, output) > 0.8
        loudspeaker = pair.camera.hearing.heard[output]
        assert set(loudspeaker.payload_types) == {payload}
        answer = parse_answer(
            (await pair.ours.see(lambda seen: seen.out and seen.status == 200 and seen.method == "INVITE")).body
        )
        assert answer.direction == "sendonly"
        assert set(loudspeaker.ssrcs) == {answer.ssrc}
        steps = {b - a for a, b in zip(loudspeaker.sequences, loudspeaker.sequences[1:], strict=False)}
        assert steps == {1}, "not a packet is missing"
        if payload != 96:
            assert set(loudspeaker.sizes) == {160}, "20 ms each"
        (view,) = speech.view().hearers
        assert view.stage is Stage.TALKING and view.obstacle is Obstacle.NONE


@pytest.mark.parametrize("number, transport", [(31, "udp"), (32, "tcp-passive"), (33, "tcp-active")])
@pytest.mark.parametrize("early", [False, True])
async def test_with_s_talk_both_are_heard_on_one_path(estate: Estate, number: int, transport: str, early: bool):
    pair = await hears(estate, number * 10 + early, edition=Edition.V2016, talks_early=early, pitch_hz=700)
    await estate.house.directory.change_device(pair.code, media_transport=transport)
    async with speaking(pair, Style.TALK) as speech:
        back = bytearray()
        speech.voice.on_heard(back.extend)
        offer = parse_offer((await pair.ours.see("INVITE", out=True)).body)
        assert (offer.session, offer.media, offer.direction, offer.transport) == (
            "Talk",
            "audio",
            "sendrecv",
            transport,
        )
        assert await heard(pair, camera(number * 10 + early)[1]) > 0.8
        await until(lambda: len(back) > 1600)
        assert not pair.ours.all(Broadcast, out=True)
    await until(lambda: pair.camera.hearing.ends == ["BYE"])


async def test_a_device_that_talks_over_tcp_without_lengths_is_answered_without(estate: Estate):
    pair = await hears(estate, 39, edition=Edition.V2016, is_bare=True)
    async with speaking(pair, Style.TALK):
        assert await heard(pair, camera(39)[1]) > 0.8


async def test_s_talk_is_not_said_to_a_device_of_2022(estate: Estate):
    pair = await hears(estate, 41)
    async with speaking(pair, Style.TALK) as speech:
        await until(lambda: speech.view().hearers[0].stage is Stage.FAILED)
        assert speech.view().hearers[0].obstacle is Obstacle.EDITION
        assert not pair.ours.all("INVITE", out=True)


async def test_a_device_of_2016_that_knows_no_broadcast_is_called_with_s_talk(estate: Estate):
    pair = await hears(estate, 42, edition=Edition.V2016, calls=False, answers=False)
    async with speaking(pair) as speech:
        assert await heard(pair, camera(42)[1]) > 0.8
        assert speech.view().hearers[0].style is Style.TALK


@pytest.mark.parametrize(
    "number, quirks",
    [
        (51, {"calls_first": True}),
        (52, {"answers": False}),
        (53, {"platform_first": True}),
        (54, {"writes_sendonly": True, "transport": "tcp-active"}),
        (55, {"has_ssrc": False}),
        (56, {"hangs_up": 1}),
        (57, {"pitch_hz": 700}),
    ],
    ids=lambda value: str(value),
)
async def test_a_device_with_habits_of_its_own_is_heard_out(estate: Estate, number: int, quirks: dict[str, object]):
    pair = await hears(estate, number, **quirks)
    async with speaking(pair) as speech:
        await until(lambda: speech.view().hearers[0].stage is Stage.TALKING)
        if "hangs_up" in quirks:
            await until(lambda: pair.camera.hearing.calls_taken == 2)
        assert await heard(pair, camera(number)[1]) > 0.8


@pytest.mark.parametrize(
    "number, quirks, obstacle",
    [
        (61, {"calls": False}, Obstacle.NOT_CALLED),
        (62, {"calls": False, "answers": False}, Obstacle.SILENT),
        (63, {"payload": 18}, Obstacle.NO_FORM),
        (64, {"hangs_up": 9}, Obstacle.HUNG_UP),
    ],
)
async def test_who_cannot_be_spoken_to_says_at_which_hop_and_why(
    estate: Estate, number: int, quirks: dict[str, object], obstacle: Obstacle
):
    pair = await hears(estate, number, **quirks)
    async with speaking(pair) as speech:
        await until(lambda: speech.view().hearers[0].stage is Stage.FAILED)
        (view,) = speech.view().hearers
        assert view.obstacle is obstacle
        assert view.reason
        assert view.hops[0].who == pair.code
        assert view.steps[0].what == "MESSAGE Broadcast"
    assert estate.house.voices.talker(Whom(pair.code, pair.code)) is None


async def test_one_at_a_time_speaks_to_a_device_and_the_other_learns_who_and_since_when(estate: Estate):
    pair = await hears(estate, 71)
    whom = (Whom(pair.code, pair.code),)
    async with speaking(pair) as speech:
        with pytest.raises(SomebodyTalks) as refused:
            await estate.house.voices.speak(SpeechWish(whom, "another"))
        (view,) = refused.value.hearers
        assert (view.holder, view.held_since) == ("operator", speech.since)
    again = await estate.house.voices.speak(SpeechWish(whom, "another"))
    await estate.house.voices.end(again.id, "released")


async def test_a_speaker_who_is_gone_is_silent_everywhere_within_two_seconds(estate: Estate):
    pair = await hears(estate, 72)
    speech = await estate.house.voices.speak(SpeechWish((Whom(pair.code, pair.code),), "operator"))
    await until(lambda: pair.camera.hearing.calls_taken == 1)
    await until(lambda: pair.camera.hearing.ends == ["BYE"])
    assert speech.ended == "speaker-gone"


async def test_an_invite_for_a_voice_that_nobody_offered_is_refused(estate: Estate):
    pair = await hears(estate, 73)
    pair.camera.hearing.notified(Broadcast(1, SOURCE, camera(73)[1]))
    await pair.ours.see(lambda seen: seen.out and seen.status == 403 and seen.method == "INVITE")


async def test_our_answer_repeats_what_the_device_asked_for():
    offer = parse_offer(
        b"v=0\r\no=1 0 0 IN IP4 10.0.0.9\r\ns=Play\r\nc=IN IP4 10.0.0.9\r\nt=0 0\r\nm=audio 8000 RTP/AVP 8\r\n"
        b"a=recvonly\r\na=rtpmap:8 PCMA/8000\r\ny=0100000001\r\nf=v/////a/1/8/1\r\n"
    )
    answer = answer_to_listener(offer, owner="1", host="10.0.0.1", port=30000, ssrc=7, payload=offer.payloads[0])
    assert (answer.session, answer.media, answer.direction, answer.ssrc) == ("Play", "audio", "sendonly", 7)
