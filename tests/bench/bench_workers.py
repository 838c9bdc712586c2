"""What people notice when the media worker dies, and when it stands still: many streams, many viewers, one worker.

    python -m tests.bench.bench_workers [--streams 50] [--viewers 200]

The platform is a process of its own; cameras and viewers share another. Viewers wait a second before they ask again, as
the console's players do.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import tempfile
from pathlib import Path

import uvloop

from tests.journeys.recovery import blow, crowd


async def measure(streams: int, viewers: int) -> None:
    for how in (signal.SIGKILL, signal.SIGSTOP):
        with tempfile.TemporaryDirectory() as folder:
            async with crowd(Path(folder), streams, viewers) as crowded:
                await asyncio.sleep(
                    11.0
                )  # until a spare stands ready, as it does in a house that has been open a while
                print(
                    f"{how.name} with {streams} streams and {viewers} viewers: {await blow(crowded, how)}", flush=True
                )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=50)
    parser.add_argument("--viewers", type=int, default=200)
    given = parser.parse_args()
    uvloop.run(measure(given.streams, given.viewers))


if __name__ == "__main__":
    main()
