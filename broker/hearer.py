"""One device that shall hear a voice: told or called, listened to, and let go of (GB/T 28181-2022 9.12, media 2.6)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from ipaddress import ip_address

from broker.speech import HearerView, Leg, Obstacle, Stage, Step, Style, Whom
from broker.ssrc_pool import NoNumber, SsrcPool
from gb28181.edition import parse_edition
from gb28181.manscdp.broadcast import Broadcast
from gb28181.manscdp.control import ControlResponse
from gb28181.peer import Call, Hop, Peer, PeerError, PeerOffline, PeerRefused, PeerSilent, Ring, VoiceCall
from gb28181.sdp import TCP_ACTIVE, TCP_PASSIVE, TRANSPORTS, UDP
from gb28181.voice import answer_to_listener, form_for, talk_offer
from media.plane import NoCapacity
from media.voice.plane import Mouth, MouthState, MouthWish, Road, Voice
from registry.device import Device

log = logging.getLogger(__name__)

EARLY_S = 3.0
"""Some devices hang up right after the start, and stay when they are told once more (media.md S15)."""
ACK_S = 1.0
"""Our voice goes out at the ACK, or so long after our 200: the ACK may be lost."""
MOST_STEPS = 64
ROAD_TO_LISTENER = {UDP: Road.UDP, TCP_PASSIVE: Road.CONNECT, TCP_ACTIVE: Road.LISTEN}
"""How we get to who receives: a receiver that is passive listens."""
ROAD_OF_OFFER = {UDP: Road.UDP, TCP_PASSIVE: Road.LISTEN, TCP_ACTIVE: Road.CONNECT}
"""The same where the offer is ours: passive is us."""
TRY_TALK_AFTER = frozenset({Obstacle.REFUSED, Obstacle.SILENT, Obstacle.NOT_CALLED})


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a device is waited for, in seconds: its answer, then its call."""

    ask_s: float
    call_s: float


class Unheard(Exception):
    """A device does not hear us."""

    def __init__(self, obstacle: Obstacle, reason: str, hops: tuple[Hop, ...] = ()) -> None:
        super().__init__(reason)
        self.obstacle = obstacle
        self.reason = reason
        self.hops = hops


@dataclass(slots=True)
class _Leg:
    """One call that is up, and the way its sound takes."""

    name: str
    mouth: Mouth
    transport: str
    form: str
    call: VoiceCall | Call | None = None
    call_id: str = ""


class Hearer:
    """`run` is its task; cancel it to hang up. `changed` is told of everything worth showing.

    `prepare` is awaited before the first call of the device is taken: whose voice it is may have to be fetched first;
    it raises `PeerError`.
    """

    def __init__(
        self,
        whom: Whom,
        target: str,
        style: Style,
        source: str,
        *,
        name: str = "",
        peer: Callable[[], Peer | None],
        device: Callable[[], Device | None],
        voice: Voice,
        numbers: SsrcPool,
        our_code: str,
        patience: Patience,
        changed: Callable[[], None],
        clock: Callable[[], float],
        prepare: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.whom = whom
        self.target = target
        self.stage = Stage.ASKING
        self.task: asyncio.Task[None] | None = None
        self._name = name
        self._style = style
        self._now_style = Style.BROADCAST
        self._source = source
        self._peer = peer
        self._device = device
        self._voice = voice
        self._numbers = numbers
        self._our_code = our_code
        self._patience = patience
        self._changed = changed
        self._clock = clock
        self._prepare = prepare
        self._began = clock()
        self._obstacle = Obstacle.NONE
        self._reason = ""
        self._hops: tuple[Hop, ...] = ()
        self._steps: list[Step] = []
        self._legs: dict[str, _Leg] = {}
        self._leg_tasks: set[asyncio.Task[None]] = set()
        self._rung = asyncio.Event()
        self._quiet = asyncio.Event()
        """No call of the device is up, or being taken."""
        self._ringing = 0
        self._trouble: Unheard | None = None
        self.answered = asyncio.Event()
        """It will listen, or will not: `stage` says which."""

    def __repr__(self) -> str:
        return f"<Hearer {self.target} of {self.whom.owner}, {self.stage}, {len(self._legs)} legs>"

    @property
    def takes_rings(self) -> bool:
        """Whether a call of this device is ours to take."""
        return self._now_style is Style.BROADCAST and self.stage not in (Stage.FAILED, Stage.ENDED)

    @property
    def is_rung(self) -> bool:
        return self._rung.is_set()

    def view(self) -> HearerView:
        legs = tuple(
            Leg(leg.name, leg.call_id, leg.transport, leg.form, self._voice.statistics(leg.mouth.id))
            for leg in self._legs.values()
        )
        obstacle, reason = self._obstacle, self._reason
        if self.stage is Stage.TALKING and obstacle is Obstacle.NONE:
            for leg in legs:
                if leg.sound is not None and leg.sound.state is MouthState.UNREACHABLE:
                    obstacle, reason = Obstacle.NO_CONNECTION, leg.sound.note
                elif leg.sound is not None and leg.transport == UDP and leg.sound.dropped > 2:
                    obstacle, reason = Obstacle.UNREACHABLE, leg.sound.note
        return HearerView(
            self.whom.owner,
            self.whom.channel,
            self.target,
            self._now_style,
            self.stage,
            obstacle,
            reason,
            self._hops,
            tuple(self._steps),
            legs,
            name=self._name,
        )

    async def run(self) -> None:
        """Until it hangs up, or cannot hear us; cancelled when the voice ends."""
        try:
            await self._run()
        except Unheard as failed:
            self._fail(failed)
        except PeerError as failed:
            self._fail(of_peer(failed))
        except asyncio.CancelledError:
            self._become(Stage.ENDED)
            raise
        except Exception:
            log.exception("speaking to %s of %s failed on our side", self.target, self.whom.owner)
            self._fail(Unheard(Obstacle.NO_CAPACITY, "failed on our side; the log has it"))
        finally:
            self.answered.set()
            await self._let_go()

    def ring(self, ring: Ring) -> None:
        """The device calls: for the voice it was told of, or for one more loudspeaker."""
        self._step("INVITE from device", reason=f"{ring.offer.transport} {ring.offer.host}:{ring.offer.port}")
        self._rung.set()
        self._quiet.clear()
        self._ringing += 1
        task = asyncio.create_task(self._take(ring), name=f"call of {self.target}")
        self._leg_tasks.add(task)
        task.add_done_callback(self._leg_tasks.discard)
        # Whatever befell it, even before its first step: the device is not left to ring in vain.
        task.add_done_callback(lambda _: ring.refuse(480))

    # The styles.

    async def _run(self) -> None:
        peer, device = self._peer(), self._device()
        if peer is None or device is None:
            raise Unheard(Obstacle.UNKNOWN, f"{self.whom.owner} is not known")
        is_2022 = parse_edition(device.edition or None).is_2022
        if self._style is Style.TALK:
            if is_2022 and not peer.dialect.talks_by_invite:
                raise Unheard(Obstacle.EDITION, "s=Talk is no word of GB/T 28181-2022, which this device speaks")
            await self._talk(peer, device)
            return
        if self._style is Style.AUTO and peer.dialect.talks_by_invite:
            await self._talk(peer, device)
            return
        try:
            for may_repeat in (True, False):
                if not await self._broadcast(peer, may_repeat=may_repeat):
                    return
        except Unheard as failed:
            may_talk = self._style is Style.AUTO and not is_2022 and not device.is_platform
            if not may_talk or failed.obstacle not in TRY_TALK_AFTER:
                raise
            self._step("try s=Talk instead", reason=failed.reason)
            try:
                await self._talk(peer, device)
            except (Unheard, PeerError) as second:
                # What was said first is what the device is; that it knows no s=Talk either is no news.
                failed.hops += second.hops
                raise failed from None

    async def _broadcast(self, peer: Peer, *, may_repeat: bool) -> bool:
        """Tell it and let it call. Comes back when it has hung up: whether to tell it once more. Raises Unheard."""
        self._now_style = Style.BROADCAST
        self._step("MESSAGE Broadcast")
        began = self._clock()
        asking = asyncio.create_task(self._ask(peer), name=f"broadcast to {self.target}")
        ringing = asyncio.create_task(self._rung.wait())
        try:
            await asyncio.wait((asking, ringing), return_when=asyncio.FIRST_COMPLETED)
            if not self._rung.is_set():
                await asking
                self._become(Stage.ANSWERED)
                self.answered.set()
                try:
                    async with asyncio.timeout(self._patience.call_s):
                        await self._rung.wait()
                except TimeoutError:
                    what = f"await its INVITE for {self._patience.call_s:g} s"
                    reason = f"{self.target} answered OK and did not call"
                    raise Unheard(
                        Obstacle.NOT_CALLED, reason, (Hop(self.whom.owner, what, 0, "no INVITE came"),)
                    ) from None
            self.answered.set()
            await self._quiet.wait()
            while self._ringing:  # it called once more at this very moment
                await self._quiet.wait()
        finally:
            for task in (asking, ringing):
                task.cancel()
            await asyncio.gather(asking, ringing, return_exceptions=True)
        if self._trouble is not None:
            raise self._trouble
        if may_repeat and self._clock() - began < EARLY_S:
            self._step("told once more", reason="it hung up right after the start")
            self._rung.clear()
            return True
        raise Unheard(Obstacle.HUNG_UP, "the device hung up", (Hop(self.whom.owner, "BYE", 0, "from the device"),))

    async def _ask(self, peer: Peer) -> None:
        """The notice and the answer to it. Raises Unheard unless it is OK."""
        try:
            answer = await peer.ask(Broadcast(0, self._source, self.target), timeout_s=self._patience.ask_s)
        except PeerError as error:
            failed = of_peer(error)
            failed.hops = failed.hops or (Hop(self.whom.owner, "await Response Broadcast", 0, failed.reason),)
            self._step("no Response", 0, failed.reason)
            raise failed from None
        assert isinstance(answer, ControlResponse)
        self._step("Response Broadcast", 200, "OK" if answer.ok else answer.reason or "ERROR")
        if not answer.ok:
            reason = answer.reason or "Result ERROR"
            hop = Hop(self.whom.owner, "Response Broadcast", 200, reason)
            raise Unheard(Obstacle.REFUSED, f"{self.target} will not listen: {reason}", (hop,))

    async def _talk(self, peer: Peer, device: Device) -> None:
        """Call it with s=Talk; comes back never, but by Unheard or PeerError."""
        self._now_style = Style.TALK
        self._become(Stage.ASKING)
        transport = device.media_transport if device.media_transport in TRANSPORTS else TCP_PASSIVE
        local = device.local_host.removeprefix("::ffff:")
        async with AsyncExitStack() as taken:
            try:
                ssrc = taken.enter_context(self._numbers.lend())
                wish = MouthWish(
                    ROAD_OF_OFFER[transport],
                    ssrc=ssrc,
                    peer_host=device.remote_host.removeprefix("::ffff:"),
                    towards=local,
                    follows=True,
                )
                mouth = await self._voice.open(wish)
            except (NoCapacity, NoNumber) as error:
                raise Unheard(Obstacle.NO_CAPACITY, str(error)) from None
            taken.push_async_callback(self._voice.shut, mouth.id)
            host = mouth.host or local
            if host in ("", "0.0.0.0", "::"):
                raise Unheard(Obstacle.NO_ADDRESS, "no address of ours is known to it; set [media] announce_host")
            self._step("INVITE s=Talk", reason=f"{transport} {host}:{mouth.port}")
            offer = talk_offer(self._our_code, host, mouth.port, ssrc, transport)
            call = await peer.call(self.whom.channel, offer, timeout_s=self._patience.ask_s + self._patience.call_s)
            taken.push_async_callback(call.hang_up)
            answer = call.answer
            self._step("answer to s=Talk", 200, f"{answer.host}:{answer.port}")
            (number, _, _), form = form_for(answer.payloads, peer.dialect.voice_form) or ((8, "PCMA", 8000), "PCMA")
            ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
            call.on_end(lambda why: settle(ended, why))
            self._voice.aim(mouth.id, answer.host, answer.port, form=form, payload_type=number)
            self._voice.begin(mouth.id)
            self._legs[mouth.id] = _Leg(self.whom.channel, mouth, transport, form, call, call.call_id)
            taken.callback(self._legs.pop, mouth.id, None)
            self._become(Stage.TALKING)
            self.answered.set()
            if self._prepare is not None:
                await self._prepare()
            reason = await ended
            self._step("BYE", reason=reason)
        raise Unheard(Obstacle.HUNG_UP, "the device hung up", (Hop(self.whom.owner, "BYE", 0, reason),))

    # A call of the device's.

    async def _take(self, ring: Ring) -> None:
        """Take its call, and speak until it hangs up."""
        try:
            async with AsyncExitStack() as taken:
                await self._answer(ring, taken)
        except Unheard as failed:
            self._trouble = failed
            ring.refuse(488 if failed.obstacle is Obstacle.NO_FORM else 480)
        except PeerError as failed:
            self._trouble = Unheard(Obstacle.SOURCE, str(failed), failed.hops)
            ring.refuse(480)
        except (NoCapacity, NoNumber) as error:
            self._trouble = Unheard(Obstacle.NO_CAPACITY, str(error))
            ring.refuse(486)
        except Exception:
            log.exception("taking a call of %s of %s failed on our side", self.target, self.whom.owner)
            self._trouble = Unheard(Obstacle.NO_CAPACITY, "failed on our side; the log has it")
            ring.refuse(500)
        finally:
            self._ringing -= 1
            if not self._ringing:
                self._quiet.set()

    async def _answer(self, ring: Ring, taken: AsyncExitStack) -> None:
        offer = ring.offer
        peer = self._peer()
        chosen = form_for(offer.payloads, peer.dialect.voice_form if peer is not None else "")
        if chosen is None:
            named = ", ".join(payload[1] or str(payload[0]) for payload in offer.payloads) or "nothing"
            hop = Hop(self.whom.owner, "INVITE", 488, f"offers {named}")
            raise Unheard(Obstacle.NO_FORM, f"{self.target} offers {named}, and we speak PCMA, PCMU or PS", (hop,))
        payload, form = chosen
        if self._prepare is not None:
            await self._prepare()
        ssrc = offer.ssrc if offer.ssrc else taken.enter_context(self._numbers.lend())
        road = ROAD_TO_LISTENER[offer.transport]
        wish = MouthWish(road, form, payload[0], ssrc, peer_host=ring.peer_host, towards=ring.host)
        mouth = await self._voice.open(wish)
        taken.push_async_callback(self._voice.shut, mouth.id)
        answer = answer_to_listener(
            offer,
            owner=self._our_code,
            host=mouth.host or ring.host,
            port=mouth.port,
            ssrc=ssrc,
            payload=payload,
            form=form,
        )
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[str] = loop.create_future()

        def acknowledged() -> None:
            self._step("ACK")
            self._voice.begin(mouth.id)

        try:
            call = ring.accept(answer, on_ack=acknowledged, on_end=lambda why: settle(ended, why))
        except ValueError as gone:
            raise Unheard(Obstacle.HUNG_UP, f"it gave up its call: {gone}") from None
        taken.push_async_callback(call.hang_up)
        self._step("our answer to INVITE", 200, f"{answer.host}:{answer.port} {form}")
        # Silence from now on for those that want sound right after the 200 (media.md A4); the voice comes at the ACK.
        self._voice.aim(mouth.id, address_of(offer.host, ring.peer_host), offer.port)
        late = loop.call_later(ACK_S, self._voice.begin, mouth.id)
        taken.callback(late.cancel)
        name = next((each for each in ring.names if each not in (self._source, self._our_code)), self.target)
        self._legs[mouth.id] = _Leg(name, mouth, offer.transport, form, call, ring.call_id)
        taken.callback(self._legs.pop, mouth.id, None)
        self._trouble = None
        self._become(Stage.TALKING)
        reason = await ended
        self._step("BYE" if reason == "hung-up" else "end", reason=reason)
        if "ACK" in reason:
            hop = Hop(self.whom.owner, "ACK", 0, reason)
            raise Unheard(Obstacle.NO_ACK, f"{self.target} never acknowledged our 200", (hop,))

    async def _let_go(self) -> None:
        """Hang up on every loudspeaker, at once; each has its deadline."""
        for task in self._leg_tasks:
            task.cancel()
        await asyncio.gather(*self._leg_tasks, return_exceptions=True)

    # What is shown.

    def _fail(self, failed: Unheard) -> None:
        self._obstacle, self._reason, self._hops = failed.obstacle, failed.reason, failed.hops
        self._become(Stage.FAILED)

    def _become(self, stage: Stage) -> None:
        if stage is not self.stage:
            self.stage = stage
            self._changed()

    def _step(self, what: str, status: int = 0, reason: str = "") -> None:
        if len(self._steps) < MOST_STEPS:
            self._steps.append(Step(round(self._clock() - self._began, 3), what, status, reason[:200]))
            self._changed()


def of_peer(error: PeerError) -> Unheard:
    """Why a neighbour did not do what we asked, as a word for the screen."""
    if isinstance(error, PeerOffline):
        return Unheard(Obstacle.OFFLINE, str(error), error.hops)
    if isinstance(error, PeerSilent):
        return Unheard(Obstacle.SILENT, str(error), error.hops)
    if isinstance(error, PeerRefused):
        return Unheard(Obstacle.REFUSED, str(error), error.hops)
    return Unheard(Obstacle.REFUSED, str(error), error.hops)


def settle(ended: asyncio.Future[str], reason: str) -> None:
    """A call has ended; told once."""
    if not ended.done():
        ended.set_result(reason)


def address_of(host: str, peer_host: str) -> str:
    """Where a device awaits sound: what it says, or where it speaks from when that is no address."""
    try:
        return host if not ip_address(host).is_unspecified else peer_host
    except ValueError:
        return peer_host


def busy(whom: Whom, holder: str, since: float, name: str = "") -> HearerView:
    """A device that somebody else talks to."""
    reason = f"{holder} talks to it"
    view = HearerView(whom.owner, whom.channel, "", Style.AUTO, Stage.FAILED, Obstacle.BUSY, reason, (), (), ())
    return replace(view, holder=holder, held_since=since, name=name)
