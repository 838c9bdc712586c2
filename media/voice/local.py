"""Voice in this very process: fifty small packets a second to each loudspeaker need no worker."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable
from typing import Any

from media.plane import NoCapacity
from media.ports import Ports
from media.voice.chorus import Chorus
from media.voice.plane import Microphone


class LocalVoice:
    """Keeps `media.voice.plane.VoicePlane`. Ports come from the end of the media range, where streams come last."""

    def __init__(
        self, host: str, first_port: int, last_port: int, *, quarantine_s: float = 5.0, announce_host: str = ""
    ) -> None:
        begin = max(first_port, last_port - 99) if first_port else 0
        self._ports = Ports(host, first_port, last_port, quarantine_s=quarantine_s, receive_buffer=65_536, begin=begin)
        self._host = host
        self._announce_host = announce_host

    def voice(self) -> Chorus:
        """See `VoicePlane.voice`."""
        return Chorus(self._ports, self._announce_host)

    async def microphone(self, offer: str, say: Callable[[bytes], None]) -> Microphone:
        """See `VoicePlane.microphone`."""
        try:
            rtc = await asyncio.to_thread(importlib.import_module, "media.voice.rtc")
        except ImportError as missing:
            raise NoCapacity(f"WebRTC is not installed here: {missing}") from None
        # Any: the module is loaded when it is first needed, and so unknown to the type checker.
        take: Any = rtc.take
        microphone: Microphone = await take(offer, say, self._host, self._announce_host)
        return microphone
