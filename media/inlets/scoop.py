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
from typing import Any

from media.inlets.source_lock import Source
from media.inlets.stretch import Stretch

SLOTS = 64
"""Datagrams a call takes at most."""
SLOT_LIMIT = 2048
"""Slots are made to measure up to this size; longer datagrams and coalesced ones get whole slots."""
SLOT_LEAST = 64
LAYOUTS = 64
"""Sizes for which slots are remembered; further ones are read into whole slots."""
WHOLE = 65536 + 2048 + 64  # a datagram, and no power of two: slots would all fall on the same lines of the cache
TRIES = 4
CONTROL = 24  # CMSG_SPACE(sizeof(int))
UDP_GRO = 104
SOL_UDP = 17
NUMERIC = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV

Came = list[tuple[Stretch, Source]]


class Room:
    """The memory: slots made to measure, and whole ones that take what does not fit into those."""

    def __init__(self) -> None:
        self.slots = mmap.mmap(-1, SLOTS * SLOT_LIMIT + WHOLE)
        self.whole = mmap.mmap(-1, (SLOTS + 1) * WHOLE)
        self.slots_view = memoryview(self.slots)
        self.whole_view = memoryview(self.whole)


class Slots:
    """How a datagram is laid into a room: `size` bytes into a slot, what is more into the whole slot beside it.

    A size of 0 lays all of it into whole slots.
    """

    def __init__(self, room: Room, size: int) -> None:
        self.size = size
        self.stride = size or WHOLE
        self.memory = room.slots_view if size else room.whole_view
        self._beyond = room.whole_view

    def stretch(self, start: int, lengths: list[int]) -> Stretch:
        """Datagrams from slot `start` on that all fit."""
        return Stretch(self.memory[start * self.stride :], self.stride, lengths)

    def segments(self, slot: int, length: int, size: int) -> Stretch:
        """A datagram that the kernel put together of several of `size` bytes."""
        full, last = divmod(length, size)
        lengths = [size] * full
        if last:
            lengths.append(last)
        memory = self.memory[slot * self.stride :]
        if self.size:
            whole = self.alone(slot, length).packet(0)
            memory = memoryview(whole + bytes(size))
        return Stretch(memory, size, lengths)

    def alone(self, slot: int, length: int) -> Stretch:
        """One datagram, as long as it may be."""
        start = slot * self.stride
        if length <= self.stride:
            return Stretch(self.memory[start:], self.stride, [length])
        beyond = slot * WHOLE
        rest = length - self.size
        whole = bytes(self.memory[start : start + self.size]) + bytes(self._beyond[beyond : beyond + rest])
        return Stretch(memoryview(whole), length, [length])


def came(slots: Slots, lengths: list[int], sources: list[tuple[Source, int]], segment_sizes: list[int] | None) -> Came:
    """What lies in the slots as stretches, each of one sender. `sources` says whose the slots up to a number are."""
    longest = slots.stride
    if segment_sizes is None and len(sources) == 1 and max(lengths) <= longest:
        return [(slots.stretch(0, lengths), sources[0][0])]
    found: Came = []
    start = 0
    for source, end in sources:
        at = start
        for slot in range(start, end + 1):
            size = segment_sizes[slot] if segment_sizes is not None and slot < end else 0
            if slot < end and not size and lengths[slot] <= longest:
                continue
            if at < slot:
                found.append((slots.stretch(at, lengths[at:slot]), source))
            if slot < end and size:
                found.append((slots.segments(slot, lengths[slot], size), source))
            elif slot < end:
                found.append((slots.alone(slot, lengths[slot]), source))
            at = slot + 1
        start = end
    return found


class Fit:
    """What a scoop knows of a socket: how its datagrams are best laid, and who sent last."""

    def __init__(self, opened: socket.socket) -> None:
        self.socket = opened
        self.number = opened.fileno()
        self.is_six = opened.family == socket.AF_INET6
        self.size = 0
        self._is_whole = False
        self.name = b""
        self.source: Source = ("", 0)
        try:
            opened.setsockopt(SOL_UDP, UDP_GRO, 1)
        except OSError:
            pass  # an older kernel: each datagram comes by itself

    def learn(self, longest: int, *, is_coalesced: bool) -> None:
        """What the last call brought; slots only grow, and stay whole once something needed whole ones."""
        self._is_whole |= is_coalesced or longest > SLOT_LIMIT
        if self._is_whole:
            self.size = 0
        elif longest > self.size:
            self.size = max(longest, SLOT_LEAST)


class PlainScoop:
    """With nothing but the standard library: a call a datagram."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._slots: dict[int, Slots] = {}

    def take(self, fit: Fit) -> tuple[Came, int, int]:
        """What waits, at most SLOTS datagrams; how many they were, and their bytes."""
        size = fit.size
        slots = self._slots.get(size)
        if slots is None:
            if len(self._slots) >= LAYOUTS:
                size = 0
            slots = self._slots.setdefault(size, Slots(self._room, size))
        receive, is_six = fit.socket.recvmsg_into, fit.is_six
        lengths: list[int] = []
        sources: list[tuple[Source, int]] = []
        segment_sizes: list[int] = []
        slot_view, whole_view = self._room.slots_view, self._room.whole_view
        for _ in range(SLOTS):
            slot = len(lengths)
            parts = [whole_view[slot * WHOLE : (slot + 1) * WHOLE]]
            if size:
                parts.insert(0, slot_view[slot * size : (slot + 1) * size])
            try:
                length, control, _, source = receive(parts, CONTROL)
            except (BlockingIOError, InterruptedError):
                break
            except OSError:
                # ICMP "port unreachable" of a report we sent; it is taken off the socket by being raised.
                continue
            lengths.append(length)
            segment_sizes.append(_segment_size(control))
            source = source[:2] if is_six else source
            if sources and sources[-1][0] == source:
                sources[-1] = (source, slot + 1)
            else:
                sources.append((source, slot + 1))
        if not lengths:
            return [], 0, 0
        is_coalesced = any(segment_sizes)
        fit.learn(max(lengths), is_coalesced=is_coalesced)
        return came(slots, lengths, sources, segment_sizes if is_coalesced else None), len(lengths), sum(lengths)


def _segment_size(control: list[tuple[int, int, bytes]]) -> int:
    for level, kind, data in control:
        if level == SOL_UDP and kind == UDP_GRO and len(data) >= 4:
            return int.from_bytes(data[:4], sys.byteorder)
    return 0


class _Part(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("size", ctypes.c_size_t))


class _Head(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_size", ctypes.c_uint),
        ("parts", ctypes.c_void_p),
        ("parts_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_size", ctypes.c_size_t),
        ("flags", ctypes.c_int),
        ("_gap", ctypes.c_uint),
        ("length", ctypes.c_uint),
        ("_end", ctypes.c_uint),
    )


HEAD = 64  # struct mmsghdr, on every 64-bit Linux


class _Call:
    """The arguments of recvmmsg for one size of slots and one family of addresses, ready to be used again."""

    def __init__(self, room: Room, slots: Slots, is_six: bool) -> None:
        self.slots = slots
        self.name_size = 28 if is_six else 16
        self._parts = (_Part * (2 * SLOTS))()
        self._names = ctypes.create_string_buffer(SLOTS * self.name_size)
        self._control = ctypes.create_string_buffer(SLOTS * CONTROL)
        self._heads = (_Head * SLOTS)()
        measured, whole = _address(room.slots), _address(room.whole)
        for slot in range(SLOTS):
            first = 2 * slot
            if slots.size:
                self._parts[first] = _Part(measured + slot * slots.size, slots.size)
                self._parts[first + 1] = _Part(whole + slot * WHOLE, WHOLE)
            else:
                self._parts[first] = _Part(whole + slot * WHOLE, WHOLE)
            self._heads[slot] = _Head(
                ctypes.addressof(self._names) + slot * self.name_size,
                self.name_size,
                ctypes.addressof(self._parts) + first * ctypes.sizeof(_Part),
                2 if slots.size else 1,
                ctypes.addressof(self._control) + slot * CONTROL,
                CONTROL,
            )
        self.heads_at = ctypes.addressof(self._heads)
        self.names = memoryview(self._names).cast("B")
        raw = memoryview(self._heads).cast("B")
        self._raw = raw
        self._fresh = bytes(raw)
        self.lengths = raw.cast("I")[14::16]
        self.control_sizes = raw.cast("Q")[5::8]
        self.segment_sizes = memoryview(self._control).cast("B").cast("I")[4::6]

    def renew(self, count: int) -> None:
        """What the kernel wrote into the heads is put back."""
        self._raw[: count * HEAD] = self._fresh[: count * HEAD]


def _address(memory: mmap.mmap) -> int:
    return ctypes.addressof(ctypes.c_char.from_buffer(memory))


class ManyScoop:
    """By recvmmsg: one call for all that waits. Raises OSError where the system has it not."""

    def __init__(self, room: Room) -> None:
        self._recvmmsg = _recvmmsg()
        self._room = room
        self._calls: dict[tuple[int, bool], _Call] = {}

    def take(self, fit: Fit) -> tuple[Came, int, int]:
        """What waits, at most SLOTS datagrams; how many they were, and their bytes."""
        call = self._calls.get((fit.size, fit.is_six)) or self._new_call(fit)
        count = -1
        for _ in range(TRIES):
            count = self._recvmmsg(fit.number, call.heads_at, SLOTS, socket.MSG_DONTWAIT, None)
            # An ICMP "port unreachable" of a report we sent is taken off the socket by being told.
            if count >= 0 or ctypes.get_errno() == errno.EAGAIN:
                break
        if count <= 0:
            return [], 0, 0
        lengths = call.lengths[:count].tolist()
        sources = self._sources(fit, call, count)
        segment_sizes = None
        longest = max(lengths)
        if longest > call.slots.size and any(call.control_sizes[:count]):
            sizes, has = call.segment_sizes[:count].tolist(), call.control_sizes[:count].tolist()
            segment_sizes = [size if is_there else 0 for size, is_there in zip(sizes, has, strict=True)]
        call.renew(count)
        if longest > fit.size:
            fit.learn(longest, is_coalesced=segment_sizes is not None)
        return came(call.slots, lengths, sources, segment_sizes), count, sum(lengths)

    def _new_call(self, fit: Fit) -> _Call:
        size = fit.size if len(self._calls) < LAYOUTS else 0
        key = size, fit.is_six
        if key not in self._calls:
            self._calls[key] = _Call(self._room, Slots(self._room, size), fit.is_six)
        return self._calls[key]

    def _sources(self, fit: Fit, call: _Call, count: int) -> list[tuple[Source, int]]:
        size = call.name_size
        names = bytes(call.names[: count * size])
        if names == fit.name * count:
            return [(fit.source, count)]
        found: list[tuple[Source, int]] = []
        for slot in range(count):
            name = names[slot * size : (slot + 1) * size]
            if name != fit.name:
                fit.name, fit.source = name, _source(name)
            if found and found[-1][0] is fit.source:
                found[-1] = (fit.source, slot + 1)
            else:
                found.append((fit.source, slot + 1))
        return found


def _source(name: bytes) -> Source:
    port = int.from_bytes(name[2:4], "big")
    if len(name) == 16:
        return socket.inet_ntop(socket.AF_INET, name[4:8]), port
    host, scope = socket.inet_ntop(socket.AF_INET6, name[8:24]), int.from_bytes(name[24:28], sys.byteorder)
    return socket.getnameinfo((host, port, 0, scope), NUMERIC)[0] if scope else host, port


def _recvmmsg() -> Any:
    """The system's own. Raises OSError where it is not to be had, or where its structures are not those we know."""
    if sys.platform != "linux" or struct.calcsize("P") != 8 or ctypes.sizeof(_Head) < HEAD:
        raise OSError(errno.ENOSYS, "recvmmsg is not to be had here")
    try:
        # It never blocks, so the interpreter's lock is kept: another thread would not give it back at once.
        found = ctypes.PyDLL(None, use_errno=True).recvmmsg
    except (AttributeError, OSError) as error:
        raise OSError(errno.ENOSYS, "recvmmsg is not to be had here") from error
    found.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int, ctypes.c_void_p)
    found.restype = ctypes.c_int
    return found


Scoop = ManyScoop | PlainScoop


def best_scoop(room: Room) -> Scoop:
    """The fastest that this system has."""
    try:
        return ManyScoop(room)
    except OSError:
        return PlainScoop(room)
