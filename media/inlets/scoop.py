"""Datagrams taken many at a time, into memory that is used over and over.

The packets of a stream are nearly all of one size, so the slots they are read into are made of that size: what came
back to back lies back to back, and a picture is one copy. What is longer runs over into a second place and is not lost.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import socket
import struct
import sys
from struct import Struct
from typing import Any

from media.inlets.source_lock import Source

SLOTS = 64
"""Datagrams a call takes at most."""
SLOT_LIMIT = 2048
"""Slots are made to measure up to this size; longer datagrams and coalesced ones get whole slots."""
SLOT_LEAST = 64
SIZES = 64
"""So many sizes of slots are remembered; datagrams of further ones are read into whole slots."""
WHOLE = 65536 + 2048 + 64  # a datagram, and no power of two: slots would all fall on the same lines of the cache
CONTROL = 24  # CMSG_SPACE(sizeof(int))
TRIES = 4
UDP_GRO = 104
SOL_UDP = 17
NUMERIC = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV

Piece = tuple[bytes, int, Source]
"""Datagrams of one sender back to back, the size of each but the last, which may be shorter, and the sender."""


class Room:
    """The memory: slots made to measure, and whole ones that take what does not fit into those."""

    def __init__(self) -> None:
        self.slots = mmap.mmap(-1, SLOTS * SLOT_LIMIT)
        self.whole = mmap.mmap(-1, SLOTS * WHOLE)

    def datagram(self, slot: int, length: int, size: int) -> bytes:
        """What lies in a slot of `size`, 0 for a whole one, and beside it."""
        if not size:
            return self.whole[slot * WHOLE : slot * WHOLE + length]
        start = slot * size
        if length <= size:
            return self.slots[start : start + length]
        return self.slots[start : start + size] + self.whole[slot * WHOLE : slot * WHOLE + length - size]


class Fit:
    """What a scoop knows of a socket: how its datagrams are best laid, and who sent last."""

    def __init__(self, opened: socket.socket) -> None:
        self.socket = opened
        self.number = opened.fileno()
        self.is_six = opened.family == socket.AF_INET6
        self.size = 0
        """Of the slots; 0 for whole ones."""
        self.call: _Call | None = None
        self.name = b"?"
        self.source: Source = ("", 0)
        self._is_whole = False
        try:
            opened.setsockopt(SOL_UDP, UDP_GRO, 1)
        except OSError:
            pass  # an older kernel: each datagram comes by itself

    def learn(self, longest: int, *, is_coalesced: bool) -> None:
        """What came last; slots only grow, and stay whole once something needed whole ones."""
        self._is_whole |= is_coalesced or longest > SLOT_LIMIT
        if self._is_whole:
            longest = 0
        elif longest <= self.size:
            return
        if longest != self.size or not longest:
            self.size = max(longest, SLOT_LEAST) if longest else 0
            self.call = None


def pieces_of(
    room: Room, size: int, lengths: tuple[int, ...], sources: list[Source], segment_sizes: list[int] | None
) -> list[Piece]:
    """What lies in the slots, neighbours of one sender and one size together."""
    pieces: list[Piece] = []
    together: list[bytes] = []
    first: tuple[int, Source] | None = None

    def close() -> None:
        if first is not None:
            pieces.append((b"".join(together), first[0], first[1]))
            together.clear()

    for slot, length in enumerate(lengths):
        source, segment = sources[slot], segment_sizes[slot] if segment_sizes is not None else 0
        if segment or not length:
            close()
            first = None
            pieces.append((room.datagram(slot, length, size), segment, source))
            continue
        if first is None or source != first[1] or length > first[0]:
            close()
            first = length, source
        together.append(room.datagram(slot, length, size))
        if length < first[0]:
            close()
            first = None
    close()
    return pieces


class PlainScoop:
    """With nothing but the standard library: a call a datagram."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._whole = memoryview(room.whole)

    def take(self, fit: Fit) -> tuple[list[Piece], bool]:
        """What waits, and whether there may be more."""
        receive = fit.socket.recvmsg_into
        lengths: list[int] = []
        sources: list[Source] = []
        segment_sizes: list[int] = []
        for _ in range(SLOTS):
            at = len(lengths) * WHOLE
            try:
                length, control, _, source = receive((self._whole[at : at + WHOLE],), CONTROL)
            except (BlockingIOError, InterruptedError):
                break
            except OSError:
                # ICMP "port unreachable" of a report we sent; it is taken off the socket by being raised.
                continue
            lengths.append(length)
            sources.append(source[:2] if fit.is_six else source)
            segment_sizes.append(_segment_size(control) if control else 0)
        pieces = pieces_of(self._room, 0, tuple(lengths), sources, segment_sizes)
        return pieces, len(lengths) == SLOTS


def _segment_size(control: list[tuple[int, int, bytes]]) -> int:
    for level, kind, data in control:
        if level == SOL_UDP and kind == UDP_GRO and len(data) >= 4:
            return int.from_bytes(data[:4], sys.byteorder)
    return 0


# struct mmsghdr of a 64-bit Linux: name, its size, parts, their count, control, its size, flags, length.
_HEAD = Struct("@PI4xPNPNi4xI4x")
_PART = Struct("@PN")
_LENGTHS = [Struct("@" + "56xI4x" * count).unpack_from for count in range(SLOTS + 1)]
_SEGMENT = Struct("@16xI4x")


class _Call:
    """The arguments of recvmmsg for one size of slots and one family of addresses, ready to be used again."""

    def __init__(self, room: Room, size: int, is_six: bool) -> None:
        self.size = size
        self.name_size = 28 if is_six else 16
        self.heads = mmap.mmap(-1, SLOTS * _HEAD.size)
        self.names = mmap.mmap(-1, SLOTS * 32)
        self.control = mmap.mmap(-1, SLOTS * CONTROL)
        self._parts = mmap.mmap(-1, SLOTS * 2 * _PART.size)
        slots_at, whole_at, parts_at = _address(room.slots), _address(room.whole), _address(self._parts)
        names_at, control_at = _address(self.names), _address(self.control)
        for slot in range(SLOTS):
            whole = whole_at + slot * WHOLE, WHOLE
            parts = [(slots_at + slot * size, size), whole] if size else [whole]
            for number, part in enumerate(parts):
                _PART.pack_into(self._parts, (2 * slot + number) * _PART.size, *part)
            _HEAD.pack_into(
                self.heads,
                slot * _HEAD.size,
                names_at + slot * self.name_size,
                self.name_size,
                parts_at + 2 * slot * _PART.size,
                len(parts),
                control_at + slot * CONTROL,
                CONTROL,
                0,
                0,
            )
        self.heads_at = ctypes.c_void_p(_address(self.heads))
        self.fresh = [self.heads[: count * _HEAD.size] for count in range(SLOTS + 1)]

    def segment_sizes(self, heads: bytes, count: int) -> list[int] | None:
        """Of datagrams that the kernel put together, 0 for others; None for none. `heads` as the kernel left them."""
        if not any(heads[40 :: _HEAD.size]):
            return None
        return [
            _SEGMENT.unpack_from(self.control, slot * CONTROL)[0] if heads[slot * _HEAD.size + 40] else 0
            for slot in range(count)
        ]


def _address(memory: mmap.mmap) -> int:
    return ctypes.addressof(ctypes.c_char.from_buffer(memory))


class ManyScoop:
    """By recvmmsg: one call for all that waits. Raises OSError where the system has it not."""

    def __init__(self, room: Room) -> None:
        self._recvmmsg = _recvmmsg()
        self._room = room
        self._calls: dict[tuple[int, bool], _Call] = {}

    def take(self, fit: Fit) -> tuple[list[Piece], bool]:
        """What waits, and whether there may be more."""
        call = fit.call or self._call_for(fit)
        count = self._recvmmsg(fit.number, call.heads_at, SLOTS, socket.MSG_DONTWAIT, None)
        if count <= 0:
            count = self._again(fit, call)
            if count <= 0:
                return [], False
        heads = call.heads
        lengths = _LENGTHS[count](heads)
        last, size = lengths[-1], call.size
        if (
            lengths.count(size) == count - (last != size)
            and 0 < last <= size
            and call.names[: count * call.name_size] == fit.name * count
        ):
            # All of one sender and of one size but the last: they lie back to back.
            heads[: count * 64] = call.fresh[count]
            whole = (count - 1) * size
            return [(self._room.slots[: whole + last], size if whole else last, fit.source)], count == SLOTS
        return self._sorted(fit, call, count, lengths), count == SLOTS

    def _again(self, fit: Fit, call: _Call) -> int:
        """An ICMP "port unreachable" of a report we sent is taken off the socket by being told: there may be more."""
        count = -1
        for _ in range(TRIES):
            if count >= 0 or ctypes.get_errno() == errno.EAGAIN:
                break
            count = self._recvmmsg(fit.number, call.heads_at, SLOTS, socket.MSG_DONTWAIT, None)
        return count

    def _sorted(self, fit: Fit, call: _Call, count: int, lengths: tuple[int, ...]) -> list[Piece]:
        left = call.heads[: count * _HEAD.size]
        call.heads[: count * _HEAD.size] = call.fresh[count]
        segment_sizes = call.segment_sizes(left, count)
        names, size = call.names[: count * call.name_size], call.name_size
        sources = []
        for slot in range(count):
            name = names[slot * size : (slot + 1) * size]
            if name != fit.name:
                fit.name, fit.source = name, source_of(name)
            sources.append(fit.source)
        pieces = pieces_of(self._room, call.size, lengths, sources, segment_sizes)
        fit.learn(max(lengths), is_coalesced=segment_sizes is not None)
        return pieces

    def _call_for(self, fit: Fit) -> _Call:
        size = fit.size if (fit.size, fit.is_six) in self._calls or len(self._calls) < SIZES else 0
        key = size, fit.is_six
        if key not in self._calls:
            self._calls[key] = _Call(self._room, size, fit.is_six)
        fit.call = self._calls[key]
        return fit.call


def source_of(name: bytes) -> Source:
    """Who an address of the system's is."""
    port = int.from_bytes(name[2:4], "big")
    if len(name) == 16:
        return socket.inet_ntop(socket.AF_INET, name[4:8]), port
    host, scope = socket.inet_ntop(socket.AF_INET6, name[8:24]), int.from_bytes(name[24:28], sys.byteorder)
    return socket.getnameinfo((host, port, 0, scope), NUMERIC)[0] if scope else host, port


def _recvmmsg() -> Any:
    """The system's own. Raises OSError where it is not to be had, or where its structures are not those we know."""
    if sys.platform != "linux" or struct.calcsize("P") != 8:
        raise OSError(errno.ENOSYS, "recvmmsg is not to be had here")
    try:
        # It never blocks, so the interpreter's lock is kept: another thread would not give it back at once.
        return ctypes.PyDLL(None, use_errno=True).recvmmsg
    except (AttributeError, OSError) as error:
        raise OSError(errno.ENOSYS, "recvmmsg is not to be had here") from error


Scoop = ManyScoop | PlainScoop


def best_scoop(room: Room) -> Scoop:
    """The fastest that this system has."""
    try:
        return ManyScoop(room)
    except OSError:
        return PlainScoop(room)
