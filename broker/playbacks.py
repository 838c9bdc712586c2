"""Recordings as people play them, devices' and ours: one transport bar that moves up to nine channels in step."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from broker.archives import Archives, NeedsNewerEdition
from broker.playback_track import (
    Controlling,
    ControlRefused,
    Origin,
    Sitting,
    Track,
    TrackState,
    TrackView,
    Viewing,
    all_of,
)
from broker.watch import WatchFailed
from gb28181.edition import parse_edition
from gb28181.peer import PeerError
from registry.device import Device
from registry.recorded import Run, run_at

log = logging.getLogger(__name__)

MOST_CHANNELS = 9
MOST_SESSIONS = 200
LONGEST_S = 86_400.0
"""No call asks for more of a recording than this; it goes on with another one."""
BLIND_S = 4 * 3600.0
"""So much is asked for where the device does not list what it has."""
LOOK_EVERY_S = 0.5
STEP_S = 1.0
"""Channels in step may be so far apart."""
STEADY_S = 4.0
"""After it was moved a track is left alone for so long: its picture has to settle."""
FORGOTTEN_S = 60.0
"""A session whose pictures nobody takes any more is gone after this."""
NEXT_S = 5.0
"""Over a gap of ours that is no longer it goes on by itself."""
AGAIN_S = 10.0
"""At the end of what we have it is looked so often whether there is more by now."""
SPEEDS = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)


Own = Callable[[str, str, int, float, float], Awaitable[Run | None]]
"""Of an owner's channel and its stream: what we recorded at a moment, or first after it and before another."""


class _Stretch(NamedTuple):
    """From where and until when there is something; nothing means no start. UNIX seconds."""

    start: float | None
    stop: float
    own_since: float | None = None
    """It is ours, and there without a gap since then."""

    @property
    def begins(self) -> float:
        return self.start if self.start is not None else self.stop


@dataclass(frozen=True, slots=True)
class PlaybackView:
    """A session as people see it. `position` is where the channels stand together, `drift_s` how far apart they are."""

    id: str
    speed: float
    is_paused: bool
    position: float
    drift_s: float
    tracks: tuple[TrackView, ...]


class TooMany(Exception):
    """No further playback is begun; the message says why."""


class Playback:
    """Channels in step. Every wish waits for the one before it."""

    def __init__(
        self,
        name: str,
        holder: str,
        tracks: Sequence[Track],
        archives: Archives,
        device: Callable[[str], Device | None],
        clock: Callable[[], float],
        wall: Callable[[], float],
        own: Own,
    ) -> None:
        self.id = name
        self.holder = holder
        self.tracks = tuple(tracks)
        self.speed = 1.0
        self.is_paused = False
        self.corrections = 0
        """How often a channel was brought back into step."""
        self._archives = archives
        self._device = device
        self._clock = clock
        self._wall = wall
        self._own = own
        self._asked_at: dict[Track, float] = {}
        self._turn = asyncio.Lock()
        self._moved_at: dict[Track, float] = {}
        self._held_until: dict[Track, float] = {}
        self._alive_at = clock()

    # --- wishes ----------------------------------------------------------------------------------------------

    async def go_to(self, at: float) -> None:
        """Play from `at` on, by a seek where the call has it and by another call where not. Raises WatchFailed when no
        channel could be had; one that has nothing there waits for the others to come to where it has."""
        async with self._turn:
            self._alive_at = self._clock()
            failed = await all_of([self._take(track, at) for track in self.tracks])
            self.is_paused = False
            _raise_if_all(failed, self.tracks)

    async def pause(self) -> None:
        """Raises ControlRefused when no channel took it."""
        async with self._turn:
            failed = await all_of([track.pause() for track in self.tracks])
            self.is_paused = True
            _raise_if_all(failed, self.tracks)

    async def resume(self) -> None:
        """Raises ControlRefused when no channel took it."""
        async with self._turn:
            failed = await all_of([track.resume() for track in self.tracks])
            self.is_paused = False
            _raise_if_all(failed, self.tracks)

    async def set_speed(self, speed: float) -> None:
        """Raises ControlRefused when no channel took it, NeedsNewerEdition before anything is sent."""
        if speed < 0:
            for track in self.tracks:
                if track.is_own:
                    continue
                device = self._device(track.sitting.owner)
                if not parse_edition((device.edition if device else "") or None).is_2022:
                    raise NeedsNewerEdition(track.sitting.owner, ("Scale < 0",))
        async with self._turn:
            failed = await all_of([track.set_speed(speed) for track in self.tracks])
            _raise_if_all(failed, self.tracks)
            self.speed, self.is_paused = speed, False
            now = self._clock()
            self._moved_at = dict.fromkeys(self.tracks, now)

    async def close(self) -> None:
        async with self._turn:
            await all_of([track.let_go() for track in self.tracks])

    # --- eyes ------------------------------------------------------------------------------------------------

    def view(self) -> PlaybackView:
        return PlaybackView(
            self.id, self.speed, self.is_paused, self.position, self.drift_s, tuple(each.view() for each in self.tracks)
        )

    @property
    def position(self) -> float:
        """Where the slowest of those that flow stands, else the first."""
        flowing = [track.position for track in self.tracks if track.is_flowing]
        return min(flowing) if flowing else self.tracks[0].position

    @property
    def drift_s(self) -> float:
        flowing = [track.position for track in self.tracks if track.state is TrackState.PLAYING]
        return max(flowing) - min(flowing) if flowing else 0.0

    @property
    def is_forgotten(self) -> bool:
        """Not while a wish is being carried out: a device may take longer than that to answer."""
        return not self._turn.locked() and self._clock() - self._alive_at > FORGOTTEN_S

    # --- in step ---------------------------------------------------------------------------------------------

    async def look(self) -> None:
        """A few times a second: see where everybody is, and bring back into step who is not."""
        for track in self.tracks:
            track.look()
        now = self._clock()
        if any(track.lease is not None for track in self.tracks):
            self._alive_at = now
        if self.is_paused or self._turn.locked():
            return
        async with self._turn:
            await self._go_on_behind_the_end(now)
            if len(self.tracks) < 2:
                return
            await self._begin_those_behind_a_gap()
            await self._correct(now)

    async def _go_on_behind_the_end(self, now: float) -> None:
        """Where ours ends the device may have the next stretch, and we may have what follows the device's."""
        for track in self.tracks:
            is_due = now - self._asked_at.get(track, -AGAIN_S) >= AGAIN_S
            if track.state is not TrackState.ENDED or track.sitting.origin is Origin.DEVICE or self.speed < 0:
                continue
            if not is_due:
                continue
            # The device is asked once: what it did not have it will not have a moment later.
            asks_device = track.is_own and track not in self._asked_at
            self._asked_at[track] = now
            found = await (self._stretch if asks_device else self._ours)(track, track.stop)
            if found is None or found.start is None or found.stop <= track.stop + STEP_S:
                continue
            if found.start > track.stop + NEXT_S:
                track.wait_at(track.stop, found.start)
                continue
            try:
                self._moved_at[track] = now
                await track.play(max(found.start, track.stop), found.stop, self.speed, own_since=found.own_since)
                del self._asked_at[track]
            except (WatchFailed, ControlRefused) as failure:
                log.info("%s does not go on: %s", track.sitting.channel, failure)

    async def _begin_those_behind_a_gap(self) -> None:
        if not any(track.is_flowing for track in self.tracks):
            return
        at = self.position
        waiting = [each for each in self.tracks if each.state is TrackState.GAP and each.next_at is not None]
        due = [each for each in waiting if each.next_at is not None and each.next_at <= at < each.next_at + LONGEST_S]
        for failure in await all_of([self._take(track, at) for track in due]):
            log.info("a channel could not be begun behind a gap: %s", failure)

    async def _correct(self, now: float) -> None:
        """Who is ahead stands until the others are there; who is behind is moved on."""
        held = [track for track, until in self._held_until.items() if now >= until]
        for track in held:
            del self._held_until[track]
        await all_of([track.resume() for track in held])
        steady = [
            track
            for track in self.tracks
            if track.state is TrackState.PLAYING and now - self._moved_at.get(track, -STEADY_S) >= STEADY_S
        ]
        if len(steady) < 2:
            return
        places = sorted(track.position for track in steady)
        middle = places[(len(places) - 1) // 2]
        for track in steady:
            ahead_s = (track.position - middle) * (1 if self.speed > 0 else -1)
            try:
                if ahead_s > STEP_S:
                    await track.pause()
                    self._held_until[track] = now + min(ahead_s / abs(self.speed), 30.0)
                elif ahead_s < -STEP_S:
                    await track.seek(middle + self.speed * 0.5)
                else:
                    continue
            except ControlRefused as refused:
                log.info("%s", refused)
            self.corrections += 1
            self._moved_at[track] = now

    async def _take(self, track: Track, at: float) -> None:
        """Have one channel play from `at` on, or wait. Raises WatchFailed."""
        self._held_until.pop(track, None)
        self._moved_at[track] = self._clock()
        self._asked_at.pop(track, None)
        if self.speed > 0 or track.is_own:
            try:
                if await track.seek(at):
                    return
            except ControlRefused as refused:
                log.info("%s; it is called anew", refused)
        found = await self._stretch(track, at)
        start = found.start
        if start is None or (start > at + STEP_S and len(self.tracks) > 1):
            await track.let_go()
            track.wait_at(at, start)
            return
        speed = self.speed if self.speed > 0 else 1.0
        if self.speed < 0:
            self.speed = 1.0
        await track.play(max(start, at), found.stop, speed, own_since=found.own_since)

    async def _stretch(self, track: Track, at: float) -> _Stretch:
        """The first at or after `at`, of whomever shall be played."""
        ours = await self._ours(track, at)
        if track.sitting.origin is Origin.OWN:
            return ours or _Stretch(None, at)
        if ours is not None and ours.begins <= at + STEP_S:
            return ours
        start, stop = await self._span(track, at)
        if ours is None:
            return _Stretch(start, stop)
        return ours if start is None or ours.begins <= start else _Stretch(start, min(stop, ours.begins))

    async def _ours(self, track: Track, at: float) -> _Stretch | None:
        """What we recorded ourselves; None where there is nothing, or it is not wanted."""
        sitting = track.sitting
        if sitting.origin is Origin.DEVICE:
            return None
        run = await self._own(sitting.owner, sitting.channel, sitting.stream, at, at + LONGEST_S)
        return _Stretch(max(run.start, at), min(run.end, at + LONGEST_S), run.start) if run is not None else None

    async def _span(self, track: Track, at: float) -> tuple[float | None, float]:
        """From where and until when the device has something at or after `at`; nothing means None."""
        sitting = track.sitting
        now = self._wall()
        try:
            found = await self._archives.search(sitting.owner, sitting.channel, at, min(at + LONGEST_S, now + 60))
        except (PeerError, NeedsNewerEdition, ValueError) as error:
            log.info("%s does not say what it has recorded (%s); it is asked for all the same", sitting.channel, error)
            return at, min(at + BLIND_S, max(now, at + 1))
        run = run_at(found.pieces, at)
        if run is None:
            # What was not told whole may be there all the same.
            return (at, min(at + BLIND_S, max(now, at + 1))) if found.partial else (None, at)
        return max(run.start, at), run.end


async def nothing_of_ours(owner: str, channel: str, stream: int, at: float, until: float) -> Run | None:
    return None


class Playbacks:
    """All sessions. `close` ends them."""

    def __init__(
        self,
        broker: Controlling,
        archives: Archives,
        device: Callable[[str], Device | None],
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        own: Own = nothing_of_ours,
    ) -> None:
        self._own = own
        self._broker = broker
        self._archives = archives
        self._device = device
        self._clock = clock
        self._wall = wall
        self._sessions: dict[str, Playback] = {}
        self._looking: dict[str, asyncio.Task[None]] = {}
        """One for each session: a device that is slow to answer holds up nobody else's."""

    def __len__(self) -> int:
        return len(self._sessions)

    async def start(
        self, holder: str, sittings: Sequence[Sitting], viewing: Viewing, at: float, speed: float = 1.0
    ) -> Playback:
        """Play some channels from `at` on. Raises TooMany, and WatchFailed when none could be had."""
        if not 0 < len(sittings) <= MOST_CHANNELS:
            raise TooMany(f"1 to {MOST_CHANNELS} channels are played in step, not {len(sittings)}")
        if len(self._sessions) >= MOST_SESSIONS:
            raise TooMany(f"all {MOST_SESSIONS} playbacks are running")
        tracks = [Track(sitting, self._broker, viewing, self._clock) for sitting in sittings]
        name = secrets.token_hex(8)
        playback = Playback(name, holder, tracks, self._archives, self._device, self._clock, self._wall, self._own)
        playback.speed = speed
        self._sessions[name] = playback
        try:
            await playback.go_to(at)
        except BaseException:
            await self.stop(playback)
            raise
        if self._sessions.get(name) is playback:
            self._looking[name] = asyncio.create_task(self._look_for_ever(playback), name=f"playback {name}")
        return playback

    def of(self, name: str, holder: str) -> Playback | None:
        """Somebody's own session."""
        found = self._sessions.get(name)
        return found if found is not None and found.holder == holder else None

    async def stop(self, playback: Playback) -> None:
        """End one; harmless when it has ended."""
        self._sessions.pop(playback.id, None)
        looking = self._looking.pop(playback.id, None)
        if looking is not None and looking is not asyncio.current_task():
            looking.cancel()
            await asyncio.wait((looking,))
        await playback.close()

    async def close(self) -> None:
        """End all; harmless when closed."""
        await asyncio.gather(*(self.stop(playback) for playback in tuple(self._sessions.values())))

    async def _look_for_ever(self, playback: Playback) -> None:
        while playback.id in self._sessions:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                await playback.look()
                if playback.is_forgotten:
                    await self.stop(playback)
            except Exception:
                log.exception("playback %s could not be looked at; it is tried again", playback.id)


def _raise_if_all(failed: Sequence[BaseException], tracks: Sequence[Track]) -> None:
    """One that failed beside others says so by itself; when nothing came of it at all, whoever wished it must know."""
    foreign = [each for each in failed if not isinstance(each, WatchFailed | ControlRefused)]
    if foreign:
        raise foreign[0]
    if failed and len(failed) == len(tracks):
        raise failed[0]
