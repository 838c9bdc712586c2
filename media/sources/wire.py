"""The bytes of an RTSP connection: answers, requests of the server, and media packets between them (RFC 2326 10.12)."""

from __future__ import annotations

import re
from dataclasses import dataclass

LARGEST_HEAD = 16 * 1024
LARGEST_BODY = 64 * 1024
MOST_GARBAGE = 64 * 1024
"""Bytes that are neither; some cameras lose count within their own media, and find back."""
MOST_HEADERS = 100
DOLLAR = 0x24
_ANSWER = re.compile(rb"RTSP/1\.\d[ \t]+(\d{3})[ \t]*([^\r\n]*)")
_REQUEST = re.compile(rb"([A-Z_]{3,20})[ \t]+([^\s]{1,2048})[ \t]+RTSP/1\.\d[ \t]*")
_START = re.compile(rb"\$[\x00-\x1f]|RTSP/1\.")
Headers = tuple[tuple[str, str], ...]


class NotRtsp(ValueError):
    """What comes cannot be read on: it is no RTSP, or larger than we bear."""


@dataclass(frozen=True, slots=True)
class Answer:
    """`headers` in their order, names in lower case."""

    status: int
    reason: str
    headers: Headers
    body: bytes = b""

    def header(self, name: str) -> str:
        """Its first value, "" when there is none."""
        return next((value for key, value in self.headers if key == name), "")

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]


@dataclass(frozen=True, slots=True)
class Asked:
    """A request of the server."""

    method: str
    headers: Headers

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key == name), "")


@dataclass(frozen=True, slots=True)
class Packet:
    """A piece of media on one of the connection's channels."""

    channel: int
    data: bytes


Piece = Answer | Asked | Packet


class Wire:
    """Feed bytes as they come, cut anywhere; whole pieces come out. Memory is bounded by the limits above."""

    def __init__(self) -> None:
        self._waiting = bytearray()
        self.garbage = 0

    def feed(self, data: bytes) -> list[Piece]:
        """Raises NotRtsp, and is of no use afterwards."""
        self._waiting += data
        pieces: list[Piece] = []
        at = 0
        while at < len(self._waiting):
            piece, end = self._one(at)
            if end == at:
                break
            at = end
            if piece is not None:
                pieces.append(piece)
        del self._waiting[:at]
        return pieces

    def _one(self, at: int) -> tuple[Piece | None, int]:
        """The piece that begins at `at` and where it ends; the same place when more is needed."""
        waiting = self._waiting
        first = waiting[at]
        if first == DOLLAR:
            if at + 4 > len(waiting):
                return None, at
            end = at + 4 + (waiting[at + 2] << 8 | waiting[at + 3])
            if end > len(waiting):
                return None, at
            return Packet(waiting[at + 1], bytes(waiting[at + 4 : end])), end
        if first in b"\r\n":
            return None, at + 1
        line_end = waiting.find(b"\n", at, at + LARGEST_HEAD)
        if line_end < 0:
            if _may_begin(waiting[at : at + 8]) and len(waiting) - at < LARGEST_HEAD:
                return None, at
            return None, self._skip(at)
        line = bytes(waiting[at:line_end]).rstrip(b"\r")
        if not (_ANSWER.fullmatch(line) or _REQUEST.fullmatch(line)):
            return None, self._skip(at)
        return self._message(at, line, line_end + 1)

    def _message(self, at: int, line: bytes, after_line: int) -> tuple[Piece | None, int]:
        waiting = self._waiting
        found = _END_OF_HEAD.search(waiting, after_line - 1, at + LARGEST_HEAD)
        if found is None:
            if len(waiting) - at >= LARGEST_HEAD:
                raise NotRtsp(f"the head of an answer is longer than {LARGEST_HEAD} bytes")
            return None, at
        headers = _headers(bytes(waiting[after_line : found.start() + 1]))
        said = next((value for name, value in headers if name == "content-length"), "0")
        length = int(said) if said.isascii() and said.isdigit() and len(said) < 9 else 0
        if length > LARGEST_BODY:
            raise NotRtsp(f"an answer has {length} bytes, more than {LARGEST_BODY}")
        end = found.end() + length
        if end > len(waiting):
            return None, at
        answer = _ANSWER.fullmatch(line)
        if answer is not None:
            reason = answer[2].decode("utf-8", "replace").strip()[:200]
            return Answer(int(answer[1]), reason, headers, bytes(waiting[found.end() : end])), end
        asked = _REQUEST.fullmatch(line)
        assert asked is not None
        return Asked(asked[1].decode(), headers), end

    def _skip(self, at: int) -> int:
        """Where something may begin again."""
        found = _START.search(self._waiting, at + 1)
        end = found.start() if found else len(self._waiting)
        self.garbage += end - at
        if self.garbage > MOST_GARBAGE:
            raise NotRtsp("what comes is no RTSP")
        return end


_END_OF_HEAD = re.compile(rb"\n\r?\n")


def _may_begin(first: bytes | bytearray) -> bool:
    """Whether a first line without an end may still become one."""
    return all(65 <= each <= 90 or each in b"_/.0123456789 \t" for each in first)


def _headers(block: bytes) -> Headers:
    found: list[tuple[str, str]] = []
    for line in block.decode("utf-8", "replace").splitlines():
        if line[:1] in (" ", "\t") and found:
            name, value = found[-1]
            found[-1] = (name, f"{value} {line.strip()}")
            continue
        name, mark, value = line.partition(":")
        if mark and len(found) < MOST_HEADERS:
            found.append((name.strip().lower(), value.strip()))
    return tuple(found)


def request(method: str, uri: str, cseq: int, headers: Headers = ()) -> bytes:
    """A request of ours without a body."""
    lines = [f"{method} {uri} RTSP/1.0", f"CSeq: {cseq}", *(f"{name}: {value}" for name, value in headers)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def reply(status: int, reason: str, cseq: str) -> bytes:
    """Our answer to a request of the server."""
    number = cseq if cseq.isascii() and cseq.isdigit() and len(cseq) < 12 else "0"
    return f"RTSP/1.0 {status} {reason}\r\nCSeq: {number}\r\n\r\n".encode()
