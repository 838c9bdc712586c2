"""Whose packets an inlet takes: learnt from the first valid one, then kept (media.md 3.6)."""

from __future__ import annotations

Source = tuple[str, int]

SILENT_S = 2.0


class SourceLock:
    """Locks to the first sender and yields to a better one.

    Better is who sends from the host that was answered, then who sends the SSRC that was agreed. An equal one takes
    over only when the locked one has been silent for 2 s, and then only with the SSRC and a payload type that the
    locked one sent: a camera behind a NAT that changed its mind, not a stranger. Whoever lets packets of the locked
    one pass without asking keeps `heard_at` up to date.
    """

    def __init__(self) -> None:
        self.source: Source | None = None
        self.switches = 0
        self.heard_at = 0.0
        self._rank = 0
        self._ssrc: int | None = None
        self._payload_types: set[int] = set()
        self._expected_host: str | None = None
        self._expected_ssrc: int | None = None
        self._shunned: tuple[Source, int] | None = None

    def shun(self, source: Source, ssrc: int) -> None:
        """Who sent to this port in its last session may do so still: not ours, unless it is the one that is answered
        or sends the SSRC that is agreed (media.md 3.6)."""
        self._shunned = source, ssrc

    def shuns(self, source: Source, ssrc: int) -> bool:
        return (source, ssrc) == self._shunned and ssrc != self._expected_ssrc

    def expect(self, host: str | None, ssrc: int | None, port: int | None = None) -> None:
        """What was answered. Whoever is locked already is judged anew by it."""
        if self._shunned is not None and self._shunned[0] == (host, port):
            self._shunned = None
        self._expected_host = host
        self._expected_ssrc = ssrc
        if self.source is not None:
            self._rank = self._rank_of(self.source, self._ssrc)

    def part(self, source: Source) -> None:
        """Nothing more comes from there, its connection has ended: an equal one need not wait."""
        if source == self.source:
            self.heard_at = float("-inf")

    def is_silent(self, now: float) -> bool:
        """Whether the locked one has been silent for so long that an equal one may take over."""
        return now - self.heard_at >= SILENT_S

    def reset(self) -> None:
        """A new session: the next valid packet is learnt from."""
        self.source = None
        self._ssrc = None
        self._payload_types.clear()

    def admits(self, source: Source, ssrc: int, payload_type: int, now: float) -> bool:
        """Whether this packet may go on; may lock or switch."""
        if source != self.source:
            if self.source is not None and not self._yields_to(source, ssrc, payload_type, now):
                return False
            self.switches += self.source is not None
            self.source = source
            self._rank = self._rank_of(source, ssrc)
            self._ssrc = None
        self.heard_at = now
        if ssrc != self._ssrc:
            self._ssrc = ssrc
            self._rank = self._rank_of(source, ssrc)
        if payload_type not in self._payload_types:
            self._payload_types.add(payload_type)
        return True

    def _yields_to(self, source: Source, ssrc: int, payload_type: int, now: float) -> bool:
        rank = self._rank_of(source, ssrc)
        if rank > self._rank:
            return True
        return self.is_silent(now) and rank >= self._rank and ssrc == self._ssrc and payload_type in self._payload_types

    def _rank_of(self, source: Source, ssrc: int | None) -> int:
        at_home = self._expected_host is not None and source[0] == self._expected_host
        return 2 * at_home + (ssrc is not None and ssrc == self._expected_ssrc)
