"""Photographs by a device itself (GB/T 28181-2022 9.14): it is told to, sends them to an address of ours, and says so.

An address is good for one order: for its pictures, no more than were asked for, until its deadline.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from broker.album import Shot
from gb28181.manscdp.config import DeviceConfig, Setting
from gb28181.manscdp.control import ControlResponse
from gb28181.manscdp.message import parse
from gb28181.manscdp.snapshot import UploadSnapShotFinished, read_file_id
from gb28181.peer import Hop, Peer, PeerRefused
from media.plane import NoCapacity, Photograph
from registry.events import Bus, Event, NoticeHeard

log = logging.getLogger(__name__)

MOST_OPEN = 100
MOST_KEPT = 300
LARGEST = 8 * 1024 * 1024
"""A picture of 4K by a fine JPEG is below this."""
GRACE_S = 60.0
"""Behind the last picture's time, for sending them and for saying so."""
UPLOADING_S = 30.0


class Keeping(Protocol):
    """`broker.snapshots.Snapshots`, as far as orders need it."""

    async def judge(self, data: bytes) -> Photograph:
        """Raises ValueError for what is no picture, NoCapacity."""

    async def keep(self, photograph: Photograph, shot: Shot) -> Shot:
        """Raises OSError."""


class NotWanted(Exception):
    """A picture that is not taken: `status` is for the device (HTTP), the message says why."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class OrderView:
    """An order and how it fares. `state` is ordered, done, partial or failed; `listed` are the pictures that the
    device says it sent, None before it said anything; `note` is why it failed."""

    session: str
    owner: str
    channel: str
    by: str
    wanted: int
    interval_s: int
    at: float
    state: str
    received: tuple[str, ...]
    listed: tuple[str, ...] | None
    refused: int
    note: str


@dataclass(slots=True, eq=False)
class _Order:
    session: str
    token: str
    owner: str
    channel: str
    by: str
    wanted: int
    interval_s: int
    at: float
    state: str = "ordered"
    shots: list[Shot] = field(default_factory=list)
    coming: int = 0
    listed: tuple[str, ...] | None = None
    refused: int = 0
    note: str = ""
    deadline: asyncio.TimerHandle | None = None

    @property
    def is_open(self) -> bool:
        return self.state == "ordered"


class DeviceShots:
    """`close` before the album closes."""

    def __init__(self, keeping: Keeping, bus: Bus, wall: Callable[[], float] = time.time) -> None:
        self._keeping = keeping
        self._wall = wall
        self._orders: OrderedDict[str, _Order] = OrderedDict()
        self._tokens: dict[str, _Order] = {}
        self._deafen = bus.listen(self._heard)

    async def order(
        self, peer: Peer, owner: str, channel: str, wanted: int, interval_s: int, base: str, by: str
    ) -> OrderView:
        """Have a device of 2022 take so many pictures and send them to `base`. Raises PeerError kinds, NoCapacity."""
        if sum(order.is_open for order in self._orders.values()) >= MOST_OPEN:
            raise NoCapacity(f"all {MOST_OPEN} orders for photographs are under way")
        order = _Order(
            secrets.token_hex(16), secrets.token_urlsafe(24), owner, channel, by, wanted, interval_s, self._wall()
        )
        # The address is good before the device hears of it: its first picture may overtake its answer.
        self._orders[order.session] = self._tokens[order.token] = order
        life_s = wanted * interval_s + GRACE_S
        order.deadline = asyncio.get_running_loop().call_later(life_s, self._too_late, order)
        self._forget_old()
        setting = Setting(
            "SnapShotConfig",
            within=(
                Setting("SnapNum", str(wanted)),
                Setting("Interval", str(interval_s)),
                Setting("UploadURL", f"{base}/snap/{order.token}"),
                Setting("SessionID", order.session),
            ),
        )
        try:
            answer = await peer.ask(DeviceConfig(0, channel, (setting,)))
        except BaseException as error:
            self._end(order, "failed", str(error))
            raise
        if isinstance(answer, ControlResponse) and not answer.ok:
            reason = answer.reason or "Result ERROR"
            self._end(order, "failed", reason)
            hops = (Hop(channel, "DeviceConfig", 200, reason),)
            raise PeerRefused(f"{channel} takes no photographs: {reason}", status=200, reason=reason, hops=hops)
        return _view(order)

    def waits(self, token: str) -> bool:
        """Whether this address is one of an order that is open."""
        return token in self._tokens

    async def take(self, token: str, name: str, data: bytes) -> Shot:
        """A picture that came to the address of an order. Raises NotWanted."""
        order = self._tokens.get(token)
        if order is None or not order.is_open:
            raise NotWanted(404, "nobody waits for pictures here")
        if len(order.shots) + order.coming >= order.wanted:
            order.refused += 1
            raise NotWanted(409, f"{order.wanted} pictures were asked for, and they are here")
        if len(data) > LARGEST:
            order.refused += 1
            raise NotWanted(413, f"a picture is {LARGEST} bytes at most")
        order.coming += 1
        try:
            photograph = await self._keeping.judge(data)
            known = read_file_id(name)
            at = self._wall()
            # The camera's clock says when; one that is far from ours is not believed.
            if known is not None and abs(known.at.timestamp() - at) < GRACE_S + order.wanted * order.interval_s:
                at = known.at.timestamp()
            shot = Shot(
                "",
                order.owner,
                order.channel,
                0,
                at,
                "device",
                order.by,
                photograph.width,
                photograph.height,
                len(photograph.jpeg),
                order.session,
                name[:128],
            )
            kept = await self._keeping.keep(photograph, shot)
        except ValueError as error:
            order.refused += 1
            raise NotWanted(415, str(error)) from None
        except NoCapacity as error:
            raise NotWanted(503, str(error)) from None
        except OSError as error:
            order.note = f"a picture could not be kept: {error.strerror or error}"
            raise NotWanted(507, order.note) from None
        finally:
            order.coming -= 1
        order.shots.append(kept)
        self._judge(order)
        return kept

    def views(self, channel: str = "") -> list[OrderView]:
        """Newest first; of one channel or of all."""
        return [_view(order) for order in reversed(self._orders.values()) if channel in ("", order.channel)]

    def view(self, session: str) -> OrderView | None:
        order = self._orders.get(session)
        return _view(order) if order is not None else None

    async def close(self) -> None:
        """Harmless when closed."""
        self._deafen()
        for order in self._orders.values():
            if order.deadline is not None:
                order.deadline.cancel()

    # --- what the device says --------------------------------------------------------------------------------

    def _heard(self, event: Event) -> None:
        if not isinstance(event, NoticeHeard):
            return
        order = self._orders.get(event.session)
        # A session is known to the device that was given it, and to nobody else.
        if order is None or order.owner != event.owner or order.listed is not None:
            return
        try:
            said = parse(event.body)
        except ValueError:
            return
        if isinstance(said, UploadSnapShotFinished):
            order.listed = said.files
            self._judge(order)

    def _judge(self, order: _Order) -> None:
        """Whether it is over: the device has said so, and what it listed is here or will not come."""
        if not order.is_open or order.listed is None:
            return
        if len(order.listed) < order.wanted:
            self._end(order, "partial" if order.listed or order.shots else "failed", "")
        elif len(order.shots) >= order.wanted:
            self._end(order, "done", "")
        elif order.deadline is not None:
            # It says that they were sent; they may still be on their way to the disk.
            order.deadline.cancel()
            order.deadline = asyncio.get_running_loop().call_later(UPLOADING_S, self._too_late, order)

    def _too_late(self, order: _Order) -> None:
        if order.is_open:
            self._end(order, "partial" if order.shots else "failed", order.note or "deadline")

    def _end(self, order: _Order, state: str, note: str) -> None:
        order.state, order.note = state, order.note or note
        self._tokens.pop(order.token, None)
        if order.deadline is not None:
            order.deadline.cancel()
        if state != "done":
            log.info(
                "%s sent %d of %d photographs: %s", order.channel, len(order.shots), order.wanted, order.note or state
            )

    def _forget_old(self) -> None:
        while len(self._orders) > MOST_KEPT:
            session = next((name for name, order in self._orders.items() if not order.is_open), None)
            if session is None:
                return
            del self._orders[session]


def _view(order: _Order) -> OrderView:
    return OrderView(
        order.session,
        order.owner,
        order.channel,
        order.by,
        order.wanted,
        order.interval_s,
        order.at,
        order.state,
        tuple(shot.id for shot in order.shots),
        order.listed,
        order.refused,
        order.note,
    )
