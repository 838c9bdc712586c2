"""The storage cards of a device, and how they are formatted: by the clock it is handed, no timers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from gb28181.manscdp.sd_card import SdCard


@dataclass(frozen=True, slots=True)
class StorageSettings:
    """The cards it has, numbered from 1, and how many seconds one takes to format."""

    cards: tuple[SdCard, ...] = (
        SdCard(1, "SD1", capacity_mb=61_440, free_mb=20_480),
        SdCard(2, "SD2", capacity_mb=122_880, free_mb=4_096),
    )
    format_s: float = 2.0


class Storage:
    """`cards` as SDCardStatus tells them: formatting with its progress, then ok and empty."""

    def __init__(self, settings: StorageSettings, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._clock = clock
        self._cards = {card.number: card for card in settings.cards}
        self._formatting: dict[int, float] = {}

    @property
    def cards(self) -> tuple[SdCard, ...]:
        now = self._clock()
        for number, since in tuple(self._formatting.items()):
            card = self._cards[number]
            share = (now - since) / self._settings.format_s if self._settings.format_s > 0 else 1.0
            if share >= 1:
                del self._formatting[number]
                self._cards[number] = replace(card, state="ok", progress=None, free_mb=card.capacity_mb)
            else:
                self._cards[number] = replace(card, state="formatting", progress=int(share * 100))
        return tuple(self._cards.values())

    def format(self, number: int) -> bool:
        """Begin with one card, with all for 0; false when there is no such card. One that is at it goes on."""
        wanted = [each for each in self._cards if number in (0, each)]
        for each in wanted:
            self._formatting.setdefault(each, self._clock())
        return bool(wanted)
