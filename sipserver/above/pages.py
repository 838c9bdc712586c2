"""Long answers sent part by part, each after the answer to the part before (GB/T 28181-2022 9.3.4, annex M).

A part whose transaction ran out is sent again; when it is never taken, the upper is as good as lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from sipserver.sip.message import Response
from sipserver.stack import RequestTimedOut, TransportLost

Say = Callable[[bytes], Awaitable[Response]]


class NotTaken(Exception):
    """The upper never answered a part, or broke the connection again and again."""


class Declined(Exception):
    """The upper refused a part, or is another than it was; the rest was not sent."""


@dataclass(frozen=True, slots=True)
class Insistence:
    """How often a part is sent, and the pause between, in seconds."""

    tries: int = 4
    pause_s: float = 1.0


async def insist(say: Say, body: bytes, insistence: Insistence) -> None:
    """One message until it is taken. Raises NotTaken, Declined."""
    last = "no answer"
    for attempt in range(insistence.tries):
        if attempt:
            await asyncio.sleep(insistence.pause_s)
        try:
            response = await say(body)
        except (RequestTimedOut, TransportLost, OSError, TimeoutError) as lost:
            last = str(lost) or "no answer"
            continue
        if response.status < 300:
            return
        last = f"{response.status} {response.reason}"
        if response.status < 500:
            raise Declined(last)
    raise NotTaken(f"{last}, {insistence.tries} times")
