"""What was seen on the port, kept so that a stream which never came can say why (pains 32)."""

from __future__ import annotations

from media.plane import Seen, Transport, Verdict

MANY = 8
"""So many different sources, SSRCs or payload types are remembered; the rest is only counted."""


class Witness:
    """Counts everything, remembers the first few of each kind. Judges when asked."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self.packets = 0
        self.bytes = 0
        self.not_rtp = 0
        self.strangers = 0
        self.ssrc_mismatches = 0
        self.connections = 0
        self.connect_failure = ""
        self.framing_lost = 0
        self._sources: dict[str, None] = {}
        self._ssrcs: dict[int, None] = {}
        self._payload_types: dict[int, None] = {}

    def note_source(self, source: tuple[str, int]) -> None:
        if len(self._sources) < MANY:
            self._sources[f"{source[0]}:{source[1]}"] = None

    def note_ssrc(self, ssrc: int) -> None:
        if len(self._ssrcs) < MANY:
            self._ssrcs[ssrc] = None

    def note_payload_type(self, payload_type: int) -> None:
        if len(self._payload_types) < MANY:
            self._payload_types[payload_type] = None

    def note_connect_failure(self, words: str) -> None:
        self.connect_failure = words

    def note_garbage(self, size: int, source: tuple[str, int]) -> None:
        """Something came that is no RTP."""
        self.not_rtp += 1
        self.bytes += size
        self.note_source(source)

    def note_stranger(self, ssrc: int, source: tuple[str, int]) -> None:
        """RTP of somebody else on a shared port."""
        self.strangers += 1
        self.note_ssrc(ssrc)
        self.note_source(source)

    def judge(self, *, codecs: tuple[str, ...], is_understood: bool, unsupported: tuple[str, ...]) -> Seen:
        """The facts behind a failure, and the one word for them."""
        verdict = self._verdict(is_understood, unsupported)
        return Seen(
            verdict=verdict,
            packets=self.packets + self.not_rtp + self.strangers,
            bytes=self.bytes,
            sources=tuple(self._sources),
            ssrcs=tuple(self._ssrcs),
            payload_types=tuple(self._payload_types),
            codecs=unsupported or codecs,
            note=self._note(verdict),
        )

    def _verdict(self, is_understood: bool, unsupported: tuple[str, ...]) -> Verdict:
        if self.packets == 0:
            if self.strangers:
                return Verdict.OTHER_SSRC
            if self.not_rtp or self.framing_lost:
                return Verdict.NOT_RTP
            if self.connect_failure:
                return Verdict.CANNOT_CONNECT
            return Verdict.CONNECTED_SILENT if self.connections else Verdict.NOTHING
        if unsupported:
            return Verdict.UNSUPPORTED_CODEC
        return Verdict.NO_KEY_FRAME if is_understood else Verdict.NOT_PS

    def _note(self, verdict: Verdict) -> str:
        parts = []
        if verdict is Verdict.CANNOT_CONNECT:
            parts.append(self.connect_failure)
        if self.not_rtp:
            parts.append(f"{self.not_rtp} pieces were no RTP")
        if self.strangers:
            parts.append(f"{self.strangers} packets were of others")
        if self.framing_lost:
            parts.append("the framing of the TCP stream was lost")
        if self.ssrc_mismatches:
            parts.append("the SSRC is not the agreed one")
        return "; ".join(parts)
