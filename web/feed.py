"""News for open consoles, as Server-Sent Events: gathered for a moment, sent to all, and never waited for.

Each client has a queue of its own. When it is full the client gets `resync` instead of what it missed and asks anew
for what it shows; no client can slow another or the teller.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable, Hashable

import msgspec
from aiohttp import web

from registry.events import CountsChanged, Event
from web.auth import Proof, Who
from web.errors import denied
from web.news import News, news_of
from web.settings import WebSettings
from web.uppers import PlatformView, platform_view
from web.views import Catalogs, DeviceView, device_view
from web.wishes import Services

log = logging.getLogger(__name__)

# So many different things in one moment are a storm: "resync" is shorter and truer than all of them.
MOST_GATHERED = 500
MOST_NODES = 2000

RESYNC = b"event: resync\ndata: {}\n\n"
# An event, not a comment: a page sees no comments, and silence shall tell it that the line is dead.
HEARTBEAT = b"event: beat\ndata: {}\n\n"


class Listener:
    """One open console: its queue, and whether it is behind."""

    def __init__(self, who: Who, size: int) -> None:
        self.who = who
        self.missed = 0
        self._lines: deque[bytes] = deque()
        self._size = size
        self._news = asyncio.Event()
        self.ended = False

    def put(self, line: bytes) -> None:
        """Queue a line; a full queue is dropped and becomes one `resync`."""
        if len(self._lines) >= self._size:
            self.missed += len(self._lines) + 1
            self._lines.clear()
            line = RESYNC
        elif self._lines and self._lines[-1] is RESYNC and line is RESYNC:
            return
        self._lines.append(line)
        self._news.set()

    def end(self) -> None:
        self.ended = True
        self._news.set()

    async def take(self, patience_s: float) -> bytes:
        """All that waits, as one block; a heartbeat when nothing came in time."""
        if not self._lines and not self.ended:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(patience_s):
                    await self._news.wait()
        self._news.clear()
        block = b"".join(self._lines)
        self._lines.clear()
        return block or HEARTBEAT


class Feed:
    """Hears the bus, gathers for a moment, tells every open console."""

    def __init__(self, services: Services, settings: WebSettings, catalogs: Catalogs) -> None:
        self._services = services
        self._settings = settings
        self._catalogs = catalogs
        self._listeners: set[Listener] = set()
        self._gathered: dict[tuple[str, Hashable], News] = {}
        self._counts: dict[str, tuple[int, int]] = {}
        self._flush: asyncio.TimerHandle | None = None
        self._storms = 0
        self._unhear: Callable[[], None] | None = None
        self._told = 0
        self._missed = 0
        """By listeners that have left."""

    def start(self) -> None:
        self._unhear = self._services.bus.listen(self.hear)

    def stop(self) -> None:
        """Hear no more and end every client."""
        if self._unhear is not None:
            self._unhear()
            self._unhear = None
        if self._flush is not None:
            self._flush.cancel()
        for listener in self._listeners:
            listener.end()

    def statistics(self) -> dict[str, int]:
        return {
            "listeners": len(self._listeners),
            "told": self._told,
            "storms": self._storms,
            "missed": self._missed + sum(listener.missed for listener in self._listeners),
        }

    def holders(self) -> tuple[Who, ...]:
        """Whose clients listen; one session may have several."""
        return tuple({listener.who.id: listener.who for listener in self._listeners}.values())

    def end(self, holder: str) -> None:
        """Close the clients of one session or key."""
        for listener in self._listeners:
            if listener.who.id == holder:
                listener.end()

    def end_user(self, name: str) -> None:
        """Close the clients of all sessions of a user."""
        for listener in self._listeners:
            if listener.who.proof is Proof.SESSION and listener.who.name == name:
                listener.end()

    def hear(self, event: Event) -> None:
        """The bus's listener: quick, and nothing at all while nobody listens."""
        if not self._listeners:
            return
        if isinstance(event, CountsChanged):
            for node, online, total in event.nodes:
                self._counts[node] = (online, total)
            news = [News("counts", "", self._tell_counts)]
        else:
            news = news_of(event, self._view, self._view_platform)
        for item in news:
            # A later one about the same thing takes the earlier one's place at the end of the line.
            self._gathered.pop((item.kind, item.key), None)
            self._gathered[item.kind, item.key] = item
        if len(self._gathered) > MOST_GATHERED or len(self._counts) > MOST_NODES:
            self._storms += 1
            self._gathered.clear()
            self._counts.clear()
            self._gathered["resync", ""] = News("resync", "", dict)
        if self._flush is None and self._gathered:
            self._flush = asyncio.get_running_loop().call_later(self._settings.feed_gather_s, self._send)

    async def serve(self, request: web.Request, who: Who, hello: object) -> web.StreamResponse:
        """Tell `request`'s client the news until it leaves, its session ends or we stop."""
        if len(self._listeners) >= self._settings.most_feeds:
            raise denied(503)
        listener = Listener(who, self._settings.longest_feed_queue)
        listener.put(line("hello", hello))
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        )
        self._listeners.add(listener)
        try:
            await response.prepare(request)
            while not listener.ended:
                block = await listener.take(self._settings.feed_heartbeat_s)
                async with asyncio.timeout(self._settings.feed_patience_s):
                    await response.write(block)
        except ConnectionError:
            pass  # the console was closed
        except TimeoutError:
            # It reads nothing any more; what is buffered for it would never be finished.
            if request.transport is not None:
                request.transport.abort()
        finally:
            self._listeners.discard(listener)
            self._missed += listener.missed
        return response

    def _view(self, code: str) -> DeviceView | None:
        device = self._services.directory.device(code)
        return None if device is None else device_view(device, self._catalogs.of(code))

    def _view_platform(self, code: str) -> PlatformView | None:
        directory = self._services.directory
        upper = directory.upper(code)
        return (
            None if upper is None else platform_view(upper, directory.upper_state(code), self._services.system().code)
        )

    def _tell_counts(self) -> object:
        counts, self._counts = self._counts, {}
        return {"nodes": [{"id": node, "online": on, "total": total} for node, (on, total) in counts.items()]}

    def _send(self) -> None:
        self._flush = None
        gathered, self._gathered = self._gathered, {}
        for item in gathered.values():
            try:
                data = item.tell()
                if data is None:
                    continue  # gone meanwhile; its removal is news of its own
                encoded = RESYNC if item.kind == "resync" else line(item.kind, data)
            except Exception:
                log.exception("news of %s %s could not be told; the consoles do without", item.kind, item.key)
                continue
            self._told += 1
            for listener in self._listeners:
                if listener.who.role >= item.role:
                    listener.put(encoded)


def line(kind: str, data: object) -> bytes:
    """One event as the wire has it; JSON has no line breaks of its own."""
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), msgspec.json.encode(data))
