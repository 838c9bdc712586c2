"""The last messages with each neighbour and of each call, kept for eyes.

Writing down costs an append; taking a message apart waits until somebody looks. Everything is bounded: messages per
neighbour, neighbours, calls, bytes of one message, bytes of all.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from gb28181.charset import decode
from sipserver.sip.message import Request, Response
from sipserver.sip.path import Path
from sipserver.stack import Traffic

LONGEST_KEPT = 16 * 1024
"""Bytes kept of one message; the size that is shown stays the true one."""
FEWEST_KEPT = 8
"""Messages that every neighbour keeps, however crowded we are."""


@dataclass(frozen=True, slots=True)
class Rung:
    """One message as people read it. `status` is 0 for a request; `method` of a response is its CSeq's."""

    at: float
    direction: str
    transport: str
    local: str
    remote: str
    peer: str
    call_id: str
    method: str
    status: int
    summary: str
    text: str
    size: int
    repeated: bool


@dataclass(frozen=True, slots=True)
class CallSeen:
    """One call of which messages are kept."""

    call_id: str
    peer: str
    target: str
    started_at: float
    ended_at: float
    status: int
    """The final answer to the INVITE, 0 while there is none."""
    messages: int


@dataclass(frozen=True, slots=True)
class LadderStatistics:
    peers: int
    calls: int
    bytes: int
    recorded: int


_Note = tuple[float, str, str, tuple[str, int], tuple[str, int], str, bytes, int, bool]
"""at, direction, transport, local, remote, peer, raw, size, repeated"""


class _Ring:
    __slots__ = ("bytes", "notes", "routine")

    def __init__(self) -> None:
        self.notes: deque[_Note] = deque()
        self.routine = ""  # Call-ID of the keepalive whose answer is awaited
        self.bytes = 0


class Ladder:
    """Keeps the last `messages` messages of each of the last `peers` neighbours, and of the last `calls` calls.

    `owners_at(path)` names the neighbours bound to an address. Messages from elsewhere are kept under the code that
    they name, among the last `strangers`, who can crowd out nobody but each other. Of keepalives only the last few
    stay, so that they do not wash the rest away. When all rings together hold more than `most_bytes`, each that grows
    gives up its oldest beyond a fair share.
    """

    def __init__(
        self,
        own_code: str,
        *,
        owners_at: Callable[[Path], Collection[str]] = lambda path: (),
        messages: int = 60,
        keepalives: int = 6,
        calls: int = 1000,
        peers: int = 50_000,
        strangers: int = 500,
        most_bytes: int = 64 * 1024 * 1024,
    ) -> None:
        self._own_code = own_code
        self._owners_at = owners_at
        self._others_at: Callable[[Path], Collection[str]] = lambda path: ()
        self._messages = messages
        self._keepalives = keepalives
        self._most_calls = calls
        self._most_peers = peers
        self._most_strangers = strangers
        self._most_bytes = most_bytes
        self._rings: OrderedDict[str, _Ring] = OrderedDict()
        self._calm: OrderedDict[str, _Ring] = OrderedDict()
        self._strangers: OrderedDict[str, _Ring] = OrderedDict()
        self._all_rings = (self._rings, self._calm, self._strangers)
        self._calls: OrderedDict[str, deque[_Note]] = OrderedDict()
        self._bytes = 0
        self._recorded = 0

    def __repr__(self) -> str:
        return f"<Ladder {len(self._rings)} peers, {len(self._calls)} calls, {self._bytes} bytes>"

    def statistics(self) -> LadderStatistics:
        return LadderStatistics(len(self._rings) + len(self._strangers), len(self._calls), self._bytes, self._recorded)

    def know_also(self, others_at: Callable[[Path], Collection[str]]) -> None:
        """Who is at addresses that no neighbour below is bound to: platforms above."""
        self._others_at = others_at

    def record(self, traffic: Traffic) -> None:
        """Write one message down; given to the stack as `on_traffic`."""
        self._recorded += 1
        path, message, raw = traffic.path, traffic.message, traffic.raw
        owners = self._owners_at(path) or self._others_at(path)
        if len(owners) == 1:
            (peer,) = owners
            is_bound = True
        else:
            peer = self._named_in(raw)
            is_bound = peer in owners
        size = len(raw)
        kept = raw if size <= LONGEST_KEPT else raw[:LONGEST_KEPT]
        where = path.transport, path.local, path.remote
        note: _Note = (traffic.at, traffic.direction, *where, peer, kept, size, traffic.repeated)
        call_id = message.call_id
        calm = self._calm.get(peer)
        if isinstance(message, Response):
            if calm is not None and calm.routine == call_id:
                self._keep(calm, note, self._keepalives)
                return
        elif is_bound and message.method == "MESSAGE" and b">Keepalive<" in message.body:
            calm = calm or self._ring(self._calm, peer, self._most_peers)
            calm.routine = call_id
            self._keep(calm, note, self._keepalives)
            return
        if is_bound:
            self._keep(self._ring(self._rings, peer, self._most_peers), note, self._messages)
        else:
            self._keep(self._ring(self._strangers, peer, self._most_strangers), note, self._messages)
        self._keep_call(call_id, note, isinstance(message, Request) and message.method == "INVITE")

    def of_peer(self, code: str, limit: int = 100) -> list[Rung]:
        """The last messages with a neighbour, oldest first."""
        notes = [note for rings in self._all_rings for note in self._notes(rings, code)]
        notes.sort(key=lambda note: note[0])
        return [_rung(note) for note in notes[-limit:]] if limit > 0 else []

    def of_call(self, call_id: str) -> list[Rung]:
        """The messages of one call, oldest first; empty when it is not kept."""
        return [_rung(note) for note in tuple(self._calls.get(call_id, ()))]

    def calls(self, limit: int = 100) -> list[CallSeen]:
        """The calls that are kept, the youngest first."""
        newest = [(call_id, self._calls[call_id]) for call_id in reversed(self._calls)][: max(limit, 0)]
        return [_call(call_id, notes) for call_id, notes in newest]

    def forget_peer(self, code: str) -> None:
        """Drop what is kept of a neighbour that was removed."""
        for rings in self._all_rings:
            ring = rings.pop(code, None)
            if ring is not None:
                self._bytes -= ring.bytes

    def _notes(self, rings: OrderedDict[str, _Ring], code: str) -> Iterable[_Note]:
        ring = rings.get(code)
        return () if ring is None else tuple(ring.notes)

    def _named_in(self, raw: bytes) -> str:
        """The code a message names beside our own, for those who are bound to no address."""
        code = _user_in(raw, b"From", b"f")
        return _user_in(raw, b"To", b"t") if code == self._own_code else code

    def _ring(self, rings: OrderedDict[str, _Ring], peer: str, most: int) -> _Ring:
        ring = rings.get(peer)
        if ring is None:
            ring = rings[peer] = _Ring()
            while len(rings) > most:
                _, dropped = rings.popitem(last=False)
                self._bytes -= dropped.bytes
        return ring

    def _keep(self, ring: _Ring, note: _Note, most: int) -> None:
        size = len(note[6])
        ring.notes.append(note)
        ring.bytes += size
        self._bytes += size
        while len(ring.notes) > most or (self._bytes > self._most_bytes and self._is_greedy(ring)):
            gone = len(ring.notes.popleft()[6])
            ring.bytes -= gone
            self._bytes -= gone

    def _is_greedy(self, ring: _Ring) -> bool:
        """Whether it holds more than its fair share, now that all together hold too much."""
        if len(ring.notes) <= FEWEST_KEPT:
            return False
        return ring.bytes > self._most_bytes // sum(map(len, self._all_rings))

    def _keep_call(self, call_id: str, note: _Note, begins_call: bool) -> None:
        notes = self._calls.get(call_id)
        if notes is None:
            if not begins_call:
                return
            notes = self._calls[call_id] = deque(maxlen=self._messages * 2)
            while len(self._calls) > self._most_calls:
                self._calls.popitem(last=False)
        notes.append(note)


def _rung(note: _Note) -> Rung:
    at, direction, transport, local, remote, peer, raw, size, repeated = note
    head, _, body = raw.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n") if b"\r\n" in head else head.split(b"\n")
    first = decode(lines[0])
    status, method = _start(first, lines)
    text = decode(head) + "\r\n\r\n" + decode(body)
    if len(raw) < size:
        text += f"\r\n[{size - len(raw)} bytes more]"
    return Rung(
        at,
        direction,
        transport,
        _address(local),
        _address(remote),
        peer,
        decode(_header(lines, b"call-id", b"i")),
        method,
        status,
        _summary(first, status, body),
        text,
        size,
        repeated,
    )


def _start(first: str, lines: list[bytes]) -> tuple[int, str]:
    if first.startswith("SIP/"):
        code = first[8:11]
        method = decode(_header(lines, b"cseq", b"cseq")).strip().rpartition(" ")[2]
        return (int(code) if code.isascii() and code.isdigit() else 0), method
    return 0, first.partition(" ")[0]


def _summary(first: str, status: int, body: bytes) -> str:
    """The line of a ladder: the start line without its version, and the command a MANSCDP body names."""
    line = first[8:].strip() if first.startswith("SIP/") else first.removesuffix(" SIP/2.0")
    command = decode(body.partition(b"<CmdType>")[2][:64].partition(b"<")[0]).strip()
    if not command and body.startswith(b"v=0"):
        command = "SDP " + decode(body.partition(b"s=")[2][:32].partition(b"\r")[0].partition(b"\n")[0])
    return f"{line} · {command}" if command else line


def _call(call_id: str, notes: deque[_Note]) -> CallSeen:
    rungs = [_rung(note) for note in tuple(notes)]
    first = rungs[0]
    final = next((rung.status for rung in rungs if rung.method == "INVITE" and rung.status >= 200), 0)
    target = _user_in(notes[0][6], b"To", b"t")
    return CallSeen(call_id, first.peer, target, first.at, rungs[-1].at, final, len(rungs))


def _address(address: tuple[str, int]) -> str:
    host = f"[{address[0]}]" if ":" in address[0] else address[0]
    return f"{host}:{address[1]}"


def _header(lines: list[bytes], name: bytes, short: bytes) -> bytes:
    for line in lines[1:]:
        found, colon, value = line.partition(b":")
        if colon and found.strip().lower() in (name, short):
            return value.strip()
    return b""


def _user_in(raw: bytes, name: bytes, short: bytes) -> str:
    """The user part of an address header, found without taking the message apart; "" when it has none."""
    at = raw.find(b"\n" + name + b":")
    if at < 0:
        at = raw.find(b"\n" + short + b":")
        if at < 0:
            return ""
    line = raw[at : at + 512].partition(b":")[2].partition(b"\n")[0]
    user = line.partition(b"sip")[2].partition(b":")[2].partition(b"@")[0]
    return user.decode("ascii", "replace")[:64] if user and b">" not in user else ""
