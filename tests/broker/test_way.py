"""Which way is tried, and which after it."""

from __future__ import annotations

import pytest

from broker.failure import Failure
from broker.way import Way, first_way
from media.plane import Seen, Transport, Verdict
from registry.device import Device

UDP, PASSIVE, ACTIVE = Transport.UDP, Transport.TCP_PASSIVE, Transport.TCP_ACTIVE


def failure(verdict: Verdict | None, code: str = "no-media") -> Failure:
    return Failure("", code, 504, seen=Seen(verdict) if verdict else None)


@pytest.mark.parametrize(("said", "way"), [("udp", UDP), ("tcp-active", ACTIVE), ("", PASSIVE), ("carrier", PASSIVE)])
def test_the_devices_setting_is_the_first_way(said, way):
    assert first_way(Device("1", media_transport=said), single_port=False) == Way(way, False)
    assert first_way(None, single_port=True) == Way(PASSIVE, True)


@pytest.mark.parametrize(("way", "other"), [(UDP, PASSIVE), (PASSIVE, UDP), (ACTIVE, PASSIVE)])
@pytest.mark.parametrize("verdict", [Verdict.NOTHING, Verdict.CONNECTED_SILENT, Verdict.CANNOT_CONNECT])
def test_where_nothing_came_another_transport_may_help(way, other, verdict):
    assert Way(way, False).other(failure(verdict), may_change_transport=True) == Way(other, False)
    assert Way(way, False).other(failure(verdict), may_change_transport=False) is None


@pytest.mark.parametrize("verdict", [Verdict.NOT_PS, Verdict.NO_KEY_FRAME, Verdict.UNSUPPORTED_CODEC, None])
def test_where_something_came_it_does_not(verdict):
    assert Way(UDP, False).other(failure(verdict), may_change_transport=True) is None


def test_from_the_shared_port_a_port_of_its_own_may_help():
    assert Way(UDP, True).other(failure(Verdict.OTHER_SSRC), may_change_transport=True) == Way(UDP, False)
    assert Way(UDP, True).other(failure(None, "no-capacity"), may_change_transport=True) == Way(UDP, False)
    assert Way(UDP, False).other(failure(None, "no-capacity"), may_change_transport=True) is None
