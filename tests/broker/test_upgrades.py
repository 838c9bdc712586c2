"""Upgrades: one address for one device, counted as it fetches, ended by its result or by time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from broker.firmware_shelf import FirmwareShelf, Package, ShelfFull
from broker.upgrades import MOST_FETCHES, AlreadyUpgrading, NotForYou, Upgrades, UpgradeSettings
from registry.events import Bus, NoticeHeard, UpgradeChanged

CAMERA = "34020000001320000001"
SETTINGS = UpgradeSettings(largest_bytes=1000, most_packages=2)


class Story:
    def __init__(self, folder: Path, settings: UpgradeSettings = SETTINGS) -> None:
        self.now = 1000.0
        self.bus = Bus()
        self.told: list[UpgradeChanged] = []
        self.bus.listen(lambda event: self.told.append(event) if isinstance(event, UpgradeChanged) else None)
        self.shelf = FirmwareShelf(
            folder, largest=settings.largest_bytes, most=settings.most_packages, clock=lambda: self.now
        )
        self.upgrades = Upgrades(self.shelf, folder, settings, self.bus, clock=lambda: self.now)

    async def bring(self, data: bytes = b"x" * 100) -> Package:
        return await self.shelf.receive("ipc.bin", "2.5.0", "ACME", "admin", pieces(data))

    def begin(self, package: Package, code: str = CAMERA, host: str = "10.0.0.7") -> tuple[str, str]:
        order = self.upgrades.begin(code, code, package, "admin", base="http://10.0.0.1:8088", host=host)
        assert order.file_url.startswith("http://10.0.0.1:8088/firmware/")
        return order.session_id, order.file_url.rpartition("/")[2]

    def result(self, session: str, ok: bool = True, owner: str = CAMERA) -> None:
        said = "OK" if ok else "ERROR"
        reason = "" if ok else "<UpgradeFailedReason>02</UpgradeFailedReason>"
        body = (
            f"<Notify><CmdType>DeviceUpgradeResult</CmdType><SN>1</SN><DeviceID>{CAMERA}</DeviceID>"
            f"<SessionID>{session}</SessionID><UpgradeResult>{said}</UpgradeResult><Firmware>2.5.0</Firmware>{reason}"
            "</Notify>"
        )
        self.bus.tell(NoticeHeard(owner, "DeviceUpgradeResult", CAMERA, session, body.encode()))

    def state(self, session: str) -> str:
        upgrade = self.upgrades.get(session)
        assert upgrade is not None
        return upgrade.state


async def pieces(data: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(data), 7):
        yield data[at : at + 7]


@pytest.fixture
async def story(tmp_path: Path) -> AsyncIterator[Story]:
    story = Story(tmp_path)
    await story.upgrades.open()
    yield story
    await story.upgrades.close()


async def test_an_upgrade_goes_from_order_to_result(story: Story):
    session, token = story.begin(await story.bring())
    assert story.state(session) == "ordered"
    story.upgrades.accepted(session)
    upgrade, package = story.upgrades.fetch(token, "10.0.0.7")
    assert story.shelf.path(package).read_bytes() == b"x" * 100
    story.upgrades.sent(upgrade.session, 40)
    assert story.state(session) == "fetching"
    story.upgrades.sent(upgrade.session, 100)
    assert story.state(session) == "fetched"
    with pytest.raises(NotForYou):
        story.upgrades.fetch(token, "10.0.0.7")
    story.result(session)
    assert story.state(session) == "done"
    assert [event.upgrade.state for event in story.told] == ["ordered", "accepted", "fetching", "fetched", "done"]


async def test_an_acceptance_that_comes_after_the_fetching_does_not_turn_it_back(story: Story):
    session, _ = story.begin(await story.bring())
    story.upgrades.sent(session, 40)
    story.upgrades.accepted(session)
    assert story.state(session) == "fetching"


async def test_nobody_but_the_device_fetches_and_not_for_ever(story: Story):
    session, token = story.begin(await story.bring())
    for wrong, host in (("another", "10.0.0.7"), (token, "10.0.0.8")):
        with pytest.raises(NotForYou):
            story.upgrades.fetch(wrong, host)
    for _ in range(MOST_FETCHES):
        story.upgrades.fetch(token, "10.0.0.7")
    with pytest.raises(NotForYou):
        story.upgrades.fetch(token, "10.0.0.7")
    assert story.state(session) == "ordered"


async def test_a_result_of_another_device_ends_nothing(story: Story):
    session, _ = story.begin(await story.bring())
    story.result(session, owner="34020000001320000099")
    assert story.state(session) == "ordered"
    story.result(session, ok=False)
    ended = story.upgrades.get(session)
    assert ended is not None and (ended.state, ended.failure) == ("failed", "02")


async def test_a_device_has_one_upgrade_at_a_time(story: Story):
    package = await story.bring()
    session, _ = story.begin(package)
    with pytest.raises(AlreadyUpgrading):
        story.begin(package)
    story.upgrades.refused(session, "refused", "busy")
    story.begin(package)


async def test_a_device_that_tells_nothing_is_given_up_and_may_still_tell_later(tmp_path: Path):
    story = Story(tmp_path, replace(SETTINGS, patience_s=60))
    await story.upgrades.open()
    session, _ = story.begin(await story.bring())
    await story.upgrades.close()
    # We start again when its time is over.
    again = Story(tmp_path, replace(SETTINGS, patience_s=60))
    again.now = 1061.0
    await again.upgrades.open()
    async with asyncio.timeout(5):
        while again.state(session) != "timed-out":
            await asyncio.sleep(0.01)
    again.result(session)
    assert again.state(session) == "done"
    await again.upgrades.close()


async def test_an_upgrade_lives_through_our_restart(tmp_path: Path):
    story = Story(tmp_path)
    await story.upgrades.open()
    session, token = story.begin(await story.bring())
    await story.upgrades.close()
    again = Story(tmp_path)
    await again.upgrades.open()
    assert again.upgrades.fetch(token, "10.0.0.7")[0].session == session
    again.result(session)
    assert again.state(session) == "done"
    await again.upgrades.close()
    assert (tmp_path / "upgrades.json").stat().st_mode & 0o077 == 0


async def test_a_shelf_takes_no_more_and_no_larger_packages_than_it_may(story: Story, tmp_path: Path):
    with pytest.raises(ValueError, match="1000"):
        await story.bring(b"x" * 1001)
    with pytest.raises(ValueError, match="empty"):
        await story.bring(b"")
    one = await story.bring()
    await story.bring()
    with pytest.raises(ShelfFull):
        await story.bring()
    assert await story.shelf.remove(one.id) and not await story.shelf.remove(one.id)
    assert sorted(path.suffix for path in tmp_path.iterdir() if path.stem != "upgrades") == [".bin", ".json"]


async def test_a_shelf_finds_its_packages_again_and_sweeps_what_came_half(tmp_path: Path):
    story = Story(tmp_path)
    await story.shelf.open()
    package = await story.bring()
    (tmp_path / "0123.part").write_bytes(b"half")
    (tmp_path / "broken.json").write_bytes(b"{")
    again = Story(tmp_path)
    await again.shelf.open()
    assert again.shelf.all() == (package,)
    assert not (tmp_path / "0123.part").exists()


@pytest.mark.parametrize("wrong", [{"address": "10.0.0.1:8088"}, {"patience_s": 1}])
def test_settings_that_cannot_be_are_refused(wrong: dict[str, object]):
    with pytest.raises(ValueError):
        UpgradeSettings(**wrong)  # type: ignore[arg-type]
