"""One viewer's own socket: written to straight away, without a copy and without a wait; what does not fit is kept."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice

from media.outlets.ear import NOTHING, PING, ear_for, frame, goodbye
from media.plane import WireForm

UNSENT_BYTES = 128 * 1024
"""What the system may hold unsent for one viewer; more would be seconds that cannot be skipped."""
TCP_NOTSENT_LOWAT = getattr(socket, "TCP_NOTSENT_LOWAT", 25)
READ_BYTES = 4096
BUFFERS = 512
"""So many go in one call; the system has a limit."""
HEARTBEAT_S = 20.0
CLOSING_S = 2.0
"""How long a viewer who was told goodbye has to take the rest and to say it back."""
GOING_AWAY = 1001
ENDINGS = {WireForm.PLAIN: b"", WireForm.CHUNKED: b"0\r\n\r\n"}


class Wire:
    """Owns the socket of a viewer who has shaken hands, until it is closed here or from the other side.

    `write` never waits: the buffers are given to the system, and what it does not take is kept by reference and sent
    as soon as it does; `unsent` says how much that is. `on_full` is called when something has to be kept and `on_room`
    when nothing is any more. `on_left` is called once, with the reason, when the viewer goes or must. Pings and
    goodbyes are answered here. While nothing is unsent a whole piece may be sent by `send` or to the descriptor
    `number`, if what the system did not take of it is then given to `keep`.
    """

    __slots__ = (
        "_closing",
        "_ear",
        "_is_asked",
        "_loop",
        "_pinged_at",
        "_rest",
        "_socket",
        "form",
        "is_closing",
        "number",
        "on_full",
        "on_left",
        "on_room",
        "send",
        "unsent",
    )

    def __init__(self, opened: socket.socket, form: WireForm, now: float) -> None:
        self.form = form
        self.unsent = 0
        self.is_closing = False
        self.on_full: Callable[[], None] = _nothing
        self.on_room: Callable[[], None] = _nothing
        self.on_left: Callable[[str], None] = _ignored
        self._loop = asyncio.get_running_loop()
        self._socket = opened
        self.send = opened.send
        self.number = opened.fileno()
        self._ear = ear_for(form)
        self._rest: deque[memoryview] = deque()
        self._pinged_at = now
        self._is_asked = False
        self._closing: asyncio.TimerHandle | None = None
        opened.setblocking(False)
        for name, value in ((socket.TCP_NODELAY, 1), (TCP_NOTSENT_LOWAT, UNSENT_BYTES)):
            with contextlib.suppress(OSError):  # not every socket is TCP: a proxy's, or a pair before TLS
                opened.setsockopt(socket.IPPROTO_TCP, name, value)
        self._loop.add_reader(opened, self._on_readable)

    def write(self, buffers: Sequence[bytes]) -> None:
        """Send these after all that was written before. Harmless when the viewer is gone."""
        if not self.is_closing:
            self._write(buffers)

    def keep(self, data: bytes, sent: int) -> None:
        """Of what was sent past us, the system took only so much."""
        self._rest.append(memoryview(data)[sent:])
        self.unsent = len(data) - sent
        self._loop.add_writer(self._socket, self._on_writable)
        self.on_full()

    def lose(self) -> None:
        """It turned out that nobody is there."""
        self._leave("the viewer left")

    def hear(self, data: bytes) -> None:
        """What the viewer said before the socket was ours."""
        if data:
            self._answer(data)

    def beat(self, now: float) -> None:
        """Call it now and then: a WebSocket that is silent is asked whether it lives, and left when it does not."""
        if self.is_closing or now - self._pinged_at < HEARTBEAT_S:
            return
        self._pinged_at = now
        self._ear.forgive()
        if self.form is not WireForm.WEBSOCKET:
            return
        if self._is_asked:
            self._leave("the viewer is silent")
        elif not self.unsent:
            self._is_asked = True
            self._write((frame(PING, b""),))

    def finish(self, why: str) -> None:
        """No more will be written: say goodbye in the wire's own way, and close when it is heard or after a while."""
        if self.is_closing:
            return
        ending = goodbye(GOING_AWAY, why) if self.form is WireForm.WEBSOCKET else ENDINGS[self.form]
        if ending:
            self._write((ending,))
        if self.is_closing:
            return
        self.is_closing = True
        self._closing = self._loop.call_later(CLOSING_S, self.abort)
        self._shut_when_sent()

    def abort(self) -> None:
        """Close at once; harmless when closed."""
        self.is_closing = True
        self._rest.clear()
        self.unsent = 0
        if self._closing is not None:
            self._closing.cancel()
            self._closing = None
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)
            self._socket.close()

    @property
    def is_closed(self) -> bool:
        return self._socket.fileno() < 0

    # --- out -------------------------------------------------------------------------------------------------

    def _write(self, buffers: Sequence[bytes]) -> None:
        was_empty = not self._rest
        self._rest.extend(memoryview(each) for each in buffers if each)
        self.unsent += sum(map(len, buffers))
        if not was_empty or not self._send_rest() or not self._rest:
            return
        self._loop.add_writer(self._socket, self._on_writable)
        self.on_full()

    def _on_writable(self) -> None:
        if not self._send_rest() or self._rest:
            return
        self._loop.remove_writer(self._socket)
        if self.is_closing:
            self._shut_when_sent()
        else:
            self.on_room()

    def _send_rest(self) -> bool:
        """Give the system what it takes of the rest; whether the viewer is still there."""
        rest = self._rest
        while rest:
            try:
                sent = self._socket.sendmsg(list(islice(rest, BUFFERS)))
            except (BlockingIOError, InterruptedError):
                return True
            except OSError:
                self.lose()
                return False
            self.unsent -= sent
            while sent:
                first = rest[0]
                if sent < len(first):
                    rest[0] = first[sent:]
                    break
                sent -= len(first)
                rest.popleft()
        return True

    def _shut_when_sent(self) -> None:
        if not self._rest and self._socket.fileno() >= 0:
            # Closing with something unread would reset the connection, and take along what is still on its way.
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_WR)

    # --- in --------------------------------------------------------------------------------------------------

    def _on_readable(self) -> None:
        try:
            data = self._socket.recv(READ_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        if not data:
            self._leave("the viewer left")
        elif not self.is_closing:
            self._answer(data)

    def _answer(self, data: bytes) -> None:
        self._is_asked = False
        heard = self._ear.hear(data)
        if heard is NOTHING or self.is_closing:
            return
        if heard.answer and self.unsent < UNSENT_BYTES:
            self._write((heard.answer,))
        if heard.left and not self.is_closing:
            # What was answered goes out; what was queued for a viewer that leaves does not.
            self.is_closing = True
            self._closing = self._loop.call_later(CLOSING_S, self.abort)
            self._shut_when_sent()
            self.on_left(heard.left)

    def _leave(self, why: str) -> None:
        was_closing = self.is_closing
        self.abort()
        if not was_closing:
            self.on_left(why)


def _nothing() -> None:
    """Nobody waits for room."""


def _ignored(why: str) -> None:
    """Nobody asks why."""
