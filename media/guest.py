"""A media host alone on its machine: it registers with a server, carries what it is given, and comes back by itself.

Every registration begins with an empty plane: what it had before, the server has called again elsewhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import socket
import ssl
from collections import deque
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from media.calls import write
from media.channel import Channel
from media.greeting import greet_server
from media.local import LocalPlane, PlaneSettings
from media.remote import Hello
from media.seal import WrongKey
from media.served import Served

log = logging.getLogger(__name__)

CONNECT_S = 5.0
PAUSES_S = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0)
WRONG_KEY_PAUSE_S = 30.0
"""Trying again quickly with a wrong key only gets us shut out."""
JITTER = 0.2
SILENT_S = 10.0
"""A server that says nothing for so long is gone, whatever the connection says."""
STOP_S = 2.0


@dataclass(frozen=True, slots=True)
class GuestSettings:
    """Who we are, whose we are, and where viewers find us."""

    server: tuple[str, int]
    key: bytes = field(repr=False)
    name: str
    zone: str = ""
    web_host: str = "0.0.0.0"
    web_port: int = 8089
    announce_host: str = ""
    """Where viewers find us; "" is the address by which the server sees us."""
    tls: ssl.SSLContext | None = None
    plane: PlaneSettings = field(default_factory=PlaneSettings)


class Guest:
    """`run` until cancelled."""

    def __init__(self, settings: GuestSettings) -> None:
        self._settings = settings
        self._is_welcome = False

    async def run(self) -> None:
        """Be the server's host, again and again. Never raises on what the server does."""
        tries = 0
        while True:
            self._is_welcome = False
            pause_s = PAUSES_S[min(tries, len(PAUSES_S) - 1)]
            host, port = self._settings.server
            try:
                why = await self._register()
            except WrongKey as error:
                why, pause_s = str(error), WRONG_KEY_PAUSE_S
            except TimeoutError:
                why = "it did not answer in time"
            except OSError as error:
                why = error.strerror or str(error)
            tries = 1 if self._is_welcome else tries + 1
            pause_s = (PAUSES_S[0] if self._is_welcome else pause_s) * (1 + JITTER * random.random())
            log.warning("not registered with the server at %s:%d: %s; next try in %.1f s", host, port, why, pause_s)
            await asyncio.sleep(pause_s)

    async def _register(self) -> str:
        """One registration from its first byte to its end; why it ended. Raises WrongKey, OSError, TimeoutError."""
        settings = self._settings
        async with AsyncExitStack() as taken:
            sock = await _connect(*settings.server)
            taken.callback(sock.close)
            seal = await greet_server(sock, settings.key)
            plane = LocalPlane(settings.plane)
            ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()

            def end(why: str) -> None:
                if not ended.done():
                    ended.set_result(why)

            served = Served(plane, end)
            origins = Origins()

            def noted(name: str, body: msgspec.Raw, files: deque[int]) -> None:
                if name == "origins":
                    origins.known = frozenset(msgspec.msgpack.decode(body, type=tuple[str, ...]))
                else:
                    served.noted(name, body, files)

            port = await self._open_doors(plane, origins, taken)
            channel = Channel(sock, answer=served.answer, noted=noted, lost=end, seal=seal)
            taken.callback(channel.close)
            hello = Hello(settings.name, settings.zone, settings.announce_host, port, settings.tls is not None)
            channel.tell("hello", write(hello))
            taken.push_async_callback(_stop, served)
            await served.start(channel)
            self._is_welcome = True
            log.warning("registered with the server at %s:%d as %s", *settings.server, settings.name)
            while not ended.done():
                await asyncio.wait((ended,), timeout=1.0)
                if asyncio.get_running_loop().time() - channel.heard_at > SILENT_S:
                    end(f"it said nothing for {SILENT_S:g} s")
            return ended.result()

    async def _open_doors(self, plane: LocalPlane, origins: Origins, taken: AsyncExitStack) -> int:
        """Viewers come to us here; the port they find."""
        application = web.Application(middlewares=[origins.guard])
        application.on_response_prepare.append(origins.mark)
        application.add_routes(plane.routes())
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        taken.push_async_callback(runner.cleanup)
        settings = self._settings
        await web.TCPSite(runner, settings.web_host, settings.web_port, ssl_context=settings.tls).start()
        return int(runner.addresses[0][1])


class Origins:
    """The pages that may show our pictures: those of the server's consoles. Players that are no pages name none."""

    def __init__(self) -> None:
        self.known: frozenset[str] = frozenset()

    @property
    def guard(self) -> Middleware:
        @web.middleware
        async def only_ours(request: web.Request, handler: Handler) -> web.StreamResponse:
            # A WebSocket asks no leave of the browser, so the origin is looked at here and not only told.
            if request.headers.get("Origin", "") not in ("", *self.known):
                raise web.HTTPForbidden(text="no page of this origin may show our pictures")
            return await handler(request)

        return only_ours

    async def mark(self, request: web.Request, response: web.StreamResponse) -> None:
        """For every answer, errors included."""
        origin = request.headers.get("Origin", "")
        response.headers["Vary"] = "Origin"
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        if origin in self.known:
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        response.headers.popall("Server", None)


async def _connect(host: str, port: int) -> socket.socket:
    """Raises OSError, TimeoutError."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(CONNECT_S):
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        family, kind, protocol, _, address = found[0]
        sock = socket.socket(family, kind, protocol)
        try:
            sock.setblocking(False)
            await loop.sock_connect(sock, address)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except BaseException:
            sock.close()
            raise
        return sock


async def _stop(served: Served) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(STOP_S):
            await served.stop()
