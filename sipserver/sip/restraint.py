"""How often one source is told that it cannot be read: its address may be forged, and the answers hit somebody else."""

from __future__ import annotations

PERIOD_S = 1.0
MOST_SOURCES = 10_000


class Restraint:
    """At most `answers` for each host in a second, and none for further hosts when more than `sources` ask in one."""

    def __init__(self, answers: int, *, sources: int = MOST_SOURCES) -> None:
        self._answers = answers
        self._sources = sources
        self._given: dict[str, int] = {}
        self._until = float("-inf")

    def __len__(self) -> int:
        return len(self._given)

    def may_answer(self, host: str, now: float) -> bool:
        """Whether this host has an answer left, which it then has had."""
        if now >= self._until:
            self._given.clear()
            self._until = now + PERIOD_S
        given = self._given.get(host, 0)
        if given >= self._answers or (given == 0 and len(self._given) >= self._sources):
            return False
        self._given[host] = given + 1
        return True
