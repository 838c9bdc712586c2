"""Another server, measured beside ours when the environment names it: fed with the same film, watched the same way."""

from __future__ import annotations

import contextlib
import os
import resource
import struct
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from tests.bench import bench_picture
from tests.bench.bench_ingest import Tools
from tests.bench.bench_relay import GOP

FIRST_SSRC = 200000001
GIVEN = "LIANWANG_BENCH_OTHER"
SETTLE_S = 5.0
"""The streams flow so long before anything is measured."""


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

    def cpu_s(self) -> float:
        """The CPU time of all threads of the process."""
        return time.clock_gettime(~self.pid << 3 | 2)

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


def with_ssrc(film: bytes, ssrc: int, skip: int = 0) -> bytes:
    """A film as ingest.c reads it, all its packets under another SSRC, without its first pictures."""
    out = bytearray(film)
    at = start = 0
    for number in count():
        if number == skip:
            start = at
        if at == len(out):
            break
        (packets,) = struct.unpack_from("<I", out, at)
        at += 4
        for _ in range(packets):
            (size,) = struct.unpack_from("<H", out, at)
            struct.pack_into(">I", out, at + 2 + 8, ssrc)
            at += 2 + size
    return bytes(out[start:])


@contextlib.contextmanager
def feeding(other: Other, made: Tools, streams: int, seconds: float) -> Iterator[None]:
    """A camera a stream, each under its own SSRC, while the block runs."""
    film = made.film.read_bytes()
    sending: list[subprocess.Popen[bytes]] = []
    try:
        for number in range(streams):
            path = made.film.with_name(f"film-{number}")
            # As with ours, key frames do not all come at one time.
            path.write_bytes(with_ssrc(film, FIRST_SSRC + number, number * GOP // streams))
            command = [str(made.program), "send", "udp", str(path), str(seconds), str(other.port_of(number))]
            sending.append(subprocess.Popen(command))
        yield
    finally:
        for each in sending:
            each.kill()
            each.wait(10)


def measure(other: Other, made: Tools, streams: int, seconds: float, joins: int) -> Iterator[tuple[str, float]]:
    """Its figures by the keys of the table."""
    memory = other.memory_mb() if other.pid else 0.0
    with feeding(other, made, streams, SETTLE_S + seconds + 10):
        time.sleep(SETTLE_S)
        if other.pid:
            before = other.cpu_s()
            time.sleep(seconds)
            yield "other udp", 1000 * (other.cpu_s() - before) / streams / seconds
            yield "other memory", (other.memory_mb() - memory) / streams
        soon = bench_picture.look(other.url_of, streams, seconds, joins)
        yield "other tag", soon.tag_ms
        yield "other key", soon.key_ms
        yield "other first", soon.first_ms
