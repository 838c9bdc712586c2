"""Servers as processes of their own that need not read our code anew: each is forked from one that has just read it.

From `lianwang` on such a process is what `python -m app` is, and begins in a second less. That `python -m app` itself
comes up is told by `test_demo.py` and `test_kill.py`, whose servers begin there.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["tests.warm", "tests.forked"])


class Forked:
    """A running `lianwang`, with the words of `subprocess.Popen`."""

    def __init__(self, words: list[str], *, cwd: Path, out: Path, log: Path) -> None:
        given = (words, str(cwd), str(out), str(log))
        # Not to outlive the tests, however they end.
        self._process = _context.Process(target=_run, args=given, daemon=True)
        self._process.start()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired("lianwang", timeout or 0.0)
        return self._process.exitcode

    def terminate(self) -> None:
        self._process.terminate()

    def kill(self) -> None:
        self._process.kill()


def _run(words: list[str], cwd: str, out: str, log: str) -> None:
    os.chdir(cwd)
    for path, how, standard in ((out, os.O_TRUNC, 1), (log, os.O_APPEND, 2)):
        opened = os.open(path, os.O_WRONLY | os.O_CREAT | how, 0o600)
        os.dup2(opened, standard)
        os.close(opened)
    sys.argv = ["lianwang", *words]
    # Only in the server: it chooses the form of the format modules, and the tests have theirs.
    from tests.warm import main

    main()
