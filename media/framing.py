"""RTP packets out of a TCP byte stream: RFC 4571 lengths, or the '$' framing that cameras borrow from RTSP."""

from __future__ import annotations

from media.run import bodies

PLAIN, DOLLAR = 2, 4  # bytes before a packet: length; or '$', channel, length
_RTP_HEADER = 12
_PS_CODE = b"\x00\x00\x01\xba"
_GOOD, _BAD, _WAIT = 1, 0, -1
_SEARCH_OTHER_AFTER = 65_536
ALIKE_LIMIT = 256
"""Packets taken in one step."""


class Framer:
    """Bytes of one connection in, whole packets out.

    The framing is found by itself and found again when it is lost; what lies between is skipped and counted.
    `is_lost` turns true when `search_limit` bytes held no packet: close the connection then. Packets look into the
    bytes fed. `ssrc` helps to find the way and is corrected by what really comes.
    """

    def __init__(self, *, ssrc: int | None = None, packet_limit: int = 16_384, search_limit: int = 2 << 20) -> None:
        self.is_lost = False
        self.resyncs = 0
        self.skipped_bytes = 0
        self.packets = 0
        self._ssrc: bytes | None = None if ssrc is None else ssrc.to_bytes(4, "big")
        self._heard = False
        self._limit = packet_limit
        self._search_limit = search_limit
        self._head = 0  # PLAIN or DOLLAR once known
        self._searched = 0
        self._rest = b""

    @property
    def framing(self) -> str:
        """What the sender uses, for eyes."""
        return {PLAIN: "RFC 4571", DOLLAR: "'$'"}.get(self._head, "unknown")

    def lend(self) -> tuple[int, bytes] | None:
        """The bytes before a packet, and what of one has come, for one who reads on in our place; None while that is
        not certain."""
        return None if self.is_lost or not self._head or not self._heard else (self._head, self._rest)

    def take_back(self, packets: int, rest: bytes) -> None:
        """So many packets later, and what of one has come."""
        self.packets += packets
        self._searched = 0
        self._rest = rest

    def pieces(self, data: bytes) -> list[tuple[bytes, int]]:
        """The packets that these bytes complete, back to back: neighbours of one size, given beside them, and perhaps a
        shorter one behind those."""
        if self._rest:
            data = self._rest + data
            self._rest = b""
        pieces: list[tuple[bytes, int]] = []
        position = 0
        while self._head and self._heard and not self.is_lost:
            count, size = self._alike(data, position)
            if not count:
                break
            head = self._head
            parts = bodies(head, size, count)(data, position)
            position += count * (head + size)
            shorter, its_size = self._alike(data, position, 1)
            if shorter and its_size < size:
                parts += (data[position + head : position + head + its_size],)
                position += head + its_size
                count += 1
            pieces.append((b"".join(parts) if count > 1 else parts[0], size))
            self.packets += count
            self._searched = 0
        if position < len(data):
            pieces += [(bytes(packet), len(packet)) for packet in self.feed(data[position:])]
        return pieces

    def _alike(self, data: bytes, position: int, most: int = ALIKE_LIMIT) -> tuple[int, int]:
        """How many whole packets of one size, all plain RTP of the stream heard before, stand here one behind another;
        and their size. One slice with a step is one byte of all of them."""
        head = self._head
        start = position + head
        if start + _RTP_HEADER > len(data):
            return 0, 0
        size = data[start - 2] << 8 | data[start - 1]
        stride = head + size
        count = min((len(data) - position) // stride, most)
        if (
            not count
            or not _RTP_HEADER <= size <= self._limit
            or data[start] != 0x80
            or 192 <= data[start + 1] <= 223
            or not data.startswith(self._ssrc or b"", start + 8)
            or (head == DOLLAR and data[position] != 0x24)
        ):
            return 0, 0
        if count > 1:
            end = position + count * stride
            columns = [data[at:end:stride] for at in (start - 2, start - 1, start)]
            if head == DOLLAR:
                columns.append(data[position:end:stride])
            for column in columns:
                if column.count(column[0]) != len(column):
                    count = min(count, len(column) - len(column.lstrip(column[:1])))
            kinds = data[start + 1 : end : stride]
            if any(192 <= kind <= 223 for kind in set(kinds[:count])):
                count = 1
        return count, size

    def feed(self, data: bytes) -> list[memoryview]:
        """The packets that these bytes complete."""
        if self.is_lost:
            return []
        if self._rest:
            data = self._rest + data
        packets: list[memoryview] = []
        view = memoryview(data)
        position, size = 0, len(data)
        while position < size:
            head = self._head or self._first_framing(data, position, size)
            if head <= 0:
                if head == _WAIT:
                    break
                position = self._search(data, position)
                if not self._head:
                    break
                continue
            verdict = self._look(data, position, size, head)
            if verdict == _WAIT:
                break
            if verdict == _BAD:
                self._head = 0
                self.resyncs += 1
                position = self._search(data, position)
                if not self._head:
                    break
                continue
            length = data[position + head - 2] << 8 | data[position + head - 1]
            end = position + head + length
            if end > size:
                break
            self._head = head
            if length:
                packet = view[position + head : end]
                packets.append(packet)
                self._searched = 0
                self.packets += 1
                if length >= _RTP_HEADER and not 192 <= packet[1] <= 223:
                    self._ssrc = data[position + head + 8 : position + head + 12]
                    self._heard = True
            else:
                self._skip(head)
            position = end
        self._rest = data[position:] if position < size else b""
        return packets

    def _first_framing(self, data: bytes, position: int, size: int) -> int:
        """media.md 3.3: '$' with a version-2 byte behind four, or a version-2 byte behind two; 0 for neither."""
        if size - position < 5:
            return _WAIT
        if self._searched or self.resyncs:
            return 0
        if data[position] == 0x24 and data[position + 4] & 0xC0 == 0x80 and data[position + 2] < 0x80:
            return DOLLAR
        return PLAIN if data[position + 2] & 0xC0 == 0x80 else 0

    def _look(self, data: bytes, position: int, size: int, head: int) -> int:
        """Whether a packet may begin here. Waits only while it cannot be told."""
        if head == DOLLAR and data[position] != 0x24:
            return _BAD
        start = position + head
        if start > size:
            return _WAIT
        length = data[start - 2] << 8 | data[start - 1]
        if length == 0 and head == PLAIN:
            return _GOOD
        if not 8 <= length <= self._limit:
            return _BAD
        if size < start + 2:
            return _WAIT if size == start or data[start] & 0xC0 == 0x80 else _BAD
        if data[start] & 0xC0 != 0x80:
            return _BAD
        if 192 <= data[start + 1] <= 223:
            return _GOOD
        if length < _RTP_HEADER:
            return _BAD
        if size < start + _RTP_HEADER:
            return _WAIT
        if not self._heard or data.startswith(self._ssrc or b"", start + 8):
            return _GOOD
        return self._chained(data, start, length, size, head)

    def _chained(self, data: bytes, start: int, length: int, size: int, head: int) -> int:
        """A packet of an SSRC not heard before is believed when its length leads to a next packet's head."""
        following = start + length
        if following + head + _RTP_HEADER > size:
            return _WAIT
        behind = following + head
        if head == DOLLAR and data[following] != 0x24:
            return _BAD
        next_length = data[behind - 2] << 8 | data[behind - 1]
        if not 8 <= next_length <= self._limit or data[behind] & 0xC0 != 0x80:
            return _BAD
        if 192 <= data[behind + 1] <= 223:
            return _GOOD
        ssrc = data[behind + 8 : behind + 12]
        return _GOOD if ssrc in (self._ssrc, data[start + 8 : start + 12]) else _BAD

    def _search(self, data: bytes, position: int) -> int:
        """Where a packet's framing begins again (then `_head` is set), or up to where there is none."""
        found = -1
        if self._ssrc is not None:
            found = self._find(data, position, self._ssrc, 8)
        if found < 0 and (self._ssrc is None or not self._heard or self._searched > _SEARCH_OTHER_AFTER):
            found = self._find(data, position, _PS_CODE, _RTP_HEADER)
        # The framing and header of a packet that begins at the very end must not be skipped.
        end = found if found >= 0 else max(position, len(data) - 15)
        self._skip(end - position)
        return end

    def _find(self, data: bytes, position: int, mark: bytes, mark_at: int) -> int:
        size = len(data)
        at = data.find(mark, position + PLAIN + mark_at)
        while at >= 0:
            start = at - mark_at
            for head in (DOLLAR, PLAIN):
                begin = start - head
                if begin < position or data[start] & 0xC0 != 0x80 or (head == DOLLAR and data[begin] != 0x24):
                    continue
                length = data[start - 2] << 8 | data[start - 1]
                if not _RTP_HEADER <= length <= self._limit:
                    continue
                verdict = self._chained(data, start, length, size, head)
                if verdict == _GOOD:
                    self._head = head
                    self._heard = False
                    return begin
                if verdict == _WAIT:
                    # Not to be told yet: keep from here, and look again when more has come.
                    return self._keep(begin)
            at = data.find(mark, at + 1)
        return -1

    def _keep(self, begin: int) -> int:
        self._head = 0
        return begin

    def _skip(self, count: int) -> None:
        self.skipped_bytes += count
        self._searched += count
        if self._searched > self._search_limit:
            self.is_lost = True
