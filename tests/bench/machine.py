"""On what a measure was made, in the words of a table's head."""

from __future__ import annotations

import os
import platform
import time
from importlib.metadata import version
from pathlib import Path

from media import compiled


def description() -> list[tuple[str, str]]:
    """What was measured where and when: name and value."""
    return [
        ("Processor", f"{_model()}, {os.cpu_count()} cores here"),
        ("System", f"{platform.system()} {platform.release()}, {platform.libc_ver()[0]} {platform.libc_ver()[1]}"),
        ("Python", f"{platform.python_implementation()} {platform.python_version()}, uvloop {version('uvloop')}"),
        ("Formats", str(compiled.form())),
        ("Measured", time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())),
        ("Load before", f"{os.getloadavg()[0]:.2f} processes wanted a core in the minute before"),
    ]


def _model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
