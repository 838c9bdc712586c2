"""What may be ordered of the kitchen, and how an order crosses to its process."""

from __future__ import annotations

from typing import Protocol

from media.calls import call_of
from media.plane import KeyFrame, Photograph


class Cooking(Protocol):
    """Every order has a deadline. Raises NoCapacity when the kitchen is full or gone."""

    async def develop(self, picture: KeyFrame, width: int, quality: int) -> Photograph:
        """A JPEG of a key frame, no wider than `width` (0: as it is). Raises ValueError for what cannot be decoded."""

    async def judge(self, data: bytes) -> Photograph:
        """A JPEG that a stranger gave us, as it is, with a small one. Raises ValueError when it is no whole picture."""


ORDERS = {name: call_of(Cooking, name) for name in ("develop", "judge")}
