"""News that one message cannot hold goes on where the last message ended, and does not begin anew each time."""

from __future__ import annotations

import pytest

from gb28181.manscdp.catalog import Item
from registry import export_channels, export_compare
from registry.device import Device, DeviceKind, Presence
from registry.directory import Directory
from registry.events import Bus
from registry.exporting import Exporter, OwnSystem
from registry.platform import Upper
from registry.store.promise import ChannelRow

COUNTY = "34010200002000000001"
CITY = "34010000002000000001"
PROVINCE = "34000000002000000001"
CAMERAS = 2_000
ROUND = 100
PAGE = 100


class CountingDirectory(Directory):
    rows_read = 0

    async def rows_in_order(self, after: tuple[str, str], limit: int) -> list[ChannelRow]:
        rows = await super().rows_in_order(after, limit)
        self.rows_read += len(rows)
        return rows


async def told_in_rounds(exporter: Exporter, upper: Upper) -> list[Item]:
    told: list[Item] = []
    while news := await exporter.changes(upper, ROUND):
        await exporter.mark_sent(upper, news)
        told += news
    return told


async def test_a_platform_that_goes_offline_is_read_once_however_many_rounds_its_cameras_take(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in (export_channels, export_compare):
        monkeypatch.setattr(module, "PAGE", PAGE)
    directory = CountingDirectory(Bus())
    await directory.open("memory:")
    await directory.add_device(Device(COUNTY, kind=DeviceKind.PLATFORM, presence=Presence.ONLINE))
    upper = await directory.add_upper(Upper(PROVINCE, "province", host="127.0.0.1", port=5060, share_all=True))
    exporter = Exporter(directory, OwnSystem(CITY, "city"))
    items = [Item(f"340102000013200{number:05d}", name="gate") for number in range(CAMERAS)]
    await directory.merge(COUNTY, items, complete=True, at=1.0)
    assert len(await told_in_rounds(exporter, upper)) == CAMERAS + 2
    directory.note_presence(COUNTY, Presence.OFFLINE, "told", 2.0)
    await directory.flush()
    directory.rows_read = 0
    told = await told_in_rounds(exporter, upper)
    assert len(told) == CAMERAS + 1
    assert {item.event for item in told} == {"OFF"}
    # Each round looks at what it tells, and at a page or two around that.
    assert directory.rows_read < CAMERAS / ROUND * (ROUND + 3 * PAGE)
    await exporter.close()
    await directory.close()
