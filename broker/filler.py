"""Gaps fetched from the devices' own storage: searched for there, downloaded, and written where they are missing."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec

from broker.clerk import Clerk
from broker.gaps import LEAST_MS, Reconciler
from broker.recording_settings import RecordingSettings
from broker.recordings import About, Recordings, Watching, new_id
from broker.watch import RecordingForm, RecordTo, Watch, WatchFailed, WatchKind
from gb28181.manscdp.record_info import RecordInfo, RecordInfoQuery
from gb28181.peer import Gathered, Neighbours, PeerError
from registry.archive import Archive
from registry.record_plan import Gap, GapState, PlanKey
from registry.spans import Span, union, within

log = logging.getLogger(__name__)

FILLED = "filled"
REST_MS = 60_000
"""A gap that may still grow is left alone."""
PAUSES_S = (60.0, 300.0, 1_800.0, 7_200.0, 21_600.0)
"""Before the next try."""
ASK_S = 20.0
ON_DISK_S = 5.0
LOOK_S = 0.1
SLACK_S = 60.0
NOTHING_THERE = "the device has no recording of that time"


class Unfilled(Exception):
    """This try came to nothing; the message says why."""


class Filler:
    """`turn` begins what may be begun; `close` ends all. Never two at one device."""

    def __init__(
        self,
        archive: Archive,
        recordings: Recordings,
        broker: Watching,
        neighbours: Neighbours,
        reconciler: Reconciler,
        clerk: Clerk,
        folder: Path,
        settings: RecordingSettings,
        wall: Callable[[], float],
    ) -> None:
        self._archive = archive
        self._recordings = recordings
        self._broker = broker
        self._neighbours = neighbours
        self._reconciler = reconciler
        self._clerk = clerk
        self._folder = folder
        self._settings = settings
        self._wall = wall
        self._at_work: dict[str, asyncio.Task[None]] = {}
        self.filled_s = 0.0
        """Seconds of pictures that were fetched since the start."""
        self.given_up = 0

    async def open(self) -> None:
        """What our last life was about to fetch is to be fetched again."""
        gaps = [gap for gap in self._archive.all_gaps() if gap.state is GapState.FILLING]
        await self._archive.keep_gaps([replace(gap, state=GapState.OPEN) for gap in gaps])

    async def close(self) -> None:
        tasks = tuple(self._at_work.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def at_work(self) -> int:
        return len(self._at_work)

    def turn(self) -> None:
        now = self._wall()
        for gap in sorted(self._archive.all_gaps(), key=lambda each: each.next_at):
            if len(self._at_work) >= self._settings.fill_at_once:
                return
            if self._may_begin(gap, now):
                task = asyncio.create_task(self._carefully(gap), name=f"fill {gap.channel}")
                self._at_work[gap.owner] = task
                task.add_done_callback(lambda _, owner=gap.owner: self._at_work.pop(owner, None))  # type: ignore[misc]

    async def again(self, key: PlanKey, start_ms: int) -> Gap | None:
        """Somebody wants a gap to be tried now, whatever came of it before; None when there is none."""
        gap = next((each for each in self._archive.gaps(key) if each.start_ms == start_ms), None)
        if gap is None or gap.state in (GapState.FILLING, GapState.FILLED):
            return gap
        fresh = replace(gap, state=GapState.OPEN, tries=0, next_at=0.0, note="")
        await self._archive.keep_gaps([fresh])
        return fresh

    def _may_begin(self, gap: Gap, now: float) -> bool:
        plan = self._archive.plans().get(gap.key)
        # One that is said to be filled while nobody is at it is one whose end could not be written down.
        waits = gap.state in (GapState.OPEN, GapState.FILLING)
        if not waits or gap.next_at > now or gap.owner in self._at_work:
            return False
        return plan is not None and plan.fills and gap.end_ms < now * 1000 - REST_MS

    async def _carefully(self, gap: Gap) -> None:
        try:
            await self._fill(gap)
        except Exception:
            log.exception("how a gap of %s was filled could not be written down; it is tried again", gap.channel)

    async def _fill(self, gap: Gap) -> None:
        peer = self._neighbours.peer(gap.owner)
        if peer is None or not peer.is_online:
            # No try: the device comes back or it does not, and that is not the gap's fault.
            later = self._wall() + PAUSES_S[0]
            await self._archive.keep_gaps([replace(gap, next_at=later, note="the device is offline")])
            return
        note = ""
        await self._archive.keep_gaps([replace(gap, state=GapState.FILLING)])
        gap = replace(gap, state=GapState.FILLING)
        try:
            for span in await self._ask(gap):
                await self._fetch(gap, span)
        except (Unfilled, WatchFailed, PeerError) as error:
            note = str(error)
        except OSError as error:
            note = f"the disk: {error.strerror or error}"
        except asyncio.CancelledError:
            await asyncio.shield(self._archive.keep_gaps([replace(gap, state=GapState.OPEN)]))
            raise
        except Exception as error:
            log.exception("filling a gap of %s failed in a way nobody foresaw; it is tried again", gap.channel)
            note = f"internal: {error}"
        tries = gap.tries + 1
        gives_up = tries >= self._settings.fill_tries
        pause_s = PAUSES_S[min(tries, len(PAUSES_S)) - 1]
        after = await self._reconciler.review(
            gap,
            tries=tries,
            next_at=self._wall() + pause_s,
            note=note or "the device sent less than it was asked for",
            gives_up=gives_up,
        )
        filled_ms = sum(each.end_ms - each.start_ms for each in after if each.state is GapState.FILLED)
        self.filled_s += filled_ms / 1000
        self.given_up += sum(each.state is GapState.GIVEN_UP for each in after)
        log.info("%s: %.0f s of a gap of %.0f s are filled. %s", gap.channel, filled_ms / 1000, _seconds(gap), note)

    async def _ask(self, gap: Gap) -> list[Span]:
        """What of a gap the device says to have. Raises Unfilled, PeerError."""
        peer = self._neighbours.peer(gap.owner)
        if peer is None:
            raise Unfilled("the device is gone")
        question = RecordInfoQuery(0, gap.channel, start=gap.start_ms // 1000, end=math.ceil(gap.end_ms / 1000))
        said = await peer.ask(question, timeout_s=ASK_S)
        parts = said.parts if isinstance(said, Gathered) else (said,)
        items = [item for part in parts if isinstance(part, RecordInfo) for item in part.items]
        spans = [
            (int(item.start * 1000), int(item.end * 1000))
            for item in items
            if item.start is not None and item.end is not None and item.stream_number in (None, gap.stream)
        ]
        found = [span for span in within(union(spans, LEAST_MS), *gap.span) if span[1] - span[0] >= LEAST_MS // 2]
        if not found:
            raise Unfilled(NOTHING_THERE)
        return found

    async def _fetch(self, gap: Gap, span: Span) -> None:
        """Download a span into a recording of its own. Raises WatchFailed, Unfilled, OSError."""
        plan = self._archive.plans().get(gap.key)
        now = self._wall()
        form = plan.form if plan is not None else "mp4"
        about = About(new_id(now), gap.owner, gap.channel, gap.stream, form, FILLED, now, kind=FILLED)
        await asyncio.to_thread(self._recordings.write_about, about)
        # Devices know whole seconds only.
        start, stop = span[0] // 1000, math.ceil(span[1] / 1000)
        watch = Watch(
            gap.owner,
            gap.channel,
            RecordTo(about.id, RecordingForm(form), with_kept=True, began_ms=start * 1000),
            kind=WatchKind.DOWNLOAD,
            stream_number=gap.stream,
            viewer=f"recording:{FILLED}",
            start=start,
            stop=stop,
            download_speed=self._settings.fill_speed,
        )
        try:
            await self._download(watch, stop - start)
        finally:
            await asyncio.shield(self._settle(about, span))

    async def _download(self, watch: Watch, length_s: int) -> None:
        lease = await self._broker.watch(watch)
        ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        try:
            self._broker.on_lease_end(lease.id, lambda why: None if ended.done() else ended.set_result(why))
            # Some devices send at the speed of life, whatever they are asked.
            async with asyncio.timeout(length_s + SLACK_S):
                await ended
        except TimeoutError:
            raise Unfilled(f"the device had not sent all in {length_s + SLACK_S:g} s") from None
        finally:
            await self._broker.release(lease.id)

    async def _settle(self, about: About, span: Span) -> None:
        """Wait until what came is on disk, and write it down."""
        for _ in range(int(ON_DISK_S / LOOK_S)):
            await self._clerk.look([about.id])
            if await self._covers(about, span):
                break
            await asyncio.sleep(LOOK_S)
        ended = msgspec.structs.replace(about, ended_at=self._wall())
        await asyncio.to_thread(self._recordings.write_about, ended)
        await self._clerk.close(about.id)

    async def _covers(self, about: About, span: Span) -> bool:
        rows = await self._archive.files_of(about.id)
        return bool(rows) and max(row.end_ms for row in rows) >= span[1] - LEAST_MS


def _seconds(gap: Gap) -> float:
    return (gap.end_ms - gap.start_ms) / 1000
