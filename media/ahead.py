"""Who may have gone ahead of what others know."""

from __future__ import annotations

from typing import Protocol


class Ahead(Protocol):
    """Goes on by itself for a while with state that is lent to it. Ask it to catch up before you look at any of it, or
    change it."""

    is_ahead: bool

    def catch_up(self) -> None:
        """Everything is where it belongs now. Harmless when it is."""

    def publish_reception(self, *, reports: bool) -> None:
        """How packets are received is of now, and with `reports` told to the sender; he goes on."""

    def publish_sent(self) -> None:
        """What is sent on is of now; he goes on."""
