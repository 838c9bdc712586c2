"""How a process leaves: in order when it can, and in time when it cannot."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import CoroutineType

log = logging.getLogger(__name__)

SIGNALS = (signal.SIGINT, signal.SIGTERM)
CLOSING_S = 30.0
"""Closing takes a second or two. What hangs so long is named in the log and left behind: the ports are wanted again."""
IN_A_HURRY = 1
"""The exit status of one that did not wait for the rest."""


@contextmanager
def in_time(closing_s: float = CLOSING_S) -> Iterator[None]:
    """Around the closing of everything: a second signal, or the end of the time, ends the process at once."""
    loop = asyncio.get_running_loop()
    for each in SIGNALS:
        loop.add_signal_handler(each, _go, "asked a second time")
    late = loop.call_later(closing_s, _go, f"not closed within {closing_s:g} s")
    try:
        yield
    finally:
        late.cancel()


def _go(why: str) -> None:
    log.error("%s: ending at once; what was still running:", why)
    for task in asyncio.all_tasks():
        log.error("  %s: %s", task.get_name(), _where(task))
    logging.shutdown()
    os._exit(IN_A_HURRY)


def _where(task: asyncio.Task[object]) -> str:
    """Through which lines it waits, outermost first."""
    steps = []
    waiting: object = task.get_coro()
    while isinstance(waiting, CoroutineType):
        code = waiting.cr_code
        line = waiting.cr_frame.f_lineno if waiting.cr_frame is not None else code.co_firstlineno
        steps.append(f"{code.co_name} ({os.path.basename(code.co_filename)}:{line})")
        waiting = waiting.cr_await
    return " > ".join(steps)
