"""Pieces of 20 ms into the packets that one device wants: bare G.711, or a program stream."""

from __future__ import annotations

import random
from struct import Struct

from media.frame import Codec, Frame
from media.g711 import ALAW_SILENCE, alaw_to_linear, linear_to_alaw, linear_to_ulaw, ulaw_to_linear
from media.ps.mux import Muxer
from media.rtp import MARKER, Packetiser
from media.voice.reservoir import PIECE

PIECE_90K = 1800
SILENCE = bytes((ALAW_SILENCE,)) * PIECE
TO_ULAW = linear_to_ulaw(alaw_to_linear(bytes(range(256))))
"""mu-law codes by A-law codes, for `bytes.translate`."""
FROM_ULAW = linear_to_alaw(ulaw_to_linear(bytes(range(256))))
HEADER = Struct(">BBHII")


class Lips:
    """One stream of RTP: a number, a clock of its own, and a form. ValueError for a form there is not."""

    def __init__(self, ssrc: int, payload_type: int, form: str, *, drawn: random.Random | None = None) -> None:
        if form not in ("PCMA", "PCMU", "PS"):
            raise ValueError(f"a voice goes as PCMA, PCMU or PS, not {form!r}")
        drawn = drawn or random.SystemRandom()
        self.ssrc = ssrc
        self.payload_type = payload_type
        self.form = form
        self.packets = 0
        self.octets = 0
        self.timestamp = drawn.getrandbits(32) if form != "PS" else 0
        self._packetiser = Packetiser(ssrc, payload_type, sequence=drawn.getrandbits(15))
        self._muxer = Muxer(None, Codec.G711A) if form == "PS" else None
        self._pts_90k = 90_000

    @property
    def clock_hz(self) -> int:
        return 90_000 if self._muxer is not None else 8000

    def skip(self, pieces: int) -> None:
        """The clock of the house came late: so many pieces are left out."""
        self._advance(pieces)

    def packet(self, piece: bytes | None) -> bytes:
        """One packet of 20 ms; None is silence."""
        sound = SILENCE if piece is None else piece
        if self._muxer is not None:
            frame = Frame(Codec.G711A, sound, self._pts_90k, self._pts_90k, key=True)
            (packet,) = self._packetiser.packets(self._muxer.pack(frame), self._pts_90k)
        else:
            if self.form == "PCMU":
                sound = sound.translate(TO_ULAW)
            # The marker is the start of a talkspurt (RFC 3551 4.1), and ours never pauses.
            kind = self.payload_type | (MARKER if not self.packets else 0)
            packet = HEADER.pack(0x80, kind, self._packetiser.sequence, self.timestamp, self.ssrc) + sound
            self._packetiser.sequence = (self._packetiser.sequence + 1) & 0xFFFF
        self.packets += 1
        self.octets += len(packet) - 12
        self._advance(1)
        return packet

    def _advance(self, pieces: int) -> None:
        self.timestamp = (self.timestamp + pieces * PIECE) & 0xFFFFFFFF
        self._pts_90k += pieces * PIECE_90K

    @property
    def rtp_time(self) -> int:
        """The time stamp of what comes next."""
        return self._pts_90k if self._muxer is not None else self.timestamp


def alaw_of(payload: bytes, payload_type: int) -> bytes:
    """The sound in a packet that came back, as A-law: what is marked PCMU is turned into it."""
    return payload.translate(FROM_ULAW) if payload_type == 0 else payload


def peak(sound: bytes) -> float:
    """How loud A-law sound is at its loudest, 0 to 1."""
    return max(sound.translate(_PEAKS)) / 255 if sound else 0.0


def _peaks() -> bytes:
    linear = alaw_to_linear(bytes(range(256)))
    samples = (int.from_bytes(linear[at : at + 2], "little", signed=True) for at in range(0, 512, 2))
    return bytes(min(255, abs(sample) >> 7) for sample in samples)


_PEAKS = _peaks()
