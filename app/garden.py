"""The demonstration's cameras, in a process of their own so that they take nothing from a server's loop."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence

from app.simulating import Post

_GOODBYE_S = 5.0


class Garden:
    """A context manager; the cameras stop when it is left."""

    def __init__(self, posts: Sequence[Post], password: str, log_level: str) -> None:
        self._posts = posts
        self._password = password
        self._log_level = log_level
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Garden:
        words = [word for post in self._posts for word in ("--at", str(post))]
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "app", "--log", self._log_level, "simulate", "town", *words),
            stdin=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        assert self._process.stdin is not None
        # By its standard input, because a command line can be read by anyone on the machine.
        self._process.stdin.write(f"{self._password}\n".encode())
        await self._process.stdin.drain()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._process is not None:
            await end(self._process, _GOODBYE_S)


async def end(process: asyncio.subprocess.Process, patience_s: float) -> None:
    """Ask a process to stop, and make it when it does not in time."""
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(patience_s):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
