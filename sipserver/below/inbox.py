"""What registered neighbours send us by MESSAGE and NOTIFY: signs of life, answers, alarms, news.

Handlers are synchronous: the 200 goes out at once, and what must wait for the store becomes an errand.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass

from msgspec.structs import replace

from gb28181.manscdp.alarm import Alarm, AlarmMethod, AlarmResponse
from gb28181.manscdp.catalog import Catalog, CatalogNotice, Item, as_notice
from gb28181.manscdp.document import read
from gb28181.manscdp.fields import Fields
from gb28181.manscdp.keepalive import Keepalive
from gb28181.manscdp.message import Manscdp, Unknown, parse
from gb28181.manscdp.position import Fix, MobilePosition, PtzPositionNotice
from gb28181.manscdp.snapshot import UploadSnapShotFinished
from gb28181.manscdp.status import MediaStatus
from gb28181.manscdp.upgrade import UpgradeResult
from gb28181.peer import PeerError
from registry.directory import Directory
from registry.events import AlarmRaised, NoticeHeard, PositionReported, PtzPositionReported
from sipserver.below.calls import CallBook
from sipserver.below.errands import Errands
from sipserver.link import Link
from sipserver.stack import Incoming

log = logging.getLogger(__name__)

NEWS_DELAY_S = 0.5
"""News of one neighbour within this time go into the store together."""
MOST_NEWS = 20_000
"""Items of news of one neighbour that may wait at once."""
MOST_FAULTY = 1000
RESYNC_EVERY_S = 300.0
"""News of things we do not know ask for a new catalog, but not more often than this."""


@dataclass(slots=True)
class InboxTally:
    """What came in, counted since the start."""

    keepalives: int = 0
    answers: int = 0
    late_answers: int = 0
    news: int = 0
    alarms: int = 0
    alarms_held: int = 0
    positions: int = 0
    handed_on: int = 0
    malformed: int = 0
    unread: int = 0
    """Messages of kinds that we do not act upon."""
    dropped: int = 0
    """News for which there was no room."""


class Inbox:
    """Takes messages of neighbours that have been admitted.

    `errands` go to the store, `replies` to neighbours, who may be slow and must not hold the store up. `resync` asks a
    neighbour for its catalog anew.
    """

    def __init__(
        self,
        directory: Directory,
        errands: Errands,
        replies: Errands,
        calls: CallBook,
        *,
        link: Callable[[str], Link | None],
        resync: Callable[[str], None],
        is_asked: Callable[[str], bool] = lambda code: False,
        clock: Callable[[], float],
        alarms_a_minute: int = 60,
    ) -> None:
        self._directory = directory
        self._errands = errands
        self._replies = replies
        self._calls = calls
        self._link = link
        self._resync = resync
        self._is_asked = is_asked
        self._clock = clock
        self._alarms_a_minute = alarms_a_minute
        self._news: dict[str, dict[str, Item]] = {}
        self._meanwhile: dict[str, dict[str, Item]] = {}
        self._faulty: dict[str, frozenset[str]] = {}
        self._alarm_minutes: dict[str, tuple[int, int]] = {}
        self._resynced: dict[str, float] = {}
        self._asked_later: set[str] = set()
        self.tally = InboxTally()

    def statistics(self) -> dict[str, int]:
        return asdict(self.tally)

    def take(self, incoming: Incoming, code: str, at: float) -> None:
        """One MESSAGE or NOTIFY of the neighbour `code`; `at` is UNIX time."""
        body = incoming.request.body
        if not body or is_plain_keepalive(body):
            # Middleboxes strip bodies, and an empty MESSAGE can be nothing else (signalling 10.2).
            self.tally.keepalives += 1
            incoming.respond(200)
            if code in self._faulty:
                self._mend(code, frozenset())
            return
        try:
            value = parse(body)
        except ValueError as wrong:
            self.tally.malformed += 1
            log.info("%s sent a body we cannot read: %s", code, wrong)
            incoming.respond(400 if _is_manscdp(incoming.request.content_type) else 415)
            return
        is_notify = incoming.request.method == "NOTIFY"
        if isinstance(value, Catalog) and not is_notify:
            self._read(value, body, code, at, is_notify=False)
            self._welcome(incoming, code, value.sn)
        else:
            incoming.respond(200)
            self._read(value, body, code, at, is_notify=is_notify)

    def _welcome(self, incoming: Incoming, code: str, sn: int) -> None:
        """The 200 to a part of a catalog: at once, or when the store has caught up with the parts before."""
        link = self._link(code)
        store = link.hold_back(sn) if link is not None else None
        if (
            store is None
            or store.is_set()
            or not self._replies.add(f"room for parts of {code}", lambda: _answer_after(incoming, store))
        ):
            incoming.respond(200)

    def forget(self, code: str) -> None:
        """The neighbour was removed."""
        self._asked_later.discard(code)
        for kept in (self._news, self._meanwhile, self._faulty, self._alarm_minutes, self._resynced):
            kept.pop(code, None)

    def _read(self, value: Manscdp, body: bytes, code: str, at: float, *, is_notify: bool) -> None:
        answered = (
            isinstance(value, Alarm | MobilePosition | PtzPositionNotice)
            and not is_notify
            and self._answers_perhaps(value, body, code)
        )
        match value:
            case Keepalive():
                self.tally.keepalives += 1
                self._mend(code, frozenset(value.faulty[:MOST_FAULTY]))
            case Alarm():
                self._alarm(value, code, at, is_notify=is_notify, answered=answered)
            case MobilePosition():
                self._places(value, code, at)
            case PtzPositionNotice():
                self._look(value, code, at)
            case CatalogNotice():
                self._hear_news(code, value.items)
            case Catalog() if is_notify:
                self._hear_news(code, as_notice(value).items)
            case MediaStatus():
                if value.is_end_of_file:
                    self._calls.file_sent(code, value.device)
            case UpgradeResult() | UploadSnapShotFinished():
                self._hand_on(value, body, code)
            case Unknown() if value.root != "Response":
                if value.root == "Notify" and value.cmd_type.lower() in HANDED_ON:
                    self._hand_on(value, body, code)
                else:
                    self.tally.unread += 1
            case _:
                self._answer(value, body, code)

    def _answer(self, value: Manscdp, body: bytes, code: str) -> None:
        link = self._link(code)
        if link is not None and link.deliver(value, body):
            self.tally.answers += 1
        elif isinstance(value, Catalog):
            # A status pushed under a foreign SN, or parts of a query that we gave up: both are news, never the whole.
            self.tally.late_answers += 1
            self._hear_news(code, tuple(item if item.event else replace(item, event="UPDATE") for item in value.items))
        else:
            self.tally.unread += 1

    def _answers_perhaps(self, value: Manscdp, body: bytes, code: str) -> bool:
        """Alarms, places and looks answer a question by MESSAGE, too; they are news all the same."""
        link = self._link(code)
        if link is None or not link.deliver(value, body):
            return False
        self.tally.answers += 1
        return True

    def _alarm(self, alarm: Alarm, code: str, at: float, *, is_notify: bool, answered: bool) -> None:
        minute, count = self._alarm_minutes.get(code, (0, 0))
        this_minute = int(at // 60)
        count = count + 1 if minute == this_minute else 1
        self._alarm_minutes[code] = (this_minute, count)
        self.tally.alarms += 1
        if count <= self._alarms_a_minute:
            self._directory.bus.tell(
                AlarmRaised(
                    owner=code,
                    channel=alarm.device or code,
                    priority=alarm.priority,
                    method=alarm.method,
                    alarm_type="" if alarm.alarm_type is None else str(alarm.alarm_type),
                    at=alarm.at if alarm.at is not None else at,
                    description=alarm.description[:1024],
                    longitude=alarm.longitude,
                    latitude=alarm.latitude,
                    event_type=alarm.event_type,
                    sn=alarm.sn,
                    time_said=alarm.at is not None,
                    answered=answered,
                )
            )
            if alarm.method == AlarmMethod.GPS and alarm.longitude is not None and alarm.latitude is not None:
                # Some vehicles report their places so (7.4).
                said = Fix(alarm.device, alarm.at, alarm.longitude, alarm.latitude)
                self._places(MobilePosition(alarm.sn, alarm.device, alarm.at, (said,)), code, at)
        else:
            self.tally.alarms_held += 1
        if is_notify:
            return  # in a subscription the 200 is the answer
        # Devices repeat an alarm until they hear this, so it goes out even for those that we hold back (7.4 step 3).
        self._replies.add(f"answer to an alarm of {code}", lambda: self._acknowledge(alarm, code))

    def _places(self, said: MobilePosition, code: str, at: float) -> None:
        self.tally.positions += len(said.fixes)
        for fix in said.fixes:
            self._directory.bus.tell(
                PositionReported(
                    owner=code,
                    channel=fix.device or said.device or code,
                    at=fix.at if fix.at is not None else at,
                    longitude=fix.longitude,
                    latitude=fix.latitude,
                    speed=fix.speed,
                    direction=fix.direction,
                    altitude=fix.altitude,
                    height=fix.height,
                )
            )

    def _look(self, said: PtzPositionNotice, code: str, at: float) -> None:
        self.tally.positions += 1
        look = said.look
        self._directory.bus.tell(
            PtzPositionReported(
                owner=code,
                channel=said.device or code,
                at=at,
                pan=look.pan,
                tilt=look.tilt,
                zoom=look.zoom,
                horizontal_angle=look.horizontal_angle,
                vertical_angle=look.vertical_angle,
                max_distance=look.max_distance,
            )
        )

    def _hand_on(self, said: Unknown | UpgradeResult | UploadSnapShotFinished, body: bytes, code: str) -> None:
        """Whoever ordered the work waits for it; who that is, its session says (9.3)."""
        self.tally.handed_on += 1
        session = Fields(read(body).root).text("SessionID")[:128]
        self._directory.bus.tell(NoticeHeard(code, said.cmd_type, said.device, session, body))

    async def _acknowledge(self, alarm: Alarm, code: str) -> None:
        link = self._link(code)
        if link is not None:
            try:
                await link.tell(AlarmResponse(alarm.sn, alarm.device or code))
            except PeerError as silent:
                log.debug("the answer to an alarm was not taken: %s", silent)

    def _mend(self, code: str, faulty: frozenset[str]) -> None:
        """A keepalive names the parts that do not work now (2022 A.2.5.2): those named before work again."""
        before = self._faulty.get(code, frozenset())
        if faulty == before:
            return
        if faulty:
            self._faulty[code] = faulty
        else:
            self._faulty.pop(code, None)
        online = dict.fromkeys(before - faulty, True) | dict.fromkeys(faulty - before, False)
        self._errands.add(f"faulty parts of {code}", lambda: self._directory.note_channel_status(code, online))

    def _hear_news(self, code: str, items: tuple[Item, ...]) -> None:
        if not items:
            return
        waiting = self._news.get(code)
        if waiting is None:
            waiting = self._news[code] = {}
            asyncio.get_running_loop().call_later(NEWS_DELAY_S, self._hand_over, code)
        for item in items:
            if len(waiting) >= MOST_NEWS and item.code not in waiting:
                self.tally.dropped += 1
                self._ask_anew(code)
                continue
            self.tally.news += 1
            waiting[item.code] = later(waiting.get(item.code), item)

    def _hand_over(self, code: str) -> None:
        if not self._errands.add(f"news of {code}", lambda: self._store_news(code)):
            self.tally.dropped += len(self._news.pop(code, ()))
            self._ask_anew(code)

    async def _store_news(self, code: str) -> None:
        news = self._news.pop(code, None)
        if not news:
            return
        link = self._link(code)
        doubtful = link is not None and link.dialect.says_off_wrongly
        doubted = {item.code for item in news.values() if doubtful and item.event == "OFF"}
        if self._is_asked(code):
            self._keep_meanwhile(code, {key: item for key, item in news.items() if key not in doubted})
        diff = await self._directory.apply_notice(code, tuple(news.values()))
        removed = set(diff.removed)
        for call in self._calls.of(code) if removed else ():
            if call.channel in removed:
                call.end(CHANNEL_REMOVED)
        if diff.unknown or doubted:
            # An OFF told without cause counts until the catalog says how it is (signalling 10.1).
            self._ask_anew(code)

    def _ask_anew(self, code: str) -> None:
        """Something is told that we cannot follow: the whole catalog says how it is, now or when its time has come."""
        now = self._clock()
        wait_s = self._resynced.get(code, float("-inf")) + RESYNC_EVERY_S - now
        if wait_s <= 0:
            self._resynced[code] = now
            self._resync(code)
        elif code not in self._asked_later:
            self._asked_later.add(code)
            asyncio.get_running_loop().call_later(wait_s, self._ask_late, code)

    def _ask_late(self, code: str) -> None:
        if code in self._asked_later:
            self._asked_later.discard(code)
            self._ask_anew(code)

    def _keep_meanwhile(self, code: str, news: dict[str, Item]) -> None:
        """A catalog is being gathered, and may show things as they were before this news: it is told once more then."""
        kept = self._meanwhile.get(code)
        if kept is None:
            kept = self._meanwhile[code] = {}
            asyncio.get_running_loop().call_later(AGAIN_AFTER_S, self._tell_again, code)
        for item in news.values():
            if len(kept) < MOST_NEWS or item.code in kept:
                kept[item.code] = later(kept.get(item.code), item)

    def _tell_again(self, code: str) -> None:
        if code not in self._meanwhile:
            return
        if self._is_asked(code):
            asyncio.get_running_loop().call_later(AGAIN_AFTER_S, self._tell_again, code)
            return
        kept = self._meanwhile.pop(code)
        newer = self._news.pop(code, {})
        for item in newer.values():
            kept[item.code] = later(kept.get(item.code), item)
        self._news[code] = kept
        self._hand_over(code)


def later(earlier: Item | None, item: Item) -> Item:
    """Of two news about one thing the second is the truth; but a full item is not lost to a mere ON after it."""
    if earlier is not None and earlier.event in FULL_NEWS and item.event in STATUS_NEWS:
        return replace(earlier, status_on=item.event == "ON")
    return item


async def _answer_after(incoming: Incoming, event: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(LONGEST_HOLD_S):
            await event.wait()
    except TimeoutError:
        pass
    finally:
        incoming.respond(200)


AGAIN_AFTER_S = 0.5
LONGEST_HOLD_S = 3.0
"""A sender must not take us for dead."""
CHANNEL_REMOVED = "channel-removed"
HANDED_ON = frozenset(("videouploadnotify",))
FULL_NEWS = frozenset(("ADD", "UPDATE"))
STATUS_NEWS = frozenset(("ON", "OFF", "VLOST", "DEFECT"))


def is_plain_keepalive(body: bytes) -> bool:
    """Whether a body is a keepalive that says nothing but that all is well, seen without taking it apart.

    >>> is_plain_keepalive(b"<Notify><CmdType>Keepalive</CmdType><SN>1</SN><Status>OK</Status></Notify>")
    True
    """
    return (
        len(body) < 1024
        and b"<CmdType>Keepalive</CmdType>" in body
        and b"<Info" not in body
        and b"<info" not in body
        and b"<!" not in body
    )


def _is_manscdp(content_type: str) -> bool:
    """Devices also write `Application/` or nothing at all."""
    return content_type in ("", "application/", "application/xml", "text/xml") or "manscdp" in content_type
