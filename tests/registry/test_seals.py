"""What was agreed with neighbours who sign their messages."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry.device import Device, DeviceKind
from registry.directory import Directory
from registry.events import Bus
from registry.platform import Upper
from registry.seals import SealKept

BELOW = "34020000002000000002"
ABOVE = "34000000002000000001"


async def test_a_seal_outlives_a_restart_and_does_not_show_its_seed(tmp_path: Path):
    url = f"sqlite:///{tmp_path / 'library.db'}"
    directory = Directory(Bus(), clock=lambda: 100.0)
    await directory.open(url)
    await directory.seals.keep(SealKept(BELOW, "first", "MD5"))
    kept = await directory.seals.keep(SealKept(BELOW, "s3cr3t", "SM3", is_hex=True))
    await directory.close()
    again = Directory(Bus())
    await again.open(url)
    assert again.seals.all() == (kept,) and kept.seed == "s3cr3t" and kept.since == 100.0
    assert "s3cr3t" not in repr(kept)
    await again.seals.drop(BELOW)
    with pytest.raises(LookupError):
        await again.seals.drop(BELOW)
    await again.close()
    last = Directory(Bus())
    await last.open(url)
    assert len(last.seals) == 0
    await last.close()


async def test_a_seal_goes_with_its_neighbour_unless_it_is_one_on_both_sides(tmp_path: Path):
    directory = Directory(Bus())
    await directory.open(f"sqlite:///{tmp_path / 'library.db'}")
    await directory.add_device(Device(BELOW, kind=DeviceKind.PLATFORM))
    await directory.add_device(Device(ABOVE, kind=DeviceKind.PLATFORM))
    await directory.add_upper(Upper(ABOVE, host="10.0.0.1"))
    for code in (BELOW, ABOVE):
        await directory.seals.keep(SealKept(code, "seed"))
    await directory.remove_device(BELOW)
    await directory.remove_device(ABOVE)
    assert [seal.code for seal in directory.seals.all()] == [ABOVE]
    await directory.remove_upper(ABOVE)
    assert directory.seals.all() == ()
    await directory.close()
