"""A scrape: the rooms are asked how they stand, and it is put on paper, a family at a time so that nobody waits."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from web.metrics import counted, neighbours, streams
from web.metrics.family import gauge
from web.wishes import Services

KEPT_S = 1.0
"""Whoever asks again within so long gets the same paper: a flood of scrapes costs one."""


class House(Collector):
    """A custom collector: everything the rooms count, read when it is asked for."""

    def __init__(self, services: Services, web: Callable[[], Mapping[str, Any]], most_streams: int) -> None:
        self._services = services
        self._web = web
        self._most_streams = most_streams

    def collect(self) -> Iterator[Metric]:
        services = self._services
        facts = {
            "sip": services.sip_statistics(),
            "media": services.plane_statistics(),
            "broker": services.broker_statistics(),
            "web": self._web(),
            **services.more_statistics(),
        }
        info = services.system()
        yield gauge(
            "info", "Who we are; the number says nothing.", [((info.version, info.code), 1.0)], ("version", "code")
        )
        yield from counted.families(facts)
        yield from neighbours.families(services.directory, facts)
        views = services.broker.streams()
        flows, left_out = streams.flowing(views, services.stream_statistics, self._most_streams)
        yield from streams.families(views, flows, left_out)
        yield from streams.of_workers(services.workers())
        if services.recordings is not None:
            yield from streams.of_recordings([each.state for each in services.recordings.running()])


class Scrape:
    """`paper()` is the answer to a scrape. Only one is written at a time."""

    def __init__(
        self,
        services: Services,
        web: Callable[[], Mapping[str, Any]],
        most_streams: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(House(services, web, most_streams))
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        GCCollector(registry=self._registry)
        self._clock = clock
        self._paper = b""
        self._at = float("-inf")
        self._writing = asyncio.Lock()

    async def paper(self) -> bytes:
        """All families, in Prometheus' text format."""
        async with self._writing:
            if self._clock() - self._at >= KEPT_S:
                self._at = self._clock()
                parts = []
                for family in self._registry.collect():
                    parts.append(generate_latest(_Alone(family)))
                    # With hundreds of streams the whole takes long; packets and signalling pass in between.
                    await asyncio.sleep(0)
                self._paper = b"".join(parts)
            return self._paper


class _Alone(Collector):
    """One family, as the writer of the format wants it."""

    def __init__(self, family: Metric) -> None:
        self._family = family

    def collect(self) -> tuple[Metric, ...]:
        return (self._family,)
