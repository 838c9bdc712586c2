"""Downloads on a disk that takes nothing more: none waits for ever, and whoever wished it hears of it."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from broker.download_job import Job, JobState
from broker.downloads import Downloads
from broker.watch import Lease, Watch, WatchFailed
from registry.events import Bus, DownloadChanged

OWNER, CHANNEL = "34020000001180000001", "34020000001320000001"
START = 1_700_006_400.0


class Rooms:
    """A broker that has nothing, and archives that list an hour."""

    def __init__(self) -> None:
        self.takers: dict[str, Any] = {}

    async def watch(self, watch: Watch) -> Lease:
        raise WatchFailed("the camera is away", code="device-offline", status=480)

    def on_taken(self, name: str, listener: Callable[..., None] | None) -> None:
        self.takers[name] = listener

    async def search(self, *asked: Any) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture
async def downloads(tmp_path: Path) -> AsyncIterator[Downloads]:
    made = Downloads(Rooms(), Rooms(), Bus(), tmp_path)  # type: ignore[arg-type]  # as much of them as is needed
    yield made
    await made.close()


def fills(monkeypatch: pytest.MonkeyPatch) -> None:
    def write_job(folder: Path, job: Job) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("broker.downloads.write_job", write_job)


async def begin(downloads: Downloads) -> Job:
    return await downloads.start(OWNER, CHANNEL, 0, START, START + 60, 4, "wang")


async def over(downloads: Downloads, name: str) -> Job:
    async with asyncio.timeout(5):
        while not (job := downloads.job(name)).state.is_over:
            await asyncio.sleep(0.005)
    return job


async def test_one_that_cannot_be_written_down_is_none(downloads: Downloads, monkeypatch: pytest.MonkeyPatch):
    fills(monkeypatch)
    with pytest.raises(OSError, match="No space left"):
        await begin(downloads)
    assert downloads.jobs() == []


async def test_one_that_cannot_be_gone_on_with_is_as_it_was(downloads: Downloads, monkeypatch: pytest.MonkeyPatch):
    job = await begin(downloads)
    await over(downloads, job.id)
    fills(monkeypatch)
    with pytest.raises(OSError, match="No space left"):
        await downloads.resume(job.id)
    assert downloads.job(job.id).state is JobState.FAILED


async def test_its_end_is_told_though_it_cannot_be_written_down(downloads: Downloads, monkeypatch: pytest.MonkeyPatch):
    told: list[str] = []
    downloads._bus.listen(lambda event: told.append(event.state) if isinstance(event, DownloadChanged) else None)
    job = await begin(downloads)
    fills(monkeypatch)
    assert (await over(downloads, job.id)).note == "No space left on device"
    await asyncio.sleep(0.01)
    assert told[-1] == "failed"
