"""What a simulated device does with a voice that is sent to it: answers, calls for it, listens, and its quirks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gb28181.manscdp.broadcast import Broadcast
from gb28181.manscdp.catalog import Item
from gb28181.manscdp.control import ControlResponse
from gb28181.manscdp.message import Manscdp
from gb28181.sdp import PAYLOADS, TCP_ACTIVE, TCP_PASSIVE, UDP, Offer, answer_to, parse_answer, serialise
from gb28181.subject import Subject
from gb28181.voice import listening_offer
from simulator.loudspeaker import Loudspeaker
from simulator.speaker import Speaker
from sipserver.stack import Dialog, Incoming, RequestTimedOut, TransportLost

log = logging.getLogger(__name__)

ANSWER_S = 10.0
GOODBYE_S = 2.0
OWN_SSRC = 77


@dataclass(frozen=True, slots=True)
class HearingSettings:
    """The loudspeakers of a device, and quirks to order."""

    outputs: tuple[str, ...] = ()
    """Codes of its voice outputs (type 137); none, and it cannot hear."""
    transport: str = UDP
    """How sound shall come, seen by the device: udp, tcp-passive (it listens) or tcp-active (it connects)."""
    payload: int = 8
    """8 is A-law, 0 mu-law, 96 a program stream."""
    pitch_hz: int = 0
    """It sends a tone of this pitch back; 0 sends nothing."""
    takes_talk: bool = True
    """Takes an INVITE with s=Talk."""
    calls_first: bool = False
    """Sends its INVITE before its answer to the notice."""
    answers: bool = True
    """Answers the notice at all."""
    calls: bool = True
    """Sends an INVITE; otherwise it answers OK and that is all."""
    hangs_up: int = 0
    """So many times it hangs up right after the call was set up."""
    talks_early: bool = False
    """Sends its own sound before the ACK to its 200."""
    is_bare: bool = False
    """Speaks RTP without lengths over TCP."""
    platform_first: bool = False
    """Calls from one code whatever was asked for, and names the platform first in its Subject."""
    writes_sendonly: bool = False
    """Writes the direction of the platform in its own offer."""
    has_ssrc: bool = True
    """Names an SSRC in its offer."""


class Hearing:
    """The loudspeakers of one device at work. `calls` are those that are up, by the output that hears."""

    def __init__(self, speaker: Speaker, settings: HearingSettings, device: str) -> None:
        self._speaker = speaker
        self.settings = settings
        self._device = device
        self.notices: list[Broadcast] = []
        self.calls: dict[str, HearingCall] = {}
        self.heard: dict[str, Loudspeaker] = {}
        """What each output heard last, also after the call."""
        self.ends: list[str] = []
        """Why calls ended, in order: BYE is the platform's."""
        self.calls_taken = 0
        self._hangs_up = settings.hangs_up
        self._tasks: set[asyncio.Task[None]] = set()

    def items(self, civil_code: str, maker: str, model: str) -> list[Item]:
        """Its voice outputs in the catalog: who reports none cannot hear (2022 annex O)."""
        return [
            Item(
                code=code,
                name="扬声器",
                manufacturer=maker,
                model=model,
                owner="Lianwang",
                civil_code=civil_code,
                parent_ids=(self._device,),
                status_on=True,
            )
            for code in self.settings.outputs
        ]

    def notified(self, asked: Broadcast) -> Sequence[Manscdp]:
        """A voice is offered: the answer, and a call for each output that is meant."""
        self.notices.append(asked)
        settings = self.settings
        meant = [code for code in settings.outputs if asked.target in (code, self._device)]
        if asked.target not in (self._device, *settings.outputs) and asked.target[10:13] in ("131", "132"):
            meant = list(settings.outputs[:1])  # the camera itself is named, as many platforms do
        if not meant:
            return [ControlResponse(asked.sn, asked.target, ok=False, cmd_type="Broadcast")] if settings.answers else []
        answer = ControlResponse(asked.sn, asked.target, cmd_type="Broadcast")
        for code in meant if settings.calls else ():
            self._begin(self._call(asked, code, answer if settings.calls_first and settings.answers else None))
        return [answer] if settings.answers and not (settings.calls_first and settings.calls) else []

    def talk(self, incoming: Incoming, offer: Offer) -> None:
        """An INVITE with s=Talk: sound both ways on one path."""
        if not self.settings.takes_talk or not self.settings.outputs:
            incoming.respond(488)
            return
        self._begin(self._take(incoming, offer))

    async def close(self, *, goodbye: bool = True) -> None:
        for call in tuple(self.calls.values()):
            if goodbye:
                await call.dialog.bye(timeout_s=GOODBYE_S)
            await call.loudspeaker.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def hang_up(self, output: str) -> None:
        """The device ends a call."""
        call = self.calls.pop(output, None)
        if call is not None:
            await call.dialog.bye(timeout_s=GOODBYE_S)
            await call.loudspeaker.close()

    async def _call(self, asked: Broadcast, output: str, answer_later: Manscdp | None) -> None:
        settings, speaking = self.settings, self._speaker.settings
        path = await self._speaker.way()
        host = path.local[0] if path.local[0] not in ("", "0.0.0.0", "::") else "127.0.0.1"
        loudspeaker = Loudspeaker(settings.transport, host, is_bare=settings.is_bare)
        await loudspeaker.open()
        ssrc = 100 + self.calls_taken
        offer = listening_offer(output, host, loudspeaker.port, ssrc if settings.has_ssrc else None, settings.transport)
        offer = replace(offer, payloads=(PAYLOADS[settings.payload],))
        if settings.writes_sendonly:
            offer = replace(offer, direction="sendonly")
        elif settings.pitch_hz:
            offer = replace(offer, direction="sendrecv")
        caller = self._device if settings.platform_first else output
        subject = Subject(asked.source, "0", caller, "0")
        if settings.platform_first:
            subject = Subject(speaking.server_code, "1", self._device, "2")
        invite = self._speaker.stack.new_request(
            "INVITE",
            f"sip:{asked.source}@{speaking.server_host}:{speaking.server_port}",
            from_uri=f"sip:{speaking.code}@{speaking.server_domain}",
            to_uri=f"sip:{asked.source}@{speaking.server_domain}",
            path=path,
            contact_user=speaking.code,
            headers=(("Subject", str(subject)),),
            body=serialise(offer),
            content_type="application/sdp",
        )
        try:
            response, dialog = await self._speaker.stack.invite(invite, path, timeout_s=ANSWER_S)
            if dialog is None:
                log.info("%s was not given the voice it asked for: %d %s", output, response.status, response.reason)
                await loudspeaker.close()
                return
            if answer_later is not None:
                await self._speaker.tell(answer_later)
            given = parse_answer(response.body, offer)
            dialog.ack()
            self._keep(output, dialog, loudspeaker)
            await loudspeaker.aim(given.host, given.port)
        except (RequestTimedOut, TransportLost, OSError, ValueError) as error:
            log.info("%s does not hear the voice it asked for: %s", output, error)
            await loudspeaker.close()
            return
        if settings.pitch_hz:
            loudspeaker.speak(settings.pitch_hz, OWN_SSRC)
        if self._hangs_up:
            self._hangs_up -= 1
            await asyncio.sleep(0.1)
            await self.hang_up(output)

    async def _take(self, incoming: Incoming, offer: Offer) -> None:
        settings, output = self.settings, self.settings.outputs[0]
        host = incoming.path.local[0] if incoming.path.local[0] not in ("", "0.0.0.0", "::") else "127.0.0.1"
        # Seen by us: the platform listens, so we connect, and the other way round.
        ours = {UDP: UDP, TCP_PASSIVE: TCP_ACTIVE, TCP_ACTIVE: TCP_PASSIVE}[offer.transport]
        loudspeaker = Loudspeaker(ours, host, is_bare=settings.is_bare)
        await loudspeaker.open()
        answer = answer_to(offer, owner=self._device, host=host, port=loudspeaker.port)
        dialog = incoming.accept(serialise(answer), contact_user=self._speaker.settings.code)
        self._keep(output, dialog, loudspeaker)
        acknowledged = asyncio.Event()
        dialog.on_ack = lambda _: acknowledged.set()
        if not settings.talks_early:
            await acknowledged.wait()
        try:
            await loudspeaker.aim(offer.host, offer.port)
        except OSError as error:
            log.info("%s cannot talk: %s", output, error)
            return
        loudspeaker.speak(settings.pitch_hz or 440, offer.ssrc or OWN_SSRC)

    def _keep(self, output: str, dialog: Dialog, loudspeaker: Loudspeaker) -> None:
        self.calls_taken += 1
        call = HearingCall(dialog, loudspeaker)
        self.calls[output] = call
        self.heard[output] = loudspeaker
        dialog.on_end = lambda reason: self._over(output, call, reason)

    def _over(self, output: str, call: HearingCall, reason: str) -> None:
        self.ends.append(reason)
        if self.calls.get(output) is call:
            del self.calls[output]
        self._begin(call.loudspeaker.close())

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


@dataclass(frozen=True, slots=True)
class HearingCall:
    """A call in which an output hears."""

    dialog: Dialog
    loudspeaker: Loudspeaker
