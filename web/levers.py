"""Levers that people hold: a camera set in motion stops by itself when nobody says any more that it shall go on."""

from __future__ import annotations

import asyncio
import logging
from typing import NamedTuple

from gb28181 import ptz
from gb28181.manscdp.control import DeviceControl
from gb28181.peer import Neighbours, Peer, PeerError

log = logging.getLogger(__name__)

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


class Levers:
    """Whoever steers says so again within `hold_s`, or the motion ends: a browser that died cannot say stop."""

    def __init__(self, neighbours: Neighbours, hold_s: float, *, again_s: float = AGAIN_S) -> None:
        self._neighbours = neighbours
        self._hold_s = hold_s
        self._again_s = again_s
        self._held: dict[_Lever, asyncio.TimerHandle] = {}
        self._stopping: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._held)

    async def steer(self, peer: Peer, code: str, command: ptz.Command, control: DeviceControl) -> None:
        """Tell a camera its command, and watch over what that sets in motion. Raises PeerError."""
        lever = _Lever(peer.code, code, MOTION_OF.get(type(command), type(command)))
        ends = _is_end(command)
        if type(command) in STOPS and not ends:
            # Before it is told: a camera may turn though its answer never comes.
            self._hold(lever)
        held = self._held.get(lever)
        await peer.tell(control)
        # Only now: had the stop failed, ours would still follow. And not if somebody moved the camera meanwhile.
        if ends and self._held.get(lever) is held:
            self._let_go(lever)

    async def close(self) -> None:
        """Stop whatever still moves: when we are gone nobody will."""
        for task in self._stopping:
            task.cancel()
        held = tuple(self._held)
        for lever in held:
            self._let_go(lever)
        await asyncio.gather(*(self._tell_stop(lever, HASTY_S) for lever in held))

    def _hold(self, lever: _Lever) -> None:
        self._let_go(lever)
        self._held[lever] = asyncio.get_running_loop().call_later(self._hold_s, self._expire, lever)

    def _let_go(self, lever: _Lever) -> None:
        handle = self._held.pop(lever, None)
        if handle is not None:
            handle.cancel()

    def _expire(self, lever: _Lever) -> None:
        del self._held[lever]
        log.info("nobody holds the lever of %s any more; it is told to stop", lever.code)
        task = asyncio.get_running_loop().create_task(self._stop_twice(lever), name=f"stop {lever.code}")
        self._stopping.add(task)
        task.add_done_callback(self._stopping.discard)

    async def _stop_twice(self, lever: _Lever) -> None:
        await self._tell_stop(lever, PATIENCE_S)
        await asyncio.sleep(self._again_s)
        if lever not in self._held:
            await self._tell_stop(lever, PATIENCE_S)

    async def _tell_stop(self, lever: _Lever, patience_s: float) -> None:
        peer = self._neighbours.peer(lever.owner)
        if peer is None:
            return
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
