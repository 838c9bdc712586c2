"""Who may speak to whom, whose call is whose, and how a voice ends; the devices and the sound are fakes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from broker import hearer as hearing
from broker.speech import Obstacle, SomebodyTalks, SpeechWish, Stage, Whom
from broker.ssrc_pool import SsrcPool
from broker.voice import Voices, VoiceSettings
from gb28181.dialect import STANDARD
from gb28181.manscdp.broadcast import Broadcast
from gb28181.manscdp.catalog import Item
from gb28181.manscdp.control import ControlResponse
from gb28181.peer import PeerOffline, PeerRefused
from gb28181.sdp import PAYLOADS, Answer, Offer
from media.plane import NoCapacity
from media.voice.plane import Mouth, MouthStatistics, MouthWish, VoiceStatistics
from registry.channel import Channel
from registry.device import Device, DeviceKind
from registry.tree import Page

US = "34020000002000000001"
RECORDER = "34020000001180000001"
TOWN = "34020100002000000001"
ONE, OTHER = "34020000001370000001", "34020000001370000002"
OFFER = Offer(host="10.0.0.9", port=8000, media="audio", payloads=(PAYLOADS[8],), direction="recvonly", ssrc=7)


@dataclass
class FakeVoice:
    """A voice that only notes what it is told; `room` is how many mouths there may be."""

    room: int = 100
    wishes: list[MouthWish] = field(default_factory=list)
    begun: list[str] = field(default_factory=list)
    aims: list[tuple[str, str, int]] = field(default_factory=list)
    open_mouths: set[str] = field(default_factory=set)
    closed: bool = False

    def say(self, sound: bytes) -> None: ...

    async def open(self, wish: MouthWish) -> Mouth:
        if len(self.open_mouths) >= self.room:
            raise NoCapacity("no media port is free")
        self.wishes.append(wish)
        name = str(len(self.wishes))
        self.open_mouths.add(name)
        return Mouth(name, "", 30_000)

    def aim(self, mouth: str, host: str, port: int, *, form: str = "", payload_type: int = 8) -> None:
        self.aims.append((mouth, host, port))

    def begin(self, mouth: str) -> None:
        self.begun.append(mouth)

    async def shut(self, mouth: str) -> None:
        self.open_mouths.discard(mouth)

    def statistics(self, mouth: str) -> MouthStatistics | None:
        return None

    def figures(self) -> VoiceStatistics:
        return VoiceStatistics()

    def on_heard(self, listener: Callable[[bytes], None]) -> None: ...

    async def close(self) -> None:
        self.closed = True


@dataclass
class FakePlane:
    made: list[FakeVoice] = field(default_factory=list)
    room: int = 100

    def voice(self) -> FakeVoice:
        self.made.append(FakeVoice(self.room))
        return self.made[-1]

    async def microphone(self, offer: str, client: str, say: Callable[[bytes], None]) -> Any:
        raise NoCapacity("no WebRTC here")


@dataclass
class FakePeer:
    """A neighbour that answers as it is told to."""

    code: str
    answer: Any = None
    asked: list[Broadcast] = field(default_factory=list)
    identity: str = ""
    dialect = STANDARD
    is_online = True

    async def ask(self, query: Any, *, timeout_s: float | None = None) -> Any:
        self.asked.append(query)
        if isinstance(self.answer, Exception):
            raise self.answer
        return ControlResponse(1, query.target, ok=self.answer is None, cmd_type="Broadcast")

    async def tell(self, notice: Any) -> None: ...

    async def call(self, channel: str, offer: Offer, **more: Any) -> Any:
        raise PeerRefused("no talk", status=488, reason="Not Acceptable Here")

    def in_name_of(self, identity: str) -> FakePeer:
        self.identity = identity
        return self


@dataclass
class FakeRing:
    """A device's call."""

    owner: str
    names: tuple[str, ...]
    offer: Offer = OFFER
    source: str = US
    host: str = "10.0.0.1"
    peer_host: str = "10.0.0.9"
    call_id: str = "c1"
    refused: int = 0
    answer: Answer | None = None
    hung_up: bool = False
    on_ack: Callable[[], None] | None = None
    on_end: Callable[[str], None] | None = None

    def accept(self, answer: Answer, *, on_ack: Callable[[], None], on_end: Callable[[str], None]) -> FakeRing:
        self.answer, self.on_ack, self.on_end = answer, on_ack, on_end
        return self

    def refuse(self, status: int, reason: str | None = None) -> None:
        if self.answer is None and not self.refused:
            self.refused = status

    async def hang_up(self, reason: str = "") -> None:
        self.hung_up = True


@dataclass
class World:
    """Neighbours and what is known of them; keeps the promises of `Neighbours` and `Places`."""

    peers: dict[str, FakePeer] = field(default_factory=dict)
    devices: dict[str, Device] = field(default_factory=dict)
    channels: dict[tuple[str, str], Channel] = field(default_factory=dict)

    def add(self, code: str, *channels: str, answer: Any = None, kind: DeviceKind = DeviceKind.OTHER) -> FakePeer:
        self.devices[code] = Device(code, kind=kind, edition="3.0")
        for channel in channels:
            self.channels[code, channel] = Channel(code, Item(channel, parent_ids=(code,)), online=True)
        self.peers[code] = FakePeer(code, answer)
        return self.peers[code]

    def peer(self, code: str) -> FakePeer | None:
        return self.peers.get(code)

    def device(self, code: str) -> Device | None:
        return self.devices.get(code)

    async def channel(self, owner: str, code: str) -> Channel | None:
        return self.channels.get((owner, code))

    def platforms_to(self, channel: Channel) -> tuple[str, ...]:
        return ()

    async def channels_of(self, owner: str, after: str | None = None, limit: int = 100) -> Page[Channel]:
        return Page(tuple(channel for (of, _), channel in self.channels.items() if of == owner))


@dataclass
class Hall:
    world: World
    plane: FakePlane
    voices: Voices

    async def until(self, condition: Callable[[], Any]) -> None:
        async with asyncio.timeout(10):
            while not condition():
                await asyncio.sleep(0.01)


@pytest.fixture
async def hall() -> AsyncIterator[Hall]:
    world, plane = World(), FakePlane()
    settings = VoiceSettings(ask_s=1.0, call_s=5.0)
    voices = Voices(world, world, plane, SsrcPool(US), settings, our_code=US)
    voices.start()
    yield Hall(world, plane, voices)
    await voices.close()
    assert all(voice.closed and not voice.open_mouths for voice in plane.made), "every way is given back"


def to(*whom: tuple[str, str], **more: Any) -> SpeechWish:
    return SpeechWish(tuple(Whom(*each) for each in whom), "wang", **({"may_be_lost": False} | more))


async def test_the_loudspeaker_of_a_recorder_s_only_one_is_told_and_of_several_the_camera_itself(hall: Hall):
    peer = hall.world.add(RECORDER, "34020000001320000001", ONE)
    await hall.voices.speak(to((RECORDER, "34020000001320000001")))
    await hall.until(lambda: peer.asked)
    assert (peer.asked[0].target, peer.asked[0].source) == (ONE, "34020000001360000001")
    both = hall.world.add("34020000001180000002", "34020000001320000002", ONE, OTHER)
    await hall.voices.speak(to(("34020000001180000002", "34020000001320000002")))
    await hall.until(lambda: both.asked)
    assert both.asked[0].target == "34020000001320000002"


async def test_of_two_loudspeakers_each_gets_its_own_call_whoever_rings_first(hall: Hall):
    peer = hall.world.add(TOWN, ONE, OTHER, kind=DeviceKind.PLATFORM)
    speech = await hall.voices.speak(to((TOWN, ONE), (TOWN, OTHER), identity="me"))
    await hall.until(lambda: len(peer.asked) == 2)
    second, first = FakeRing(TOWN, (TOWN, OTHER)), FakeRing(TOWN, (TOWN, ONE))
    assert hall.voices.ring(second) and hall.voices.ring(first)
    await hall.until(lambda: first.answer and second.answer)
    views = {view.channel: view for view in speech.view().hearers}
    assert [leg.name for leg in views[OTHER].legs] == [TOWN] and len(views[ONE].legs) == 1
    assert peer.identity == "me", "another realm is told who speaks"


async def test_who_is_called_without_a_name_of_theirs_is_who_waits(hall: Hall):
    hall.world.add(RECORDER, ONE)
    speech = await hall.voices.speak(to((RECORDER, ONE)))
    ring = FakeRing(RECORDER, ("34029999991180000001",))
    assert hall.voices.ring(ring)
    await hall.until(lambda: ring.answer)
    assert speech.hearers[0].stage is Stage.TALKING
    assert not hall.voices.ring(FakeRing("34020000001180009999", (ONE,))), "nobody speaks to that one"


async def test_silence_goes_at_the_200_and_the_voice_at_the_ack(hall: Hall):
    hall.world.add(RECORDER, ONE)
    await hall.voices.speak(to((RECORDER, ONE)))
    ring = FakeRing(RECORDER, (ONE,))
    hall.voices.ring(ring)
    await hall.until(lambda: ring.answer)
    (voice,) = hall.plane.made
    assert voice.aims == [("1", "10.0.0.9", 8000)] and not voice.begun
    assert ring.on_ack is not None
    ring.on_ack()
    assert voice.begun == ["1"]


async def test_a_call_that_is_never_acknowledged_says_so(hall: Hall):
    hall.world.add(RECORDER, ONE)
    speech = await hall.voices.speak(to((RECORDER, ONE)))
    ring = FakeRing(RECORDER, (ONE,))
    hall.voices.ring(ring)
    await hall.until(lambda: ring.answer)
    assert ring.on_end is not None
    ring.on_end("no ACK came for our 200")
    await hall.until(lambda: speech.hearers[0].stage is Stage.FAILED)
    assert speech.view().hearers[0].obstacle is Obstacle.NO_ACK


async def test_without_a_free_port_the_call_is_refused_and_the_reason_shown(hall: Hall):
    hall.plane.room = 0
    hall.world.add(RECORDER, ONE)
    speech = await hall.voices.speak(to((RECORDER, ONE)))
    ring = FakeRing(RECORDER, (ONE,))
    hall.voices.ring(ring)
    await hall.until(lambda: speech.hearers[0].stage is Stage.FAILED)
    assert ring.refused == 486
    assert speech.view().hearers[0].obstacle is Obstacle.NO_CAPACITY


@pytest.mark.parametrize(
    "answer, obstacle",
    [
        (PeerOffline("away"), Obstacle.OFFLINE),
        (PeerRefused("no", status=403, reason="Forbidden"), Obstacle.REFUSED),
        ("ERROR", Obstacle.REFUSED),
    ],
)
async def test_who_will_not_listen_is_free_for_others_at_once_and_the_voice_ends(
    hall: Hall, answer: Any, obstacle: Obstacle
):
    hall.world.add(RECORDER, ONE, answer=answer)
    speech = await hall.voices.speak(to((RECORDER, ONE)))
    await hall.until(lambda: speech.ended)
    assert speech.ended == "nobody-hears"
    assert speech.view().hearers[0].obstacle is obstacle
    assert hall.voices.talker(Whom(RECORDER, ONE)) is None
    counted = hall.voices.statistics()
    assert (counted["begun"], counted["talks"], counted["ended"]["nobody-hears"]) == (1, 0, 1)
    assert {name for name, count in counted["obstacles"].items() if count} == {obstacle.value}


async def test_the_device_is_held_as_a_whole_and_of_a_platform_each_thing_by_itself(hall: Hall):
    hall.world.add(RECORDER, ONE, OTHER)
    hall.world.add(TOWN, ONE, OTHER, kind=DeviceKind.PLATFORM)
    await hall.voices.speak(to((RECORDER, ONE), (TOWN, ONE)))
    with pytest.raises(SomebodyTalks):
        await hall.voices.speak(to((RECORDER, OTHER)))
    again = await hall.voices.speak(to((TOWN, OTHER), (TOWN, ONE)))
    assert {view.obstacle for view in again.view().hearers} == {Obstacle.NONE, Obstacle.BUSY}


async def test_two_who_press_at_once_are_not_both_let_in(hall: Hall):
    hall.world.add(RECORDER, ONE)
    both = await asyncio.gather(
        hall.voices.speak(to((RECORDER, ONE))), hall.voices.speak(to((RECORDER, ONE))), return_exceptions=True
    )
    assert sum(isinstance(each, SomebodyTalks) for each in both) == 1
    counted = hall.voices.statistics()
    assert (counted["begun"], counted["refused"], counted["talks"]) == (1, 1, 1)
    assert sum(counted["hearers"].values()) == 1


async def test_a_voice_has_a_longest_time(hall: Hall):
    hall.world.add(RECORDER, ONE)
    speech = await hall.voices.speak(to((RECORDER, ONE), longest_s=0.1))
    hall.voices.ring(ring := FakeRing(RECORDER, (ONE,)))
    await hall.until(lambda: speech.ended)
    assert speech.ended == "too-long"
    await hall.until(lambda: ring.hung_up)


async def test_a_voice_that_is_not_given_to_us_refuses_the_device_s_call(hall: Hall):
    hall.world.add(RECORDER, ONE)

    async def prepare() -> None:
        raise PeerRefused("the province refused us its voice", status=486, reason="Busy Here")

    speech = await hall.voices.speak(to((RECORDER, ONE)), prepare=prepare)
    ring = FakeRing(RECORDER, (ONE,))
    hall.voices.ring(ring)
    await hall.until(lambda: speech.hearers[0].stage is Stage.FAILED)
    assert ring.refused == 480 and ring.answer is None
    assert speech.view().hearers[0].obstacle is Obstacle.SOURCE


@pytest.mark.parametrize("is_begun", [True, False])
async def test_a_device_that_calls_while_the_voice_ends_is_not_left_to_ring(hall: Hall, is_begun: bool):
    peer = hall.world.add(RECORDER, ONE)

    async def prepare() -> None:
        await asyncio.Event().wait()

    speech = await hall.voices.speak(to((RECORDER, ONE)), prepare=prepare)
    await hall.until(lambda: peer.asked)
    ring = FakeRing(RECORDER, (ONE,))
    hall.voices.ring(ring)
    if is_begun:
        await asyncio.sleep(0.01)
    await hall.voices.end(speech.id, "released")
    assert ring.refused == 480 and ring.answer is None


async def test_a_call_that_fails_in_a_way_nobody_foresaw_is_refused_and_said(hall: Hall):
    hall.world.add(RECORDER, ONE)

    async def prepare() -> None:
        raise RuntimeError("what nobody foresaw")

    speech = await hall.voices.speak(to((RECORDER, ONE)), prepare=prepare)
    ring = FakeRing(RECORDER, (ONE,))
    hall.voices.ring(ring)
    await hall.until(lambda: speech.hearers[0].stage is Stage.FAILED)
    assert ring.refused and speech.view().hearers[0].reason.startswith("failed on our side")


async def test_a_microphone_that_cannot_be_closed_keeps_no_way_open(hall: Hall):
    hall.world.add(RECORDER, ONE)
    speech = await hall.voices.speak(to((RECORDER, ONE)))
    ring = FakeRing(RECORDER, (ONE,))
    hall.voices.ring(ring)
    await hall.until(lambda: ring.answer)

    class Microphone:
        async def close(self) -> None:
            raise RuntimeError("its connection is in no state to be closed")

    speech.keep_microphone(Microphone())  # type: ignore[arg-type]  # as much of one as is needed
    with pytest.raises(RuntimeError):
        await hall.voices.end(speech.id, "released")
    assert ring.hung_up and hall.plane.made[0].closed and speech.over_at is not None


async def test_a_device_that_hangs_up_at_once_is_told_once_more_and_no_more(hall: Hall):
    peer = hall.world.add(RECORDER, ONE)
    speech = await hall.voices.speak(to((RECORDER, ONE)))
    for turn in (1, 2):
        await hall.until(lambda turn=turn: len(peer.asked) == turn)
        ring = FakeRing(RECORDER, (ONE,))
        hall.voices.ring(ring)
        await hall.until(lambda ring=ring: ring.on_end)
        assert ring.on_end is not None
        ring.on_end("hung-up")
    await hall.until(lambda: speech.hearers[0].stage is Stage.FAILED)
    assert speech.view().hearers[0].obstacle is Obstacle.HUNG_UP and len(peer.asked) == 2


async def test_nobody_and_too_many_are_refused_and_strangers_as_well(hall: Hall):
    with pytest.raises(ValueError, match="1 to 500"):
        await hall.voices.speak(to())
    with pytest.raises(LookupError):
        await hall.voices.speak(to((RECORDER, ONE)))


def test_a_device_that_names_no_address_is_spoken_to_where_it_speaks_from():
    assert hearing.address_of("camera.local", "10.0.0.9") == "10.0.0.9"
    assert hearing.address_of("0.0.0.0", "10.0.0.9") == "10.0.0.9"
    assert hearing.address_of("10.0.0.7", "10.0.0.9") == "10.0.0.7"
