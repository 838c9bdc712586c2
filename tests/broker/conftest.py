"""A neighbour and a media plane that keep their promises without a wire."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
import pytest

from broker.broker import Broker, BrokerSettings
from broker.watch import Watch
from gb28181.dialect import STANDARD
from gb28181.manscdp.catalog import Item
from gb28181.peer import PeerRefused, PeerSilent
from gb28181.sdp import Answer, Offer
from media.frame import Codec
from media.plane import (
    Aim,
    AudioTrack,
    FirstFrame,
    Inlet,
    InletStatistics,
    OutletClosed,
    OutletKind,
    PlaneEvent,
    Probed,
    Recorder,
    Seen,
    Sender,
    SenderStatistics,
    SenderWish,
    Source,
    StreamFailed,
    TakingWish,
    Transport,
    Verdict,
    VideoTrack,
    WorkerStatistics,
)
from registry.channel import Channel
from registry.device import Device, Presence
from registry.events import Bus, StreamChanged
from registry.lineage import platforms_to

OWNER, CHANNEL = "34020000001110000001", "34020000001320000001"
PICTURE = VideoTrack(Codec.H264, 1920, 1080, 25.0, "avc1.640028")
SOUND = AudioTrack(Codec.G711A, 8000, 1, "mp4a.40.2")


@dataclass
class FakeCall:
    peer: FakePeer
    channel: str
    call_id: str
    answer: Answer
    listeners: list[Callable[[str], None]] = field(default_factory=list)
    is_over: bool = False
    headers: dict[str, str] = field(default_factory=dict)
    informed: list[tuple[bytes, str]] = field(default_factory=list)

    def on_end(self, listener: Callable[[str], None]) -> None:
        self.listeners.append(listener)

    async def inform(self, body: bytes, content_type: str) -> int:
        self.informed.append((body, content_type))
        if self.peer.informs_with is None:
            raise PeerSilent("no answer to INFO")
        return self.peer.informs_with

    async def hang_up(self, reason: str = "") -> None:
        await asyncio.sleep(0)
        self.peer.log.append("BYE")
        if self.peer.fails == "never answers BYE":
            await asyncio.Event().wait()
        if self.peer.fails == "hang up":
            raise RuntimeError("the BYE failed")
        self.is_over = True

    def device_hangs_up(self, reason: str = "BYE") -> None:
        self.is_over = True
        for listener in self.listeners:
            listener(reason)


class FakePeer:
    """Answers calls. `refuses` is raised instead, once a try; `fails` names the step that breaks."""

    def __init__(self, code: str = OWNER) -> None:
        self.code = code
        self.dialect = STANDARD
        self.is_online = True
        self.offers: list[Offer] = []
        self.calls: list[FakeCall] = []
        self.told: list[Any] = []
        self.log: list[str] = []
        self.refuses: list[Exception] = []
        self.fails = ""
        self.informs_with: int | None = 200
        self.answer_headers: dict[str, str] = {}
        self.filesize: int | None = None
        self.heard_headers: list[tuple[tuple[str, str], ...]] = []
        self.patience: list[float] = []
        self.answers = asyncio.Event()
        self.answers.set()

    async def ask(self, query: object, *, timeout_s: float | None = None) -> object:
        raise PeerRefused("no", status=400, reason="no")

    async def tell(self, notice: object) -> None:
        self.told.append(notice)

    async def call(
        self, channel: str, offer: Offer, *, timeout_s: float = 15.0, headers: Iterable[tuple[str, str]] = ()
    ) -> FakeCall:
        self.offers.append(offer)
        self.heard_headers.append(tuple(headers))
        self.patience.append(timeout_s)
        self.log.append("INVITE")
        await self.answers.wait()
        await asyncio.sleep(0)
        if self.refuses:
            raise self.refuses.pop(0)
        if self.fails == "call":
            raise RuntimeError("the call failed")
        answer = Answer(
            owner=channel,
            host="198.51.100.7",
            port=15060,
            ssrc=offer.ssrc,
            payloads=offer.payloads[:1],
            filesize=self.filesize,
        )
        name = f"call-{len(self.calls) + 1}"
        self.calls.append(FakeCall(self, channel, name, answer, headers=dict(self.answer_headers)))
        return self.calls[-1]


class FakePlane:
    """Flows as soon as it is aimed, unless `silent` says what it has seen instead, for the next aims."""

    def __init__(self) -> None:
        self.listeners: list[Callable[[PlaneEvent], None]] = []
        self.open_inlets: dict[str, Inlet] = {}
        self.opened: list[Inlet] = []
        self.aims: list[Aim] = []
        self.pulled: list[Source] = []
        self.probed: list[Source] = []
        self.probes: dict[str, Probed] = {}
        self.outlets: dict[str, str] = {}
        self.senders: dict[str, SenderWish] = {}
        self.begun: list[str] = []
        self.takings: list[TakingWish] = []
        self.silent_s = 0.0
        self.controls: list[str] = []
        self.silent: list[Seen | None] = []
        self.host = "192.0.2.20"
        self.fails = ""
        self._number = 0

    def tell(self, event: PlaneEvent) -> None:
        for listener in self.listeners:
            listener(event)

    def _step(self, step: str) -> None:
        if self.fails == step:
            raise RuntimeError(f"{step} failed")

    async def open(
        self,
        ssrc: int,
        transport: Transport,
        *,
        single_port: bool = False,
        is_recording: bool = False,
        towards: str = "",
    ) -> Inlet:
        await asyncio.sleep(0)
        self._step("open")
        self._number += 1
        inlet = Inlet(f"in{self._number}", ssrc, transport, self.host, 30000 + 2 * self._number, single_port)
        self.open_inlets[inlet.id] = inlet
        self.opened.append(inlet)
        return inlet

    async def pull(self, ssrc: int, source: Source) -> Inlet:
        await asyncio.sleep(0)
        self._step("open")
        self._number += 1
        inlet = Inlet(f"in{self._number}", ssrc, Transport.PULLED, "", 0)
        self.open_inlets[inlet.id] = inlet
        self.pulled.append(source)
        return inlet

    async def probe(self, source: Source) -> Probed:
        await asyncio.sleep(0)
        self.probed.append(source)
        return self.probes.get(source.url or source.file, Probed(None, "", ("H.264",)))

    async def files(self, folder: str) -> tuple[str, ...]:
        return (f"{folder}/a.mp4",)

    async def aim(self, inlet: str, aim: Aim) -> None:
        await asyncio.sleep(0)
        self._step("aim")
        if inlet not in self.open_inlets:
            raise KeyError(inlet)
        self.aims.append(aim)
        seen = self.silent.pop(0) if self.silent else None
        if seen is not None:
            asyncio.get_running_loop().call_soon(self.tell, StreamFailed(inlet, seen))
        elif self.fails != "never":
            asyncio.get_running_loop().call_soon(self.tell, FirstFrame(inlet, PICTURE, SOUND))

    async def attach(self, inlet: str, kind: OutletKind, *, audio: bool = True) -> tuple[str, str]:
        self._step("attach")
        if inlet not in self.open_inlets:
            raise KeyError(inlet)
        self._number += 1
        outlet = f"out{self._number}"
        self.outlets[outlet] = inlet
        return outlet, f"/media/{inlet}/{outlet}.mp4"

    async def attach_sender(self, inlet: str, wish: SenderWish) -> Sender:
        self._step("attach sender")
        if inlet not in self.open_inlets:
            raise KeyError(inlet)
        if not wish.host[:1].isdigit():
            raise ValueError(f"{wish.host} is no address")
        self._number += 1
        outlet = f"out{self._number}"
        self.outlets[outlet] = inlet
        self.senders[outlet] = wish
        return Sender(outlet, wish.local_host or self.host, 31000 + 2 * self._number, wish.ssrc)

    async def attach_taking(self, inlet: str, wish: TakingWish) -> Recorder:
        self.takings.append(wish)
        self._number += 1
        return Recorder(f"taker{self._number}", wish.name)

    def begin(self, outlet: str) -> None:
        self.begun.append(outlet)

    def hold(self, inlet: str, is_held: bool) -> None:
        self.controls.append("hold" if is_held else "go on")

    def pace(self, inlet: str, scale: float) -> None:
        self.controls.append(f"pace {scale:g}")

    def seek(self, inlet: str) -> None:
        self.controls.append("seek")

    async def drain(self, inlet: str, within_s: float) -> None:
        self.controls.append("drain")

    def sender_statistics(self, outlet: str) -> SenderStatistics | None:
        wish = self.senders.get(outlet)
        if wish is None or outlet not in self.outlets:
            return None
        state = "sending" if outlet in self.begun else "bound"
        return SenderStatistics(outlet, f"{wish.host}:{wish.port}", wish.transport, state, 0, 0, 0, 0, 0, 0)

    async def detach(self, inlet: str, outlet: str) -> None:
        if self.outlets.pop(outlet, None):
            self.tell(OutletClosed(inlet, outlet, "detached"))

    async def close(self, inlet: str) -> None:
        await asyncio.sleep(0)
        self.open_inlets.pop(inlet, None)
        for outlet in [each for each, of in self.outlets.items() if of == inlet]:
            del self.outlets[outlet]
            self.tell(OutletClosed(inlet, outlet, "the stream ended"))
        if self.fails == "close":
            raise RuntimeError("close failed")

    def listen(self, listener: Callable[[PlaneEvent], None]) -> None:
        self.listeners.append(listener)

    def statistics(self, inlet: str) -> InletStatistics | None:
        if inlet not in self.open_inlets:
            return None
        return InletStatistics(inlet, 1, 1, 0, 0, 0, 0, 0, 1, 1, 0, self.silent_s)

    def workers(self) -> tuple[WorkerStatistics, ...]:
        return (WorkerStatistics("local", streams=len(self.open_inlets)),)

    def lose(self, note: str = "silent for 10 s") -> None:
        for inlet in tuple(self.open_inlets):
            self.tell(StreamFailed(inlet, Seen(Verdict.LOST, note=note)))


class FakeChannels:
    def __init__(self) -> None:
        self.devices = {
            OWNER: Device(OWNER, presence=Presence.ONLINE, media_transport="tcp-passive", local_host="192.0.2.10")
        }
        self.channels = {(OWNER, CHANNEL): Channel(OWNER, Item(code=CHANNEL, name="gate"), online=True, playable=True)}

    def change(self, **fields: Any) -> None:
        self.devices[OWNER] = msgspec.structs.replace(self.devices[OWNER], **fields)

    def device(self, code: str) -> Device | None:
        return self.devices.get(code)

    async def channel(self, owner: str, code: str) -> Channel | None:
        await asyncio.sleep(0)
        return self.channels.get((owner, code))

    async def find_channel(self, code: str) -> list[Channel]:
        await asyncio.sleep(0)
        return [channel for (_, each), channel in self.channels.items() if each == code]

    def platforms_to(self, channel: Channel) -> tuple[str, ...]:
        if not self.devices[channel.owner].is_platform:
            return ()
        return platforms_to(channel.owner, channel.said, {})

    def add(self, owner: str, channel: str = CHANNEL, *, parents: tuple[str, ...] = (), **more: Any) -> None:
        """Another neighbour that has the channel."""
        self.devices[owner] = Device(
            owner, presence=Presence.ONLINE, media_transport="udp", local_host="192.0.2.10", **more
        )
        item = Item(code=channel, name="gate", parent_ids=parents)
        self.channels[owner, channel] = Channel(owner, item, online=True, playable=True)


class Hall:
    """A broker among fakes, with short waits."""

    def __init__(self, settings: BrokerSettings) -> None:
        self.peer = FakePeer()
        self.peers = {self.peer.code: self.peer}
        self.plane = FakePlane()
        self.channels = FakeChannels()
        self.bus = Bus()
        self.changes: list[StreamChanged] = []
        self.bus.listen(lambda event: self.changes.append(event) if isinstance(event, StreamChanged) else None)
        self.broker = Broker(_Neighbours(self), self.channels, self.plane, self.bus, settings)

    def peer_of(self, code: str) -> FakePeer | None:
        return self.peers.get(code)

    def add(self, owner: str, **more: Any) -> FakePeer:
        """Another neighbour that has the channel."""
        self.channels.add(owner, **more)
        self.peers[owner] = FakePeer(owner)
        return self.peers[owner]

    def wish(self, **more: Any) -> Watch:
        return Watch(**{"owner": OWNER, "channel": CHANNEL, "outlet": OutletKind.FMP4_WS, "viewer": "ann", **more})

    @property
    def states(self) -> list[str]:
        return [change.state for change in self.changes]

    async def until(self, is_so: Callable[[], bool], wait_s: float = 3.0) -> None:
        async with asyncio.timeout(wait_s):
            while not is_so():
                await asyncio.sleep(0.005)

    def nothing_is_held(self) -> bool:
        counted = self.broker.statistics()
        return (counted.ssrcs_lent, counted.streams, len(self.plane.open_inlets), len(self.plane.outlets)) == (0,) * 4

    def said(self) -> Counter[str]:
        return Counter(self.peer.log)


class _Neighbours:
    def __init__(self, hall: Hall) -> None:
        self._hall = hall

    def peer(self, code: str) -> FakePeer | None:
        return self._hall.peer_of(code)


QUICK = BrokerSettings(
    linger_s=0.15,
    answer_s=0.5,
    first_frame_s=0.5,
    viewer_patience_s=2.0,
    retry_first_s=0.03,
    retry_last_s=0.2,
    key_frame_every_s=0.05,
)


@pytest.fixture
async def hall() -> AsyncIterator[Callable[..., Hall]]:
    """Call it with settings' changes to have a Hall; each is closed at the end and must hold nothing then."""
    halls: list[Hall] = []

    def build(**changes: Any) -> Hall:
        halls.append(Hall(replace(QUICK, **changes)))
        return halls[-1]

    yield build
    for each in halls:
        with contextlib.suppress(RuntimeError):
            await each.broker.close()
        assert each.nothing_is_held(), each.broker.statistics()
