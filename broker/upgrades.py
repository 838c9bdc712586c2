"""Upgrades of devices: each is ordered, fetched from us at an address of its own, and closed by the device's result.

A device is away while it reboots, and we may restart meanwhile: a session lives on until the result comes or its time
is over (signalling 8.7).
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from broker.firmware_shelf import FirmwareShelf, Package
from gb28181.manscdp.control import Upgrade as Order
from gb28181.manscdp.message import parse
from gb28181.manscdp.upgrade import UpgradeResult
from registry.events import Bus, Event, NoticeHeard, UpgradeChanged

log = logging.getLogger(__name__)

BOOK = "upgrades.json"
MOST_KEPT = 200
MOST_FETCHES = 20
"""Requests for one package by one device; more are a loop."""
WORTH_TELLING_S = 0.5
RUNNING = frozenset(("ordered", "accepted", "fetching", "fetched"))


@dataclass(frozen=True, slots=True)
class UpgradeSettings:
    """How devices are upgraded. Times are seconds."""

    address: str = ""
    """Where devices fetch packages, such as "http://10.0.0.1:8088"; "" is the address by which each knows us."""
    largest_bytes: int = 512 * 1024 * 1024
    """Larger packages are not taken."""
    most_packages: int = 50
    """So many are kept at a time."""
    patience_s: float = 1800.0
    """A device that has not told a result by then is given up (signalling 8.7)."""

    def __post_init__(self) -> None:
        if self.address and not self.address.startswith(("http://", "https://")):
            raise ValueError(f'address is like "http://10.0.0.1:8088", not {self.address!r}')
        if self.patience_s < 60:
            raise ValueError(f"patience_s is at least 60 seconds, not {self.patience_s:g}")


class Upgrade(msgspec.Struct, frozen=True):
    """One upgrade of one device. Times are UNIX seconds.

    `state` is ordered, accepted, fetching, fetched, done, failed or timed-out; `failure` is the device's code (01
    download, 02 corrupt, 03 system, 99 other), or refused or silent.
    """

    session: str
    owner: str
    code: str
    package: str
    name: str
    version: str
    manufacturer: str
    by: str
    ordered_at: float
    size: int
    sent: int = 0
    state: str = "ordered"
    failure: str = ""
    note: str = ""
    firmware_now: str = ""
    ended_at: float | None = None

    @property
    def is_running(self) -> bool:
        return self.state in RUNNING


class Kept(msgspec.Struct):
    """What the book has of an upgrade: itself, and by what and from where it may be fetched."""

    upgrade: Upgrade
    token: str
    host: str
    fetches: int = 0


class AlreadyUpgrading(Exception):
    """That device has an upgrade that is not over."""


class NotForYou(Exception):
    """Nothing is fetched at that address, not any more, or not from there."""


class Upgrades:
    """`shelf` has the packages; `open` it first, and `close` it last."""

    def __init__(
        self,
        shelf: FirmwareShelf,
        folder: Path,
        settings: UpgradeSettings,
        bus: Bus,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.shelf = shelf
        self.settings = settings
        self._book = folder / BOOK
        self._bus = bus
        self._clock = clock
        self._kept: dict[str, Kept] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._told_at: dict[str, float] = {}
        self._dirty = asyncio.Event()
        self._pen = threading.Lock()
        self._writer: asyncio.Task[None] | None = None
        self._unhear: Callable[[], None] | None = None

    async def open(self) -> None:
        await self.shelf.open()
        with suppress(OSError, msgspec.MsgspecError):
            data = await asyncio.to_thread(self._book.read_bytes)
            self._kept = {each.upgrade.session: each for each in msgspec.json.decode(data, type=list[Kept])}
        for kept in self._kept.values():
            if kept.upgrade.is_running:
                self._wait_for(kept.upgrade)
        self._unhear = self._bus.listen(self._hear)
        self._writer = asyncio.create_task(self._write_for_ever(), name="book of upgrades")

    async def close(self) -> None:
        if self._unhear is not None:
            self._unhear()
        for timer in self._timers.values():
            timer.cancel()
        if self._writer is not None:
            self._writer.cancel()
            await asyncio.gather(self._writer, return_exceptions=True)
            if self._dirty.is_set():
                await asyncio.to_thread(self._write, self._encoded())

    def all(self) -> tuple[Upgrade, ...]:
        """The youngest first."""
        return tuple(sorted((kept.upgrade for kept in self._kept.values()), key=lambda each: -each.ordered_at))

    def get(self, session: str) -> Upgrade | None:
        kept = self._kept.get(session)
        return kept.upgrade if kept is not None else None

    def begin(self, owner: str, code: str, package: Package, by: str, *, base: str, host: str) -> Order:
        """The order for a device, to be sent to it now. `host` is from where it fetches, "" when that is not known.

        Raises AlreadyUpgrading.
        """
        if any(kept.upgrade.is_running and kept.upgrade.code == code for kept in self._kept.values()):
            raise AlreadyUpgrading(f"{code} has an upgrade that is not over")
        session, token = secrets.token_hex(16), secrets.token_urlsafe(32)
        upgrade = Upgrade(
            session, owner, code, package.id, package.name, package.version, package.manufacturer, by, self._clock(),
            package.size,
        )  # fmt: skip
        self._kept[session] = Kept(upgrade, token, host)
        self._forget_old()
        self._wait_for(upgrade)
        self._tell(session)
        return Order(package.version, f"{base}/firmware/{token}", package.manufacturer, session)

    def accepted(self, session: str) -> None:
        """The device said that it will; it may have begun to fetch before that came."""
        upgrade = self.get(session)
        if upgrade is not None and upgrade.state == "ordered":
            self._change(session, state="accepted")

    def refused(self, session: str, failure: str, note: str) -> None:
        """The order was not taken: `refused`, or `silent`."""
        self._end(session, "failed", failure=failure, note=note)

    def fetch(self, token: str, host: str) -> tuple[Upgrade, Package]:
        """A device asks for its package. Raises NotForYou."""
        asked = token.encode()
        kept = next((each for each in self._kept.values() if secrets.compare_digest(each.token.encode(), asked)), None)
        package = self.shelf.get(kept.upgrade.package) if kept is not None else None
        if kept is None or package is None or kept.upgrade.state not in ("ordered", "accepted", "fetching"):
            raise NotForYou("nothing is fetched here")
        if kept.host and host != kept.host:
            log.warning("%s asked for the package of %s, which is %s", host, kept.upgrade.code, kept.host)
            raise NotForYou("this package is for another device")
        kept.fetches += 1
        if kept.fetches > MOST_FETCHES:
            raise NotForYou("this package was asked for too often")
        return kept.upgrade, package

    def sent(self, session: str, upto: int) -> None:
        """So many bytes of the package have gone out, counted from its start."""
        upgrade = self.get(session)
        if upgrade is None or upgrade.state not in ("ordered", "accepted", "fetching"):
            return
        whole = upto >= upgrade.size
        self._change(session, state="fetched" if whole else "fetching", sent=max(upto, upgrade.sent), quietly=not whole)

    def _hear(self, event: Event) -> None:
        if not isinstance(event, NoticeHeard) or event.cmd_type.lower() != "deviceupgraderesult":
            return
        upgrade = self.get(event.session)
        if upgrade is None or upgrade.owner != event.owner or not (upgrade.is_running or upgrade.state == "timed-out"):
            return
        try:
            said = parse(event.body)
        except ValueError:
            return
        if isinstance(said, UpgradeResult):
            state = "done" if said.ok else "failed"
            self._end(event.session, state, failure=said.failure, firmware_now=said.firmware[:64])

    def _wait_for(self, upgrade: Upgrade) -> None:
        left_s = max(0.0, upgrade.ordered_at + self.settings.patience_s - self._clock())
        loop = asyncio.get_running_loop()
        self._timers[upgrade.session] = loop.call_later(left_s, self._give_up, upgrade.session)

    def _give_up(self, session: str) -> None:
        upgrade = self.get(session)
        if upgrade is not None and upgrade.is_running:
            log.warning("%s told no result of its upgrade in %g s", upgrade.code, self.settings.patience_s)
            self._end(session, "timed-out")

    def _end(self, session: str, state: str, *, failure: str = "", note: str = "", firmware_now: str = "") -> None:
        timer = self._timers.pop(session, None)
        if timer is not None:
            timer.cancel()
        self._change(
            session, state=state, failure=failure, note=note, firmware_now=firmware_now, ended_at=self._clock()
        )

    def _change(self, session: str, *, quietly: bool = False, **fields: object) -> None:
        kept = self._kept.get(session)
        if kept is None:
            return
        before = kept.upgrade.state
        kept.upgrade = msgspec.structs.replace(kept.upgrade, **fields)
        now = self._clock()
        if quietly and before == kept.upgrade.state and now - self._told_at.get(session, 0.0) < WORTH_TELLING_S:
            return
        self._tell(session)

    def _tell(self, session: str) -> None:
        self._told_at[session] = self._clock()
        self._dirty.set()
        self._bus.tell(UpgradeChanged(session, self._kept[session].upgrade))

    def _forget_old(self) -> None:
        over = [kept.upgrade for kept in self._kept.values() if not kept.upgrade.is_running]
        for upgrade in sorted(over, key=lambda each: each.ordered_at)[: max(0, len(self._kept) - MOST_KEPT)]:
            del self._kept[upgrade.session]
            self._told_at.pop(upgrade.session, None)

    async def _write_for_ever(self) -> None:
        while True:
            await self._dirty.wait()
            self._dirty.clear()
            try:
                await asyncio.to_thread(self._write, self._encoded())
            except OSError as error:
                log.warning("the book of upgrades cannot be written, and would not survive our restart: %s", error)
            await asyncio.sleep(WORTH_TELLING_S)

    def _encoded(self) -> bytes:
        return msgspec.json.encode(list(self._kept.values()))

    def _write(self, data: bytes) -> None:
        with self._pen:  # a writer that was given up may still be at it
            fresh = self._book.with_suffix(".new")
            fresh.touch(mode=0o600)
            fresh.write_bytes(data)
            fresh.replace(self._book)
