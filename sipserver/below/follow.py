"""Carries out our subscriptions at neighbours below: SUBSCRIBE out, refreshes in time, NOTIFYs in.

One look a second finds what is due; a few tasks do it. What a NOTIFY says is the inbox's to read.
"""

from __future__ import annotations

import heapq
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import count

from gb28181.manscdp.alarm import AlarmQuery
from gb28181.manscdp.catalog import CatalogQuery
from gb28181.manscdp.message import Manscdp
from gb28181.manscdp.position import MobilePositionQuery, PtzPositionQuery
from gb28181.peer import PeerOffline
from registry.device import Device
from registry.directory import Directory
from sipserver.below.errands import Errands
from sipserver.below.following import Deed, Fact, Followed, Following, Standing, Subject, Whom, fact_of, wanted
from sipserver.below.settings import BelowSettings
from sipserver.link import MANSCDP, Link
from sipserver.sip.message import Field, Response
from sipserver.stack import Dialog, Incoming, RequestTimedOut, Stack, TransportLost

log = logging.getLogger(__name__)

Key = tuple[str, Subject, str]
"""Neighbour, subject, target."""

MOST_OF_ONE = 1024
"""Subscriptions at one neighbour."""
TOO_BRIEF = 423
"""A refusal that says in Min-Expires what would be granted (RFC 6665 4.1.2.1)."""


class _Held:
    """A subscription with its dialog; `serial` tells what belongs to the dialog of now from what came late."""

    __slots__ = ("by_settings", "dialog", "event", "expires_s", "following", "interval_s", "serial", "wishers")

    def __init__(self, following: Following, event: str, interval_s: int, expires_s: int) -> None:
        self.following = following
        self.event = event
        self.interval_s = interval_s
        self.expires_s = expires_s
        self.dialog: Dialog | None = None
        self.serial = 0
        self.wishers: dict[str, int] = {}
        self.by_settings = False

    @property
    def is_wanted(self) -> bool:
        return self.by_settings or bool(self.wishers)


class Follow:
    """Our subscriptions, by neighbour. `take(incoming, code)` reads a NOTIFY and answers it; `resync(code)` asks a
    neighbour for its catalog anew; `is_asked(code)` says whether that is going on.
    """

    def __init__(
        self,
        stack: Stack,
        directory: Directory,
        settings: BelowSettings,
        *,
        link: Callable[[str], Link | None],
        take: Callable[[Incoming, str], None],
        resync: Callable[[str], None],
        is_asked: Callable[[str], bool],
        clock: Callable[[], float],
        wall_clock: Callable[[], float],
    ) -> None:
        self._stack = stack
        self._directory = directory
        self._settings = settings
        self._link = link
        self._take = take
        self._resync = resync
        self._is_asked = is_asked
        self._clock = clock
        self._wall_clock = wall_clock
        self._held: dict[str, dict[Key, _Held]] = {}
        self._due: list[tuple[float, int, Key]] = []
        self._order = count()
        self._event_ids = count(int(wall_clock()) % 100_000 * 10 + 1)
        self._errands = Errands(limit=20_000, workers=32)
        self._whom: dict[Subject, Whom] = {
            Subject.CATALOG: settings.follow_catalog,
            Subject.ALARM: settings.follow_alarms,
            Subject.POSITION: settings.follow_positions,
            Subject.PTZ: settings.follow_ptz,
        }
        self.subscribed = self.refreshed = self.polled = self.notices = 0

    def __repr__(self) -> str:
        return f"<Follow {sum(map(len, self._held.values()))} subscriptions at {len(self._held)} neighbours>"

    def start(self) -> None:
        self._errands.start()

    async def close(self) -> None:
        """Hear no more; what the neighbours still hold of ours runs out by itself."""
        await self._errands.close()
        for held in self._held.values():
            for each in held.values():
                _drop(each)
        self._held.clear()

    def statistics(self) -> Mapping[str, int]:
        standings = dict.fromkeys(map(str, Standing), 0)
        for held in self._held.values():
            for each in held.values():
                standings[each.following.standing] += 1
        return {
            **standings,
            "subscribed": self.subscribed,
            "refreshed": self.refreshed,
            "polled": self.polled,
            "notices": self.notices,
        }

    # What others ask.

    def following(self, code: str) -> tuple[Followed, ...]:
        """How our subscriptions at a neighbour stand; times are UNIX seconds."""
        ahead = self._wall_clock() - self._clock()
        return tuple(_shifted(each.following.view(), ahead) for each in self._held.get(code, {}).values())

    def follow(self, code: str, subject: Subject, *, target: str = "", interval_s: int = 0, by: str = "") -> None:
        """Follow a subject of a neighbour beside what the settings say; at once when it is there.

        `by` is whoever wishes for it: several may, it ends when the last of them takes the wish back, and the
        shortest interval wins. Raises LookupError for an unknown neighbour, ValueError when too much of it is followed.
        """
        if self._directory.device(code) is None:
            raise LookupError(f"no device {code} that could be followed")
        key = (code, subject, target or code)
        held = self._hold(key)
        before = held.interval_s
        held.wishers[by] = interval_s or self._settings.position_interval_s
        held.interval_s = min(held.wishers.values())
        link = self._link(code)
        if link is not None and link.is_online and held.following.standing is Standing.AWAY:
            self._tell(key, Fact.CAME)
        elif held.interval_s != before and held.following.standing is Standing.ACTIVE:
            self._tell(key, Fact.DUE)  # a refresh says the new interval

    def unfollow(self, code: str, subject: Subject, *, target: str = "", by: str = "") -> None:
        """Take a wish back; without wishes the subscription ends at the neighbour, too. Harmless when there is none."""
        key = (code, subject, target or code)
        held = self._held.get(code, {}).get(key)
        if held is None:
            return
        held.wishers.pop(by, None)
        self._drop_unwanted(key, held)

    def _drop_unwanted(self, key: Key, held: _Held) -> None:
        """Without wishes a subscription ends, and the neighbour hears so."""
        if held.is_wanted:
            return
        code, subject, _ = key
        del self._held[code][key]
        if not self._held[code]:
            del self._held[code]
        if held.dialog is not None and not held.dialog.is_over:
            dialog, held.dialog = held.dialog, None
            self._errands.add(f"the end of following {subject} of {code}", lambda: self._cancel(key, held, dialog))

    # Facts.

    def came(self, code: str) -> None:
        """The neighbour is there, or registered anew."""
        device, link = self._directory.device(code), self._link(code)
        if device is None or link is None:
            return
        self._choose(code, device, link)
        for key in tuple(self._held.get(code, ())):
            self._begin(key, link)

    def changed(self, code: str) -> None:
        """Other things were chosen to be followed of it: subscribe to those, and end the rest."""
        device, link = self._directory.device(code), self._link(code)
        if device is None or link is None or not link.is_online:
            return
        for key in self._choose(code, device, link):
            self._begin(key, link)

    def _choose(self, code: str, device: Device, link: Link) -> list[Key]:
        """Hold what is wanted of a neighbour and let go of the rest; what is held newly comes back."""
        manners = link.manners
        subjects = wanted(
            device, self._whom, is_2022=manners.edition.is_2022, guards=manners.dialect.guards_before_alarms
        )
        fresh = []
        for subject in subjects:
            key = (code, subject, code)
            if key not in self._held.get(code, {}):
                fresh.append(key)
            self._hold(key).by_settings = True
        for key, held in tuple(self._held.get(code, {}).items()):
            if held.by_settings and key[1] not in subjects:
                held.by_settings = False
                self._drop_unwanted(key, held)
        return fresh

    def _begin(self, key: Key, link: Link) -> None:
        if key[1] is Subject.CATALOG and link.manners.dialect.refuses_catalog_subscription:
            self._poll_only(key)
        else:
            self._tell(key, Fact.CAME)

    def verify(self, code: str) -> None:
        """The neighbour may have forgotten us: refresh now, and what it does not know any more is asked for anew."""
        for key, held in tuple(self._held.get(code, {}).items()):
            if held.following.standing is Standing.ACTIVE:
                self._tell(key, Fact.DUE)

    def left(self, code: str) -> None:
        """The neighbour is offline."""
        for key in tuple(self._held.get(code, ())):
            self._tell(key, Fact.LEFT)

    def forget(self, code: str) -> None:
        """The neighbour was removed."""
        for held in self._held.pop(code, {}).values():
            held.by_settings = False
            held.wishers.clear()
            _drop(held)

    def look(self) -> None:
        """Refresh, ask again and poll what is due. Call about once a second."""
        now = self._clock()
        while self._due and self._due[0][0] <= now:
            due_at, _, key = heapq.heappop(self._due)
            held = self._held.get(key[0], {}).get(key)
            if held is not None and held.following.due_at == due_at:
                self._tell(key, Fact.DUE)

    # The inside.

    def _hold(self, key: Key) -> _Held:
        of_one = self._held.setdefault(key[0], {})
        held = of_one.get(key)
        if held is None:
            if len(of_one) >= MOST_OF_ONE:
                raise ValueError(f"{key[0]} is followed in {MOST_OF_ONE} things already")
            poll_s = self._settings.poll_catalog_s if key[1] is Subject.CATALOG else 0.0
            event = "Catalog" if key[1] is Subject.CATALOG else self._settings.follow_event
            held = of_one[key] = _Held(
                Following(key[1], key[2], poll_s=poll_s, refresh=self._settings.follow_refresh),
                f"{event};id={next(self._event_ids)}",
                self._settings.position_interval_s,
                self._settings.follow_expires_s,
            )
        return held

    def _poll_only(self, key: Key) -> None:
        self._tell(key, Fact.CAME, carry_out=False)
        self._tell(key, Fact.UNSUPPORTED, reason=f"{key[0]} is known to refuse catalog subscriptions")

    def _tell(
        self,
        key: Key,
        fact: Fact,
        *,
        granted_s: float = 0.0,
        reason: str = "",
        unheard: bool = False,
        carry_out: bool = True,
    ) -> None:
        held = self._held.get(key[0], {}).get(key)
        if held is None:
            return
        before = held.following.standing
        deed = held.following.tell(fact, self._clock(), granted_s=granted_s, reason=reason, unheard=unheard)
        if held.following.standing is Standing.POLLING and before is not Standing.POLLING:
            log.info("%s cannot be followed in %s: %s", key[0], key[1], reason)
        if held.following.due_at is not None:
            heapq.heappush(self._due, (held.following.due_at, next(self._order), key))
        if carry_out and deed is not Deed.NOTHING:
            self._do(key, held, deed)

    def _do(self, key: Key, held: _Held, deed: Deed) -> None:
        match deed:
            case Deed.SUBSCRIBE:
                _drop(held)
                serial = held.serial
                room = self._errands.add(
                    f"subscription to {key[1]} of {key[0]}", lambda: self._subscribe(key, held, serial)
                )
            case Deed.REFRESH:
                serial = held.serial
                room = self._errands.add(f"refresh of {key[1]} of {key[0]}", lambda: self._refresh(key, held, serial))
            case Deed.POLL:
                self.polled += 1
                self._resync(key[0])
                return
            case _:
                _drop(held)
                return
        if not room:
            self._tell(key, Fact.FAILED, reason="too many subscriptions at once")

    async def _subscribe(self, key: Key, held: _Held, serial: int) -> None:
        link = self._link(key[0])
        if link is None or held.serial != serial or not held.is_wanted:
            return
        try:
            path, uri, body = link.letter(self._query(key, held))
            request = self._stack.new_request(
                "SUBSCRIBE",
                uri,
                from_uri=link.our_uri,
                to_uri=link.their_uri,
                path=path,
                contact_user=self._settings.code,
                headers=self._headers(held, held.expires_s),
                body=body,
                content_type=MANSCDP,
            )
            response, dialog = await self._stack.subscribe(
                request,
                path,
                on_request=lambda incoming: self._heard(key, held, serial, incoming),
                timeout_s=self._settings.ask_patience_s,
            )
        except (RequestTimedOut, TransportLost, PeerOffline) as lost:
            if held.serial == serial:
                unheard = not isinstance(lost, PeerOffline)
                self._tell(key, Fact.FAILED, reason=f"no answer to SUBSCRIBE: {lost}", unheard=unheard)
            return
        if held.serial != serial or not held.is_wanted:
            if dialog is not None:
                await self._cancel(key, held, dialog)
            return
        held.dialog = dialog
        if dialog is not None:
            dialog.on_end = lambda why: self._ended(key, held, serial, why)
            self.subscribed += 1
        self._judge(key, held, response)
        if dialog is not None and key[1] is Subject.CATALOG:
            self._close_the_gap(key[0])

    def _close_the_gap(self, code: str) -> None:
        """What changed while nobody told us is in the catalog: ask for it once, unless that is going on."""
        if not self._is_asked(code):
            self._resync(code)

    async def _refresh(self, key: Key, held: _Held, serial: int) -> None:
        link, dialog = self._link(key[0]), held.dialog
        if link is None or dialog is None or held.serial != serial:
            return
        try:
            path, _, body = link.letter(self._query(key, held))
            dialog.move(path)  # it may be somewhere else than it was
            response = await dialog.request(
                "SUBSCRIBE",
                headers=self._headers(held, held.expires_s),
                body=body,
                content_type=MANSCDP,
                timeout_s=self._settings.ask_patience_s,
            )
        except (RequestTimedOut, TransportLost, PeerOffline) as lost:
            if held.serial == serial:
                self._tell(key, Fact.GONE, reason=f"no answer to a refresh: {lost}")
            return
        if held.serial == serial:
            self.refreshed += 1
            self._judge(key, held, response)

    def _judge(self, key: Key, held: _Held, response: Response) -> None:
        fact = fact_of(response.status)
        if response.status == TOO_BRIEF:
            least = (response.headers.get("Min-Expires") or "").strip()
            if least.isascii() and least.isdigit() and len(least) < 7:
                held.expires_s = max(held.expires_s, int(least))
        if fact is Fact.GRANTED:
            said = response.expires
            granted_s = held.expires_s if said is None else min(said, held.expires_s)
            if granted_s <= 0:
                self._tell(key, Fact.UNSUPPORTED, reason="granted for 0 s")
            else:
                self._tell(key, fact, granted_s=granted_s)
        else:
            self._tell(key, fact, reason=f"{response.status} {response.reason}")

    async def _cancel(self, key: Key, held: _Held, dialog: Dialog) -> None:
        """Tell the neighbour that we follow no longer; what it answers does not matter (SUB-08)."""
        link = self._link(key[0])
        try:
            if link is not None:
                _, _, body = link.letter(self._query(key, held))
                await dialog.request(
                    "SUBSCRIBE",
                    headers=self._headers(held, 0),
                    body=body,
                    content_type=MANSCDP,
                    timeout_s=self._settings.ask_patience_s,
                )
        except (RequestTimedOut, TransportLost, PeerOffline) as lost:
            log.debug("the end of following %s of %s was not answered: %s", key[1], key[0], lost)
        finally:
            dialog.forget()

    def _query(self, key: Key, held: _Held) -> Manscdp:
        match key[1]:
            case Subject.CATALOG:
                return CatalogQuery(0, key[2])
            case Subject.ALARM:
                return AlarmQuery(0, key[2])
            case Subject.POSITION:
                return MobilePositionQuery(0, key[2], held.interval_s)
            case Subject.PTZ:
                return PtzPositionQuery(0, key[2])

    def _headers(self, held: _Held, expires_s: int) -> tuple[Field, ...]:
        return (("Event", held.event), ("Expires", str(expires_s)))

    # What comes in the dialogs.

    def _heard(self, key: Key, held: _Held, serial: int, incoming: Incoming) -> None:
        request = incoming.request
        if request.method not in ("NOTIFY", "MESSAGE"):
            incoming.respond(501)
            return
        if request.body:
            self._take(incoming, key[0])
        else:
            incoming.respond(200)
        if held.serial != serial:
            return
        self.notices += 1
        held.following.heard(self._clock())
        state = (request.headers.get("Subscription-State") or "").strip().lower()
        if state.startswith("terminated"):
            self._ended(key, held, serial, f"ended by the other side: {state[:80]}")

    def _ended(self, key: Key, held: _Held, serial: int, why: str) -> None:
        if held.serial == serial:
            self._tell(key, Fact.ENDED, reason=why)


def _drop(held: _Held) -> None:
    """The dialog there was counts no more."""
    held.serial += 1
    if held.dialog is not None:
        held.dialog.on_end = None
        held.dialog.forget()
        held.dialog = None


def _shifted(view: Followed, ahead: float) -> Followed:
    expires = None if view.expires_at is None else view.expires_at + ahead
    heard = None if view.heard_at is None else view.heard_at + ahead
    return replace(view, expires_at=expires, heard_at=heard)
