"""A disk of a few megabytes: a tmpfs of our own, mounted where we may, else within namespaces of our own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

NAMESPACE = ("unshare", "--user", "--map-root-user", "--mount")


def can_mount() -> bool:
    with TemporaryDirectory() as folder:
        return _runs("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder) and _runs("umount", folder)


def can_mount_in_a_namespace() -> bool:
    with TemporaryDirectory() as folder:
        return _runs(*NAMESPACE, "mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder)


def may_be_had() -> bool:
    return can_mount() or can_mount_in_a_namespace()


@contextmanager
def small_disk(folder: Path, size: int) -> Iterator[Path]:
    """A file system of so many bytes, mounted on a folder and empty."""
    subprocess.run(("mount", "-t", "tmpfs", "-o", f"size={size},mode=0750", "tmpfs", folder), check=True, timeout=20)
    try:
        yield folder
    finally:
        # Lazily: whoever still has a file open there keeps it until he lets go.
        subprocess.run(("umount", "--lazy", folder), check=True, timeout=20)


def rerun_in_a_namespace(file: str, test: str) -> None:
    """The same test in a process that may mount; for those who may not. AssertionError with what it said."""
    command = (*NAMESPACE, sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "-p", "no:cacheprovider")
    done = subprocess.run((*command, f"{file}::{test}"), capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0 and "1 passed" in done.stdout, done.stdout[-4000:]


def _runs(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=20, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False
