"""Levers that people hold: a camera set in motion stops by itself when nobody says any more that it shall go on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import NamedTuple, TypeVar

from broker.arbitration import Arbitration
from gb28181 import ptz
from gb28181.manscdp.control import DeviceControl
from gb28181.peer import Neighbours, PeerError

log = logging.getLogger(__name__)

T = TypeVar("T")

STOPS: dict[type[ptz.Command], ptz.Command] = {ptz.Move: ptz.Stop(), ptz.FocusIris: ptz.FocusIris()}
"""What ends a motion of each sort; the lens does not heed the head's stop (GB/T 28181-2022 A.3.3)."""
MOTION_OF: dict[type[ptz.Command], type[ptz.Command]] = {ptz.Stop: ptz.Move, ptz.Preset: ptz.Move}
"""Whose motion a command that is none itself may end: a preset that is called takes the head over."""
AGAIN_S = 0.5
"""A stop is said twice, in case the first is lost between a platform below and its camera."""
PATIENCE_S = 10.0
HASTY_S = 1.0
"""The same when the house closes."""


class _Lever(NamedTuple):
    """One motion that was begun: of whose camera, and of which part of it."""

    owner: str
    code: str
    part: type[ptz.Command]


class _Hand(NamedTuple):
    """Who holds a lever: until when, and in whose name it is let go (Monitor-User-Identity, "" where nobody asks)."""

    timer: asyncio.TimerHandle
    identity: str


class Levers:
    """Whoever steers says so again in time, or the motion ends: a browser that died cannot say stop, and neither can a
    platform above whose line is cut. Operators here and platforms above share the levers; `arbitration` says whose
    hand counts."""

    def __init__(
        self, neighbours: Neighbours, *, again_s: float = AGAIN_S, arbitration: Arbitration | None = None
    ) -> None:
        self.arbitration = arbitration or Arbitration()
        self._neighbours = neighbours
        self._again_s = again_s
        self._held: dict[_Lever, _Hand] = {}
        self._stopping: dict[_Lever, asyncio.Task[None]] = {}

    def __len__(self) -> int:
        return len(self._held)

    async def steer(
        self,
        owner: str,
        code: str,
        command: ptz.Command,
        say: Callable[[], Awaitable[T]],
        *,
        hold_s: float,
        identity: str = "",
    ) -> T:
        """`say` a camera its command, and watch over what that sets in motion for `hold_s` seconds. Raises what `say`
        raises."""
        lever = _Lever(owner, code, MOTION_OF.get(type(command), type(command)))
        ends = _is_end(command)
        if type(command) in STOPS and not ends:
            # Before it is told: a camera may turn though its answer never comes.
            self._hold(lever, hold_s, identity)
        if ends and (again := self._stopping.pop(lever, None)) is not None:
            again.cancel()  # a second stop of ours must not end what is said now
        held = self._held.get(lever)
        said = await say()
        # Only now: had the stop failed, ours would still follow. And not if somebody moved the camera meanwhile.
        if ends and self._held.get(lever) is held:
            self._let_go(lever)
        return said

    async def still(self, owner: str, code: str) -> None:
        """Something else takes the camera over, which our stops must not follow: what moves is stopped before this
        comes back, and nothing is said after it."""
        for lever in [lever for lever in self._stopping if (lever.owner, lever.code) == (owner, code)]:
            self._stopping.pop(lever).cancel()
        for lever in [lever for lever in self._held if (lever.owner, lever.code) == (owner, code)]:
            hand = self._held.get(lever)
            if hand is not None:  # its time may run out while we speak of another
                self._let_go(lever)
                await self._tell_stop(lever, hand.identity, HASTY_S)

    def drop(self, owner: str, code: str) -> None:
        """A camera changed hands: what the former one set in motion ends now."""
        for lever in [lever for lever in self._held if (lever.owner, lever.code) == (owner, code)]:
            self._held[lever].timer.cancel()
            self._expire(lever)

    async def close(self) -> None:
        """Stop whatever still moves: when we are gone nobody will."""
        for task in self._stopping.values():
            task.cancel()
        held = tuple(self._held.items())
        for lever, _ in held:
            self._let_go(lever)
        await asyncio.gather(*(self._tell_stop(lever, hand.identity, HASTY_S) for lever, hand in held))

    def _hold(self, lever: _Lever, hold_s: float, identity: str) -> None:
        self._let_go(lever)
        timer = asyncio.get_running_loop().call_later(hold_s, self._expire, lever)
        self._held[lever] = _Hand(timer, identity)

    def _let_go(self, lever: _Lever) -> None:
        hand = self._held.pop(lever, None)
        if hand is not None:
            hand.timer.cancel()

    def _expire(self, lever: _Lever) -> None:
        hand = self._held.pop(lever)
        if (earlier := self._stopping.pop(lever, None)) is not None:
            earlier.cancel()  # it was of a motion before this one
        log.info("nobody holds the lever of %s any more; it is told to stop", lever.code)
        stopping = self._stop_twice(lever, hand.identity)
        task = asyncio.get_running_loop().create_task(stopping, name=f"stop {lever.code}")
        self._stopping[lever] = task
        task.add_done_callback(lambda done: self._forget(lever, done))

    def _forget(self, lever: _Lever, done: asyncio.Task[None]) -> None:
        if self._stopping.get(lever) is done:
            del self._stopping[lever]

    async def _stop_twice(self, lever: _Lever, identity: str) -> None:
        await self._tell_stop(lever, identity, PATIENCE_S)
        await asyncio.sleep(self._again_s)
        if lever not in self._held:
            await self._tell_stop(lever, identity, PATIENCE_S)

    async def _tell_stop(self, lever: _Lever, identity: str, patience_s: float) -> None:
        peer = self._neighbours.peer(lever.owner)
        if peer is None:
            return
        if identity:
            peer = peer.in_name_of(identity)
        try:
            async with asyncio.timeout(patience_s):
                await peer.tell(DeviceControl(sn=0, device=lever.code, ptz=ptz.encode(STOPS[lever.part])))
        except (PeerError, TimeoutError) as error:
            log.warning("%s did not take our stop: %s", lever.code, error)


def _is_end(command: ptz.Command) -> bool:
    match command:
        case ptz.Stop() | ptz.FocusIris(focus=0, iris=0):
            return True
        case ptz.Preset(action=action):
            return action is ptz.PresetAction.CALL
    return False
