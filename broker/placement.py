"""Which media host takes a stream: one that is well, near, and least busy."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from media.plane import MediaHost, MediaHosts, MediaPlane, PlaneEvent, WorkerStatistics
from registry.device import Device

NEWCOMER_CPU = 0.01
"""What a stream is taken to cost, as part of a core, until its host has measured it."""
CPU_STEP = 0.2
"""Less than this between two hosts is chance: of those alike, the one with fewer streams and viewers is better."""
LOOK_S = 0.05


class Placement:
    """Picks planes for a device's stream; made of one plane, or of hosts that come and go."""

    def __init__(self, plane: MediaPlane | None = None, *, hosts: Sequence[MediaHosts] = ()) -> None:
        self._plane = plane
        self._hosts = tuple(hosts)

    async def planes_for(
        self, device: Device | None, *, within_s: float, is_on_disk: bool = False
    ) -> Sequence[MediaPlane]:
        """The planes that may take it, best first; when there is none, one is awaited for so long at the longest.

        What `is_on_disk` can only be had by a host of this machine.
        """
        if self._plane is not None:
            return (self._plane,)
        until = asyncio.get_running_loop().time() + within_s
        while True:
            hosts = [host for each in self._hosts for host in each.hosts() if host.is_well]
            if is_on_disk:
                hosts = [host for host in hosts if host.is_here]
            if hosts or asyncio.get_running_loop().time() >= until:
                return in_order(hosts, zone_of(device))
            await asyncio.sleep(LOOK_S)

    def workers(self) -> Sequence[WorkerStatistics]:
        """The processes that carry media, wherever they are."""
        known = self._hosts if self._plane is None else (self._plane,)
        return [worker for each in known for worker in each.workers()]

    def listen(self, listener: Callable[[PlaneEvent], None]) -> None:
        for each in self._hosts if self._plane is None else (self._plane,):
            each.listen(listener)


def in_order(hosts: Sequence[MediaHost], zone: str) -> list[MediaHost]:
    """Hosts of the zone before those of others, and the least busy of each first."""
    return sorted(
        hosts,
        key=lambda host: (
            host.zone != zone,
            int(expected_cpu(host.load, host.unmeasured) / CPU_STEP),
            _taken(host.load),
            host.name,
        ),
    )


def expected_cpu(load: WorkerStatistics, unmeasured: int) -> float:
    """How busy a host will be with the streams it took since it last said how busy it was."""
    measured = load.streams - unmeasured
    each = max(load.load / measured, NEWCOMER_CPU) if measured > 0 else NEWCOMER_CPU
    return load.load + each * unmeasured


def zone_of(device: Device | None) -> str:
    """The part of the network a device stands in; "" is the one that needs no name."""
    return device.media_zone if device is not None else ""


def _taken(load: WorkerStatistics) -> int:
    return load.streams + load.viewers + load.senders
