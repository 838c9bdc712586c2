"""Cards, duties and packages of a simulated device."""

from __future__ import annotations

import pytest

from gb28181.manscdp.control import DeviceControl
from gb28181.manscdp.device_status import DeviceStatusQuery
from simulator.duty import Duties
from simulator.firmware import make_package, version_of
from simulator.storage import Storage, StorageSettings

CAMERA = "34020000001320000001"


def test_a_card_is_formatted_with_its_progress_and_then_empty():
    now = [0.0]
    storage = Storage(StorageSettings(format_s=10.0), lambda: now[0])
    assert storage.format(2) and not storage.format(7)
    now[0] = 4.0
    one, two = storage.cards
    assert (one.state, two.state, two.progress) == ("ok", "formatting", 40)
    now[0] = 11.0
    assert [(card.state, card.progress) for card in storage.cards] == [("ok", None)] * 2
    assert storage.cards[1].free_mb == storage.cards[1].capacity_mb > storage.cards[0].free_mb


def test_card_zero_is_all_of_them():
    storage = Storage(StorageSettings(format_s=10.0), lambda: 0.0)
    storage.format(0)
    assert {card.state for card in storage.cards} == {"formatting"}


def test_guard_and_recording_stand_in_the_status():
    duties = Duties(CAMERA)
    asked = DeviceStatusQuery(1, CAMERA)
    assert (duties.status(asked, 0.0).recording, duties.status(asked, 0.0).duties[0].duty) == (False, "OFFDUTY")
    assert duties.obey(DeviceControl(1, CAMERA, guard=True)) == ""
    assert duties.obey(DeviceControl(1, CAMERA, record=True, stream_number=1)) == ""
    assert (duties.status(asked, 0.0).recording, duties.status(asked, 0.0).duties[0].duty) == (True, "ONDUTY")
    assert duties.obey(DeviceControl(1, CAMERA, record=True, stream_number=5)) == "no stream 5"


def test_an_alarm_is_raised_on_guard_alone_and_reset():
    duties = Duties(CAMERA)
    assert not duties.raise_alarm(CAMERA)
    duties.obey(DeviceControl(1, CAMERA, guard=True))
    assert duties.raise_alarm(CAMERA) and duties.duty[CAMERA] == "ALARM"
    duties.obey(DeviceControl(1, CAMERA, alarm_reset=True))
    assert (duties.duty[CAMERA], duties.resets) == ("ONDUTY", 1)


def test_a_package_that_lost_or_changed_a_byte_is_corrupt():
    package = make_package("2.5.0", bytes(range(256)))
    assert version_of(package) == "2.5.0"
    for damaged in (package[:-1], package[:-1] + b"\0", b"", package[1:]):
        with pytest.raises(ValueError):
            version_of(damaged)
