"""What a new catalog changes in what we hold: worked out purely, page by page."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Diff:
    """What a catalog or a notice changed. Codes are of directories and channels alike.

    `unknown` names those of whom only a status came and whom we do not hold; `refused` counts items that could not be
    kept (no code, or an overlong one).
    """

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    refused: int = 0

    @property
    def is_empty(self) -> bool:
        return not (self.added or self.changed or self.removed)
