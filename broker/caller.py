"""Rings whoever has a channel: called, the intake aimed at the answer, the first picture awaited, and hung up."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace

from broker.errand import Detour, Errand, Pace, StreamKey
from broker.failure import Failed, Failure, of_media, of_peer, of_source
from broker.fetched import Fetching
from broker.intake import Intake, our_host
from broker.kept import Showing
from broker.watch import WatchKind
from gb28181.edition import parse_edition
from gb28181.peer import Call, Hop, Neighbours, Peer, PeerError, PeerOffline, PeerRefused
from gb28181.routepath import ROUTE_PATH, read_route
from gb28181.sdp import Answer, Offer, live_offer
from gb28181.ssrc import Ssrc
from media.plane import Aim, Inlet, Seen, Transport, Verdict
from registry.device import Device

log = logging.getLogger(__name__)

BYE_S = 5.0
HASTY_BYE_S = 1.0
"""The same when the whole house closes; a neighbour that is gone must not hold it up."""
NOT_ACCEPTABLE_HERE = 488
STOPPED = "stopped by an operator"


class Caller:
    """One `ring` at a time, each ended by `hang_up`; what the last one came to stays to be read.

    It is told by `heard` how the wait for the first picture ended, by `lose` why the flow after it has to end.
    `answered` is called when somebody took the call, `broke` when the ring or the flow has a reason to end.
    """

    def __init__(
        self,
        key: StreamKey,
        errand: Errand,
        pace: Pace,
        device: Callable[[str], Device | None],
        neighbours: Neighbours,
        intake: Intake,
        answered: Callable[[], None],
        broke: Callable[[], None],
    ) -> None:
        self.key = key
        self.call: Call | None = None
        self.calls = 0
        self.hops: tuple[Hop, ...] = ()
        """The ladder of the last ring, as far as it has come."""
        self.path: tuple[str, ...] = ()
        """Through which platforms the stream comes, ours first."""
        self.broken: str | None = None
        """Why the ring, or the flow after it, has to end."""
        self.is_stopped = False
        self._errand = errand
        self._headers = errand.headers
        self._answer_s = pace.answer_s
        self._first_frame_s = pace.first_frame_s
        self._device = device
        self._neighbours = neighbours
        self._intake = intake
        self._answered = answered
        self._broke = broke
        self._bye_s = BYE_S
        self._news: asyncio.Future[Seen | None] | None = None
        self._is_aimed = False

    # --- a ring and its end ----------------------------------------------------------------------------------

    async def ring(self) -> None:
        """Comes back at the first picture on the open intake. Raises Failed; even then a call may be up."""
        inlet = self._intake.inlet
        assert inlet is not None
        self.hops = self._intake.hops
        if self.is_stopped:
            raise Failed(self._stopped(None))
        if inlet.transport is Transport.PULLED:
            await self._fetch()
        else:
            await self._invite(inlet)

    async def hang_up(self) -> None:
        """Harmless when nobody is called. Raises nothing."""
        call, self.call = self.call, None
        if call is None:
            return
        try:
            async with asyncio.timeout(self._bye_s):
                await call.hang_up()
        except (PeerError, TimeoutError) as error:
            log.info("the BYE of %s was not answered: %s", call.call_id, error)
        except Exception:
            log.exception("hanging up %s failed; the port and the number are given back all the same", call.call_id)

    def hasten(self) -> None:
        """From now on there is little patience for answers to a BYE."""
        self._bye_s = HASTY_BYE_S

    def take(self, detour: Detour) -> None:
        """From the next ring on go by another way."""
        self.key = detour.key
        self.path = ()
        self._headers = detour.headers
        self._answer_s = detour.answer_s

    def _stopped(self, call: Call | None) -> Failure:
        call_id = call.call_id if call is not None else None
        return Failure(f"the stream was {STOPPED}", "stopped", 487, self.hops, None, call_id, self.path)

    # --- what is heard meanwhile -----------------------------------------------------------------------------

    @property
    def is_before_aim(self) -> bool:
        """Whether a ring is on, and what the media plane says of failures is still about the flow before it."""
        return self._news is not None and not self._news.done() and not self._is_aimed

    def heard(self, seen: Seen | None) -> bool:
        """How the wait for the first picture ended, None when it came; false when nobody waits."""
        if self._news is None or self._news.done():
            return False
        self._news.set_result(seen)
        return True

    def lose(self, why: str) -> None:
        """It has to end; the first reason counts."""
        self.broken = self.broken or why
        self._broke()

    def stop(self) -> None:
        """End what rings or flows, and let no ring after it come to anything."""
        self.is_stopped = True
        self.lose(STOPPED)
        self.heard(Seen(Verdict.LOST, note=STOPPED))

    def _call_ended(self, call: Call, reason: str) -> None:
        if call is not self.call:
            return
        self.lose(reason or "the device ended the call")
        self.heard(Seen(Verdict.LOST, note=self.broken or ""))

    # --- two kinds of ring -----------------------------------------------------------------------------------

    async def _invite(self, inlet: Inlet) -> None:
        """Somebody is called."""
        peer, host, device = self._callee(inlet)
        offer = self._offer(peer, host, device, inlet)
        self._begin()
        try:
            call = await self._place(peer, offer)
        except PeerError as error:
            self._learn_path(device, error.headers.get(ROUTE_PATH))
            failure = of_peer(error, self.key.channel).after(self.hops)
            raise Failed(replace(failure, path=self.path)) from None
        self.call = call
        self.hops += (Hop(self.key.owner, "INVITE", 200, "OK"),)
        self._learn_path(device, call.headers.get(ROUTE_PATH))
        if self._errand.own_code and self._errand.own_code in self.path[1:]:
            message = f"{self.key.owner} would have {self.key.channel} from us: {'-'.join(self.path)}"
            hop = Hop("us", "look at the path", 482, message)
            raise Failed(Failure(message, "loop", 482, (*self.hops, hop), None, call.call_id, self.path))
        call.on_end(lambda reason: self._call_ended(call, reason))
        answer = call.answer
        payloads = answer.payload_map() or offer.payload_map()
        formats = dict(answer.fmtp or offer.fmtp)
        await self._aim(Aim(answer.host or None, answer.port or None, answer.ssrc, payloads, formats), call)
        where = f"{host}:{inlet.port}, SSRC {Ssrc(self._intake.ssrc).text}, {inlet.transport}"
        await self._await_picture(
            call, lambda seen: of_media(seen, self.key.channel, where, call.call_id).after(self.hops)
        )

    async def _fetch(self) -> None:
        """Nobody is called: the media plane fetches it."""
        self._begin()
        self.call = call = self._showing() if self._errand.kept else Fetching()
        self.path = (self._errand.own_code,) if self._errand.own_code else ()
        await self._aim(Aim(), call)
        await self._await_picture(call, lambda seen: of_source(seen, self.key.channel, call.call_id))

    def _showing(self) -> Showing:
        answer = Answer(owner="", host="", port=0, filesize=self._intake.kept_bytes)
        return Showing(answer=answer, steer=self._intake.steer)

    # --- its steps -------------------------------------------------------------------------------------------

    def _callee(self, inlet: Inlet) -> tuple[Peer, str, Device]:
        """Whom we call and the address it shall send to. Raises Failed."""
        code = self.key.owner
        device, peer = self._device(code), self._neighbours.peer(code)
        if device is None or peer is None:
            if device is not None:
                self._learn_path(device, None)
            failure = of_peer(PeerOffline(f"{code} is not registered"), code).after(self.hops)
            raise Failed(replace(failure, path=self.path))
        host = inlet.host or our_host(device)
        if host in ("", "0.0.0.0", "::"):
            message = f"no address is known that {code} could send to; set the media room's announce_host"
            raise Failed(Failure(message, "no-address", 500, (*self.hops, Hop("us", "write the offer", 500, message))))
        return peer, host, device

    def _offer(self, peer: Peer, host: str, device: Device, inlet: Inlet) -> Offer:
        """What we ask for, in the words the peer understands (2022 annex G)."""
        errand = self._errand
        offer = live_offer(
            self.key.channel,
            host,
            inlet.port,
            self._intake.ssrc,
            str(inlet.transport),
            dialect=peer.dialect,
            edition=parse_edition(device.edition or None),
            stream_number=self.key.number,
        )
        if errand.kind.is_live:
            return offer
        is_download = errand.kind is WatchKind.DOWNLOAD
        return replace(
            offer,
            session="Download" if is_download else "Playback",
            uri=errand.uri or f"{self.key.channel}:0",
            start=errand.start,
            stop=errand.stop,
            downloadspeed=errand.download_speed if is_download else None,
        )

    def _begin(self) -> None:
        """What is heard from now on is about the ring that begins."""
        self.broken = None
        self._is_aimed = False
        self._news = asyncio.get_running_loop().create_future()
        self.calls += 1

    async def _place(self, peer: Peer, offer: Offer) -> Call:
        try:
            return await self._call(peer, offer)
        except PeerRefused as refused:
            # Further hops mean that it has asked on, and an accepted call that the answer was unusable.
            is_its_own_word = [hop.status for hop in refused.hops] == [NOT_ACCEPTABLE_HERE]
            if not (is_its_own_word and offer.stream_selector):
                raise
            # Some devices refuse an attribute they do not know, and any picture is better than none.
            self.hops += refused.hops
            log.info("%s refused %s; asked once more without it", self.key.channel, offer.stream_selector[0])
            return await self._call(peer, replace(offer, stream_selector=()))

    async def _call(self, peer: Peer, offer: Offer) -> Call:
        if not self._headers:
            return await peer.call(self.key.channel, offer, timeout_s=self._answer_s)
        return await peer.call(self.key.channel, offer, timeout_s=self._answer_s, headers=self._headers)

    def _learn_path(self, device: Device, told: str | None) -> None:
        """Through which platforms it comes: as the one below says, or ourselves and it (2022 annex H)."""
        below = read_route(told) or ((device.code,) if device.is_platform else ())
        self.path = (self._errand.own_code, *below) if self._errand.own_code else below

    async def _aim(self, aim: Aim, call: Call) -> None:
        self._answered()
        try:
            await self._intake.aim(aim)
            self._is_aimed = True
        except KeyError as gone:
            message = f"the media host of {self.key.channel} vanished: {gone.args[0]}"
            hop = Hop("media", "aim", 503, message)
            raise Failed(Failure(message, "media-host-lost", 503, (*self.hops, hop), None, call.call_id)) from None

    async def _await_picture(self, call: Call, why_none: Callable[[Seen], Failure]) -> None:
        assert self._news is not None
        try:
            async with asyncio.timeout(self._first_frame_s):
                seen = await asyncio.shield(self._news)
        except TimeoutError:
            seen = Seen(Verdict.NOTHING, note=f"the media plane said nothing in {self._first_frame_s:g} s")
        if self.is_stopped:
            raise Failed(self._stopped(call))
        if seen is None:
            self.hops += (Hop("media", "await the first picture", 200, "it came"),)
            return
        if self.broken is not None:
            hop = Hop(self.key.owner, "BYE", 0, self.broken)
            message = f"{self.key.channel} ended the call before its first picture: {self.broken}"
            raise Failed(Failure(message, "device-ended", 480, (*self.hops, hop), seen, call.call_id, self.path))
        raise Failed(replace(why_none(seen), path=self.path))
