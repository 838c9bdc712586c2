"""Where media hosts of other machines come in: they prove that they have our key, say who they are, and are watched.

Nobody is let in unless a port is set for it. Viewers of a stream that such a host has go to it directly, by an absolute
and signed address, so that pictures do not cross this server: a host is there to take its load, and may stand where the
cameras and the viewers are. The price is that browsers must be allowed to: our pages name exactly the hosts that are
registered (`bases`), and each host is told the origins of our consoles (`admit`), to which alone it answers.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import socket
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from media.greeting import greet_host
from media.plane import MediaHost, PlaneEvent, WorkerStatistics
from media.remote import Hello, RemotePlane
from media.seal import WrongKey
from media.turnstile import Turnstile
from media.watching import watch

log = logging.getLogger(__name__)

AT_ONCE = 32
"""Strangers who may be at the gate at the same time."""
HELLO_S = 5.0
START_S = 5.0
MOST_ORIGINS = 64
NAME = re.compile(r"[\w.:-]{1,64}")
HOST_NAME = re.compile(r"[A-Za-z0-9.:-]{1,255}")


@dataclass(frozen=True, slots=True)
class MediaHostsSettings:
    """Media hosts on other machines (`lianwang media`). Times are seconds."""

    host: str = "0.0.0.0"
    """The address at which they register."""
    port: int = 0
    """The TCP port; 0 lets nobody in. Their key is media.key in the data folder."""
    silent_s: float = 3.0
    """A host that says nothing for so long is gone: its streams are called again elsewhere."""
    most: int = 64
    """No more hosts than this."""

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise ValueError(f"port is a port number or 0, not {self.port}")


class Gatehouse:
    """MediaHosts of other machines; each is known by the name it gave, and one that comes again replaces itself."""

    def __init__(self, settings: MediaHostsSettings, key: bytes) -> None:
        self._settings = settings
        self._key = key
        self._turnstile = Turnstile()
        self._planes: dict[str, RemotePlane] = {}
        self._origins: OrderedDict[str, None] = OrderedDict()
        self._listeners: list[Callable[[PlaneEvent], None]] = []
        self._listener: socket.socket | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._strangers = 0

    @property
    def port(self) -> int:
        """Where it listens; 0 while it does not."""
        return int(self._listener.getsockname()[1]) if self._listener is not None else 0

    @property
    def refused(self) -> int:
        """Strangers who were not let in."""
        return self._turnstile.refused

    async def start(self) -> None:
        """Begin to listen. Raises OSError when the address cannot be had."""
        self._listener = socket.create_server(
            (self._settings.host, self._settings.port),
            family=socket.AF_INET6 if ":" in self._settings.host else socket.AF_INET,
            backlog=AT_ONCE,
        )
        self._listener.setblocking(False)
        self._spawn(self._accept_for_ever(self._listener), "media gate")

    async def stop(self) -> None:
        """Let all of them go; they look for us again by themselves."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    # --- what others ask -------------------------------------------------------------------------------------

    def hosts(self) -> Sequence[MediaHost]:
        return [plane for plane in self._planes.values() if plane.is_well]

    def listen(self, listener: Callable[[PlaneEvent], None]) -> None:
        self._listeners.append(listener)

    def workers(self) -> tuple[WorkerStatistics, ...]:
        return tuple(plane.load for plane in self._planes.values())

    def totals(self) -> list[dict[str, Any]]:
        """What each of them counted."""
        return [plane.totals for plane in self._planes.values()]

    def bases(self) -> tuple[str, ...]:
        """The origins at which viewers find them: http://host:port."""
        return tuple(sorted({plane.base for plane in self._planes.values()}))

    def admit(self, origin: str) -> None:
        """A console is shown under this origin: the hosts may answer its pages. The longest unused is forgotten."""
        if origin in self._origins:
            self._origins.move_to_end(origin)
            return
        self._origins[origin] = None
        if len(self._origins) > MOST_ORIGINS:
            self._origins.popitem(last=False)
        for plane in self._planes.values():
            self._tell_origins(plane)

    # --- at the gate -----------------------------------------------------------------------------------------

    async def _accept_for_ever(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                sock, address = await loop.sock_accept(listener)
            except OSError as error:
                log.warning("a media host could not be let in: %s", error)
                await asyncio.sleep(0.5)
                continue
            if self._strangers >= AT_ONCE or self._turnstile.is_shut(address[0], loop.time()):
                self._turnstile.refused += 1
                sock.close()
            else:
                self._strangers += 1
                self._spawn(self._meet(sock, address[0]), f"media host at {address[0]}")

    async def _meet(self, sock: socket.socket, address: str) -> None:
        """One connection from its first byte to its end."""
        is_stranger = True
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            seal = await greet_host(sock, self._key)
            self._turnstile.let_in(address)
            self._strangers -= 1
            is_stranger = False
            plane = RemotePlane(sock, address, seal=seal)
            try:
                await self._keep(plane, address)
            finally:
                plane.give_up("it was let go")
        except (WrongKey, OSError, TimeoutError) as error:
            if is_stranger and self._turnstile.turn_away(address, asyncio.get_running_loop().time()):
                log.warning("a media host at %s was refused: %s", address, error or "it said too little in time")
        finally:
            if is_stranger:
                self._strangers -= 1
            sock.close()

    async def _keep(self, plane: RemotePlane, address: str) -> None:
        """Who has our key: it introduces itself, and is ours for as long as it speaks."""
        hello = await self._hello(plane)
        if hello is None:
            log.warning("the media host at %s has our key but did not introduce itself properly", address)
            return
        before = self._planes.pop(plane.name, None)
        if before is not None:
            before.give_up("it registered again")
        if len(self._planes) >= self._settings.most:
            log.warning("media host %s at %s is one too many: %d are here", plane.name, address, len(self._planes))
            return
        self._planes[plane.name] = plane
        plane.listen(self._tell)
        self._tell_origins(plane)
        log.warning("media host %s at %s is here, zone %r, viewers at %s", plane.name, address, plane.zone, plane.base)
        try:
            why = await watch(plane, start_s=START_S, stall_s=self._settings.silent_s)
            log.warning("media host %s at %s is gone: %s", plane.name, address, why)
        finally:
            if self._planes.get(plane.name) is plane:
                del self._planes[plane.name]

    async def _hello(self, plane: RemotePlane) -> Hello | None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(HELLO_S):
                await asyncio.wait((plane.hello, plane.over), return_when=asyncio.FIRST_COMPLETED)
        if not plane.hello.done() or plane.over.done():
            return None
        hello = plane.hello.result()
        web_host = hello.web_host or plane.name
        is_proper = (
            NAME.fullmatch(hello.name) is not None
            and (not hello.zone or NAME.fullmatch(hello.zone) is not None)
            and HOST_NAME.fullmatch(web_host) is not None
            and 0 < hello.web_port <= 65535
        )
        if not is_proper:
            return None
        shown = f"[{web_host}]" if ":" in web_host else web_host
        plane.stands_at(plane.name, f"http{'s' if hello.is_secure else ''}://{shown}:{hello.web_port}")
        plane.name, plane.zone = hello.name, hello.zone
        return hello

    def _tell_origins(self, plane: RemotePlane) -> None:
        plane.order("origins", tuple(self._origins))

    def _tell(self, event: PlaneEvent) -> None:
        for listener in tuple(self._listeners):
            listener(event)

    def _spawn(self, work: Any, name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def __repr__(self) -> str:
        return f"<Gatehouse port {self.port}, {len(self._planes)} hosts>"
