"""News for open consoles, as Server-Sent Events."""

from __future__ import annotations

from web.settings import WebSettings
from web.wishes import Services


class Feed:
    """Translates facts of the bus into lines for every open console."""

    def __init__(self, services: Services, settings: WebSettings) -> None:
        self._services = services
        self._settings = settings
