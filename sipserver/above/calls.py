"""INVITE from above: one more outlet on a shared stream (GB/T 28181-2022 9.2, 9.7; annexes G, H, K; media 2.10).

Each session is one task that holds what it took: a lease on the stream, a dialog with the upper. However it ends, both
are given back.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace

from broker.watch import Lease, RtpTo, Watch, WatchFailed, WatchKind
from gb28181.hops import write_warnings
from gb28181.manscdp.status import MediaStatus
from gb28181.peer import Hop
from gb28181.routepath import PREFERRED_PATH, ROUTE_PATH, read_route, route_downward, write_route
from gb28181.sdp import Offer, Payload, answer_to, parse_offer, serialise
from gb28181.subject import Subject
from sipserver.above.liaison import Liaison
from sipserver.above.records import CentreRecords
from sipserver.above.settings import AboveSettings
from sipserver.above.turns import Turns
from sipserver.above.user_identity import extended, has_come_by, identity_of
from sipserver.above.wishes import Exporter, Hall, Shared
from sipserver.below.errands import Errands
from sipserver.sip.message import Field
from sipserver.stack import Dialog, Incoming, RequestTimedOut, TransportLost

log = logging.getLogger(__name__)

KINDS = {"play": WatchKind.LIVE, "playback": WatchKind.PLAYBACK, "download": WatchKind.DOWNLOAD}
HUNG_UP = "hung-up"
ENOUGH = 0.5
"""When we have more of a span than this, it is ours that is sent; else the device's."""
FINISHED = "finished"  # the hall's word for the end of a recording

STATUS_UPWARD = {401: 403, 407: 403, 504: 408}
"""Statuses that would mean something else, or nothing, to whoever asked us: silence below is 408 (signalling 9.9)."""
STATUS_OF_CODE = {"no-capacity": 486, "no-media": 504}


@dataclass(slots=True)
class CallsTally:
    """Sessions towards uppers, counted since the start."""

    asked: int = 0
    granted: int = 0
    refused: int = 0
    cancelled: int = 0
    replaced: int = 0
    loops: int = 0


class Replaced(Exception):
    """The upper asked for the same stream anew (annex K rule 3)."""


class UpperCall:
    """One session with an upper, from INVITE to its end."""

    def __init__(self, liaison: Liaison, incoming: Incoming, offer: Offer, source: tuple[str, str, str] | None) -> None:
        self.liaison = liaison
        self.incoming = incoming
        self.offer = offer
        self.source = source
        self.call_id = incoming.request.call_id
        self.task: asyncio.Task[None] | None = None
        self.lease: Lease | None = None
        self.dialog: Dialog | None = None
        self.answer = b""
        self.end_status = 480
        """What a cancelled INVITE that still rings is answered with."""
        self._over: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def __repr__(self) -> str:
        return f"<UpperCall {self.call_id} of {self.liaison.upper.code}>"

    def cancel(self) -> None:
        """End it without asking, whatever it does now."""
        if self.task is not None:
            self.task.cancel()

    def over(self, reason: str) -> None:
        """The session ends, by whomever."""
        if not self._over.done():
            self._over.set_result(reason)

    async def wait_over(self) -> str:
        return await asyncio.shield(self._over)

    def listen_again(self) -> None:
        """After the end of the file their BYE may still come."""
        self._over = asyncio.get_running_loop().create_future()


class Calls:
    """All sessions with uppers. `changed` is called when a number to show has changed."""

    def __init__(
        self,
        exporter: Exporter,
        hall: Hall,
        settings: AboveSettings,
        *,
        changed: Callable[[Liaison], None],
        records: CentreRecords | None = None,
    ) -> None:
        self._exporter = exporter
        self._records = records
        self._hall = hall
        self._settings = settings
        self._changed = changed
        self._calls: dict[str, set[UpperCall]] = {}
        self._by_source: dict[tuple[str, str, str], UpperCall] = {}
        self._errands = Errands(limit=256, workers=16)
        self._informs = Turns(self._errands)
        self._total = 0
        self.tally = CallsTally()

    def __repr__(self) -> str:
        return f"<Calls {self._total} with {len(self._calls)} uppers>"

    def __len__(self) -> int:
        return self._total

    def start(self) -> None:
        self._errands.start()

    async def close(self) -> None:
        """Hang up everything."""
        tasks = [call.task for calls in self._calls.values() for call in calls if call.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._errands.close()

    def of(self, code: str) -> int:
        return len(self._calls.get(code, ()))

    def end_all(self, code: str, status: int = 480) -> None:
        """The upper is gone: media towards it stops (CAS-06)."""
        for call in tuple(self._calls.get(code, ())):
            call.end_status = status
            call.cancel()

    def statistics(self) -> dict[str, int]:
        return asdict(self.tally) | {"up": self._total}

    # INVITE.

    def take(self, liaison: Liaison, incoming: Incoming) -> None:
        """One INVITE of an upper, outside of any session."""
        request = incoming.request
        self.tally.asked += 1
        identity = identity_of(request)
        if has_come_by(identity, self._settings.code) or has_come_by(identity, liaison.way.us):
            self.tally.loops += 1
            self._refuse(liaison, incoming, 482, "it came from us")
            return
        if self._total >= self._settings.calls:
            self._refuse(liaison, incoming, 486, "no more sessions")
            return
        try:
            offer = parse_offer(request.body)
        except ValueError as wrong:
            self._refuse(liaison, incoming, 488 if request.body else 400, str(wrong))
            return
        if offer.session.casefold() not in KINDS or offer.media != "video" or ps_of(offer) is None:
            self._refuse(liaison, incoming, 488, "what we send is Play, Playback or Download of video as PS")
            return
        call = UpperCall(liaison, incoming, offer, source_of(liaison, incoming))
        self._keep(call)
        call.task = asyncio.create_task(self._serve(call, identity), name=f"call {call.call_id}")
        call.task.add_done_callback(lambda task: self._drop(call, task))
        incoming.on_cancel = call.cancel

    def _refuse(self, liaison: Liaison, incoming: Incoming, status: int, why: str) -> None:
        self.tally.refused += 1
        us = liaison.way.us
        warnings = write_warnings(us, (Hop(us, "INVITE", status, why),))
        reason = f'SIP;cause={status};text="{_plain(why)}"'
        incoming.respond(status, headers=(*(("Warning", text) for text in warnings), ("Reason", reason)))

    def _keep(self, call: UpperCall) -> None:
        self._calls.setdefault(call.liaison.upper.code, set()).add(call)
        self._total += 1
        self._changed(call.liaison)

    def _drop(self, call: UpperCall, task: asyncio.Task[None]) -> None:
        code = call.liaison.upper.code
        calls = self._calls.get(code)
        if calls is not None and call in calls:
            calls.discard(call)
            self._total -= 1
            if not calls:
                del self._calls[code]
        if call.source is not None and self._by_source.get(call.source) is call:
            del self._by_source[call.source]
        if not task.cancelled() and task.exception() is not None:
            log.error("session %s with %s failed", call.call_id, code, exc_info=task.exception())
        self._changed(call.liaison)

    # One session.

    async def _serve(self, call: UpperCall, identity: str) -> None:
        try:
            await self._make_way(call)
            wish = await self._wish(call, identity)
            if wish is None:
                return
            call.lease = await self._hall.watch(wish)
            if not call.incoming.is_answered:
                self._accept(call, call.lease)
                await self._stay(call)
        except WatchFailed as failed:
            self._tell_failure(call, failed)
        except asyncio.CancelledError:
            if not call.incoming.is_answered:
                self._refuse(call.liaison, call.incoming, call.end_status, "the session was withdrawn")
            else:
                self.tally.cancelled += call.dialog is None
            raise
        except Exception:
            call.incoming.respond(500)
            raise
        finally:
            await self._leave(call)

    async def _leave(self, call: UpperCall) -> None:
        """Give back what was taken; a second end may not interrupt the first."""
        dialog, lease = call.dialog, call.lease
        if dialog is not None and not dialog.is_over:
            dialog.hang_up()
        if lease is not None:
            call.lease = None
            await asyncio.shield(self._hall.release(lease.id))

    async def _make_way(self, call: UpperCall) -> None:
        """A stream that the upper asks for again is sent once: the old session goes first (annex K rule 3)."""
        source = call.source
        if source is None:
            return
        before = self._by_source.get(source)
        self._by_source[source] = call
        if before is not None and before.task is not None:
            self.tally.replaced += 1
            before.end_status = 487
            before.task.cancel()
            await asyncio.wait((before.task,))

    async def _wish(self, call: UpperCall, identity: str) -> Watch | None:
        """What is asked of the hall; None when the INVITE was refused here."""
        liaison, offer, request = call.liaison, call.offer, call.incoming.request
        upper = liaison.upper
        target = target_of(call, (liaison.way.us, self._settings.code))
        shared = await self._exporter.resolve(upper, target)
        if shared is None or not shared.owner:
            self._refuse(liaison, call.incoming, 404, f"{target} is not shared with you")
            return None
        if shared.owner == upper.code:
            self.tally.loops += 1
            self._refuse(liaison, call.incoming, 482, f"{target} is yours")
            return None
        payload = ps_of(offer)
        assert payload is not None  # `take` looked
        preferred = read_route(request.headers.get(PREFERRED_PATH))
        us = liaison.way.us
        via = route_downward(us, preferred) or route_downward(self._settings.code, preferred)
        kind = KINDS[offer.session.casefold()]
        keeper = "" if kind.is_live else await self._keeper(shared, offer, us)
        return Watch(
            owner=keeper or (shared.owner if len(shared.owners) < 2 else ""),
            channel=shared.code,
            outlet=RtpTo(
                offer.host,
                offer.port,
                offer.transport,
                offer.ssrc,
                payload[0],
                upper.code,
                # Elsewhere the media room knows better: what it announces, or from where its packets will come.
                local_host=upper.local_host,
            ),
            kind=kind,
            stream_number=offer.stream_number,
            viewer=upper.shown_name,
            viewer_peer=upper.code,
            start=offer.start,
            stop=offer.stop,
            download_speed=offer.downloadspeed,
            uri=uri_below(offer.uri, shared.code),
            via=via,
            identity=extended(identity, self._settings.code, upper.code),
            kept=bool(keeper),
        )

    async def _keeper(self, shared: Shared, offer: Offer, us: str) -> str:
        """Whose channel it is of which we have recorded the span ourselves, "" when the device is to be asked.

        A u= line that names a storage means that one; else whoever has more of the span has it.
        """
        if self._records is None:
            return ""
        storage = storage_of(offer.uri)
        if storage and storage not in (us, self._settings.code):
            return ""
        for owner in dict.fromkeys((shared.owner, *shared.owners)):
            part = await self._records.covers(owner, shared.code, offer.start, offer.stop)
            if part > (0.0 if storage else ENOUGH):
                return owner
        return ""

    def _accept(self, call: UpperCall, lease: Lease) -> None:
        sender = lease.sender
        if sender is None:
            raise RuntimeError(f"a lease for {call.liaison.upper.code} came without a sender")
        us = call.liaison.way.us
        answer = answer_to(
            call.offer,
            owner=us,
            host=sender.host or call.incoming.path.local[0],
            port=sender.port,
            payload=ps_of(call.offer),
            ssrc=sender.ssrc,
            filesize=lease.filesize,
        )
        call.answer = serialise(answer)
        headers = ((ROUTE_PATH, write_route(self._path(us, lease.path))),)
        dialog = call.incoming.accept(call.answer, contact_user=us, headers=headers)
        call.dialog = dialog
        dialog.on_ack = lambda ack: self._hall.begin(lease.id)
        dialog.on_end = lambda reason: call.over(HUNG_UP)
        dialog.on_request = lambda asked: self._asked(call, asked)
        self._hall.on_lease_end(lease.id, call.over)
        self.tally.granted += 1

    async def _stay(self, call: UpperCall) -> None:
        reason = await call.wait_over()
        if reason == FINISHED and call.dialog is not None and not call.dialog.is_over:
            await self._tell_end_of_file(call, call.dialog)
        log.info("session %s with %s is over: %s", call.call_id, call.liaison.upper.code, reason)

    async def _tell_end_of_file(self, call: UpperCall, dialog: Dialog) -> None:
        """MediaStatus 121 in the session, then their BYE; ours when it does not come (signalling 8.2)."""
        way = call.liaison.way
        device = target_of(call, (way.us, self._settings.code))
        call.listen_again()
        try:
            body = way.written(MediaStatus(way.next_sn(), device))
            await way.say(body, timeout_s=self._settings.answer_s, dialog=dialog)
            async with asyncio.timeout(self._settings.bye_patience_s):
                await call.wait_over()
        except (RequestTimedOut, TransportLost, TimeoutError) as silent:
            log.info("%s did not end session %s by itself: %s", call.liaison.upper.code, call.call_id, silent)

    def _asked(self, call: UpperCall, incoming: Incoming) -> None:
        """What the upper asks within a session."""
        match incoming.request.method:
            case "INFO":
                if not self._informs.add(call.call_id, "INFO of an upper", lambda: self._inform(call, incoming)):
                    incoming.respond(503)
            case "MESSAGE":
                incoming.respond(200)
            case "INVITE":
                self._invited_again(call, incoming)
            case _:
                incoming.respond(501)

    async def _inform(self, call: UpperCall, incoming: Incoming) -> None:
        """The body goes down byte for byte; what came back is the answer (media 2.10)."""
        lease, request = call.lease, incoming.request
        if lease is None:
            incoming.respond(481)
            return
        try:
            status = await self._hall.inform(
                lease.id, request.body, request.headers.get("Content-Type") or "Application/MANSRTSP"
            )
        except Exception as failed:
            log.info("INFO of session %s failed below: %s", call.call_id, failed)
            status = 408
        incoming.respond(STATUS_UPWARD.get(status, status) if 200 <= status <= 699 else 502)

    def _invited_again(self, call: UpperCall, incoming: Incoming) -> None:
        """The same offer again has the same answer; another is not to be had within a session."""
        try:
            offer = parse_offer(incoming.request.body)
        except ValueError:
            incoming.respond(488)
            return
        same = (offer.host, offer.port, offer.transport) == (call.offer.host, call.offer.port, call.offer.transport)
        if same and call.answer:
            incoming.accept(call.answer, contact_user=call.liaison.way.us)
        else:
            incoming.respond(488)

    def _path(self, us: str, path: tuple[str, ...]) -> tuple[str, ...]:
        """The path from us down, we ourselves called as the upper knows us (GB/T 28181-2022 annex H)."""
        return (us, *(code for code in path if code not in (us, self._settings.code)))

    # Failure.

    def _tell_failure(self, call: UpperCall, failed: WatchFailed) -> None:
        """The status from below in words that fit above, and the ladder of hops in headers (pain 25)."""
        self.tally.refused += 1
        us = call.liaison.way.us
        status = status_upward(failed)
        hops = [on_the_wire(hop, us) for hop in failed.hops] or [Hop(us, "INVITE", failed.status, str(failed))]
        headers: list[Field] = [("Warning", text) for text in write_warnings(us, hops)]
        headers.append(("Reason", f'SIP;cause={status};text="{_plain(str(failed))}"'))
        headers.append((ROUTE_PATH, write_route(self._path(us, failed.path))))
        if status == 503:
            headers.append(("Retry-After", "10"))
        call.incoming.respond(status, headers=headers)


def on_the_wire(hop: Hop, us: str) -> Hop:
    """A step of ours under our code: "us" and "media" mean another house to whoever reads it above."""
    return hop if hop.who not in ("us", "media", "") else replace(hop, who=us)


def status_upward(failed: WatchFailed) -> int:
    """What the upper is told: the same class, save where it would mislead (signalling 9.9)."""
    own = STATUS_OF_CODE.get(failed.code)
    if own is not None:
        return own
    status = STATUS_UPWARD.get(failed.status, failed.status)
    return status if 400 <= status <= 699 else 502


def ps_of(offer: Offer) -> Payload | None:
    """The payload of the offer that is a program stream; None when it takes none."""
    for payload in offer.payloads:
        if payload[1].upper() == "PS" or (payload[0] == 96 and not payload[1]):
            return (payload[0], "PS", 90000)
    return None


def source_of(liaison: Liaison, incoming: Incoming) -> tuple[str, str, str] | None:
    """Which stream the upper means to be sent once: upper, sender and its serial; None without a Subject."""
    text = incoming.request.headers.get("Subject")
    if not text:
        return None
    try:
        subject = Subject.parse(text)
    except ValueError:
        return None
    return (liaison.upper.code, subject.sender, subject.sender_serial)


def target_of(call: UpperCall, own_codes: tuple[str, ...]) -> str:
    """Whose picture is wanted: the Request-URI says it, else the Subject, else the u= line (signalling 9.3)."""
    request = call.incoming.request
    try:
        named = request.request_uri.user
    except ValueError:
        named = ""
    if named and named not in own_codes:
        return named
    if call.source is not None:
        return call.source[1]
    return call.offer.uri.partition(":")[0] or named


def uri_below(uri: str, code: str) -> str:
    """The u= line as it goes down: a file's address stays, `channel:type` names the channel as those below do."""
    head, colon, kind = uri.partition(":")
    if not colon or "/" in uri or not (head.isascii() and head.isalnum()):
        return uri
    return f"{code}:{kind}"


def storage_of(uri: str) -> str:
    """The storage device that the long form of a u= line names, "" for the short one.

    >>> storage_of("http://34010000002000000001/a/b.mp4"), storage_of("34010000001320000001:3")
    ('34010000002000000001', '')
    """
    scheme, mark, rest = uri.partition("://")
    return rest.partition("/")[0] if mark and scheme.casefold() == "http" else ""


def _plain(text: str) -> str:
    kept = "".join(letter if " " <= letter <= "~" and letter not in '"\\' else " " for letter in text[:200])
    return " ".join(kept.split())
