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
    """Keeps `media.voice.plane.VoicePlane`. Ports come from the end of the media range, where streams come last;
    those of WebRTC are a range of their own, (0, 0) of the system's choice."""

    def __init__(
        self,
        host: str,
        first_port: int,
        last_port: int,
        *,
        quarantine_s: float = 5.0,
        announce_host: str = "",
        webrtc_ports: tuple[int, int] = (0, 0),
    ) -> None:
        begin = max(first_port, last_port - 99) if first_port else 0
        self._ports = Ports(host, first_port, last_port, quarantine_s=quarantine_s, receive_buffer=65_536, begin=begin)
        self._host = host
        self._announce_host = announce_host
        self._webrtc_ports = webrtc_ports
        # Any: its module is loaded when it is first needed, and so unknown to the type checker.
        self._booth: Any = None

    def voice(self) -> Chorus:
        """See `VoicePlane.voice`."""
        return Chorus(self._ports, self._announce_host)

    async def microphone(self, offer: str, client: str, say: Callable[[bytes], None]) -> Microphone:
        """See `VoicePlane.microphone`."""
        if self._booth is None:
            try:
                rtc = await asyncio.to_thread(importlib.import_module, "media.voice.rtc")
            except ImportError as missing:
                raise NoCapacity(f"WebRTC is not installed here: {missing}") from None
            self._booth = self._booth or rtc.booth(self._host, self._announce_host, *self._webrtc_ports)
        microphone: Microphone = await self._booth.take(offer, client, say)
        return microphone
