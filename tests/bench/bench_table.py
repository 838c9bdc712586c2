"""The yardsticks of the media engine in one table: ours against the least possible in C, and against another server.

    python -m tests.bench.bench_table [--streams 40] [--seconds 4] [--runs 3] [--only GROUP,GROUP] [--write]

Every figure is the median of several runs; the C programs are built and run in the same call. `--write` puts the table
into docs/bench.md and into the README. Another server is measured beside ours when the environment names it:

    LIANWANG_BENCH_OTHER=http://127.0.0.1:8080/rtp/{ssrc:08X}.live.flv   where its viewers go, for each stream
    LIANWANG_BENCH_OTHER_RTP=10000 or 30000:2                            its RTP port for all, or the first and the step
    LIANWANG_BENCH_OTHER_PID=4711                                        its process, for CPU and memory
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import uvloop

from media.worker import calm_collector
from tests.bench import bench_forward, bench_ingest, bench_picture, bench_viewers, machine, other
from tests.bench.bench_ingest import Tools

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = ROOT / "docs" / "bench.md"
BEGIN, END = "<!-- what `make bench-page` measured -->\n", "<!-- end of what was measured -->\n"
LOSS_STREAMS = 400
JOINS = 20
SIDES = ("ours", "C", "other")
HEAD = """# What the media engine costs

Written by `make bench-page`, not by hand. Streams are 1080p25 H.264 of 4 Mbit/s with G.711A in PS over RTP, 376 packets
a second each, over loopback; one process of ours, one core. The floor is the least that a server must do, in C
(`tests/bench/floor/`), built and run in the same call. Figures rise where others use the machine: see the load.
"""


@dataclass(frozen=True, slots=True)
class Kit:
    """What every group measures with."""

    made: Tools
    relay: Path
    streams: int
    seconds: float
    beside: other.Other | None


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table; `key` finds its figures, `most` is what we want to stay within."""

    key: str
    name: str
    unit: str
    most: float | None = None


ROWS = (
    Row("udp", "A stream in by UDP, every frame ready to serve", "ms CPU per stream-second", 0.8),
    Row("gso", "the same where bursts coalesce (UDP_GRO)", "ms CPU per stream-second", 0.5),
    Row("asleep", "the same while nobody looks: packets are kept, none is unpacked", "ms CPU per stream-second"),
    Row("tcp", "A stream in by TCP, every frame ready to serve", "ms CPU per stream-second", 0.8),
    Row("memory", "Memory", "MB per stream", 1.3),
    Row("forward", "In by UDP and out again by UDP to a platform above, together", "ms CPU per stream-second", 1.3),
    Row("forward gso", "the same where bursts coalesce on both sides", "ms CPU per stream-second", 0.8),
    Row("forward tcp", "the same, out by TCP", "ms CPU per stream-second"),
    Row("forward four", "the same, out by UDP to four platforms", "ms CPU per stream-second"),
    Row("flv 100", "A viewer of HTTP-FLV with sound, 100 of one stream", "ms CPU per viewer-second"),
    Row("flv 1000", "the same, 1,000 of one stream", "ms CPU per viewer-second", 0.24),
    Row("crowd", "the same in crowd mode, which holds pictures up to 160 ms", "ms CPU per viewer-second", 0.12),
    Row("tag", "From RTP sent to FLV tag received", "ms, median", 10.0),
    Row("key", "From a viewer's connect to its first whole key frame", "ms, median", 1.0),
    Row("first", "the same, of a stream that nobody watches yet", "ms, median"),
    Row(
        "loss", f"Packets lost in our own buffers, {LOSS_STREAMS} streams ready to serve", "packets, the worst run", 0.0
    ),
    Row("pace", "the same: taken in, of what was due in that time", "%"),
)

Figures = Iterator[tuple[str, float]]


# --- what is measured -------------------------------------------------------------------------------------------


def ingest(kit: Kit) -> Figures:
    made, streams, seconds = kit.made, kit.streams, kit.seconds
    for key, kind, way in (("udp", "many", "udp"), ("gso", "gro", "gso"), ("tcp", "tcp", "tcp")):
        yield f"C {key}", bench_ingest.floor(made, kind, way, streams, seconds).cpu_ms
        cost = bench_ingest.ours(made, way, "awake", streams, seconds)
        yield f"ours {key}", cost.cpu_ms
        if key == "udp":
            yield "ours memory", cost.memory_mb
    yield "ours asleep", bench_ingest.ours(made, "udp", "asleep", streams, seconds).cpu_ms


def forward(kit: Kit) -> Figures:
    for key, name in (
        ("C forward", "C: recvmmsg + GSO"),
        ("ours forward", "ours: udp to udp"),
        ("C forward gso", "C: GRO + GSO, bursts"),
        ("ours forward gso", "ours: udp to udp, bursts"),
        ("ours forward tcp", "ours: udp to tcp"),
        ("ours forward four", "ours: udp to 4 by udp"),
    ):
        row = bench_forward.ROWS[name]
        yield key, bench_forward.measure(kit.made, kit.relay, row, kit.streams, kit.seconds).cpu_ms


def viewers(kit: Kit) -> Figures:
    seconds = max(1, round(kit.seconds))
    with bench_viewers.program() as built:
        for key, count, is_crowd in (("flv 100", 100, False), ("flv 1000", 1000, False), ("crowd", 1000, True)):
            together = bench_viewers.TOGETHER if is_crowd else 1
            yield f"C {key}", bench_viewers.floor_in_c(built, count, seconds, together).cpu_ms
            cost = uvloop.run(bench_viewers.viewers_cost(built, count, seconds, is_crowd=is_crowd))
            # What a viewer missed was not paid for.
            yield f"ours {key}", cost.cpu_ms / min(1.0, cost.bytes_share)


def picture(kit: Kit) -> Figures:
    film_s = bench_ingest.LEAD_S + bench_ingest.PATIENCE_S + kit.seconds
    soon = bench_picture.measure(kit.made, film_s, kit.streams, min(kit.seconds, 3.0), JOINS)
    yield "ours tag", soon.tag_ms
    yield "ours key", soon.key_ms
    yield "ours first", soon.first_ms


def loss(kit: Kit) -> Figures:
    cost = bench_ingest.ours(kit.made, "udp", "awake", LOSS_STREAMS, kit.seconds)
    yield "ours loss", cost.lost
    yield "ours pace", 100 * cost.packets / (LOSS_STREAMS * kit.seconds * kit.made.packets_per_s)


def beside(kit: Kit) -> Figures:
    if kit.beside is not None:
        yield from other.measure(kit.beside, kit.streams, min(kit.seconds, 3.0), JOINS)


GROUPS: dict[str, Callable[[Kit], Figures]] = {
    "ingest": ingest,
    "forward": forward,
    "viewers": viewers,
    "picture": picture,
    "loss": loss,
    "other": beside,
}


def measured(
    streams: int, seconds: float, runs: int, groups: Iterable[str], tell: Callable[[str], None]
) -> dict[str, list[float]]:
    """Every run's figures by their keys; the runs of all groups take turns."""
    found: dict[str, list[float]] = {}
    with bench_forward.tools(seconds + 5) as (made, relay):
        kit = Kit(made, relay, streams, seconds, other.named())
        # What viewers cost is measured in this process: it is made one like a worker's, which holds no films.
        calm_collector()
        for number in range(runs):
            for group in groups:
                try:
                    for key, value in GROUPS[group](kit):
                        found.setdefault(key, []).append(value)
                        tell(f"run {number + 1} of {runs}: {key} {value:.2f}")
                except (OSError, EOFError, ValueError, AssertionError) as error:
                    # On a machine that is too busy; the other runs and groups still say something.
                    tell(f"run {number + 1} of {runs}: {group} failed: {error!r}")
    return found


# --- the table --------------------------------------------------------------------------------------------------


def cell(key: str, side: str, found: Mapping[str, list[float]]) -> float | None:
    """The median of the runs; of losses the worst."""
    values = found.get(f"{side} {key}")
    if not values:
        return None
    return max(values) if key == "loss" else statistics.median(values)


def table(found: Mapping[str, list[float]]) -> list[str]:
    """Lines of Markdown; rows that were not measured are left out, and so is the other server when there is none."""
    has_other = any(key.startswith("other ") for key in found)
    head = ["", "ours", "floor in C", *(["other server"] if has_other else []), "we want", "unit"]
    lines = ["| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) - 2) + "---|"]
    for row in ROWS:
        ours, floor, its = (cell(row.key, side, found) for side in SIDES)
        if ours is None and its is None:
            continue
        wanted = "" if row.most is None else "none" if row.most == 0 else f"at most {row.most:g}"
        figures = [_said(ours), _said(floor), *([_said(its)] if has_other else []), wanted]
        lines.append(f"| {row.name} | " + " | ".join(figures) + f" | {row.unit} |")
    return lines


def _said(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.0f}" if value == int(value) else f"{value:.2f}"


def page(lines: list[str], said_of_it: list[str]) -> str:
    """docs/bench.md."""
    return "\n".join([HEAD, *said_of_it, "", *lines, ""])


def written_into(text: str, lines: list[str]) -> str:
    """A text with the table between its two marks."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError("the text has no place for the table")
    return before + BEGIN + "\n".join(lines) + "\n" + END + after


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--streams", type=int, default=40)
    arguments.add_argument("--seconds", type=float, default=4)
    arguments.add_argument("--runs", type=int, default=3)
    arguments.add_argument("--only", default=",".join(GROUPS), help=f"some of {', '.join(GROUPS)}")
    arguments.add_argument("--write", action="store_true", help="put it into docs/bench.md and README.md")
    asked = arguments.parse_args()
    groups = asked.only.split(",")
    if unknown := set(groups) - set(GROUPS):
        arguments.error(f"no such group: {', '.join(sorted(unknown))}")
    said = [f"- {name}: {value}" for name, value in machine.description()]
    said.append(f"- Size: {asked.streams} streams, {asked.seconds:g} s, medians of {asked.runs} runs")
    found = measured(asked.streams, asked.seconds, asked.runs, groups, lambda line: print(line, file=sys.stderr))
    lines = table(found)
    print("\n".join([*said, "", *lines]))
    if asked.write:
        PAGE.write_text(page(lines, said), encoding="utf-8")
        readme = ROOT / "README.md"
        readme.write_text(written_into(readme.read_text(encoding="utf-8"), lines), encoding="utf-8")


if __name__ == "__main__":
    main()
