"""One family of series: a name after Prometheus' conventions, what it means, and its lines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

PREFIX = "lianwang_"

Line = tuple[Sequence[str], float]
"""The values of a family's labels, and the number."""


def gauge(name: str, help_: str, lines: Iterable[Line], labels: Sequence[str] = ()) -> Metric:
    """What goes up and down."""
    return _filled(GaugeMetricFamily(PREFIX + name, help_, labels=labels), lines)


def counter(name: str, help_: str, lines: Iterable[Line], labels: Sequence[str] = ()) -> Metric:
    """What only grows. `name` is without its `_total`, which the format adds."""
    return _filled(CounterMetricFamily(PREFIX + name, help_, labels=labels), lines)


def _filled(family: GaugeMetricFamily | CounterMetricFamily, lines: Iterable[Line]) -> Metric:
    for values, number in lines:
        family.add_metric(values, number)
    return family


def looked_up(facts: Mapping[str, Any], path: str) -> float | None:
    """The number at a dotted path of nested mappings; None where there is none.

    >>> looked_up({"stack": {"counts": {"requests_in": 7}}}, "stack.counts.requests_in")
    7.0
    """
    found: Any = facts  # whatever the rooms keep, as plain values
    for step in path.split("."):
        if not isinstance(found, Mapping) or step not in found:
            return None
        found = found[step]
    return float(found) if isinstance(found, int | float) else None
