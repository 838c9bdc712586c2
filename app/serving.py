"""Runs a house until somebody asks it to stop."""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from aiohttp.http_exceptions import HttpProcessingError

from app.leaving import CLOSING_S, SIGNALS, in_time
from app.premises import CannotStart
from app.settings import Settings
from app.thrift import be_thrifty
from app.wiring import House, open_house

try:
    import uvloop
except ImportError:  # the house works without it, a little slower
    uvloop = None  # type: ignore[assignment]  # a module or nothing

log = logging.getLogger(__name__)

COLLECT_AFTER = (10_000, 20, 20)
"""Objects made before the collector looks at the young, and how often at the older: the default looks at everything
several times during one large catalog, and stands still for a third of a second each time."""


def run(main: Coroutine[Any, Any, int]) -> int:
    """Run a coroutine on the quickest loop there is."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop if uvloop is not None else None) as runner:
        return runner.run(main)


def set_up_log(level: str) -> None:
    logging.basicConfig(
        level=level.upper(), format="%(asctime)s %(levelname)-7s %(name)s: %(message)s", stream=sys.stderr
    )
    logging.getLogger("aiohttp").setLevel(logging.WARNING)
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    logging.getLogger("aiohttp.server").addFilter(is_ours)
    # At "debug" it writes every statement with its values, and devices' passwords are among them.
    logging.getLogger("aiosqlite").setLevel(logging.INFO)


def is_ours(record: logging.LogRecord) -> bool:
    """Whether a line tells of our fault: that a stranger's request is none was answered with 400, and fills no log."""
    return record.exc_info is None or not isinstance(record.exc_info[1], HttpProcessingError)


def calm_collector() -> None:
    """What stands when the house is open stays: the collector passes over it from now on, and comes less often."""
    gc.unfreeze()  # what was only needed to read our code goes with the rest
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)


async def serve(
    settings: Settings,
    data: Path,
    *,
    ready: Callable[[House, AsyncExitStack], Coroutine[Any, Any, None]] | None = None,
    closing_s: float = CLOSING_S,
) -> int:
    """Open the house, call `ready`, wait for SIGINT or SIGTERM, close everything. The result is an exit status."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in SIGNALS:
        loop.add_signal_handler(name, stop.set)
    async with AsyncExitStack() as taken:
        try:
            house = await open_house(settings, data, taken)
        except CannotStart as error:
            print(f"启动失败：{error.chinese}\nCannot start: {error.english}", file=sys.stderr)
            return 1
        calm_collector()
        thrift = asyncio.create_task(be_thrifty(), name="thrift")
        taken.callback(thrift.cancel)
        if ready is not None:
            await ready(house, taken)
        await stop.wait()
        log.info("stopping")
        with in_time(closing_s):
            await taken.aclose()
    return 0
