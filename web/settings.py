"""The settings of the web room."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

BUILT_CONSOLE = Path(__file__).parent / "console" / "dist"


@dataclass(frozen=True, slots=True)
class WebSettings:
    """How people and programs come in. Times are seconds, sizes bytes."""

    host: str = "0.0.0.0"
    port: int = 8088
    public_origins: tuple[str, ...] = ()
    """Origins such as "https://video.example.cn" under which a proxy shows us; the Host header is always accepted."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses whose X-Forwarded-For and X-Forwarded-Proto we believe."""
    session_idle_s: int = 12 * 3600
    """A session unused for so long ends; an open console is use."""
    largest_body: int = 256 * 1024
    body_patience_s: float = 15.0
    longest_feed_queue: int = 256
    most_feeds: int = 500
    feed_gather_s: float = 0.1
    """News is gathered for so long before it is sent, so that a storm becomes one line a thing."""
    feed_heartbeat_s: float = 15.0
    most_leases_per_session: int = 64
    sweep_s: float = 15.0
    """How often we look whether sessions that hold pictures or feeds still live."""
    console: Path = BUILT_CONSOLE
    """The built console's folder."""
