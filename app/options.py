"""What our command lines have in common: addresses, passwords, and work that runs until somebody stops it."""

from __future__ import annotations

import asyncio
import getpass
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import click

from app.serving import run

T = TypeVar("T")


def address(_: click.Context, __: click.Parameter, value: str) -> tuple[str, int]:
    """HOST:PORT as host and port."""
    host, _colon, port = value.rpartition(":")
    if not port.isdecimal() or not 0 < int(port) < 65536:
        raise click.BadParameter("write host:port, for example 192.0.2.10:5060")
    return host.strip("[]"), int(port)


def password(given: str | None) -> str:
    """What was given, or what is typed; from a pipe its first line."""
    if given is not None:
        return given
    return getpass.getpass("SIP password: ") if sys.stdin.isatty() else sys.stdin.readline().strip()


def checked(make: Callable[[], T]) -> T:
    """What `make` makes of the options; a ValueError is the user's to mend."""
    try:
        return make()
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def until_stopped(work: Coroutine[Any, Any, None]) -> int:
    """Run until SIGINT or SIGTERM; the result is an exit status."""

    async def stoppable() -> int:
        task = asyncio.create_task(work)
        for name in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(name, task.cancel)
        try:
            await task
        except asyncio.CancelledError:
            return 0
        except OSError as error:
            click.echo(f"Cannot start: {error}", err=True)
            return 1
        return 0

    return run(stoppable())
