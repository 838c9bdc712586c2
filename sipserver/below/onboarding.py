"""Asking a neighbour that came who it is and what it has: DeviceInfo, then the catalog, a few neighbours at a time.

A catalog that came incomplete is asked for again, and what each try brought is put together.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from gb28181.manscdp.catalog import CatalogQuery, Item
from gb28181.manscdp.device_info import DeviceInfo, DeviceInfoQuery
from gb28181.peer import Gathered, PeerError
from registry.directory import Directory
from registry.events import CatalogProgress
from sipserver.below.intake import Intake
from sipserver.below.settings import BelowSettings
from sipserver.link import Link

log = logging.getLogger(__name__)

PROGRESS_EVERY_S = 0.25
LONGEST_NAME = 128
FIRST_PAUSE_S = 30.0
LONGEST_PAUSE_S = 1800.0
"""Pauses after which an incomplete catalog is asked for again."""
COMING = "its catalog is still coming"


@dataclass(frozen=True, slots=True)
class OnboardingStatistics:
    waiting: int
    running: int
    finished: int
    incomplete: int
    failed: int


class Onboarding:
    """Its own few tasks take neighbours from a queue in which each stands at most once."""

    def __init__(
        self,
        directory: Directory,
        settings: BelowSettings,
        *,
        link: Callable[[str], Link | None],
        clock: Callable[[], float],
        wall_clock: Callable[[], float],
    ) -> None:
        self._directory = directory
        self._settings = settings
        self._link = link
        self._clock = clock
        self._wall_clock = wall_clock
        self._waiting: deque[str] = deque()
        self._known: set[str] = set()
        self._again: set[str] = set()
        self._running: set[str] = set()
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._pauses: dict[str, tuple[float, asyncio.TimerHandle | None]] = {}
        self._finished = self._incomplete = self._failed = 0

    def statistics(self) -> OnboardingStatistics:
        return OnboardingStatistics(
            len(self._waiting), len(self._running), self._finished, self._incomplete, self._failed
        )

    def start(self) -> None:
        count = self._settings.onboarding_at_once
        self._tasks = [asyncio.create_task(self._work(), name=f"onboarding-{number}") for number in range(count)]

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        for code in tuple(self._pauses):
            self._forget_pause(code)

    def begin(self, code: str) -> None:
        """Ask this neighbour when its turn comes. One that is being asked now is asked once more afterwards."""
        if code in self._running:
            self._again.add(code)
        elif code not in self._known:
            self._known.add(code)
            self._waiting.append(code)
            self._wake.set()

    def is_busy_with(self, code: str) -> bool:
        return code in self._known or code in self._running

    async def _work(self) -> None:
        while True:
            while not self._waiting:
                self._wake.clear()
                await self._wake.wait()
            code = self._waiting.popleft()
            self._known.discard(code)
            if code in self._running:
                self._again.add(code)
                continue
            self._running.add(code)
            try:
                await self._onboard(code)
            except Exception:
                self._failed += 1
                log.exception("asking %s for its catalog failed on our side; the next neighbour follows", code)
            finally:
                self._running.discard(code)
                if code in self._again:
                    self._again.discard(code)
                    self.begin(code)

    async def _onboard(self, code: str) -> None:
        link = self._link(code)
        if link is None or self._directory.device(code) is None:
            return
        await self._ask_who(link)
        await self._ask_what(link)

    async def _ask_who(self, link: Link) -> None:
        try:
            info = await link.ask(DeviceInfoQuery(0, link.code))
        except PeerError as silent:
            # Many devices answer the catalog and not this.
            log.info("%s", silent)
            return
        if not isinstance(info, DeviceInfo):
            return
        said: dict[str, object] = {
            "name": info.name[:LONGEST_NAME],
            "manufacturer": info.manufacturer[:LONGEST_NAME],
            "model": info.model[:LONGEST_NAME],
            "firmware": info.firmware[:LONGEST_NAME],
            "channels_said": info.channels,
        }
        news = {field: value for field, value in said.items() if value not in ("", None)}
        device = self._directory.device(link.code)
        if device is not None and any(getattr(device, field) != value for field, value in news.items()):
            await self._directory.change_device(link.code, **news)

    async def _ask_what(self, link: Link) -> None:
        """The catalog, in as many tries as the settings allow."""
        intake = Intake(lambda items: self._store(link.code, items, complete=False, expected=0, note=COMING))
        notes: list[str] = []
        for number in range(1, self._settings.catalog_tries + 1):
            if number > 1:
                await asyncio.sleep(self._settings.catalog_retry_s)
                if not link.is_online:
                    break
            try:
                gathered = await self._gather(link, intake)
            except PeerError as silent:
                notes.append(str(silent))
                log.info("try %d for a catalog: %s", number, silent)
                continue
            held = len(intake.seen)
            # Two tries that each lost other parts make one whole, if the neighbour did not change meanwhile.
            whole = gathered.complete or (gathered.expected > 0 and held == gathered.expected)
            if whole and not gathered.damaged:
                await self._conclude(link.code, intake, gathered.expected)
                self._finished += 1
                self._forget_pause(link.code)
                return
            note = _shortfall(link.code, gathered, held, self._settings.part_patience_s)
            notes.append(note)
            log.warning("%s", note)
            await self._store(link.code, intake.items, complete=False, expected=gathered.expected, note=note)
            if gathered.damaged and gathered.complete:
                break  # the same broken items would come again
        self._incomplete += 1
        self._ask_again_later(link.code)
        if intake.is_laid:
            await self._directory.settle(link.code)
        if notes and (not intake.seen or intake.is_laid):
            await self._note(link.code, notes[-1])

    def _ask_again_later(self, code: str) -> None:
        """What is incomplete is asked for again, ever more rarely: some neighbours never send what they announce."""
        pause_s, timer = self._pauses.get(code, (FIRST_PAUSE_S / 2, None))
        if timer is not None:
            timer.cancel()
        pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
        loop = asyncio.get_running_loop()
        self._pauses[code] = (pause_s, loop.call_later(pause_s, self._ask_again, code))

    def _ask_again(self, code: str) -> None:
        link = self._link(code)
        if link is not None and link.is_online:
            self.begin(code)
        else:
            self._forget_pause(code)  # it is asked anew when it comes

    def _forget_pause(self, code: str) -> None:
        _, timer = self._pauses.pop(code, (0.0, None))
        if timer is not None:
            timer.cancel()

    async def _gather(self, link: Link, intake: Intake) -> Gathered:
        """One try. What is much is stored while it comes. Raises PeerError."""
        intake.begin()
        storing = asyncio.create_task(intake.store_meanwhile(), name=f"intake-{link.code}")
        progress = self._progress(link.code, len(intake.seen))
        try:
            gathered = await link.ask_and_follow(CatalogQuery(0, link.code), progress=progress, to_whom=intake.take)
        except asyncio.CancelledError:
            storing.cancel()
            await asyncio.gather(storing, return_exceptions=True)  # what it says now must not hide that we are to end
            intake.end()
            raise
        except Exception:
            intake.end()
            await storing
            raise
        intake.end()
        await storing
        assert isinstance(gathered, Gathered)
        return gathered

    async def _conclude(self, code: str, intake: Intake, expected: int) -> None:
        if not intake.is_laid:
            await self._store(code, intake.items, complete=True, expected=expected, note="")
        elif self._directory.device(code) is not None:
            self._directory.bus.tell(CatalogProgress(code, len(intake.seen), max(expected, len(intake.seen))))
            await self._directory.conclude(code, intake.seen, intake.named, at=self._wall_clock(), expected=expected)

    async def _store(self, code: str, items: dict[str, Item], *, complete: bool, expected: int, note: str) -> None:
        if self._directory.device(code) is None:
            return
        if complete or note is not COMING:
            self._directory.bus.tell(CatalogProgress(code, len(items), max(expected, len(items))))
        await self._directory.merge(
            code,
            tuple(items.values()),
            complete=complete,
            at=self._wall_clock(),
            expected=expected if note is not COMING else None,
            note=note,
            more=note is COMING,
        )

    async def _note(self, code: str, note: str) -> None:
        if self._directory.device(code) is not None:
            await self._directory.change_device(code, catalog_note=note)

    def _progress(self, code: str, already: int) -> Callable[[int, int], None]:
        told_at = float("-inf")

        def tell(got: int, expected: int) -> None:
            nonlocal told_at
            now = self._clock()
            if now - told_at >= PROGRESS_EVERY_S:
                told_at = now
                self._directory.bus.tell(CatalogProgress(code, max(got, already), expected))

        return tell


def _shortfall(code: str, gathered: Gathered, held: int, patience_s: float) -> str:
    """What is missing, in words for the operator."""
    if gathered.damaged and gathered.complete:
        return f"catalog of {code} has {gathered.damaged} of {gathered.expected} items that cannot be read; kept {held}"
    return (
        f"catalog of {code} stopped at {gathered.got} of {gathered.expected} items ({patience_s:g} s of silence);"
        f" kept {held}"
    )
