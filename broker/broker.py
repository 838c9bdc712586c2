"""Who watches what: one upstream call a stream, any number of leases on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from broker.watch import Lease, StreamView, Watch, WatchFailed
from gb28181.peer import Neighbours
from media.plane import MediaPlane
from registry.channel import Channel
from registry.device import Device
from registry.events import Bus


class ChannelLookup(Protocol):
    """What the broker must know of devices and channels; the directory keeps this promise."""

    def device(self, code: str) -> Device | None: ...

    async def channel(self, owner: str, code: str) -> Channel | None: ...


@dataclass(frozen=True, slots=True)
class BrokerSettings:
    """How the broker rings and waits. Times are seconds."""

    domain: str = "34020000002000000001"
    """Our own code: SSRC digits 2 to 6 come of it (GB/T 28181-2022 annex G)."""
    linger_s: float = 20.0
    """How long a stream flows on without viewers before BYE."""
    answer_s: float = 15.0
    """INVITE to its final answer."""
    first_frame_s: float = 12.0
    """Answer to the first frame, ours over the media plane's own clock."""
    viewer_patience_s: float = 40.0
    """How long one watch waits in all, other transport included."""
    retry_first_s: float = 1.0
    retry_last_s: float = 30.0
    retry_other_transport: bool = True
    """When nothing came on the port, ring once more by the other transport."""
    single_port: bool = False
    key_frame_every_s: float = 1.0
    """Key frame requests to one channel are not closer than this."""
    watches: int = 2000


class Broker:
    """Grants watches: joins a flowing stream or makes one."""

    def __init__(
        self,
        neighbours: Neighbours,
        channels: ChannelLookup,
        plane: MediaPlane,
        bus: Bus,
        settings: BrokerSettings | None = None,
    ) -> None:
        self.settings = settings or BrokerSettings()

    async def watch(self, watch: Watch) -> Lease:
        """A viewer's place on the stream of `watch`. Raises WatchFailed, with the ladder of what was tried."""
        raise WatchFailed("the broker has not started", code="not-started", status=503)

    async def release(self, lease_id: str) -> None:
        """Give a lease back; harmless when it is gone."""

    def streams(self) -> list[StreamView]:
        """Every stream there is, flowing or failing."""
        return []

    async def stop(self, stream_id: str) -> bool:
        """Cut the source of a stream whoever watches; false when there is no such stream."""
        return False

    async def close(self) -> None:
        """Hang up every call and give everything back."""
