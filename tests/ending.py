"""What has to end ends within its time, or the test says what everybody was waiting for; nothing hangs for good."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


@asynccontextmanager
async def ends_within(seconds: float, what: str) -> AsyncIterator[None]:
    """AssertionError when it does not; where it stood is in the error's context, the other tasks are printed."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as error:
        for task in asyncio.all_tasks():
            task.print_stack(limit=8)
        raise AssertionError(f"{what} did not end within {seconds:g} s") from error
