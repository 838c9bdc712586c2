"""Queries and controls from above: our own are answered, those about things below are handed on and come back.

Every MESSAGE has its 200 (or 404) at once and its work afterwards; the answer travels as a MESSAGE of ours under the
upper's own SN (GB/T 28181-2022 9.3, 9.5; signalling 9.3, 9.4).
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, replace

from broker.arbitration import Grip, Steerer, SteeringHeld, grip_of
from broker.levers import Levers
from gb28181 import ptz
from gb28181.hops import write_warnings
from gb28181.identity import HEADER
from gb28181.manscdp.alarm import AlarmQuery, AlarmResponse
from gb28181.manscdp.broadcast import Broadcast
from gb28181.manscdp.catalog import Catalog, CatalogQuery
from gb28181.manscdp.control import ControlResponse, DeviceControl
from gb28181.manscdp.device_info import DeviceInfo, DeviceInfoQuery
from gb28181.manscdp.device_status import DeviceStatus, DeviceStatusQuery
from gb28181.manscdp.message import Manscdp, parse
from gb28181.manscdp.record_info import RecordInfo, RecordInfoQuery, RecordItem
from gb28181.peer import Hop, PeerError, PeerOffline
from registry.events import NoticeHeard
from registry.platform import Upper
from sipserver.above.codes import recoded, with_other_sn
from sipserver.above.liaison import Liaison
from sipserver.above.pages import Declined, Insistence, NotTaken, Say, insist
from sipserver.above.records import CentreRecords, merged, pages
from sipserver.above.registration import Heard
from sipserver.above.settings import AboveSettings
from sipserver.above.turns import Turns
from sipserver.above.user_identity import extended, has_come_by, identity_of
from sipserver.above.voice import Herald
from sipserver.above.wishes import Exporter, NeighboursBelow, PeerBelow, Shared
from sipserver.below.errands import Errands
from sipserver.sip.message import Field, Response
from sipserver.stack import Incoming, RequestTimedOut, TransportLost

log = logging.getLogger(__name__)

UNSUPPORTED = "not supported"
MOST_SESSIONS = 1000


@dataclass(slots=True)
class AnswersTally:
    """What was asked from above, counted since the start."""

    asked: int = 0
    repeats: int = 0
    malformed: int = 0
    unshared: int = 0
    handed_on: int = 0
    failed_below: int = 0
    catalogs: int = 0
    catalog_items: int = 0
    refused: int = 0
    held: int = 0
    """Commands for cameras that others steered."""


@dataclass(frozen=True, slots=True)
class _Wish:
    """One message from above, read."""

    liaison: Liaison
    value: Manscdp
    body: bytes
    identity: str
    to: str = ""
    """Whom its To header names."""

    @property
    def root(self) -> str:
        return self.value.root

    @property
    def kind(self) -> str:
        return f"{self.value.root} {self.value.cmd_type}"

    @property
    def wants_answer(self) -> bool:
        """Whether the standard has a Response for it (signalling 4.2, the lines marked R)."""
        if isinstance(self.value, DeviceControl):
            return self.value.wants_answer
        return self.root in ("Query", "Control")


class Answers:
    """`tiers_below(owner, code)` says how many tiers a question about that thing goes down, the neighbour included."""

    def __init__(
        self,
        exporter: Exporter,
        below: NeighboursBelow,
        settings: AboveSettings,
        levers: Levers,
        *,
        tiers_below: Callable[[str, str], Awaitable[int]],
        changed: Callable[[Liaison], None],
        sent_catalog: Callable[[Liaison], None],
        clock: Callable[[], float],
        records: CentreRecords | None = None,
    ) -> None:
        self._exporter = exporter
        self._records = records
        self._below = below
        self._settings = settings
        self._levers = levers
        self._tiers_below = tiers_below
        self._changed = changed
        self._sent_catalog = sent_catalog
        self._clock = clock
        self._questions = Errands(limit=settings.questions, workers=settings.questions_at_once)
        self._commands = Errands(limit=settings.questions, workers=settings.questions_at_once)
        self._catalogs = Errands(limit=64, workers=settings.catalogs_at_once)
        self._turns = Turns(self._commands)
        self._catalog_turns = Turns(self._catalogs)
        self._insistence = Insistence(settings.page_tries, settings.page_pause_s)
        self._sessions: OrderedDict[str, str] = OrderedDict()
        self.herald: Herald | None = None
        """Who carries voices from above; None where nobody speaks to devices."""
        self.tally = AnswersTally()

    def start(self) -> None:
        for errands in (self._questions, self._commands, self._catalogs):
            errands.start()

    async def close(self) -> None:
        for errands in (self._catalogs, self._commands, self._questions):
            await errands.close()

    def statistics(self) -> dict[str, int]:
        waiting = len(self._questions) + len(self._commands) + len(self._catalogs)
        return asdict(self.tally) | {"waiting": waiting, "commands_given_up": self._turns.given_up}

    # What comes in.

    def take(self, liaison: Liaison, incoming: Incoming) -> None:
        """One MESSAGE of an upper."""
        body = incoming.request.body
        if not body:
            incoming.respond(200)
            return
        try:
            value = parse(body)
        except ValueError as wrong:
            self.tally.malformed += 1
            log.info("%s sent a body we cannot read: %s", liaison.upper.code, wrong)
            incoming.respond(400)
            return
        self.tally.asked += 1
        if value.root not in ("Query", "Control"):
            incoming.respond(200)
            self._heard_notice(liaison, value, identity_of(incoming.request))
            return
        identity = identity_of(incoming.request)
        wish = _Wish(liaison, value, body, identity, _named(incoming))
        if liaison.is_repeat(wish.kind, value.device, body, self._clock(), self._settings.repeats_s):
            self.tally.repeats += 1
            incoming.respond(200)
            return
        if has_come_by(identity, liaison.way.us) or has_come_by(identity, self._settings.code):
            self._refuse(wish, incoming, 482)
            return
        if self._is_about_us(liaison, value.device):
            incoming.respond(200)
            self._answer_ourselves(wish)
        elif not liaison.lookups.add("a look for what is asked about", lambda: self._look_up(wish, incoming)):
            self._busy(wish, incoming)

    def _is_about_us(self, liaison: Liaison, device: str) -> bool:
        return device in ("", liaison.way.us, self._settings.code)

    def _busy(self, wish: _Wish, incoming: Incoming) -> None:
        self.tally.refused += 1
        self._refuse(wish, incoming, 503, (("Retry-After", "5"),))

    def _refuse(self, wish: _Wish, incoming: Incoming, status: int, headers: Sequence[Field] = ()) -> None:
        """Nothing is done; who tries again, as after a 503 it should, is heard again."""
        wish.liaison.forget_body(wish.kind, wish.value.device)
        incoming.respond(status, headers=headers)

    async def _till_answered(self, wish: _Wish, work: Awaitable[None]) -> None:
        """A question that has its answer may come again under its SN, which is its own only while it is open
        (signalling 4.1). Commands are not for twice: uppers repeat those."""
        try:
            await work
        finally:
            if wish.root == "Query":
                wish.liaison.forget_body(wish.kind, wish.value.device)

    async def _look_up(self, wish: _Wish, incoming: Incoming) -> None:
        try:
            shared = await self._exporter.resolve(wish.liaison.upper, wish.value.device)
        except Exception:
            self._refuse(wish, incoming, 500)
            raise
        held = None if shared is None else self._held(wish, shared)
        if shared is None:
            self.tally.unshared += 1
            self._refuse(wish, incoming, 404)
        elif held is not None:
            self.tally.held += 1
            hop = Hop(self._settings.code, "MESSAGE DeviceControl", 403, str(held))
            warnings = [("Warning", text) for text in write_warnings(self._settings.code, (hop,))]
            self._refuse(wish, incoming, 403, warnings)
        elif self._begin(wish, shared):
            incoming.respond(200)
        else:
            self._busy(wish, incoming)

    def _held(self, wish: _Wish, shared: Shared) -> SteeringHeld | None:
        """Who keeps this upper from steering the camera (signalling 9.7)."""
        value = wish.value
        if not isinstance(value, DeviceControl):
            return None
        owner, _ = self._reachable(shared)
        try:
            self._levers.arbitration.check(owner, shared.code, self._steerer(wish), grip_of(value))
        except SteeringHeld as held:
            return held
        return None

    def _steerer(self, wish: _Wish) -> Steerer:
        upper = wish.liaison.upper
        rank = self._levers.arbitration.settings.rank_of_upper(upper.code)
        priority = wish.value.priority if isinstance(wish.value, DeviceControl) else None
        return Steerer(f"upper:{upper.code}", upper.shown_name, rank, priority or 0)

    def _begin(self, wish: _Wish, shared: Shared) -> bool:
        """Put the work in its queue; false when there is no room."""
        value, upper = wish.value, wish.liaison.upper
        what = f"{value.cmd_type} of {upper.code} about {value.device}"
        if isinstance(value, CatalogQuery):
            return self._begin_catalog(wish, value.device)
        if isinstance(value, RecordInfoQuery) and shared.owner:
            return self._questions.add(what, lambda: self._till_answered(wish, self._list_records(wish, value, shared)))
        if not shared.owner:
            refusal = self._refusal(value, UNSUPPORTED)
            return self._questions.add(what, lambda: self._till_answered(wish, self._say(wish, refusal)))
        if value.root == "Control":
            key = (shared.owner, shared.code)
            return self._turns.add(key, what, lambda: self._hand_on(wish, shared))
        return self._questions.add(what, lambda: self._till_answered(wish, self._hand_on(wish, shared)))

    def _heard_notice(self, liaison: Liaison, value: Manscdp, identity: str) -> None:
        """A Notify from above wants something when it is a Broadcast: a voice shall go down."""
        if isinstance(value, Broadcast):
            goes_round = has_come_by(identity, liaison.way.us) or has_come_by(identity, self._settings.code)
            if self.herald is not None and not goes_round:
                self.herald.take(liaison, value, identity)
                return
            refusal = ControlResponse(value.sn, value.device or liaison.way.us, False, UNSUPPORTED, "Broadcast")
            self._questions.add("an answer to a broadcast", lambda: self.say_to(liaison, refusal))

    # About ourselves.

    def _answer_ourselves(self, wish: _Wish) -> None:
        value, us = wish.value, wish.liaison.way.us
        if isinstance(value, CatalogQuery):
            self._begin_catalog(wish, None)
        elif isinstance(value, RecordInfoQuery):
            what = f"records for {us}"
            if not self._questions.add(what, lambda: self._till_answered(wish, self._list_own_records(wish, value))):
                self.tally.refused += 1
        elif wish.wants_answer:
            answer = self._own_answer(value, us)
            what = f"an answer to {wish.liaison.upper.code}"
            if not self._questions.add(what, lambda: self._till_answered(wish, self._say(wish, answer))):
                self.tally.refused += 1

    def _own_answer(self, value: Manscdp, us: str) -> Manscdp:
        settings, device = self._settings, value.device or us
        match value:
            case DeviceInfoQuery():
                return DeviceInfo(
                    value.sn,
                    device,
                    name=settings.name,
                    manufacturer=settings.manufacturer,
                    model=settings.model,
                    firmware=settings.firmware,
                )
            case DeviceStatusQuery():
                return DeviceStatus(value.sn, device)
        if value.cmd_type.lower() == "alarm":
            return AlarmResponse(value.sn, device)
        return self._refusal(value, UNSUPPORTED)

    # A catalog.

    def _begin_catalog(self, wish: _Wish, scope: str | None) -> bool:
        upper = wish.liaison.upper.code
        what = f"the catalog for {upper}"
        return self._catalog_turns.add(upper, what, lambda: self._till_answered(wish, self._send_catalog(wish, scope)))

    async def _send_catalog(self, wish: _Wish, scope: str | None) -> None:
        """Pages in their order, each after the 200 to the one before."""
        liaison, value = wish.liaison, wish.value
        upper, way, again = liaison.upper, liaison.way, self._insistence
        put = self._putter(liaison)
        size = page_size(upper, self._settings)
        device = value.device or way.us
        self.tally.catalogs += 1
        try:
            async with self._exporter.rendering(upper, scope) as rendering:
                if scope is None:
                    await self._exporter.forget_sent(upper)
                sent, total = 0, rendering.total
                if not total:
                    await insist(put, way.written(Catalog(value.sn, device)), again)
                async for items in rendering.pages(size):
                    self._progress(liaison, (sent, total))
                    body = way.written(Catalog(value.sn, device, total, items))
                    await insist(put, body, again)
                    await self._exporter.mark_sent(upper, items)
                    sent += len(items)
                self.tally.catalog_items += sent
        except LookupError:
            log.info("%s asked for the catalog of %s, which it may not see any more", upper.code, value.device)
        except Declined as declined:
            log.warning("%s refused a page of its catalog: %s", upper.code, declined)
        except NotTaken as silent:
            log.warning("%s did not take a page of its catalog: %s", upper.code, silent)
            liaison.agent.heard(Heard.GONE, f"it did not take a page of its catalog: {silent}")
        finally:
            self._progress(liaison, None)
            self._sent_catalog(liaison)

    def _progress(self, liaison: Liaison, sent: tuple[int, int] | None) -> None:
        liaison.catalog_sent = sent
        self._changed(liaison)

    # Recordings.

    async def _list_records(self, wish: _Wish, query: RecordInfoQuery, shared: Shared) -> None:
        """IndistinctQuery 0: where To says, the centre when it names us, else the device. 1: both, as one list."""
        us = wish.liaison.way.us
        is_to_us = wish.to in ("", us, self._settings.code)
        centre = await self._records.of(shared, query, us) if self._records and (is_to_us or query.indistinct) else []
        if query.indistinct:
            items = merged(
                await self._records_below(wish, shared), centre, query, shared.code, await self._location(wish, shared)
            )
            await self._send_records(wish, query, items)
        elif centre:
            await self._send_records(wish, query, centre)
        else:
            # Many platforms address every question to the platform; when the centre has nothing, the device may.
            await self._hand_on(wish, shared)

    async def _list_own_records(self, wish: _Wish, query: RecordInfoQuery) -> None:
        upper, us = wish.liaison.upper, wish.liaison.way.us
        query = replace(query, device=query.device or us)
        items = await self._records.of_all(upper, query, us) if self._records is not None else []
        await self._send_records(wish, query, items)

    async def _records_below(self, wish: _Wish, shared: Shared) -> list[object]:
        """What those below answer; nothing when they cannot be reached, for the centre may have it."""
        self.tally.handed_on += 1
        try:
            answers = await self._ask_below(wish, shared)
        except PeerError as failed:
            self.tally.failed_below += 1
            log.info("the recordings of %s could not be asked for below: %s", shared.code, failed)
            return []
        found: list[object] = []
        for answer in answers:
            with suppress(ValueError):
                found.append(parse(answer))
        return found

    async def _location(self, wish: _Wish, shared: Shared) -> str:
        """Who stores what a neighbour has recorded, as the upper knows it."""
        return await self._exporter.code_there(wish.liaison.upper, shared.owner, shared.owner) or shared.owner

    async def _send_records(self, wish: _Wish, query: RecordInfoQuery, items: Sequence[RecordItem]) -> None:
        upper, way = wish.liaison.upper, wish.liaison.way
        for part in pages(query, self._settings.name, items, page_size(upper, self._settings)):
            if not await self._send(wish.liaison, way.written(part)):
                return

    # About things below.

    async def _hand_on(self, wish: _Wish, shared: Shared) -> None:
        """The question goes down under their SN and codes; the answers come back under the upper's."""
        value = wish.value
        self.tally.handed_on += 1
        if value.root == "Control":
            self._remember_session(wish)
        try:
            answers = await self._ask_below(wish, shared)
        except (PeerError, SteeringHeld) as failed:
            self.tally.failed_below += 1
            log.info(
                "%s about %s for %s failed below: %s", value.cmd_type, value.device, wish.liaison.upper.code, failed
            )
            if isinstance(failed, PeerOffline) and isinstance(value, DeviceStatusQuery):
                await self._say(wish, self._status_while_offline(value))
            elif wish.wants_answer:
                await self._say(wish, self._refusal(value, str(failed)[:200]))
            return
        if not wish.wants_answer:
            return
        if not answers and self._is_obeyed_in_silence(wish, shared):
            await self._say(wish, ControlResponse(value.sn, value.device, cmd_type=value.cmd_type))
            return
        if not answers:
            self.tally.failed_below += 1
            await self._say(wish, self._refusal(value, "no answer"))
            return
        known = {shared.code: value.device}
        way, upper = wish.liaison.way, wish.liaison.upper

        async def upward(code: str) -> str:
            return await self._exporter.code_there(upper, shared.owner, code) or code

        for answer in answers:
            body = await recoded(answer, upward, sn=value.sn, charset=way.charset, edition=way.edition, known=known)
            if not await self._send(wish.liaison, body):
                return

    def _remember_session(self, wish: _Wish) -> None:
        """An upgrade or snapshots: what is told later of that session is for this upper (signalling 9.3)."""
        session = text_between(wish.body, b"<SessionID>", b"<")
        if session:
            self._sessions[session] = wish.liaison.upper.code
            if len(self._sessions) > MOST_SESSIONS:
                self._sessions.popitem(last=False)

    def heard_below(self, event: NoticeHeard, liaison_of: Callable[[str], Liaison | None]) -> None:
        """News of work that an upper ordered: it goes to that upper alone."""
        liaison = liaison_of(self._sessions.get(event.session, ""))
        if liaison is not None and liaison.is_up:
            self._questions.add(f"{event.cmd_type} for {liaison.upper.code}", lambda: self._pass_up(liaison, event))

    async def _pass_up(self, liaison: Liaison, event: NoticeHeard) -> None:
        way, upper = liaison.way, liaison.upper

        async def upward(code: str) -> str:
            return await self._exporter.code_there(upper, event.owner, code) or code

        body = await recoded(event.body, upward, sn=way.next_sn(), charset=way.charset, edition=way.edition, known={})
        await self._send(liaison, body)

    async def _ask_below(self, wish: _Wish, shared: Shared) -> list[bytes]:
        owner, peer = self._reachable(shared)
        if peer is None:
            raise PeerOffline(f"{shared.owner} is offline")
        upper, value = wish.liaison.upper, wish.value
        manners = peer.manners
        tiers = await self._tiers_below(owner, shared.code)

        async def downward(code: str) -> str:
            found = await self._exporter.resolve(upper, code)
            return code if found is None else found.code

        known = {value.device: shared.code}
        # The SN is chosen when it is sent; the codes are known before.
        body = await recoded(
            wish.body, downward, sn=value.sn, charset=manners.charset, edition=manners.edition, known=known
        )
        identity = self._identity(wish)
        command = steering(value)
        if command is not None and manners.dialect.doubles_pan_speed:
            body = with_doubled_pan(body, value)

        def say() -> Awaitable[list[bytes]]:
            return peer.relay(
                lambda sn: with_other_sn(body, sn, manners.charset, manners.edition),
                timeout_s=self._settings.hop_patience_s * min(tiers, self._settings.deepest),
                answer=wish.wants_answer and not self._is_obeyed_in_silence(wish, shared),
                headers=((HEADER, identity),),
                may_wait=command is None,
            )

        grip = grip_of(value) if isinstance(value, DeviceControl) else Grip.NONE
        with self._levers.arbitration.turn(owner, shared.code, self._steerer(wish), grip), ExitStack() as asking:
            if isinstance(value, AlarmQuery):
                asking.enter_context(wish.liaison.asking_alarms(owner))
            if command is None and tiers <= 1 and grip is Grip.TAKES:
                await self._levers.still(owner, shared.code)
            if command is None or tiers > 1:
                return await say()  # a platform below watches over its own cameras
            hold_s = self._settings.ptz_hold_s
            return await self._levers.steer(owner, shared.code, command, say, hold_s=hold_s, identity=identity)

    def _is_obeyed_in_silence(self, wish: _Wish, shared: Shared) -> bool:
        """Whether those below do it without the answer the standard asks for: that they heard it has to do (10.1)."""
        _, peer = self._reachable(shared)
        value = wish.value
        if peer is None or not isinstance(value, DeviceControl):
            return False
        return value.wants_answer and not value.is_answered_by(peer.manners.dialect)

    def owner_of(self, shared: Shared) -> str:
        """The neighbour by which a thing is reached now."""
        return self._reachable(shared)[0]

    def _reachable(self, shared: Shared) -> tuple[str, PeerBelow | None]:
        """The first neighbour online of those that have it, else the first that is expected after our restart."""
        owners = dict.fromkeys((shared.owner, *shared.owners))
        peers = [(owner, peer) for owner in owners if (peer := self._below.peer(owner)) is not None]
        there = [each for each in peers if each[1].is_online] or [each for each in peers if each[1].is_expected]
        return there[0] if there else (shared.owner, None)

    def _identity(self, wish: _Wish) -> str:
        """Who asks, with our realm in front (GB/T 28181-2022 8.3)."""
        return extended(wish.identity, self._settings.code, wish.liaison.upper.code)

    def _status_while_offline(self, value: Manscdp) -> Manscdp:
        return DeviceStatus(value.sn, value.device, online=False, status_ok=False, reason="offline")

    def _refusal(self, value: Manscdp, reason: str) -> Manscdp:
        """What says upward that there will be no answer, lest the upper wait (signalling 9.9)."""
        match value:
            case RecordInfoQuery():
                return RecordInfo(value.sn, value.device, name=value.device)
            case DeviceStatusQuery():
                return DeviceStatus(value.sn, value.device, ok=False, online=False, status_ok=False, reason=reason)
        return ControlResponse(value.sn, value.device, False, reason, value.cmd_type)

    # Speaking.

    async def say_to(self, liaison: Liaison, answer: Manscdp) -> None:
        """Tell an upper something of its own accord, or after its question is forgotten."""
        await self._send(liaison, liaison.way.written(answer))

    async def _say(self, wish: _Wish, answer: Manscdp) -> None:
        await self._send(wish.liaison, wish.liaison.way.written(answer))

    async def _send(self, liaison: Liaison, body: bytes) -> bool:
        try:
            await insist(self._putter(liaison), body, self._insistence)
        except Declined as declined:
            log.info("%s refused an answer: %s", liaison.upper.code, declined)
            return False
        except NotTaken as silent:
            liaison.agent.heard(Heard.GONE, f"it did not take an answer: {silent}")
            return False
        return True

    def _putter(self, liaison: Liaison) -> Say:
        """How messages go to the upper for as long as it is not lost: what it asked before is not for after."""
        life = liaison.life

        async def put(body: bytes) -> Response:
            if liaison.life != life:
                raise Declined("it was lost meanwhile")
            try:
                response = await liaison.way.say(body, timeout_s=self._settings.answer_s)
            except (RequestTimedOut, TransportLost, OSError):
                if liaison.life != life:
                    raise Declined("it was lost meanwhile") from None
                raise
            liaison.exchanged()
            return response

        return put


def _named(incoming: Incoming) -> str:
    """The code in the To header; "" when it cannot be read."""
    try:
        return incoming.request.to.uri.user
    except ValueError:
        return ""


def page_size(upper: Upper, settings: AboveSettings) -> int:
    """Catalog items in one message."""
    return upper.page_size or (settings.page_items_tcp if upper.transport == "tcp" else settings.page_items_udp)


def text_between(body: bytes, start: bytes, end: bytes) -> str:
    """The ASCII text after `start` up to `end`; "" when there is none."""
    _, found, rest = body.partition(start)
    return rest.partition(end)[0][:128].decode("ascii", "replace").strip() if found else ""


def with_doubled_pan(body: bytes, value: Manscdp) -> bytes:
    """The control as a device needs it that wants the pan speed twice."""
    digits = value.ptz if isinstance(value, DeviceControl) else None
    return body.replace(digits.encode("ascii"), ptz.doubled(digits).encode("ascii"), 1) if digits else body


def steering(value: Manscdp) -> ptz.Command | None:
    """The PTZ command in a control; None when it holds none, or none that we can read."""
    if not isinstance(value, DeviceControl) or not value.ptz:
        return None
    try:
        return ptz.decode(value.ptz)
    except ValueError:
        return None
