"""Another server, measured beside ours when the environment names it: fed with the same film, watched the same way."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tests.bench import bench_ingest, bench_picture, bench_viewers

FIRST_SSRC = 200000001
GIVEN = "LIANWANG_BENCH_OTHER"
SETTLE_S = 5.0
"""The streams flow so long before anything is measured."""
VIEWERS = 100


@dataclass(frozen=True, slots=True)
class Other:
    """`url` has a place for `ssrc`, `number` or both; `pid` 0 leaves CPU and memory out."""

    url: str
    first_port: int
    step: int = 0
    pid: int = 0

    def url_of(self, number: int) -> str:
        return self.url.format(ssrc=FIRST_SSRC + number, number=number)

    def port_of(self, number: int) -> int:
        return self.first_port + number * self.step

    def cpu_ms(self, seconds: float) -> float:
        """CPU milliseconds a second of all threads of the process, over so many seconds from now."""
        clock = ~self.pid << 3 | 2  # the clock of another process, as clock_getcpuclockid(3) makes it
        before = time.clock_gettime(clock)
        time.sleep(seconds)
        return 1000 * (time.clock_gettime(clock) - before) / seconds

    def memory_mb(self) -> float:
        pages = int(Path(f"/proc/{self.pid}/statm").read_text(encoding="ascii").split()[1])
        return pages * resource.getpagesize() / 1e6


def named(environ: Mapping[str, str] = os.environ) -> Other | None:
    """The server that the environment names, if any. Raises ValueError when it names one badly."""
    url = environ.get(GIVEN, "")
    if not url:
        return None
    first, _, step = environ.get(f"{GIVEN}_RTP", "").partition(":")
    try:
        return Other(url, int(first), int(step or 0), int(environ.get(f"{GIVEN}_PID", "0")))
    except ValueError as error:
        raise ValueError(f"{GIVEN}_RTP is PORT or FIRST:STEP, and {GIVEN}_PID a number: {error}") from error


def watched(other: Other, seconds: float) -> float:
    """CPU milliseconds a second while many watch one stream."""
    parts = urlsplit(other.url_of(0))
    with bench_viewers.program() as built, bench_viewers.reading(built, parts.port or 80, [parts.path] * VIEWERS):
        time.sleep(SETTLE_S / 2)
        return other.cpu_ms(seconds)


def measure(other: Other, streams: int, seconds: float, joins: int) -> Iterator[tuple[str, float]]:
    """Its figures by the keys of the table."""
    memory = other.memory_mb() if other.pid else 0.0
    film_s = 2 * SETTLE_S + 4 * seconds + 10
    targets = [f"{other.port_of(number)}:{FIRST_SSRC + number}" for number in range(streams)]
    with bench_ingest.tools(film_s) as made, bench_picture.cameras(made, film_s, targets):
        time.sleep(SETTLE_S)
        if other.pid:
            alone = other.cpu_ms(seconds)
            yield "other udp", alone / streams
            yield "other memory", (other.memory_mb() - memory) / streams
            yield f"other flv {VIEWERS}", (watched(other, seconds) - alone) / VIEWERS
        soon = bench_picture.look(other.url_of, streams, seconds, joins)
    yield "other tag", soon.tag_ms
    yield "other key", soon.key_ms
    yield "other first", soon.first_ms
