"""Channels of our own: what may be kept, under which codes, and how they stand in the tree."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from registry.device import DeviceKind, Presence
from registry.directory import Directory
from registry.events import Bus, Event
from registry.own_sources import OwnSources
from registry.source import OwnSource, SourceState, without_credentials

OURS = "34020000002000000001"
GATE, FILM = "34020000001320900001", "34020000001320900002"
URL = "rtsp://10.0.0.9/live"


@pytest.fixture
async def directory() -> AsyncIterator[Directory]:
    made = Directory(Bus())
    await made.open("memory:")
    yield made
    await made.close()


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"url": URL, "file": "a.mp4"},
        {"url": "http://10.0.0.9/"},
        {"url": "rtsp://admin:secret@10.0.0.9/"},
        {"url": URL + "\n"},
        {"url": URL, "way": "multicast"},
        {"url": URL, "civil_code": "34x"},
        {"url": URL, "name": "n" * 200},
        {"url": URL, "password": "secret" * 50},
        {"url": URL, "code": "123"},
    ],
)
def test_what_cannot_be_meant_is_no_source_and_its_password_is_not_repeated(fields: dict[str, str]) -> None:
    with pytest.raises(ValueError) as refused:
        OwnSource(**{"code": GATE, **fields})
    assert "secret" not in str(refused.value)


def test_a_source_shows_no_password() -> None:
    assert "secret" not in repr(OwnSource(GATE, url=URL, user="admin", password="secret"))


@pytest.mark.parametrize(
    ("text", "plain", "user", "password"),
    [
        ("rtsp://10.0.0.9/live", "rtsp://10.0.0.9/live", "", ""),
        ("rtsp://admin@10.0.0.9/live", "rtsp://10.0.0.9/live", "admin", ""),
        ("rtsp://admin:a:b@10.0.0.9:554/live", "rtsp://10.0.0.9:554/live", "admin", "a:b"),
        ("rtsp://admin:p@ss@10.0.0.9/live?x=1", "rtsp://10.0.0.9/live?x=1", "admin", "p@ss"),
        ("rtsp://admin:p/s?@10.0.0.9/live", "rtsp://10.0.0.9/live", "admin", "p/s?"),
        ("rtsp://10.0.0.9/live@night", "rtsp://10.0.0.9/live@night", "", ""),
    ],
)
def test_user_and_password_are_taken_out_of_a_pasted_address(text: str, plain: str, user: str, password: str) -> None:
    assert without_credentials(text) == (plain, user, password)


async def test_a_source_stands_in_its_division_under_a_code_of_ours(directory: Directory) -> None:
    sources = OwnSources(directory, OURS, "own")
    assert await sources.free_code() == GATE
    await sources.add(OwnSource(GATE, "north gate", URL, civil_code="340202"))
    await sources.add(OwnSource(await sources.free_code(), "film", file="a.mp4"))
    owner = directory.device(sources.owner)
    assert owner is not None and (owner.kind, owner.presence) == (DeviceKind.OWN, Presence.ONLINE)
    assert owner.code == "34020000001120900001" and owner.password == ""
    gate, film = await directory.channel(owner.code, GATE), await directory.channel(owner.code, FILM)
    assert gate is not None and film is not None
    assert (gate.name, gate.playable, gate.online, gate.has_ptz) == ("north gate", True, True, False)
    assert [node.code for node in await directory.path_to(f"channel:{owner.code}/{GATE}")] == [
        *("34", "3402", "340202", GATE)
    ]
    film_path = [node.code for node in await directory.path_to(f"channel:{owner.code}/{FILM}")]
    assert film_path[-2:] == [owner.code, FILM] and "340202" not in film_path


async def test_codes_are_nobody_else_s(directory: Directory) -> None:
    sources = OwnSources(directory, OURS)
    await sources.add(OwnSource(GATE, url=URL))
    with pytest.raises(ValueError, match="known here already"):
        await sources.add(OwnSource(GATE, file="a.mp4"))
    with pytest.raises(ValueError, match="known here already"):
        await sources.add(OwnSource(sources.owner, file="a.mp4"))
    many = await asyncio.gather(*(sources.add(OwnSource(FILM, file="a.mp4")) for _ in range(3)), return_exceptions=True)
    assert sum(isinstance(each, OwnSource) for each in many) == 1


async def test_what_was_found_out_is_told_of_the_channel(directory: Directory) -> None:
    sources, told = OwnSources(directory, OURS), list[Event]()
    await sources.add(OwnSource(GATE, url=URL))
    directory.bus.listen(told.append)
    await sources.note([SourceState(GATE, False, "no answer"), SourceState("unknown", True)])
    channel = await directory.channel(sources.owner, GATE)
    assert channel is not None and not channel.online and sources.state(GATE).note == "no answer"
    assert any(type(event).__name__ == "ChannelStatusChanged" for event in told)
    # A change of its address forgets what was found out of the old one.
    await sources.change(GATE, url="rtsp://10.0.0.10/live")
    channel = await directory.channel(sources.owner, GATE)
    assert channel is not None and channel.online
    await sources.change(GATE, enabled=False)
    channel = await directory.channel(sources.owner, GATE)
    assert channel is not None and not channel.online


async def test_what_could_not_be_told_of_the_channel_is_told_when_it_is_found_out_again(
    directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = OwnSources(directory, OURS)
    await sources.add(OwnSource(GATE, url=URL))
    gone = SourceState(GATE, False, "no answer")

    async def breaks(owner: str, online: object) -> None:
        raise OSError("the database is gone")

    with monkeypatch.context() as broken:
        broken.setattr(directory, "note_channel_status", breaks)
        with pytest.raises(OSError, match="the database"):
            await sources.note([gone])
    await sources.note([gone])
    channel = await directory.channel(sources.owner, GATE)
    assert channel is not None and not channel.online


async def test_changes_are_checked_and_removal_takes_the_channel(directory: Directory) -> None:
    sources = OwnSources(directory, OURS)
    await sources.add(OwnSource(GATE, "gate", URL, "admin", "secret"))
    with pytest.raises(ValueError, match="no field"):
        await sources.change(GATE, code=FILM)
    with pytest.raises(ValueError, match="one of them"):
        await sources.change(GATE, file="a.mp4")
    with pytest.raises(LookupError):
        await sources.change(FILM, name="x")
    assert (await sources.change(GATE, name="south gate")).password == "secret"
    await sources.remove(GATE)
    assert sources.all() == () and await directory.channel(sources.owner, GATE) is None
    with pytest.raises(LookupError):
        await sources.remove(GATE)


async def test_sources_are_there_again_after_a_restart(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'own.db'}"
    before = Directory(Bus())
    await before.open(url)
    await OwnSources(before, OURS).add(OwnSource(GATE, "gate", URL, "admin", "secret", "udp"))
    kept = OwnSources(before, OURS).all()
    await before.close()
    after = Directory(Bus())
    await after.open(url)
    sources = OwnSources(after, OURS)
    await sources.open()
    assert sources.all() == kept and kept[0].password == "secret"
    device = after.device(sources.owner)
    assert device is not None and device.presence is Presence.ONLINE
    await after.close()
