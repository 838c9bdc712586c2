"""The worker processes of this server: started, watched, and replaced when one dies or stands still.

A spare one stands ready, so that a replacement need not begin with reading our own code.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import signal
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from aiohttp import web

from media.local import PlaneSettings
from media.outlets.doors import Doors
from media.plane import MediaHost, OutletKind, PlaneEvent, Seating, WorkerStatistics
from media.ports import slice_of
from media.process import Process, launch, say_goodbye
from media.remote import RemotePlane
from media.signing import Signer
from media.watching import watch
from media.worker import Orders

log = logging.getLogger(__name__)

START_S = 60.0
"""How long a new process may take to say its first word."""
SPARE_START_S = 3.0
"""And one that stands ready."""
BACK_OFF_S = (0.0, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Pauses before a worker that keeps dying is started again."""
STEADY_S = 30.0
"""One that lived so long begins at the first pause again."""
SPARE_AFTER_S = 10.0
"""A spare one is made so long after a worker was started, when there is nothing more urgent."""
DYING_S = 0.3


SINCE_START = (
    "opened",
    "failed",
    "viewers_cut",
    "viewer_skips",
    "strangers",
    "late_ticks",
    "all_packets",
    "all_bytes",
    "all_lost",
)
"""Totals that only grow: what a dead worker had counted stays in the sum."""


@dataclass(slots=True)
class _Post:
    """A worker's place, whoever holds it now."""

    name: str
    settings: PlaneSettings
    process: Process | None = None
    plane: RemotePlane | None = None
    restarts: int = 0
    last_end: str = ""
    keeping: asyncio.Task[None] | None = None


class Workers:
    """MediaHosts of `settings.workers` processes on this machine."""

    def __init__(self, settings: PlaneSettings) -> None:
        # One key for all: the doors are here, and a worker signs the addresses of its viewers.
        settings = replace(settings, secret=settings.secret or secrets.token_bytes(32))
        self._doors = Doors(settings.prefix, Signer(settings.secret), self)
        self._zone = settings.zone
        self._stall_s = settings.worker_stall_s
        self._posts = [
            _Post(f"media{number + 1}", _settings_of(settings, number)) for number in range(settings.workers)
        ]
        self._listeners: list[Callable[[PlaneEvent], None]] = []
        self._has_spare = settings.worker_spare
        self._spare: asyncio.Task[None] | None = None
        self._ready: Process | None = None
        self._are_up = asyncio.Event()
        self._past: dict[str, Any] = {}
        """What workers that are gone had counted since their start."""
        self._is_stopping = False

    # --- life ------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Begin to start them; `wait_ready` says when they are there."""
        for post in self._posts:
            post.keeping = asyncio.create_task(self._keep(post), name=f"keep {post.name}")

    async def wait_ready(self) -> None:
        """Until every worker has said its first word. Raises OSError when one does not come up."""
        try:
            async with asyncio.timeout(START_S):
                await self._are_up.wait()
        except TimeoutError:
            ends = {post.last_end for post in self._posts if post.last_end}
            raise OSError(f"no media worker came up in {START_S:g} s; {'; '.join(ends)}") from None

    async def stop(self) -> None:
        """Let them end what they do, then end them."""
        self._is_stopping = True
        for post in self._posts:
            if post.plane is not None:
                post.plane.order("stop")
        processes = [post.process for post in self._posts if post.process is not None]
        await asyncio.gather(*(say_goodbye(process) for process in processes))
        for post in self._posts:
            if post.keeping is not None:
                post.keeping.cancel()
        await asyncio.gather(*(post.keeping for post in self._posts if post.keeping), return_exceptions=True)
        if self._spare is not None:
            self._spare.cancel()
            await asyncio.gather(self._spare, return_exceptions=True)
        if self._ready is not None:
            self._ready.sock.close()
            await self._ready.kill()

    async def dismiss(self, application: web.Application | None = None) -> None:
        """End every viewer and let none in any more; an `on_shutdown` listener of the web server."""
        for post in self._posts:
            if post.plane is not None:
                post.plane.order("dismiss")

    # --- what others ask -------------------------------------------------------------------------------------

    def hosts(self) -> Sequence[MediaHost]:
        return [post.plane for post in self._posts if post.plane is not None and post.plane.is_well]

    def listen(self, listener: Callable[[PlaneEvent], None]) -> None:
        self._listeners.append(listener)

    def workers(self) -> tuple[WorkerStatistics, ...]:
        return tuple(_view(post) for post in self._posts)

    @property
    def spare_pid(self) -> int | None:
        """The process that stands ready, None while there is none."""
        return self._ready.pid if self._ready is not None else None

    def totals(self) -> dict[str, Any]:
        """What all of them counted, together."""
        counted = together([*(post.plane.totals for post in self._posts if post.plane is not None), self._past])
        return {**counted, "refused_addresses": self._doors.refused}

    # --- viewers ---------------------------------------------------------------------------------------------

    def routes(self) -> list[web.RouteDef]:
        """The viewers' addresses, to be mounted on any aiohttp application; they carry their own proof of right."""
        return self._doors.routes()

    def claim(self, inlet: str, outlet: str) -> OutletKind | None:
        return next((kind for plane in self._planes() if (kind := plane.claim(inlet, outlet)) is not None), None)

    def seat(self, outlet: str, seating: Seating, opened: socket.socket) -> None:
        for plane in self._planes():
            if plane.has_outlet(outlet):
                plane.seat(outlet, seating, opened)
                return
        opened.close()  # its worker has just died, and it comes again

    async def detach(self, inlet: str, outlet: str) -> None:
        for plane in self._planes():
            if plane.has_outlet(outlet):
                await plane.detach(inlet, outlet)

    def _planes(self) -> list[RemotePlane]:
        return [post.plane for post in self._posts if post.plane is not None]

    # --- one post --------------------------------------------------------------------------------------------

    async def _keep(self, post: _Post) -> None:
        """Hold a post: start, watch, bury, start again."""
        tries = 0
        while True:
            began = time.monotonic()
            try:
                why = await self._serve(post)
            except OSError as error:
                why = f"it could not be started: {error}"
            except Exception as error:
                log.exception("keeping media worker %s failed in a way nobody foresaw; its post is not left", post.name)
                why = f"our side failed: {error}"
            if self._is_stopping:
                return
            post.last_end = why
            post.restarts += 1
            tries = 0 if time.monotonic() - began > STEADY_S else tries + 1
            pause_s = BACK_OFF_S[min(max(tries - 1, 0), len(BACK_OFF_S) - 1)]
            log.error("media worker %s is gone (%s); started again in %g s", post.name, why, pause_s)
            await asyncio.sleep(pause_s)

    async def _serve(self, post: _Post) -> str:
        """One process from its start to its end; the reason comes back. Raises OSError."""
        process = await self._take_process()
        plane = RemotePlane(process.sock, post.name, self._zone)
        post.process, post.plane = process, plane
        try:
            plane.listen(self._tell)
            plane.order(
                "orders",
                Orders(post.name, _turned(post.settings, post.restarts), logging.getLogger().getEffectiveLevel()),
            )
            plane.ready.add_done_callback(lambda _: self._look_around())
            start_s = START_S if process.is_fresh else SPARE_START_S
            await watch(plane, start_s=start_s, stall_s=self._stall_s, is_busy=lambda: is_running(process.pid))
            return await self._reason(plane, process)
        finally:
            plane.let_go()
            self._past = together([self._past, {name: plane.totals.get(name, 0) for name in SINCE_START}])
            post.plane = post.process = None
            await process.kill()

    async def _take_process(self) -> Process:
        """The spare one, or a fresh one; a new spare is made later."""
        ready, self._ready = self._ready, None
        if self._has_spare and (self._spare is None or self._spare.done()):
            self._spare = asyncio.create_task(self._make_spare(), name="spare media worker")
        if ready is not None and ready.child.returncode is None:
            return ready
        if ready is not None:
            ready.sock.close()
        return await launch("media.start")

    async def _make_spare(self) -> None:
        await asyncio.sleep(SPARE_AFTER_S)
        try:
            self._ready = await launch("media.start")
        except (OSError, RuntimeError) as error:  # no process, or no thread that waits for it
            log.warning("no spare media worker could be started: %s", error)
        else:
            self._ready.is_fresh = False

    def _look_around(self) -> None:
        if len(self.hosts()) == len(self._posts):
            self._are_up.set()

    async def _reason(self, plane: RemotePlane, process: Process) -> str:
        """What is to be said of its end: how the process died says more than that its socket closed."""
        if plane.was_given_up:
            return plane.over.result()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DYING_S):
                status = await process.child.wait()
                return f"killed by {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
        return plane.over.result()

    def _tell(self, event: PlaneEvent) -> None:
        for listener in tuple(self._listeners):
            listener(event)

    def __repr__(self) -> str:
        return f"<Workers {', '.join(repr(post.plane) for post in self._posts)}>"


def is_running(pid: int) -> bool:
    """Whether a process works or waits for its turn, as against sleeping, being stopped or dead; False where nobody
    can say."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] == "R"
    except (OSError, IndexError):
        return False


def _settings_of(settings: PlaneSettings, number: int) -> PlaneSettings:
    """What one of several workers has for itself: a slice of the ports, a shared port of its own."""
    first, last = settings.first_port, settings.last_port
    if first:
        first, last = slice_of(first, last, number, settings.workers)
    single = settings.single_port + 2 * number if settings.single_port else 0
    return replace(settings, first_port=first, last_port=last, single_port=single)


def _turned(settings: PlaneSettings, restarts: int) -> PlaneSettings:
    """The replacement begins at the other half of the ports: senders of the streams that were lost may still send."""
    if not settings.first_port or restarts % 2 == 0:
        return settings
    return replace(settings, begin_port=(settings.first_port + settings.last_port) // 2)


def _view(post: _Post) -> WorkerStatistics:
    plane, process = post.plane, post.process
    is_up = plane is not None and plane.is_well
    return replace(
        plane.load if plane is not None else WorkerStatistics(post.name),
        state="up" if is_up else "starting",
        pid=process.pid if process is not None else 0,
        restarts=post.restarts,
        note=post.last_end,
    )


def together(totals: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Numbers of several planes as one: added up, and None where one of them does not know."""
    added: dict[str, Any] = {}
    for each in totals:
        for name, value in each.items():
            before = added.get(name, 0)
            added[name] = None if value is None or before is None else before + value
    return added
