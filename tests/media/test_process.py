"""What a process of ours is started with."""

from __future__ import annotations

from pathlib import Path

import pytest

from media.process import environment, launch, say_goodbye


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "glibc.malloc.hugetlb=1"),
        ("glibc.malloc.arena_max=2", "glibc.malloc.arena_max=2:glibc.malloc.hugetlb=1"),
        ("glibc.malloc.hugetlb=0", "glibc.malloc.hugetlb=0"),
    ],
)
def test_pictures_lie_in_large_pages_unless_somebody_says_otherwise(before, after, monkeypatch):
    monkeypatch.setenv("GLIBC_TUNABLES", before)
    assert environment()["GLIBC_TUNABLES"] == after


async def test_a_worker_is_started_with_it(monkeypatch):
    monkeypatch.delenv("GLIBC_TUNABLES", raising=False)
    process = await launch("media.start")
    try:
        said = Path(f"/proc/{process.pid}/environ").read_bytes().split(b"\0")
        assert b"GLIBC_TUNABLES=glibc.malloc.hugetlb=1" in said
    finally:
        process.sock.close()
        await say_goodbye(process)
