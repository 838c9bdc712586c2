"""Places in memory: the same promises as in a database, but not over a restart."""

from __future__ import annotations

from collections.abc import Sequence

from registry.fix import KeptFix


class MemoryFixes:
    """Keeps `fix_promise.FixShelf`."""

    def __init__(self) -> None:
        self._fixes: dict[tuple[str, str, int], KeptFix] = {}

    async def keep(self, fixes: Sequence[KeptFix]) -> None:
        self._fixes.update({(fix.owner, fix.code, fix.at_ms): fix for fix in fixes})

    async def track(self, owner: str, code: str, start_ms: int, end_ms: int, limit: int) -> list[KeptFix]:
        mine = (fix for fix in self._fixes.values() if (fix.owner, fix.code) == (owner, code))
        found = sorted((fix for fix in mine if start_ms <= fix.at_ms < end_ms), key=lambda fix: fix.at_ms)
        return found[-limit:]

    async def latest(self, limit: int) -> list[KeptFix]:
        last: dict[tuple[str, str], KeptFix] = {}
        for fix in sorted(self._fixes.values(), key=lambda fix: fix.at_ms):
            last[fix.owner, fix.code] = fix
        return sorted(last.values(), key=lambda fix: (-fix.at_ms, fix.owner, fix.code))[:limit]

    async def count(self) -> int:
        return len(self._fixes)

    async def prune(self, before_ms: int, most: int) -> int:
        newest = sorted(self._fixes.values(), key=lambda fix: -fix.at_ms)
        edge = newest[most].at_ms if len(newest) > most else -1
        gone = [key for key, fix in self._fixes.items() if fix.at_ms < before_ms or fix.at_ms <= edge]
        for key in gone:
            del self._fixes[key]
        return len(gone)

    async def forget(self, owner: str) -> None:
        for key in [key for key in self._fixes if key[0] == owner]:
            del self._fixes[key]
