"""Through whom a watch may be granted: the owners of a channel, best first, and the path wished for (2022 annex H)."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from broker.failure import failed
from broker.watch import Watch
from gb28181.identity import HEADER as IDENTITY
from gb28181.routepath import PREFERRED_PATH, route_downward, write_route
from registry.channel import Channel
from registry.device import Device
from registry.routes import Candidate, Routes

MOST_WAYS = 4
"""More owners than this are not tried for one watch; whoever waits has a patience of his own."""
JOINING = {True: 0, None: 1, False: 2}

NO_OTHER_WAY_HELPS = frozenset({"no-capacity", "stopped", "timeout"})
"""Failures that are ours or somebody's wish: another path would not mend them."""


class ChannelLookup(Protocol):
    """What the broker must know of devices and channels; the directory keeps this promise."""

    def device(self, code: str) -> Device | None: ...

    async def channel(self, owner: str, code: str) -> Channel | None: ...

    async def find_channel(self, code: str) -> Sequence[Channel]: ...

    def platforms_to(self, channel: Channel) -> tuple[str, ...]: ...


@dataclass(frozen=True, slots=True)
class Route:
    """One way to ask for it: by `device`, with `headers` on the INVITE, through `platforms` of other houses."""

    device: Device
    headers: tuple[tuple[str, str], ...] = ()
    platforms: int = 0


class RouteBook:
    """Finds the ways of a watch and remembers which of them worked."""

    def __init__(self, channels: ChannelLookup, own_code: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._channels = channels
        self._own = own_code
        self.routes = Routes()
        """Which ways failed lately."""
        self._clock = clock

    async def of(self, watch: Watch, is_flowing: Callable[[str], bool | None]) -> list[Route]:
        """The ways to a watch, best first, at least one. Raises Failed.

        `is_flowing(owner)` tells of a stream that is there already, and None where there is none: nobody is called
        twice for one channel, but one that has just fallen silent is joined last.
        """
        if watch.owner:
            self._check_loop(watch, watch.owner)
            return [await self._route(watch, await self._device(watch))]
        found = await self._owners(watch)
        away = [each for each in found if each.owner != watch.viewer_peer]
        if not away:
            self._check_loop(watch, found[0].owner)
        below = self._below(watch)
        prefer = below[0] if below and below[0] in {each.owner for each in away} else ""
        ordered = self.routes.order(watch.channel, away, self._clock(), prefer=prefer)
        if not prefer:
            ordered.sort(key=lambda each: JOINING[is_flowing(each.owner)])
        devices = [self._channels.device(each.owner) for each in ordered[:MOST_WAYS]]
        return [await self._route(watch, device) for device in devices if device is not None]

    def path_by(self, device: Device) -> tuple[str, ...]:
        """The platforms on the way to a neighbour, as far as we know without asking it."""
        return (self._own, device.code) if device.is_platform else (self._own,)

    def worked(self, owner: str, channel: str, path: tuple[str, ...]) -> None:
        """`path` as the answer told it, ours first."""
        self.routes.worked(owner, channel, path[1:] if path[:1] == (self._own,) else path)

    def failed(self, owner: str, channel: str) -> None:
        self.routes.failed(owner, channel, self._clock())

    def _below(self, watch: Watch) -> tuple[str, ...]:
        """The wished path from the platform below us on."""
        return route_downward(self._own, watch.via) if self._own in watch.via else watch.via

    async def _route(self, watch: Watch, device: Device) -> Route:
        below = self._below(watch)
        headers: tuple[tuple[str, str], ...] = ()
        if below and below[0] == device.code:
            headers += ((PREFERRED_PATH, write_route(below)),)
        if watch.identity and device.is_platform:
            headers += ((IDENTITY, watch.identity),)
        return Route(device, headers, await self._platforms(device, watch.channel))

    async def _platforms(self, device: Device, code: str) -> int:
        """How many platforms are between us and a channel, by this neighbour."""
        channel = await self._channels.channel(device.code, code) if device.is_platform else None
        return len(self._path(channel)) if channel is not None else int(device.is_platform)

    def _path(self, channel: Channel) -> tuple[str, ...]:
        return self.routes.path(channel.owner, channel.code) or self._channels.platforms_to(channel)

    def _check_loop(self, watch: Watch, owner: str) -> None:
        if watch.viewer_peer and owner == watch.viewer_peer:
            message = f"{watch.channel} comes from {owner}, who asks for it"
            raise failed(message, "loop", 482, "find a way", (self._own,))

    async def _owners(self, watch: Watch) -> list[Candidate]:
        """Every neighbour that may be asked for the channel. Raises Failed when there is none."""
        channels = [each for each in await self._channels.find_channel(watch.channel) if each.playable]
        found = []
        for channel in channels:
            device = self._channels.device(channel.owner)
            if device is not None and device.enabled:
                tiers = len(self._path(channel)) or 1
                found.append(Candidate(device.code, device.is_online, channel.online, tiers))
        device = self._channels.device(watch.channel)
        if not found and device is not None and device.enabled:
            found.append(Candidate(device.code, device.is_online))  # a camera without a catalog is its own channel
        if not found:
            raise failed(f"nobody here has a channel {watch.channel}", "unknown-channel", 404, "find the channel")
        return found

    async def _device(self, watch: Watch) -> Device:
        """The device that is to be called. Raises Failed."""
        device = self._channels.device(watch.owner)
        if device is None:
            raise failed(f"no device {watch.owner} is known here", "unknown-device", 404, "find the device")
        if not device.enabled:
            raise failed(f"{watch.owner} is disabled here", "device-disabled", 403, "find the device")
        channel = await self._channels.channel(watch.owner, watch.channel)
        # A camera without a catalog is its own channel.
        if channel is None and watch.channel != watch.owner:
            message = f"{watch.owner} has no channel {watch.channel}"
            raise failed(message, "unknown-channel", 404, "find the channel")
        if channel is not None and not channel.playable and watch.channel != watch.owner:
            raise failed(f"{watch.channel} carries no picture", "not-playable", 488, "find the channel")
        return device
