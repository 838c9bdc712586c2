"""Questions with answers, and notes without, over a link: both sides may ask and tell."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections import deque
from collections.abc import Awaitable, Callable
from enum import IntEnum

import msgspec

from media.calls import name_of, refusal_of
from media.link import Link, Seal

log = logging.getLogger(__name__)

QUESTIONS_LIMIT = 10_000
"""Questions that may wait for their answers; one more breaks the channel, for nobody answers any more."""


class Kind(IntEnum):
    QUESTION = 0
    ANSWER = 1
    REFUSAL = 2
    NOTE = 3


class Message(msgspec.Struct, array_like=True, frozen=True):
    """`number` ties an answer to its question; `name` is a call, a note or an exception; `body` its values."""

    kind: Kind
    number: int
    name: str
    body: msgspec.Raw


_READER = msgspec.msgpack.Decoder(Message)
_WRITER = msgspec.msgpack.Encoder()
NOTHING = _WRITER.encode(None)


class ChannelLost(ConnectionError):
    """The other side is gone, or did not answer in time."""


class Channel:
    """`answer(name, body)` answers the other side's questions, `noted(name, body, files)` hears its notes.

    What they raise on what cannot be read ends the channel; `lost(why)` hears of every end but our own `close`.
    """

    def __init__(
        self,
        sock: socket.socket,
        *,
        answer: Callable[[str, msgspec.Raw], Awaitable[bytes]],
        noted: Callable[[str, msgspec.Raw, deque[int]], None],
        lost: Callable[[str], None],
        seal: Seal | None = None,
    ) -> None:
        self._answer = answer
        self._noted = noted
        self._lost = lost
        self._questions: dict[int, asyncio.Future[msgspec.Raw]] = {}
        self._late: dict[int, Callable[[msgspec.Raw], None]] = {}
        self._answering: set[asyncio.Task[None]] = set()
        self._number = 0
        self._loop = asyncio.get_running_loop()
        self.heard_at = self._loop.time()
        """When the last frame came, by the loop's clock."""
        self._link = Link(sock, self._hear, self._broke, seal=seal)

    @property
    def is_open(self) -> bool:
        return self._link.is_open

    async def ask(
        self, name: str, body: bytes, *, within_s: float, late: Callable[[msgspec.Raw], None] | None = None
    ) -> msgspec.Raw:
        """The answer's body. Raises what the other side raised, or ChannelLost.

        `late` gets the answer when it comes after whoever asked has lost patience or was cancelled.
        """
        if not self._link.is_open:
            raise ChannelLost("it is gone")
        if len(self._questions) >= QUESTIONS_LIMIT:
            self.break_off(f"{QUESTIONS_LIMIT} questions wait for an answer")
            raise ChannelLost("it answers nothing any more")
        self._number += 1
        number = self._number
        waiting: asyncio.Future[msgspec.Raw] = self._loop.create_future()
        self._questions[number] = waiting
        if late is not None:
            # Already now: the answer may come between a cancellation and the moment in which we hear of that.
            self._late[number] = late
        has_left = False
        try:
            self._send(Kind.QUESTION, number, name, body)
            async with asyncio.timeout(within_s):
                return await waiting
        except TimeoutError:
            has_left = True
            raise ChannelLost(f"it did not answer {name} in {within_s:g} s") from None
        except asyncio.CancelledError:
            has_left = True
            raise
        finally:
            self._questions.pop(number, None)
            is_to_come = has_left and waiting.cancelled()
            if not is_to_come:
                self._late.pop(number, None)
            if has_left and late is not None and _has_answer(waiting):
                late(waiting.result())

    def tell(self, name: str, body: bytes = NOTHING, file: int | None = None) -> None:
        """A note; `file` is given away with it."""
        self._send(Kind.NOTE, 0, name, body, file)

    def close(self) -> None:
        """End it from our side; whoever waits for an answer hears that there will be none."""
        self._link.close()
        self._drop("it was closed")

    def break_off(self, why: str) -> None:
        """End it and say so to `lost`; harmless when it is over."""
        if self._link.is_open:
            self._link.close()
            self._broke(why)

    # --- servants --------------------------------------------------------------------------------------------

    def _send(self, kind: Kind, number: int, name: str, body: bytes, file: int | None = None) -> None:
        self._link.send(_WRITER.encode(Message(kind, number, name, msgspec.Raw(body))), file)

    def _hear(self, body: bytes, files: deque[int]) -> None:
        self.heard_at = self._loop.time()
        message = _READER.decode(body)
        match message.kind:
            case Kind.QUESTION:
                if len(self._answering) >= QUESTIONS_LIMIT:
                    raise ValueError("more questions than anybody has")
                task = asyncio.create_task(self._give_answer(message), name=f"answer {message.name}")
                self._answering.add(task)
                task.add_done_callback(self._answering.discard)
            case Kind.NOTE:
                self._noted(message.name, message.body, files)
            case _:
                self._settle(message)

    def _settle(self, message: Message) -> None:
        waiting = self._questions.get(message.number)
        if waiting is None or waiting.done():
            # Whoever asked has lost patience.
            late = self._late.pop(message.number, None)
            if late is not None and message.kind is Kind.ANSWER:
                late(message.body)
            return
        if message.kind is Kind.ANSWER:
            waiting.set_result(message.body)
        else:
            waiting.set_exception(refusal_of(message.name, msgspec.msgpack.decode(message.body, type=str)))

    async def _give_answer(self, message: Message) -> None:
        try:
            answer = await self._answer(message.name, message.body)
        except Exception as error:
            name, text = name_of(error)
            if not name:
                log.exception("%s failed; whoever asked is told", message.name)
            self._send(Kind.REFUSAL, message.number, name, _WRITER.encode(text))
        else:
            self._send(Kind.ANSWER, message.number, "", answer)

    def _broke(self, why: str) -> None:
        self._drop(why)
        self._lost(why)

    def _drop(self, why: str) -> None:
        for waiting in self._questions.values():
            if not waiting.done():
                waiting.set_exception(ChannelLost(why))
        self._questions.clear()
        self._late.clear()
        for task in tuple(self._answering):
            task.cancel()


def _has_answer(waiting: asyncio.Future[msgspec.Raw]) -> bool:
    return waiting.done() and not waiting.cancelled() and waiting.exception() is None
