"""The roads of RTP to a receiver: UDP, paced; TCP, framed (RFC 4571), reconnected. Sockets and queues, no RTP."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from media.inlets.source_lock import Source
from media.inlets.tcp import TcpListener, connect

log = logging.getLogger(__name__)

PACE_S = 0.005
PACE_PACKETS = 32
"""So many datagrams leave within PACE_S: a kept GOP or a remuxed key frame would overflow the receiver's buffer."""
UNREACHABLE_GAP_S = 2.0
WRITE_PACKETS = 64
DISCARD_BYTES = 65536


class Driver(Protocol):
    """Who sends by a road, and what it hears of it."""

    def road_opened(self) -> None: ...

    def road_broke(self, why: str) -> None:
        """It may open again."""

    def road_ended(self, why: str) -> None:
        """It will not."""


@dataclass(frozen=True, slots=True)
class Trying:
    """How a connection is sought, in seconds: one try, how many, the pause between, and how long to be waited for."""

    wait_s: float
    tries: int
    pause_s: float
    patience_s: float


class UdpRoad:
    """Datagrams from our bound port to the receiver's. Owns neither socket nor port; `close` stops its timer."""

    def __init__(self, opened: socket.socket, target: Source, driver: Driver, clock: Callable[[], float]) -> None:
        self.queued_bytes = 0
        self.connections = 0
        self.is_open = False
        self._socket = opened
        self._target = target
        self._driver = driver
        self._clock = clock
        self._queue: deque[tuple[bytes, float]] = deque()
        self._slot_at = float("-inf")
        self._room = 0
        self._timer: asyncio.TimerHandle | None = None
        self._refused_at = float("-inf")
        self._refused_since = 0.0
        self._loop = asyncio.get_running_loop()

    def begin(self) -> None:
        self.is_open = True
        self._driver.road_opened()
        self._pump()

    def send(self, packet: bytes, now: float) -> None:
        """At once while the pace allows it, else a few milliseconds later."""
        if self.is_open and not self._queue:
            if now - self._slot_at >= PACE_S:
                self._slot_at = now
                self._room = PACE_PACKETS
            if self._room and self._write(packet):
                return
        self._queue.append((packet, now))
        self.queued_bytes += len(packet)
        self._arm()

    def forget_queue(self) -> None:
        self._queue.clear()
        self.queued_bytes = 0

    @property
    def queued_since(self) -> float | None:
        """When the oldest packet that waits was sent."""
        return self._queue[0][1] if self._queue else None

    def is_unreachable(self, now: float, patience_s: float) -> bool:
        """Whether the receiver's host has said for so long that nobody listens there (ICMP)."""
        return now - self._refused_at < UNREACHABLE_GAP_S and self._refused_at - self._refused_since >= patience_s

    def close(self) -> None:
        self.is_open = False
        self.forget_queue()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _write(self, packet: bytes) -> bool:
        self._room -= 1
        try:
            self._socket.send(packet)
        except BlockingIOError:
            self._room = 0
            return False
        except OSError:
            # An ICMP "port unreachable" for an earlier datagram; this one was not sent and counts as lost on the way.
            now = self._clock()
            if now - self._refused_at > UNREACHABLE_GAP_S:
                self._refused_since = now
            self._refused_at = now
        return True

    def _arm(self) -> None:
        if self._timer is None and self.is_open:
            self._timer = self._loop.call_later(PACE_S, self._pump)

    def _pump(self) -> None:
        self._timer = None
        self._slot_at = self._clock()
        self._room = PACE_PACKETS
        queue = self._queue
        while queue and self._room and self._write(queue[0][0]):
            self.queued_bytes -= len(queue.popleft()[0])
        if queue:
            self._arm()


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
        self.queued_bytes = 0
        self.connections = 0
        self.strangers = 0
        self._target = target
        self._local = local
        self._trying = trying
        self._driver = driver
        self._clock = clock
        self._queue: deque[tuple[bytes, float]] = deque()
        self._sent_of_first = 0
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

    def send(self, packet: bytes, now: float) -> None:
        """Queued, and written at the end of this turn of the loop together with its fellows."""
        self._queue.append((len(packet).to_bytes(2, "big") + packet, now))
        self.queued_bytes += len(packet) + 2
        if not self._is_flushing and not self._is_writing and self.is_open:
            self._is_flushing = True
            self._loop.call_soon(self._flush)

    def forget_queue(self) -> None:
        """All but the packet that is half on its way."""
        half = self._queue[0] if self._sent_of_first else None
        self._queue.clear()
        self.queued_bytes = 0
        if half is not None:
            self._queue.append(half)
            self.queued_bytes = len(half[0])

    @property
    def queued_since(self) -> float | None:
        """When the oldest packet that waits was sent."""
        return self._queue[0][1] if self._queue else None

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
        self._sent_of_first = 0
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
        queue = self._queue
        while queue:
            chunk = b"".join([packet for packet, _ in islice(queue, WRITE_PACKETS)])
            try:
                sent = opened.send(memoryview(chunk)[self._sent_of_first :])
            except (BlockingIOError, InterruptedError):
                self._wait_writable(opened)
                return
            except OSError as error:
                self._broke(f"the connection broke: {error.strerror}")
                return
            self._account(sent)
        if self._is_writing:
            self._is_writing = False
            self._loop.remove_writer(opened)

    def _account(self, sent: int) -> None:
        """Take off the queue what went out."""
        queue = self._queue
        sent += self._sent_of_first
        while queue and sent >= len(queue[0][0]):
            size = len(queue.popleft()[0])
            sent -= size
            self.queued_bytes -= size
        self._sent_of_first = sent

    def _wait_writable(self, opened: socket.socket) -> None:
        if not self._is_writing:
            self._is_writing = True
            with contextlib.suppress(OSError):
                self._loop.add_writer(opened, self._flush)


Road = UdpRoad | TcpRoad
