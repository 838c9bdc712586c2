"""Frames, files, questions and notes between two ends; whatever is no frame of ours ends the channel and no more."""

from __future__ import annotations

import asyncio
import os
import socket
from collections import deque
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.calls import PlaneFault, write
from media.channel import Channel, ChannelLost
from media.link import FRAME_LIMIT, UNSENT_LIMIT
from media.plane import NoCapacity


class End:
    """One end: answers by its name, keeps what was noted and why it was lost."""

    def __init__(self, sock: socket.socket) -> None:
        self.notes: list[tuple[str, Any]] = []
        self.files: list[int] = []
        self.lost: list[str] = []
        self.late: list[Any] = []
        self.gate = asyncio.Event()
        self.channel = Channel(sock, answer=self._answer, noted=self._noted, lost=self.lost.append)

    async def _answer(self, name: str, body: msgspec.Raw) -> bytes:
        if name == "wait":
            await self.gate.wait()
        if name == "full":
            raise NoCapacity("nothing is free")
        if name == "unknown":
            raise KeyError("no-such")
        if name == "broken":
            raise ZeroDivisionError("what a day")
        return write(["answered", name, msgspec.msgpack.decode(body)])

    def _noted(self, name: str, body: msgspec.Raw, files: deque[int]) -> None:
        if name == "nonsense":
            raise ValueError("we do not talk like that")
        if name == "file":
            self.files.append(files.popleft())
        self.notes.append((name, msgspec.msgpack.decode(body)))

    async def ask(self, name: str, value: Any = None, within_s: float = 5.0) -> Any:
        body = await self.channel.ask(name, write(value), within_s=within_s, late=self.late.append)
        return msgspec.msgpack.decode(body)


async def until(condition: Any) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.005)


@pytest.fixture
async def ends() -> Any:
    one, two = map(End, socket.socketpair())
    yield one, two
    one.channel.close()
    two.channel.close()


@pytest.fixture
async def wild() -> Any:
    """One end of ours, and the bare socket of whoever talks to it."""
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    end = End(ours)
    yield end, theirs
    end.channel.close()
    theirs.close()


async def test_many_questions_are_answered_each_with_its_own(ends):
    one, _ = ends
    answers = await asyncio.gather(*(one.ask("echo", number) for number in range(200)))
    assert [answer[2] for answer in answers] == list(range(200))


async def test_a_long_message_crosses_whole_and_in_order(ends):
    one, two = ends
    long = bytes(3_000_000)
    one.channel.tell("before", write(1))
    one.channel.tell("long", write(long))
    one.channel.tell("after", write(2))
    await until(lambda: len(two.notes) == 3)
    assert two.notes == [("before", 1), ("long", long), ("after", 2)]


@pytest.mark.parametrize(
    ("name", "kind", "text"),
    [("full", NoCapacity, "nothing is free"), ("unknown", KeyError, "no-such"), ("broken", PlaneFault, "what a day")],
)
async def test_what_is_raised_there_is_raised_here(ends, name: str, kind: type[Exception], text: str):
    with pytest.raises(kind, match=text):
        await ends[0].ask(name)
    assert (await ends[0].ask("echo"))[1] == "echo", "and the channel goes on"


async def test_who_waits_too_long_is_told_and_the_late_answer_is_not_lost(ends):
    one, two = ends
    with pytest.raises(ChannelLost, match="did not answer wait"):
        await one.ask("wait", 7, within_s=0.02)
    two.gate.set()
    await until(lambda: one.late)
    assert msgspec.msgpack.decode(one.late[0])[2] == 7


@pytest.mark.parametrize("order", ["answered first", "cancelled first", "long cancelled"])
async def test_an_answer_at_the_moment_of_a_cancellation_is_not_lost(wild, order: str):
    end, theirs = wild
    asking = asyncio.create_task(end.ask("open"))
    loop = asyncio.get_running_loop()
    asked = await loop.sock_recv(theirs, 4096)
    _, number, _, _ = msgspec.msgpack.decode(asked[4:])
    answer = msgspec.msgpack.encode((1, number, "", msgspec.Raw(write("made"))))
    # No wait from here on but where it is meant: all of it happens in one turn of the loop.
    if order == "answered first":
        end.channel._hear(answer, deque())
        asking.cancel()
    else:
        asking.cancel()
        if order == "long cancelled":
            await asyncio.sleep(0.01)
        end.channel._hear(answer, deque())
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert [msgspec.msgpack.decode(each) for each in end.late] == ["made"]
    assert not (end.channel._late or end.channel._questions)


async def test_who_waits_when_the_other_side_goes_is_told(ends):
    one, two = ends
    asking = asyncio.create_task(one.ask("wait"))
    await asyncio.sleep(0.02)
    two.channel.close()
    with pytest.raises(ChannelLost):
        await asking
    assert len(one.lost) == 1 and "closed" in one.lost[0]
    with pytest.raises(ChannelLost):
        await one.ask("echo")
    one.channel.tell("nobody hears it")
    assert two.lost == [], "who closes knows it already"


async def test_open_files_cross_with_their_notes_also_among_others(ends):
    one, two = ends
    pipes = [os.pipe() for _ in range(20)]
    for number, (_, end) in enumerate(pipes):
        one.channel.tell("long", write(bytes(50_000)))
        one.channel.tell("file", write(number), end)
    await until(lambda: len(two.files) == 20)
    for number, file in enumerate(two.files):
        os.write(file, bytes([number]))
        os.close(file)
    for number, (begin, end) in enumerate(pipes):
        assert os.read(begin, 10) == bytes([number])
        os.close(begin)
        with pytest.raises(OSError, match="Bad file"):
            os.fstat(end)


async def test_files_given_to_a_channel_that_is_over_are_closed(ends):
    one, two = ends
    two.channel.close()
    await until(lambda: one.lost)
    begin, end = os.pipe()
    one.channel.tell("file", write(1), end)
    assert os.read(begin, 1) == b"", "nobody holds the other end"
    os.close(begin)


@pytest.mark.parametrize(
    "noise",
    [
        (FRAME_LIMIT + 1).to_bytes(4, "big"),
        b"\0\0\0\3abc",
        b"\0\0\0\1\xc1",
        b"\0\0\0\0",
        b"GET / HTTP/1.1\r\n\r\n",
    ],
)
async def test_what_is_no_frame_ends_the_channel_with_a_word(wild, noise: bytes):
    end, stranger = wild
    stranger.send(noise)
    await until(lambda: end.lost)
    assert "no frame of ours" in end.lost[0]


async def test_a_note_that_cannot_be_meant_ends_the_channel(ends):
    one, two = ends
    one.channel.tell("nonsense")
    await until(lambda: two.lost)
    assert "do not talk like that" in two.lost[0]


async def test_answers_that_nobody_asked_for_are_passed_over(wild):
    end, stranger = wild
    for body in (write([1, 99, "", None]), write([2, 98, "KeyError", "x"]), write([3, 0, "note", 5])):
        stranger.send(len(body).to_bytes(4, "big") + body)
    await until(lambda: end.notes == [("note", 5)])
    assert not end.lost


async def test_whoever_stops_reading_is_given_up_before_memory_is(wild):
    end, _ = wild
    piece = write(bytes(1 << 20))
    for _ in range((UNSENT_LIMIT >> 20) + 2):
        end.channel.tell("more", piece)
    await until(lambda: end.lost)
    assert "bytes wait" in end.lost[0]


@given(st.lists(st.binary(max_size=200), max_size=8))
def test_no_bytes_of_a_stranger_raise_anything(pieces: list[bytes]):
    async def story() -> None:
        ours, theirs = socket.socketpair()
        end = End(ours)
        for piece in pieces:
            if not end.lost:
                theirs.send(piece)
                await asyncio.sleep(0)
        theirs.close()
        await until(lambda: end.lost)
        assert len(end.lost) == 1

    asyncio.run(story())
