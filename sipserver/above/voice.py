"""A voice from above on its way down: the notice goes on to the device, whose call goes on to the platform above.

Each voice is one task that holds what it took: the talk with the device below, the call to the platform above. However
it ends, both are given back (signalling 9.3: the notice is handed on, the INVITE goes up with its Subject rewritten).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

from broker.speech import SomebodyTalks, SpeechWish, Stage, Whom
from broker.voice import Speech, Voices
from gb28181.hops import read_warnings
from gb28181.manscdp.broadcast import Broadcast
from gb28181.manscdp.control import ControlResponse
from gb28181.peer import Hop, PeerError, PeerRefused, PeerSilent
from gb28181.sdp import TCP_PASSIVE, UDP, parse_answer, serialise
from gb28181.ssrc import Ssrc
from gb28181.subject import Subject
from gb28181.voice import listening_offer
from sipserver.above.liaison import Liaison
from sipserver.above.settings import AboveSettings
from sipserver.above.user_identity import extended
from sipserver.above.wishes import Exporter, Shared
from sipserver.stack import Dialog, RequestTimedOut, TransportLost

log = logging.getLogger(__name__)

SDP = "application/sdp"
BYE_PATIENCE_S = 5.0
MOST_VOICES = 256


@dataclass(slots=True)
class HeraldTally:
    """Voices from above, counted since the start."""

    told: int = 0
    heard: int = 0
    refused: int = 0


class Herald:
    """Carries voices of platforms above to things below. `say` sends a platform its answer; `owner_of` names the
    neighbour that is reached for a thing."""

    def __init__(
        self,
        exporter: Exporter,
        voices: Voices,
        settings: AboveSettings,
        *,
        say: Callable[[Liaison, ControlResponse], Awaitable[None]],
        owner_of: Callable[[Shared], str],
    ) -> None:
        self._exporter = exporter
        self._voices = voices
        self._settings = settings
        self._say = say
        self._owner_of = owner_of
        self._tasks: dict[asyncio.Task[None], str] = {}
        self.tally = HeraldTally()

    def __len__(self) -> int:
        return len(self._tasks)

    def take(self, liaison: Liaison, said: Broadcast, identity: str) -> None:
        """One notice of an upper; its 200 has gone."""
        self.tally.told += 1
        if len(self._tasks) >= MOST_VOICES:
            self.tally.refused += 1
            return
        task = asyncio.create_task(self._run(liaison, said, identity), name=f"voice of {liaison.upper.code}")
        self._tasks[task] = liaison.upper.code
        task.add_done_callback(self._tasks.pop)

    def end_all(self, code: str) -> None:
        """The upper is gone, and its voice with it."""
        for task, upper in tuple(self._tasks.items()):
            if upper == code:
                task.cancel()

    async def close(self) -> None:
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, liaison: Liaison, said: Broadcast, identity: str) -> None:
        try:
            async with AsyncExitStack() as taken:
                await self._carry(liaison, said, identity, taken)
        except (LookupError, SomebodyTalks, ValueError) as refused:
            self.tally.refused += 1
            await self._answer(liaison, said, ok=False, reason=str(refused))
        except Exception:
            log.exception("a voice of %s could not be carried", liaison.upper.code)

    async def _carry(self, liaison: Liaison, said: Broadcast, identity: str, taken: AsyncExitStack) -> None:
        """From the notice to the end. Raises LookupError, SomebodyTalks, ValueError for what is answered ERROR."""
        shared = await self._exporter.resolve(liaison.upper, said.target)
        if shared is None or not shared.owner:
            raise LookupError(f"there is no {said.target} to speak to")
        call = _Upward(self._voices, liaison, said, self._settings)
        taken.push_async_callback(call.hang_up)
        wish = SpeechWish(
            (Whom(self._owner_of(shared), shared.code),),
            liaison.upper.name or liaison.upper.code,
            identity=extended(identity, self._settings.code, liaison.upper.code),
            may_be_lost=False,
        )
        speech = await self._voices.speak(wish, prepare=call.place)
        taken.push_async_callback(self._voices.end, speech.id, "released")
        over = asyncio.Event()
        taken.callback(speech.listen(lambda: over.set() if speech.ended else None))
        call.speech = speech
        (hearer,) = speech.hearers
        await hearer.answered.wait()
        if hearer.stage in (Stage.FAILED, Stage.ENDED):
            self.tally.refused += 1
            await self._answer(liaison, said, ok=False, reason=hearer.view().reason)
            return
        self.tally.heard += 1
        await self._answer(liaison, said, ok=True)
        call.may_go.set()
        await over.wait()

    async def _answer(self, liaison: Liaison, said: Broadcast, *, ok: bool, reason: str = "") -> None:
        await self._say(liaison, ControlResponse(said.sn, said.target, ok, reason[:200], "Broadcast"))


class _Upward:
    """Our call to the platform above, which brings its voice; placed once, whoever of those below asks first."""

    def __init__(self, voices: Voices, liaison: Liaison, said: Broadcast, settings: AboveSettings) -> None:
        self.speech: Speech | None = None
        self.may_go = asyncio.Event()
        """Our answer to the notice has gone: it goes before the call."""
        self._voices = voices
        self._liaison = liaison
        self._said = said
        self._settings = settings
        self._dialog: Dialog | None = None
        self._turn = asyncio.Lock()
        self._numbers = AsyncExitStack()
        self._ending: asyncio.Task[bool] | None = None

    async def place(self) -> None:
        """Comes back when the voice may flow. Raises PeerError."""
        await self.may_go.wait()
        async with self._turn:
            if self._dialog is None:
                await self._place()

    async def hang_up(self) -> None:
        dialog, self._dialog = self._dialog, None
        if dialog is not None:
            await dialog.bye(timeout_s=BYE_PATIENCE_S)
        await self._numbers.aclose()

    async def _place(self) -> None:
        liaison, speech = self._liaison, self.speech
        assert speech is not None  # it is set before we may go
        way, source, target = liaison.way, self._said.source, self._said.target
        what = f"INVITE {source}"
        try:
            path = await way.find()
        except OSError as lost:
            raise PeerSilent(f"{liaison.upper.code} cannot be reached: {lost}") from None
        transport = liaison.upper.media_transport or (TCP_PASSIVE if way.is_tcp else UDP)
        local = way.stack.local_host_for(path.remote).removeprefix("::ffff:")
        ear = await speech.open_ear(transport, peer_host=path.remote[0].removeprefix("::ffff:"), towards=local)
        ssrc = self._numbers.enter_context(self._voices.numbers.lend())
        offer = listening_offer(way.us, ear.host or local, ear.port, ssrc, transport)
        invite = way.stack.new_request(
            "INVITE",
            f"sip:{source}@{way.place}",
            from_uri=f"sip:{way.us}@{way.domain}",
            to_uri=f"sip:{source}@{way.domain}",
            path=path,
            contact_user=way.us,
            headers=(("Subject", str(Subject(source, Ssrc(ssrc).text, target, "0"))),),
            body=serialise(offer),
            content_type=SDP,
        )
        try:
            response, dialog = await way.stack.invite(invite, path, timeout_s=self._settings.answer_s)
        except (RequestTimedOut, TransportLost) as lost:
            hops = (Hop(liaison.upper.code, what, 0, str(lost)),)
            raise PeerSilent(f"{liaison.upper.code} did not give us its voice: {lost}", hops=hops) from None
        if dialog is None:
            raise PeerRefused(
                f"{liaison.upper.code} refused us its voice: {response.status} {response.reason}",
                status=response.status,
                reason=response.reason,
                hops=(
                    Hop(liaison.upper.code, what, response.status, response.reason),
                    *read_warnings(response.headers.items_of("Warning"), what),
                ),
            )
        dialog.ack()
        self._dialog = dialog
        dialog.on_end = lambda reason: self._over(speech)
        try:
            answer = parse_answer(response.body, offer)
        except ValueError as wrong:
            raise PeerError(f"{liaison.upper.code} answered with a session we cannot use: {wrong}") from None
        speech.voice.aim(ear.id, answer.host, answer.port)

    def _over(self, speech: Speech) -> None:
        """The platform above hung up: so does its voice everywhere."""
        self._dialog = None
        self._ending = asyncio.get_running_loop().create_task(self._voices.end(speech.id, "released"))
