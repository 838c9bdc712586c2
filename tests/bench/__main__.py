"""Runs one measure as a worker would run: in its environment, the formats in whichever form is there, the collector
calmed.

python -m tests.bench NAME [its own words]
"""

from __future__ import annotations

import os
import runpy
import sys

from media import compiled
from media.process import TUNABLES, environment


def main() -> None:
    if len(sys.argv) < 2:
        sys.exit("name a measure: the files tests/bench/bench_*.py, without their ending")
    as_worker = environment()
    if as_worker[TUNABLES] != os.environ.get(TUNABLES):
        os.execve(sys.executable, [sys.executable, "-m", "tests.bench", *sys.argv[1:]], as_worker)
    name = sys.argv.pop(1)
    compiled.use()
    # Only now: the collector's setting is the workers', and they import the formats.
    from media.worker import calm_collector

    calm_collector()
    runpy.run_module(f"tests.bench.{name}", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
