"""Writes to one upper about what it follows: catalog, alarms, places, how domes look (GB/T 28181-2022 9.11, annex N).

One task for each upper, asleep while there is nothing to say. News wait in bounded rooms; changes of the catalog are
gathered for a moment and then told in batches, one after the answer to the other.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable, Sequence

from msgspec.structs import replace

from gb28181.manscdp.alarm import Alarm, AlarmQuery
from gb28181.manscdp.catalog import CatalogNotice, CatalogQuery, Item
from gb28181.manscdp.message import Manscdp, parse
from gb28181.manscdp.position import (
    Fix,
    Look,
    MobilePosition,
    MobilePositionQuery,
    PtzPositionNotice,
    PtzPositionQuery,
)
from registry.alarm_merging import HISTORY_S
from registry.events import AlarmRaised, Event, PositionReported, PtzPositionReported
from registry.platform import SubscriptionView
from sipserver.above.answers import page_size
from sipserver.above.liaison import Liaison
from sipserver.above.pages import Declined, Insistence, NotTaken, insist
from sipserver.above.registration import Heard
from sipserver.above.settings import AboveSettings
from sipserver.above.subscriptions import (
    SCOPE_LIMIT,
    BookFull,
    Deed,
    Followed,
    Happening,
    Subscription,
    SubscriptionBook,
    passes,
)
from sipserver.above.way import MANSCDP
from sipserver.above.wishes import Exporter, Following, Shared
from sipserver.below.following import Subject
from sipserver.sip.message import Field, Response
from sipserver.stack import Dialog, Incoming, RequestTimedOut, TransportLost

log = logging.getLogger(__name__)

MOST_FIXES = 50
MOST_DEVICES = 5000
"""Places of one subscription that may wait at once."""
SCOPE_PAGE = 500
LONGEST_CALM_S = 60.0
FAREWELL_S = 1.5
CALM_FACTOR = 10.0
BARE_FOR_ONE = 4
"""Items that only say ON or OFF take so much less room than whole ones."""
SHORTEST_INTERVAL_S, LONGEST_INTERVAL_S = 1.0, 3600.0


class Desk:
    """What one upper follows, and what it is told. `movers` are the neighbours below who may tell places; `changed` is
    called when there is something new to show."""

    def __init__(
        self,
        liaison: Liaison,
        exporter: Exporter,
        settings: AboveSettings,
        *,
        following: Following | None,
        movers: Callable[[], Iterable[str]] = tuple,
        changed: Callable[[Liaison], None],
        clock: Callable[[], float],
        wall_clock: Callable[[], float],
    ) -> None:
        self._liaison = liaison
        self._code = liaison.upper.code
        self._exporter = exporter
        self._settings = settings
        self._following = following
        self._movers = movers
        self._changed = changed
        self._clock = clock
        self._wall_clock = wall_clock
        self._insistence = Insistence(settings.page_tries, settings.page_pause_s)
        self._book = SubscriptionBook(settings.subscriptions)
        self._dialogs: dict[int, Dialog] = {}
        self._followed: dict[int, tuple[tuple[str, str], ...]] = {}
        self._news: deque[Event] = deque(maxlen=settings.news)
        self._is_dirty = False
        self._dirty_at = 0.0
        self._calm_until = 0.0
        self._resends = False
        self._wake = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self.notified = 0
        self.given_up = 0
        """News for which there was no room."""

    def __repr__(self) -> str:
        return f"<Desk of {self._code}, {len(self._book)} subscriptions>"

    def start(self) -> None:
        self._task = asyncio.create_task(self._work(), name=f"notices to {self._code}")

    async def close(self) -> None:
        """Stop, and say farewell to subscribers, as far as they answer in time."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        farewells = [asyncio.ensure_future(self._withdraw(each)) for each in self._book]
        if farewells:
            _, late = await asyncio.wait(farewells, timeout=FAREWELL_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def views(self) -> tuple[SubscriptionView, ...]:
        return self._book.views(self._wall_clock() - self._clock())

    def __len__(self) -> int:
        return len(self._book)

    # What others tell us.

    def dirty(self) -> None:
        """Something this upper may see has changed."""
        if not self._is_dirty and self._book.of(Followed.CATALOG):
            self._is_dirty = True
            self._dirty_at = max(self._clock() + self._settings.batch_s, self._calm_until)
        if self._is_dirty:
            self._arm()

    def hear(self, event: Event) -> None:
        """An alarm or a place; it is told to those who follow it."""
        if self._wants(event):
            if len(self._news) == self._news.maxlen:
                self.given_up += 1
            self._news.append(event)
            self._wake.set()

    def _wants(self, event: Event) -> bool:
        upper = self._liaison.upper
        match event:
            case AlarmRaised(answered=True) if self._is_no_news(event):
                return False
            case AlarmRaised():
                return upper.push_alarms or bool(self._book.of(Followed.ALARM))
            case PositionReported():
                return upper.push_positions or bool(self._book.of(Followed.POSITION))
            case PtzPositionReported():
                return bool(self._book.of(Followed.PTZ))
        return False

    def _is_no_news(self, alarm: AlarmRaised) -> bool:
        """What answers this upper's own question reaches it as the answer; what answers another's may be history."""
        asks = self._liaison.is_asking_alarms(alarm.owner)
        return asks or alarm.at < self._wall_clock() - HISTORY_S

    def resend(self) -> None:
        """Tell the whole catalog anew, to subscribers as news, else unasked."""
        self._resends = True
        self._wake.set()

    def lost(self) -> None:
        """The upper is gone, and what it followed with it."""
        for subscription in self._book:
            self._end(subscription, Happening.LOST)
        self._news.clear()
        self._is_dirty = self._resends = False

    def look(self) -> None:
        """About once a second: what was not refreshed ends."""
        for subscription in self._book.run_out(self._clock()):
            self._forget(subscription)
        if self._is_dirty or self._due_positions():
            self._arm()

    # SUBSCRIBE.

    def take(self, incoming: Incoming, known: Subscription | None = None) -> None:
        """A SUBSCRIBE of the upper; `known` when it came in the dialog of that subscription."""
        request = incoming.request
        if known is None and request.to.tag:
            incoming.respond(481)
            return
        try:
            value = parse(request.body) if request.body else None
        except ValueError:
            incoming.respond(400)
            return
        subject = subject_of(value)
        expires = request.expires
        wanted_s = self._settings.subscription_default_s if expires is None else expires
        granted_s = min(wanted_s, self._settings.subscription_longest_s)
        if known is not None:
            self._refresh(incoming, known, value, granted_s)
        elif value is None or subject is None:
            incoming.respond(489)
        elif granted_s == 0:
            # A fetch, or the end of what we do not know: nothing begins.
            incoming.respond(200, headers=(("Expires", "0"),))
        elif not self._liaison.lookups.add(
            "a look for what is followed", lambda: self._look_up(incoming, value, subject, granted_s)
        ):
            incoming.respond(503, headers=(("Retry-After", "5"),))

    def _refresh(self, incoming: Incoming, known: Subscription, value: Manscdp | None, granted_s: int) -> None:
        now = self._clock()
        incoming.accept_subscription(granted_s, contact_user=self._liaison.way.us)
        if granted_s == 0:
            self._end(known, Happening.CANCELLED)
            return
        self._book.happened(known, Happening.REFRESHED, now + granted_s)
        if isinstance(value, AlarmQuery):
            known.query = value
        known.interval_s = interval_of(value, known.interval_s)
        self._changed(self._liaison)

    async def _look_up(self, incoming: Incoming, value: Manscdp, subject: Followed, granted_s: int) -> None:
        way, target = self._liaison.way, value.device
        shared: Shared | None = None
        is_all = target in ("", way.us, self._settings.code)
        if not is_all:
            try:
                shared = await self._exporter.resolve(self._liaison.upper, target)
            except Exception:
                incoming.respond(500)
                raise
            if shared is None:
                incoming.respond(404)
                return
        try:
            subscription, before = self._book.open(
                subject,
                target or way.us,
                event=incoming.request.headers.get("Event") or default_event(subject),
                expires_at=self._clock() + granted_s,
                query=value if isinstance(value, AlarmQuery) else None,
                interval_s=interval_of(value, 5.0),
            )
        except BookFull:
            incoming.respond(503, headers=(("Retry-After", "60"),))
            return
        if before is not None:
            self._forget(before)
        if not is_all:
            subscription.covered = {subscription.target}
        self._accept(incoming, subscription, granted_s)
        if not subscription.is_over:
            self._follow_below(subscription, shared)

    def _accept(self, incoming: Incoming, subscription: Subscription, granted_s: int) -> None:
        try:
            dialog = incoming.accept_subscription(granted_s, contact_user=self._liaison.way.us)
        except ValueError:
            self._book.happened(subscription, Happening.LOST)
            return
        dialog.on_request = lambda asked: self._asked(asked, subscription)
        self._dialogs[subscription.number] = dialog
        dialog.on_end = lambda reason: self._end(subscription, Happening.LOST)
        self._changed(self._liaison)
        self._wake.set()

    def _asked(self, incoming: Incoming, subscription: Subscription) -> None:
        if incoming.request.method == "SUBSCRIBE":
            self.take(incoming, subscription)
        else:
            incoming.respond(501)

    def _follow_below(self, subscription: Subscription, shared: Shared | None) -> None:
        """Places and looks are told only to those who ask for them: so we ask below. Places of a whole system or
        region are asked of everybody who may have some."""
        if self._following is None or subscription.subject not in (Followed.POSITION, Followed.PTZ):
            return
        if shared is not None and shared.owner:
            wanted: tuple[tuple[str, str], ...] = ((shared.owner, shared.code),)
        elif subscription.subject is Followed.POSITION:
            wanted = tuple((owner, "") for owner in self._movers())
        else:
            return
        subject, interval_s = Subject(subscription.subject), int(subscription.interval_s)
        self._followed[subscription.number] = wanted
        for owner, target in wanted:
            try:
                self._following.follow(
                    owner, subject, target=target, interval_s=interval_s, by=self._name_of(subscription)
                )
            except (LookupError, ValueError) as wrong:
                log.info("%s of %s is not followed below: %s", subject, owner, wrong)

    def _name_of(self, subscription: Subscription) -> str:
        return f"{self._code} {subscription.number}"

    # The ends.

    def _end(self, subscription: Subscription, what: Happening) -> None:
        if self._book.happened(subscription, what) is not Deed.NOTHING:
            self._forget(subscription)

    def _forget(self, subscription: Subscription) -> None:
        dialog = self._dialogs.pop(subscription.number, None)
        if dialog is not None:
            dialog.forget()
        if self._following is not None:
            for owner, target in self._followed.pop(subscription.number, ()):
                subject, by = Subject(subscription.subject), self._name_of(subscription)
                self._following.unfollow(owner, subject, target=target, by=by)
        self._changed(self._liaison)

    async def _withdraw(self, subscription: Subscription) -> None:
        """We end it: the subscriber hears so (SUB-09)."""
        dialog = self._dialogs.get(subscription.number)
        deed = self._book.happened(subscription, Happening.WITHDRAWN)
        try:
            if deed is Deed.SAY_FAREWELL and dialog is not None:
                headers = (("Event", subscription.event), ("Subscription-State", "terminated;reason=deactivated"))
                await dialog.request("NOTIFY", headers=headers, timeout_s=FAREWELL_S)
        except (RequestTimedOut, TransportLost) as silent:
            log.info("%s did not hear our farewell: %s", self._code, silent)
        finally:
            self._forget(subscription)

    # The work.

    async def _work(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self._do_what_is_due()
            except NotTaken as silent:
                self._liaison.agent.heard(Heard.GONE, f"it did not take a notice: {silent}")
            except Exception:
                log.exception("a notice to %s failed; the next is tried", self._code)
            self._arm()

    async def _do_what_is_due(self) -> None:
        for subscription in self._book:
            if subscription.stage == "fresh":
                await self._report(subscription)
        await self._tell_waiting_news()
        for subscription in self._due_positions():
            await self._tell_positions(subscription)
        if self._resends:
            self._resends = False
            # What it knows and should not is news that a whole catalog cannot tell.
            await self._tell_changes()
            await self._tell_all()
        if self._is_dirty and self._clock() >= self._dirty_at and self._liaison.catalog_sent is None:
            await self._tell_changes()

    def _arm(self) -> None:
        """Wake when the next thing is due."""
        # While a catalog is on its way as an answer, its end is awaited.
        times = [self._dirty_at] if self._is_dirty and self._liaison.catalog_sent is None else []
        times += [each.due_at for each in self._book if each.fixes or each.looks]
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if times:
            wait_s = max(0.02, min(times) - self._clock())
            self._timer = asyncio.get_running_loop().call_later(wait_s, self._wake.set)

    # The catalog.

    async def _report(self, subscription: Subscription) -> None:
        """The first report: what is within, and of it what does not work (SUB-02)."""
        scope = subscription.target if subscription.covered is not None else None
        try:
            if scope is not None:
                await self._survey(subscription, scope)
            if subscription.subject is Followed.CATALOG and self._liaison.upper.initial_report:
                await self._tell_offline(subscription, scope)
        except LookupError:
            await self._withdraw(subscription)
            return
        self._book.happened(subscription, Happening.REPORTED)
        if subscription.subject is Followed.CATALOG:
            # What changed while nobody followed is told now.
            self.dirty()

    async def _tell_offline(self, subscription: Subscription, scope: str | None) -> None:
        told = 0
        async for page in self._exporter.offline(self._liaison.upper, scope, self._settings.batch_items):
            for chunk in self._chunks(page):
                await self._notify_items(subscription, chunk)
            told += len(page)
        if not told:
            await self._notify_items(subscription, ())

    async def _survey(self, subscription: Subscription, scope: str) -> None:
        covered = {subscription.target}
        async with self._exporter.rendering(self._liaison.upper, scope) as rendering:
            async for page in rendering.pages(SCOPE_PAGE):
                covered.update(item.code for item in page)
                if len(covered) > SCOPE_LIMIT:
                    log.warning("%s follows too much beneath %s; it is told of everything", self._code, scope)
                    subscription.covered = None
                    return
        subscription.covered = covered

    async def _tell_changes(self) -> None:
        self._is_dirty = False
        began = self._clock()
        while self._book.of(Followed.CATALOG):
            changes = await self._exporter.changes(self._liaison.upper)
            if not changes:
                break
            for chunk in self._chunks(changes):
                if not await self._tell_chunk(chunk):
                    return  # it waits, and whoever follows anew is told of it after the first report
                await self._tell_waiting_news()  # an alarm does not wait for the end of a catalog
                await self._exporter.mark_sent(self._liaison.upper, chunk)
        # Where looking for changes is dear, it is done less often.
        self._calm_until = self._clock() + min(LONGEST_CALM_S, CALM_FACTOR * (self._clock() - began))
        self._changed(self._liaison)

    async def _tell_chunk(self, chunk: Sequence[Item]) -> bool:
        """Whether somebody who followed before still does; else it was told to nobody."""
        active = [each for each in self._book.of(Followed.CATALOG) if each.stage == "active"]
        for subscription in active:
            mine = tuple(item for item in chunk if subscription.covers_item(item))
            if mine:
                await self._notify_items(subscription, mine)
        return any(each.stage == "active" for each in active)

    async def _tell_all(self) -> None:
        """The whole catalog again, as operators order it."""
        way, liaison = self._liaison.way, self._liaison
        followers = [each for each in self._book.of(Followed.CATALOG) if each.covered is None]
        size = page_size(liaison.upper, self._settings)
        try:
            async with self._exporter.rendering(self._liaison.upper, None) as rendering:
                await self._exporter.forget_sent(self._liaison.upper)
                sent = 0
                async for page in rendering.pages(size):
                    liaison.catalog_sent = (sent, rendering.total)
                    self._changed(liaison)
                    items = tuple(item_with_event(item, "UPDATE") for item in page)
                    if followers:
                        for subscription in followers:
                            await self._notify_items(subscription, items)
                        if all(each.is_over for each in followers):
                            return  # the rest is news for whoever follows anew
                    elif not await self._push(CatalogNotice(way.next_sn(), way.us, len(items), items)):
                        return
                    await self._exporter.mark_sent(self._liaison.upper, page)
                    sent += len(page)
                    await self._tell_waiting_news()
        finally:
            liaison.catalog_sent = None
            self._changed(liaison)

    def _chunks(self, items: Iterable[Item]) -> Iterable[tuple[Item, ...]]:
        """Items in their order, so many a message as it has room for."""
        room = self._settings.batch_items * BARE_FOR_ONE
        if not self._liaison.way.is_tcp or self._liaison.upper.page_size:
            room = min(room, page_size(self._liaison.upper, self._settings) * BARE_FOR_ONE)
        chunk: list[Item] = []
        used = 0
        for item in items:
            weight = BARE_FOR_ONE if item.event in ("ADD", "UPDATE") else 1
            if chunk and (used + weight > room or len(chunk) >= self._settings.batch_items):
                yield tuple(chunk)
                chunk, used = [], 0
            chunk.append(item)
            used += weight
        if chunk:
            yield tuple(chunk)

    async def _notify_items(self, subscription: Subscription, items: Sequence[Item]) -> None:
        way = self._liaison.way
        await self._notify(
            subscription, CatalogNotice(way.next_sn(), subscription.target, len(items), tuple(items)), len(items)
        )

    # Alarms, places, looks.

    async def _tell_waiting_news(self) -> None:
        while self._news:
            await self._tell_news(self._news.popleft())

    async def _tell_news(self, event: Event) -> None:
        match event:
            case AlarmRaised():
                await self._tell_alarm(event)
            case PositionReported():
                await self._note_fix(event)
            case PtzPositionReported():
                await self._note_look(event)

    async def _tell_alarm(self, event: AlarmRaised) -> None:
        device = await self._exporter.shared_as(self._liaison.upper, event.owner, event.channel)
        if device is None:
            return
        kind = event.alarm_type
        alarm = Alarm(
            self._liaison.way.next_sn(),
            device,
            priority=event.priority,
            method=event.method,
            at=event.at,
            description=event.description,
            longitude=event.longitude,
            latitude=event.latitude,
            event_type=event.event_type,
            alarm_type=int(kind) if kind.isascii() and kind.isdigit() and len(kind) < 10 else None,
        )
        followers = self._book.of(Followed.ALARM)
        for subscription in followers:
            if subscription.covers(device) and passes(subscription.query, alarm):
                await self._notify(subscription, alarm, 1)
        if not followers and self._liaison.upper.push_alarms:
            await self._push(alarm)

    async def _note_fix(self, event: PositionReported) -> None:
        device = await self._exporter.shared_as(self._liaison.upper, event.owner, event.channel)
        if device is None:
            return
        fix = Fix(
            device,
            event.at,
            event.longitude,
            event.latitude,
            event.speed,
            event.direction,
            event.altitude,
            event.height,
        )
        followers = self._book.of(Followed.POSITION)
        for subscription in followers:
            if subscription.covers(device) and (len(subscription.fixes) < MOST_DEVICES or device in subscription.fixes):
                subscription.fixes[device] = fix
        if not followers and self._liaison.upper.push_positions:
            await self._push(self._positions((fix,), device))

    async def _note_look(self, event: PtzPositionReported) -> None:
        device = await self._exporter.shared_as(self._liaison.upper, event.owner, event.channel)
        if device is None:
            return
        look = Look(event.pan, event.tilt, event.zoom, event.horizontal_angle, event.vertical_angle, event.max_distance)
        for subscription in self._book.of(Followed.PTZ):
            if subscription.covers(device) and (len(subscription.looks) < MOST_DEVICES or device in subscription.looks):
                subscription.looks[device] = look

    def _due_positions(self) -> list[Subscription]:
        now = self._clock()
        return [each for each in self._book if (each.fixes or each.looks) and now >= each.due_at]

    async def _tell_positions(self, subscription: Subscription) -> None:
        """The latest place of each: at most once an interval (GB/T 28181-2022 9.11.4)."""
        fixes, looks = tuple(subscription.fixes.values()), tuple(subscription.looks.items())
        subscription.fixes.clear()
        subscription.looks.clear()
        if subscription.subject is Followed.POSITION:
            subscription.due_at = self._clock() + subscription.interval_s
        # 2016 has room for one place in a message.
        size = MOST_FIXES if self._liaison.way.edition.is_2022 else 1
        for start in range(0, len(fixes), size):
            part = fixes[start : start + size]
            device = subscription.target if size > 1 else part[0].device
            await self._notify(subscription, self._positions(part, device), len(part))
        for code, look in looks:
            await self._notify(subscription, PtzPositionNotice(self._liaison.way.next_sn(), code, look), 1)

    def _positions(self, fixes: tuple[Fix, ...], device: str) -> MobilePosition:
        return MobilePosition(self._liaison.way.next_sn(), device, fixes[-1].at, fixes)

    # Speaking.

    async def _notify(self, subscription: Subscription, value: Manscdp, count: int) -> None:
        """One NOTIFY until it is taken; a 4xx ends the subscription. Raises NotTaken."""
        dialog = self._dialogs.get(subscription.number)
        if dialog is None or subscription.is_over:
            return
        remaining = max(0, int(subscription.expires_at - self._clock()))
        headers = (("Event", subscription.event), ("Subscription-State", f"active;expires={remaining}"))
        try:
            await insist(
                lambda body: self._put(dialog, body, headers), self._liaison.way.written(value), self._insistence
            )
        except Declined as declined:
            log.info("%s follows %s no longer: %s", self._code, subscription.target, declined)
            self._end(subscription, Happening.DECLINED)
            return
        except NotTaken:
            if subscription.is_over:
                return  # the upper was lost meanwhile, and is perhaps there again
            raise
        subscription.notified += count
        self.notified += 1

    async def _put(self, dialog: Dialog, body: bytes, headers: tuple[Field, ...]) -> Response:
        response = await dialog.request(
            "NOTIFY", body=body, content_type=MANSCDP, headers=headers, timeout_s=self._settings.answer_s
        )
        self._liaison.exchanged()
        return response

    async def _push(self, value: Manscdp) -> bool:
        """One message that nobody subscribed to; false when it was refused. Raises NotTaken."""
        way = self._liaison.way
        try:
            await insist(
                lambda body: way.say(body, timeout_s=self._settings.answer_s), way.written(value), self._insistence
            )
        except Declined as declined:
            log.info("%s refused a %s that it had not asked for: %s", self._code, value.cmd_type, declined)
            return False
        self.notified += 1
        return True


def subject_of(value: Manscdp | None) -> Followed | None:
    """What a SUBSCRIBE is about, by its body alone: the Event header says presence for anything (signalling 6.1)."""
    match value:
        case CatalogQuery():
            return Followed.CATALOG
        case AlarmQuery():
            return Followed.ALARM
        case MobilePositionQuery():
            return Followed.POSITION
        case PtzPositionQuery():
            return Followed.PTZ
    return None


def default_event(subject: Followed) -> str:
    return "Catalog" if subject is Followed.CATALOG else "presence"


def interval_of(value: Manscdp | None, otherwise: float) -> float:
    """Seconds between reports, within reason."""
    if not isinstance(value, MobilePositionQuery):
        return otherwise
    return min(max(float(value.interval_s), SHORTEST_INTERVAL_S), LONGEST_INTERVAL_S)


def item_with_event(item: Item, event: str) -> Item:
    return replace(item, event=event)
