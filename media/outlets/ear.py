"""What a viewer may say: pings and goodbyes in a WebSocket, nothing over HTTP. Bytes in, answers and a verdict out."""

from __future__ import annotations

from dataclasses import dataclass

from media.plane import WireForm

MESSAGE_LIMIT = 4096
"""Viewers have nothing to say; one that says more in one message is shut out."""
MESSAGES_LIMIT = 1000
"""So is one that says so many messages between two of our pings."""
CONTROL_LIMIT = 125
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
TOO_BIG, PROTOCOL_ERROR, POLICY = 1009, 1002, 1008


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of some bytes: `answer` is to be written, and `left` says why nobody need listen any more."""

    answer: bytes = b""
    left: str = ""


NOTHING = Heard()


def frame(opcode: int, payload: bytes) -> bytes:
    """A short WebSocket frame as a server sends it, unmasked (RFC 6455 5.2)."""
    return bytes((0x80 | opcode, len(payload))) + payload


def goodbye(code: int, why: str) -> bytes:
    """The close frame, its reason cut to what fits."""
    return frame(CLOSE, code.to_bytes(2, "big") + why.encode()[:120].decode(errors="ignore").encode())


class SilentEar:
    """HTTP: the request was all there is to say. Pipelined requests are not answered."""

    def __init__(self) -> None:
        self._heard_bytes = 0

    def hear(self, data: bytes) -> Heard:
        self._heard_bytes += len(data)
        return Heard(left="the viewer talks") if self._heard_bytes > MESSAGE_LIMIT else NOTHING

    def forgive(self) -> None:
        """A while has passed: what was said before counts no longer."""
        self._heard_bytes = 0


class WebSocketEar:
    """Frames of a client (RFC 6455 5): pings are answered, a goodbye is returned, all else is heard and dropped.

    Never keeps more than one frame; who breaks the rules or talks too much is shut out with a close code.
    """

    def __init__(self) -> None:
        self._kept = b""
        self._messages = 0

    def hear(self, data: bytes) -> Heard:
        kept = self._kept + data if self._kept else data
        answers: list[bytes] = []
        at = 0
        while len(kept) - at >= 2:
            first, second = kept[at], kept[at + 1]
            opcode, size = first & 0x0F, second & 0x7F
            is_control = opcode >= CLOSE
            is_known = opcode <= BINARY or CLOSE <= opcode <= PONG
            if first & 0x70 or not second & 0x80 or not is_known or (is_control and (size > 125 or not first & 0x80)):
                return _shut_out(answers, PROTOCOL_ERROR, "the viewer broke the protocol")
            head = 2
            if size == 127:
                return _shut_out(answers, TOO_BIG, "the viewer talks")
            if size == 126:
                if len(kept) - at < 4:
                    break
                size = int.from_bytes(kept[at + 2 : at + 4], "big")
                head = 4
            if size > MESSAGE_LIMIT:
                return _shut_out(answers, TOO_BIG, "the viewer talks")
            begin = at + head + 4
            if len(kept) < begin + size:
                break
            self._messages += 1
            if self._messages > MESSAGES_LIMIT:
                return _shut_out(answers, POLICY, "the viewer talks")
            payload = _unmasked(kept[begin : begin + size], kept[at + head : begin]) if is_control else b""
            if opcode == PING:
                answers.append(frame(PONG, payload))
            elif opcode == CLOSE:
                answers.append(frame(CLOSE, payload[:2]))
                return Heard(b"".join(answers), "the viewer left")
            at = begin + size
        self._kept = kept[at:]
        return Heard(b"".join(answers)) if answers else NOTHING

    def forgive(self) -> None:
        """A while has passed: what was said before counts no longer."""
        self._messages = 0


Ear = SilentEar | WebSocketEar


def ear_for(form: WireForm) -> Ear:
    return WebSocketEar() if form is WireForm.WEBSOCKET else SilentEar()


def _shut_out(answers: list[bytes], code: int, why: str) -> Heard:
    return Heard(b"".join((*answers, goodbye(code, why))), why)


def _unmasked(payload: bytes, mask: bytes) -> bytes:
    return bytes(byte ^ mask[number & 3] for number, byte in enumerate(payload))
