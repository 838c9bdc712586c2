"""Holds a remote plane to its word: it must speak soon, and go on speaking."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from media.remote import RemotePlane
from media.served import BEAT_S

LOOK_S = 0.1
BUSY_TIMES = 2.5
"""So much longer one may be silent that works or waits for its turn on the processor: ending it would double the work
that made it late."""


async def watch(
    plane: RemotePlane, *, start_s: float, stall_s: float, is_busy: Callable[[], bool] = lambda: False
) -> str:
    """Until it is over by itself or was given up for standing still; why comes back. Tells it that we live, too."""
    loop = asyncio.get_running_loop()
    for patience_s in (start_s, start_s * (BUSY_TIMES - 1)):
        await asyncio.wait((plane.ready, plane.over), timeout=patience_s, return_when=asyncio.FIRST_COMPLETED)
        if plane.ready.done() or plane.over.done() or not is_busy():
            break
    if not plane.ready.done():
        plane.give_up(f"it said nothing in {start_s:g} s and more")
    heard_at, looked_at, beaten_at = plane.heard_at, loop.time(), 0.0
    silent_s = 0.0
    while not plane.over.done():
        await asyncio.wait((plane.over,), timeout=LOOK_S)
        now = loop.time()
        # When it was us who stood still, its words may be waiting to be read.
        silent_s = silent_s + min(now - looked_at, 2 * LOOK_S) if plane.heard_at == heard_at else 0.0
        heard_at, looked_at = plane.heard_at, now
        if silent_s > stall_s and (silent_s > stall_s * BUSY_TIMES or not is_busy()):
            plane.give_up(f"it stood still for {silent_s:.1f} s")
        elif now - beaten_at >= BEAT_S:
            plane.beat()
            beaten_at = now
    return plane.over.result()
