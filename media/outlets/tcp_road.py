"""The road of RTP by TCP: packets framed (RFC 4571), one connection at a time, sought or awaited again."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable

from media.inlets.source_lock import Source
from media.inlets.tcp import TcpListener, connect
from media.outlets.backlog import Backlog
from media.outlets.road import Driver, Packets, Trying

log = logging.getLogger(__name__)

LENGTH_BYTES = 2
WRITE_PIECES = 64
DISCARD_BYTES = 65536


def framed(data: Packets, size: int) -> bytearray:
    """Packets `size` bytes apart, each with its length before it (RFC 4571)."""
    view = memoryview(data)
    packets: list[bytes | memoryview] = [view[at : at + size] for at in range(0, len(view), size)]
    last = len(packets[-1])
    out = bytearray(size.to_bytes(LENGTH_BYTES, "big")).join([b"", *packets])
    at = len(out) - last - LENGTH_BYTES
    out[at : at + LENGTH_BYTES] = last.to_bytes(LENGTH_BYTES, "big")
    return out


class TcpRoad:
    """Packets with their length before them, over one connection at a time. `close` closes it.

    We connect, or wait on `listener` for a connection from `host`; a lost one is sought or awaited again. What was
    cut off in the middle of a packet is sent again whole.
    """

    def __init__(
        self,
        target: Source,
        local: Source,
        listener: socket.socket | None,
        trying: Trying,
        driver: Driver,
        clock: Callable[[], float],
    ) -> None:
        self.connections = 0
        self.strangers = 0
        self._target = target
        self._local = local
        self._trying = trying
        self._driver = driver
        self._clock = clock
        self.backlog = Backlog()
        self._socket: socket.socket | None = None
        self._is_begun = False
        self._is_writing = False
        self._is_flushing = False
        self._opened_at = 0.0
        self._short_lived = 0
        self._seeking: asyncio.Task[None] | None = None
        self._loop = asyncio.get_running_loop()
        self._listener = TcpListener(listener, self._came) if listener is not None else None

    @property
    def is_open(self) -> bool:
        return self._is_begun and self._socket is not None

    def begin(self) -> None:
        self._is_begun = True
        if self._socket is not None:
            self._driver.road_opened()
            self._flush()
        else:
            self._seek()

    def send(self, data: Packets, size: int, now: float) -> None:
        """Packets `size` bytes apart, queued and written at the end of this turn of the loop with their fellows."""
        self.backlog.put(framed(data, size), size + LENGTH_BYTES, now)
        if not self._is_flushing and not self._is_writing and self.is_open:
            self._is_flushing = True
            self._loop.call_soon(self._flush)

    def forget_queue(self) -> None:
        """All but the packet that is half on its way."""
        self.backlog.forget(keeps_half=True)

    @property
    def queued_bytes(self) -> int:
        return self.backlog.bytes

    @property
    def queued_since(self) -> float | None:
        """When the oldest packets that wait were sent."""
        return self.backlog.since

    def is_unreachable(self, now: float, patience_s: float) -> bool:
        return False  # a connection that fails says so itself

    def close(self) -> None:
        self._is_begun = False
        if self._seeking is not None:
            self._seeking.cancel()
            self._seeking = None
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        self._drop()

    # --- connection ------------------------------------------------------------------------------------------

    def _seek(self) -> None:
        self._seeking = self._loop.create_task(self._sought(), name=f"media to {self._target[0]}:{self._target[1]}")

    async def _sought(self) -> None:
        trying = self._trying
        host, port = self._target
        if self._listener is not None:
            await asyncio.sleep(trying.patience_s)
            self._seeking = None
            if self._socket is None:
                self._driver.road_ended(f"the receiver did not connect in {trying.patience_s:g} s")
            return
        if self.connections:
            await asyncio.sleep(trying.pause_s)  # 2022 annex D
        try:
            opened = await connect(
                host,
                port,
                wait_s=trying.wait_s,
                tries=trying.tries,
                pause_s=trying.pause_s,
                failed=lambda why: log.info("%s", why),
                local=self._local,
            )
        except OSError as error:
            self._seeking = None
            self._driver.road_ended(str(error))
            return
        self._seeking = None
        self._adopt(opened)

    def _came(self, opened: socket.socket, source: Source) -> None:
        host = self._target[0]
        if host and source[0] != host:
            # The picture is for whom the offer named; others who know the port get nothing.
            self.strangers += 1
            log.warning("%s:%d connected to take a stream that is meant for %s", *source, host)
            opened.close()
            return
        if self._seeking is not None:
            self._seeking.cancel()
            self._seeking = None
        self._drop()
        self._adopt(opened)

    def _adopt(self, opened: socket.socket) -> None:
        opened.setblocking(False)
        self._socket = opened
        self._opened_at = self._clock()
        self.connections += 1
        self._loop.add_reader(opened, self._read)
        if self._is_begun:
            self._driver.road_opened()
            self._flush()

    def _read(self) -> None:
        """Receivers say nothing but reports, which are passed over, and that they close."""
        assert self._socket is not None
        try:
            data = self._socket.recv(DISCARD_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._broke(f"the connection broke: {error.strerror}")
            return
        if not data:
            self._broke("the receiver closed the connection")

    def _broke(self, why: str) -> None:
        self._drop()
        if not self._is_begun:
            return
        is_short = self._clock() - self._opened_at < self._trying.patience_s
        self._short_lived = self._short_lived + 1 if is_short else 0
        if self._short_lived >= self._trying.tries:
            self._driver.road_ended(f"{why}, {self._short_lived} times in a row")
            return
        self._driver.road_broke(why)
        if self._is_begun and self._seeking is None and self._socket is None:
            self._seek()

    def _drop(self) -> None:
        opened, self._socket = self._socket, None
        self.backlog.rewind()
        self._is_writing = False
        if opened is not None:
            self._loop.remove_reader(opened)
            self._loop.remove_writer(opened)
            opened.close()

    # --- writing ---------------------------------------------------------------------------------------------

    def _flush(self) -> None:
        self._is_flushing = False
        opened = self._socket
        if opened is None or not self._is_begun:
            return
        backlog = self.backlog
        while backlog:
            try:
                sent = opened.sendmsg(backlog.front(WRITE_PIECES))
            except (BlockingIOError, InterruptedError):
                self._wait_writable(opened)
                return
            except OSError as error:
                self._broke(f"the connection broke: {error.strerror}")
                return
            backlog.take(sent)
        if self._is_writing:
            self._is_writing = False
            self._loop.remove_writer(opened)

    def _wait_writable(self, opened: socket.socket) -> None:
        if not self._is_writing:
            self._is_writing = True
            with contextlib.suppress(OSError):
                self._loop.add_writer(opened, self._flush)
