"""A process of ours at the other end of a socket: started with nothing but that, and ended for certain."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

GOODBYE_S = 3.0
HOUSE = str(Path(__file__).resolve().parent.parent)
TUNABLES = "GLIBC_TUNABLES"
LARGE_PAGES = "glibc.malloc.hugetlb"
"""Kept pictures are many megabytes, walked through all day: in pages of 2 MiB the processor finds them at once. Nobody
minds it where there are none, and whoever sets it otherwise is obeyed."""


def environment() -> dict[str, str]:
    """Ours, and what a process needs beside it that has to do with pictures."""
    tunables = os.environ.get(TUNABLES, "")
    if LARGE_PAGES not in tunables:
        tunables = ":".join(filter(None, (tunables, f"{LARGE_PAGES}=1")))
    found = os.pathsep.join((HOUSE, os.environ.get("PYTHONPATH", "")))
    return {**os.environ, "PYTHONPATH": found, TUNABLES: tunables}


@dataclass(slots=True)
class Process:
    """A process that was started, and our end of its socket."""

    child: asyncio.subprocess.Process
    sock: socket.socket
    is_fresh: bool = True

    @property
    def pid(self) -> int:
        return self.child.pid

    async def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.child.kill()  # one that was stopped obeys this, too
        await self.child.wait()


async def launch(module: str) -> Process:
    """`python -m module`, which waits for its orders. Raises OSError."""
    ours, theirs = socket.socketpair()
    try:
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", module, "--socket", str(theirs.fileno()), "--parent", str(os.getpid())),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            pass_fds=(theirs.fileno(),),
            env=environment(),
        )
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()
    return Process(child, ours)


async def say_goodbye(process: Process) -> None:
    """It was told to end; it is ended when it does not."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(GOODBYE_S):
            await process.child.wait()
    await process.kill()
