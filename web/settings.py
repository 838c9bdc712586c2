"""The settings of the web room."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from pathlib import Path
from string import ascii_letters, digits
from urllib.parse import urlsplit

from gb28181.datum import Datum

TILE_MARKS = ("{z}", "{x}", "{y}")
TILE_LETTERS = frozenset(ascii_letters + digits + "-._~:/?#[]@!$&()*+%={}")
BUILT_CONSOLE = Path(__file__).parent / "console" / "dist"


@dataclass(frozen=True, slots=True)
class MapSettings:
    """What the ground of the map is drawn with. None is shipped, because none is both free and officially approved.

    ValueError names the field that cannot be.
    """

    tiles: str = ""
    """Address of square map tiles with {z}, {x} and {y} in it; "" draws a plain grid."""
    tiles_datum: Datum = Datum.GCJ02
    """In what they are drawn: gcj02, as maps published in China, or wgs84."""
    attribution: str = ""
    """Whose map it is, as its owner wants it said."""
    outline: str = ""
    """A GeoJSON file with an approved outline, drawn above the ground; "" draws none."""
    outline_datum: Datum = Datum.WGS84
    """In what it is drawn."""
    longitude: float = 104.0
    """Where the map begins before anything stands on it: degrees,"""
    latitude: float = 35.5
    """degrees,"""
    zoom: float = 4.0
    """and how near, 0 to 20."""

    def __post_init__(self) -> None:
        if self.tiles and not (
            self.tiles.startswith(("https://", "http://", "/")) and all(mark in self.tiles for mark in TILE_MARKS)
        ):
            raise ValueError(f"tiles is an address with {', '.join(TILE_MARKS)} in it, not {self.tiles!r}")
        if self.tiles and not TILE_LETTERS.issuperset(self.tiles):
            raise ValueError("tiles holds a letter that no address has")
        if not (-180 <= self.longitude <= 180 and -90 <= self.latitude <= 90 and 0 <= self.zoom <= 20):
            raise ValueError("longitude, latitude and zoom must lie on the Earth, zoom within 0 to 20")

    @property
    def datum(self) -> Datum:
        """In what everything is shown: as the tiles are, or the outline where there are none."""
        if self.tiles:
            return self.tiles_datum
        return self.outline_datum if self.outline else Datum.WGS84

    @property
    def origin(self) -> str:
        """Where tiles come from, "" when from ourselves or nowhere."""
        parts = urlsplit(self.tiles)
        return f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""


@dataclass(frozen=True, slots=True)
class WebSettings:
    """How people and programs come in. Times are seconds, sizes bytes. ValueError names the field that cannot be."""

    host: str = "0.0.0.0"
    """The address to listen on; 127.0.0.1 behind a proxy on the same machine."""
    port: int = 8088
    """The port of console, API and pictures; 0 takes any that is free."""
    public_origins: tuple[str, ...] = ()
    """Origins such as "https://video.example.cn" under which a proxy shows us; the Host header is always accepted."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses of proxies whose X-Forwarded-For and X-Forwarded-Proto we believe."""
    session_idle_s: int = 12 * 3600
    """A session unused for so long ends; an open console is use."""
    largest_body: int = 256 * 1024
    """Longer request bodies are refused with 413."""
    body_patience_s: float = 15.0
    """A request's body must have come by then."""
    longest_feed_queue: int = 256
    """Events that wait for one console; when there are more it is told to load anew."""
    most_feeds: int = 500
    """Consoles that may listen at a time."""
    feed_gather_s: float = 0.1
    """News is gathered for so long before it is sent, so that a storm becomes one line a thing."""
    feed_heartbeat_s: float = 15.0
    """A quiet feed says so often that it lives; proxies cut what is silent for a minute."""
    feed_patience_s: float = 30.0
    """A console that has read nothing for so long is cut."""
    most_leases_per_session: int = 64
    """Pictures one session or key may hold at a time."""
    ptz_hold_s: float = 5.0
    """A camera that moves is stopped when whoever steers has not said so again for this long: browsers die."""
    sweep_s: float = 15.0
    """How often we look whether sessions that hold pictures or feeds still live."""
    scrapers: tuple[str, ...] = ()
    """Addresses or CIDR networks that may read /metrics without a key; name a proxy between in trusted_proxies."""
    most_stream_series: int = 500
    """Live streams that have series of their own at /metrics; the rest is only counted."""
    console: Path = BUILT_CONSOLE
    """The built console's folder."""

    def __post_init__(self) -> None:
        if not 1.0 <= self.ptz_hold_s <= 60.0:
            raise ValueError(f"ptz_hold_s is 1 to 60 seconds, not {self.ptz_hold_s:g}")
        for origin in self.public_origins:
            parts = urlsplit(origin)
            if parts.scheme not in ("http", "https") or not parts.netloc or parts.path or parts.query:
                raise ValueError(f'public_origins holds origins like "https://video.example.cn", not {origin!r}')
        for proxy in self.trusted_proxies:
            try:
                ip_address(proxy)
            except ValueError:
                raise ValueError(f"trusted_proxies holds IP addresses, not {proxy!r}") from None
        for scraper in self.scrapers:
            try:
                ip_network(scraper)
            except ValueError:
                raise ValueError(f"scrapers holds addresses or networks like 10.0.0.0/8, not {scraper!r}") from None
