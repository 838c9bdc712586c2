"""The promises of `plane.py` kept by another process: calls go over a channel, counts are what it last told."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from media.calls import CALLS, EVENTS, PlaneFault, read_event, write
from media.channel import Channel, ChannelLost
from media.link import Seal
from media.plane import (
    Aim,
    Inlet,
    InletStatistics,
    KeyFrame,
    NoCapacity,
    OutletClosed,
    OutletKind,
    PlaneEvent,
    Probed,
    Recorder,
    RecordingWish,
    Seating,
    Seen,
    Sender,
    SenderStatistics,
    SenderWish,
    Source,
    Steering,
    StreamFailed,
    TakingWish,
    Transport,
    Verdict,
    WorkerStatistics,
)
from media.served import News

log = logging.getLogger(__name__)

ANSWER_S = 3.0
"""How long an answer is awaited; nothing that is asked of a plane takes it more than milliseconds."""
PROBE_S = 30.0
"""But for what it has to ask of others itself."""
EARLY = 256
"""Outlets that closed before whoever asked for them heard of it; so many are remembered."""


@dataclass(slots=True)
class _Outlet:
    """Of a viewer, `kind` is how it takes the stream; of a sender None, for which no door opens."""

    inlet: str
    kind: OutletKind | None
    is_claimed: bool = False


@dataclass(frozen=True, slots=True)
class Hello:
    """How a host of another machine introduces itself. `web_host` "" is the address it came from."""

    name: str
    zone: str
    web_host: str
    web_port: int
    is_secure: bool = False


class RemotePlane:
    """A MediaPlane behind a channel, for as long as that lives; a new process is a new plane.

    When the channel is lost, every stream fails and every outlet closes, as events, and nothing is here any more:
    `open` finds no capacity, other calls find no such inlet, what is harmless stays harmless. `over` ends then.
    """

    def __init__(
        self,
        sock: socket.socket,
        name: str,
        zone: str = "",
        *,
        seal: Seal | None = None,
    ) -> None:
        self.name = name
        self.zone = zone
        self.over: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Ends well when it has said its first word."""
        self.hello: asyncio.Future[Hello] = asyncio.get_running_loop().create_future()
        self.base = ""
        """The origin at which its viewers find it, "" when they come by our own doors."""
        self._address = ""
        self.totals: dict[str, Any] = {}
        self.was_given_up = False
        """It was we who ended it."""
        self._load = WorkerStatistics(name)
        self._unmeasured = 0
        self._inlets: dict[str, InletStatistics] = {}
        self._outlets: dict[str, _Outlet] = {}
        self._senders: dict[str, SenderStatistics] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        self._closing: set[str] = set()
        self._closed_early: deque[str] = deque(maxlen=EARLY)
        self._listeners: list[Callable[[PlaneEvent], None]] = []
        self._channel = Channel(sock, answer=_answer_nothing, noted=self._noted, lost=self._lost, seal=seal)

    # --- the host --------------------------------------------------------------------------------------------

    @property
    def is_here(self) -> bool:
        return not self._address

    @property
    def is_well(self) -> bool:
        return self._channel.is_open and self.ready.done()

    @property
    def load(self) -> WorkerStatistics:
        return replace(
            self._load,
            name=self.name,
            zone=self.zone,
            streams=len(self._inlets),
            viewers=sum(outlet.kind is not None for outlet in self._outlets.values()),
            senders=len(self._senders),
        )

    @property
    def unmeasured(self) -> int:
        return self._unmeasured

    @property
    def heard_at(self) -> float:
        """When it last said anything, by the loop's clock."""
        return self._channel.heard_at

    def beat(self) -> None:
        """Say that we live."""
        self._channel.tell("beat")

    def stands_at(self, address: str, base: str) -> None:
        """It is on another machine: neither senders nor viewers find it at our own address."""
        self._address, self.base = address, base

    def order(self, name: str, value: Any = None) -> None:
        """Tell the process, not its plane."""
        self._channel.tell(name, write(value))

    def give_up(self, why: str) -> None:
        """It stands still or talks nonsense: nobody waits for it any more."""
        self.was_given_up = self._channel.is_open
        self._channel.break_off(why)

    def let_go(self) -> None:
        """We are done with it; nobody is told."""
        self._channel.close()
        self._finish("let go")

    # --- the plane -------------------------------------------------------------------------------------------

    async def open(
        self,
        ssrc: int,
        transport: Transport,
        *,
        single_port: bool = False,
        is_recording: bool = False,
        towards: str = "",
    ) -> Inlet:
        if self._address and towards and (":" in self._address) != (":" in towards):
            raise NoCapacity(f"media host {self.name} has no address of the family of {towards}")
        values = (ssrc, transport, single_port, is_recording, towards)
        opened: Inlet = await self._ask("open", NoCapacity, *values, late=self._close_late)
        self._unmeasured += 1
        return replace(opened, host=opened.host or self._address)

    async def pull(self, ssrc: int, source: Source) -> Inlet:
        pulled: Inlet = await self._ask("pull", NoCapacity, ssrc, source, late=self._close_late)
        self._unmeasured += 1
        return pulled

    async def probe(self, source: Source) -> Probed:
        try:
            probed: Probed = await self._ask("probe", NoCapacity, source, patience_s=PROBE_S)
        except (NoCapacity, PlaneFault) as error:
            return Probed(Verdict.LOST, str(error))
        return probed

    async def files(self, folder: str) -> tuple[str, ...]:
        names: tuple[str, ...] = await self._ask("files", NoCapacity, folder, patience_s=PROBE_S)
        return names

    async def aim(self, inlet: str, aim: Aim) -> None:
        await self._ask("aim", KeyError, inlet, aim)

    async def attach(self, inlet: str, kind: OutletKind, *, audio: bool = True) -> tuple[str, str]:
        late = self._detach_late("attach", inlet)
        outlet, address = await self._ask("attach", KeyError, inlet, kind, audio, late=late)
        self._keep_outlet(_Outlet(inlet, kind), outlet)
        return outlet, self.base + address

    async def attach_sender(self, inlet: str, wish: SenderWish) -> Sender:
        if self._address:
            # The receiver knows the server's address, and will not be sent to from there.
            wish = replace(wish, local_host="")
        late = self._detach_late("attach_sender", inlet)
        sender: Sender = await self._ask("attach_sender", KeyError, inlet, wish, late=late)
        self._keep_outlet(_Outlet(inlet, None), sender.outlet)
        return sender

    async def attach_recording(self, inlet: str, wish: RecordingWish) -> Recorder:
        late = self._detach_late("attach_recording", inlet)
        recorder: Recorder = await self._ask("attach_recording", KeyError, inlet, wish, late=late)
        self._keep_outlet(_Outlet(inlet, None), recorder.outlet)
        return recorder

    async def attach_taking(self, inlet: str, wish: TakingWish) -> Recorder:
        late = self._detach_late("attach_taking", inlet)
        recorder: Recorder = await self._ask("attach_taking", KeyError, inlet, wish, late=late)
        self._keep_outlet(_Outlet(inlet, None), recorder.outlet)
        return recorder

    def claim(self, inlet: str, outlet: str) -> OutletKind | None:
        known = self._outlets.get(outlet)
        if known is None or known.inlet != inlet or known.is_claimed:
            return None
        known.is_claimed = True
        return known.kind

    def has_outlet(self, outlet: str) -> bool:
        return outlet in self._outlets

    def seat(self, outlet: str, seating: Seating, opened: socket.socket) -> None:
        self._channel.tell("seat", write((outlet, seating)), opened.detach())

    def begin(self, outlet: str) -> None:
        self._channel.tell("begin", write((outlet,)))

    async def detach(self, inlet: str, outlet: str) -> None:
        await self._ask_kindly("detach", inlet, outlet)

    def hold(self, inlet: str, is_held: bool) -> None:
        self._channel.tell("hold", write((inlet, is_held)))

    def seek(self, inlet: str) -> None:
        self._channel.tell("seek", write((inlet,)))

    def pace(self, inlet: str, scale: float) -> None:
        self._channel.tell("pace", write((inlet, scale)))

    def steer(self, inlet: str, steering: Steering) -> None:
        self._channel.tell("steer", write((inlet, steering)))

    async def drain(self, inlet: str, within_s: float) -> None:
        await self._ask_kindly("drain", inlet, within_s, patience_s=within_s)

    async def key_frame(self, inlet: str, within_s: float) -> KeyFrame:
        picture: KeyFrame = await self._ask("key_frame", KeyError, inlet, within_s, patience_s=within_s)
        return picture

    async def close(self, inlet: str) -> None:
        self._inlets.pop(inlet, None)
        self._closing.add(inlet)
        try:
            await self._ask_kindly("close", inlet)
        finally:
            self._closing.discard(inlet)

    def listen(self, listener: Callable[[PlaneEvent], None]) -> None:
        self._listeners.append(listener)

    def statistics(self, inlet: str) -> InletStatistics | None:
        return self._inlets.get(inlet)

    def sender_statistics(self, outlet: str) -> SenderStatistics | None:
        return self._senders.get(outlet)

    def workers(self) -> tuple[WorkerStatistics, ...]:
        return (self.load,)

    # --- servants --------------------------------------------------------------------------------------------

    async def _ask(
        self,
        name: str,
        gone: type[Exception],
        *values: Any,
        patience_s: float = 0.0,
        late: Callable[[msgspec.Raw], None] | None = None,
    ) -> Any:
        """The answer; `gone` is what a plane raises that no longer has what it is asked about."""
        try:
            body = await self._channel.ask(name, write(values), within_s=ANSWER_S + patience_s, late=late)
        except ChannelLost as lost:
            raise gone(f"media host {self.name}: {lost}") from None
        if self.over.done():
            raise gone(f"media host {self.name}: {self.over.result()}")
        return CALLS[name].read_answer(body)

    async def _ask_kindly(self, name: str, *values: Any, patience_s: float = 0.0) -> None:
        """What is harmless when there is nothing to do it to."""
        try:
            await self._ask(name, KeyError, *values, patience_s=patience_s)
        except (KeyError, PlaneFault) as error:
            log.info("%s of %r came to nothing: %s", name, self, error)

    def _close_late(self, body: msgspec.Raw) -> None:
        """Who asked for this stream has lost patience."""
        late: Inlet = CALLS["open"].read_answer(body)
        self._later(self.close(late.id), f"close {late.id}")

    def _detach_late(self, name: str, inlet: str) -> Callable[[msgspec.Raw], None]:
        """The same of whoever asked for an outlet: it would be sent to, or written, for as long as its stream flows."""

        def detach(body: msgspec.Raw) -> None:
            made = CALLS[name].read_answer(body)
            outlet = made[0] if isinstance(made, tuple) else made.outlet
            self._later(self.detach(inlet, outlet), f"detach {outlet}")

        return detach

    def _later(self, work: Coroutine[None, None, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    def _keep_outlet(self, kept: _Outlet, outlet: str) -> None:
        if outlet in self._closed_early:
            raise KeyError(f"{outlet} closed as soon as it was there")
        self._outlets[outlet] = kept

    def _noted(self, name: str, body: msgspec.Raw, files: deque[int]) -> None:
        if name == "news":
            self._learn(msgspec.msgpack.decode(body, type=News))
        elif name in EVENTS:
            self._happened(read_event(name, body))
        elif name == "hello":
            if not self.hello.done():
                self.hello.set_result(msgspec.msgpack.decode(body, type=Hello))
        elif name != "beat":
            raise ValueError(f"no plane tells of {name!r}")

    def _learn(self, news: News) -> None:
        inlets = {each.inlet: each for each in news.inlets if each.inlet not in self._closing}
        senders = {each.outlet: each for each in news.senders}
        if not news.is_whole:
            self._inlets.update(inlets)
            self._senders.update(senders)
            return
        self._inlets, self._senders = inlets, senders
        self._unmeasured = 0
        if news.workers:
            self._load = news.workers[0]
        self.totals = news.totals or self.totals
        if not self.ready.done():
            self.ready.set_result(None)

    def _happened(self, event: PlaneEvent) -> None:
        if isinstance(event, OutletClosed):
            self._senders.pop(event.outlet, None)
            if self._outlets.pop(event.outlet, None) is None:
                self._closed_early.append(event.outlet)
        for listener in tuple(self._listeners):
            try:
                listener(event)
            except Exception:
                log.exception("a listener failed at %r; the others still hear it", event)

    def _lost(self, why: str) -> None:
        note = f"the media host {self.name} is gone: {why}"
        inlets, outlets = tuple(self._inlets), dict(self._outlets)
        self._inlets, self._senders = {}, {}
        self._finish(why)
        for inlet in inlets:
            self._happened(StreamFailed(inlet, Seen(Verdict.LOST, note=note)))
        for outlet, kept in outlets.items():
            self._happened(OutletClosed(kept.inlet, outlet, note))

    def _finish(self, why: str) -> None:
        if not self.over.done():
            self.over.set_result(why)
        if not self.ready.done():
            self.ready.cancel()

    def __repr__(self) -> str:
        return f"<RemotePlane {self.name} {len(self._inlets)} inlets, {len(self._outlets)} outlets>"


async def _answer_nothing(name: str, body: msgspec.Raw) -> bytes:
    raise ValueError(f"nobody here answers {name!r}")
