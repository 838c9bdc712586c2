"""Runs simulated neighbours: one camera, or the towns of the demonstration."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable
from dataclasses import dataclass

from gb28181.edition import Edition
from gb28181.manscdp.catalog import Item
from simulator.alarming import AlarmingSettings
from simulator.camera import Camera, CameraSettings, ChannelSettings
from simulator.hearing import HearingSettings
from simulator.recorder import RecorderSettings
from simulator.reporting import Round
from simulator.speaker import SpeakerSettings
from simulator.video import VideoSettings

Beats = tuple[tuple[str, tuple[str, ...]], ...]
"""(organisation, its cameras) below a recorder's business group."""


@dataclass(frozen=True, slots=True)
class Town:
    """Cameras as (division, name, SIP transport), perhaps a recorder as (division, name, its beats) and a car as
    (division, name). All of it stands and drives around `centre`, in degrees WGS-84.

    The divisions are real ones (GB/T 2260), the points in them invented.
    """

    cameras: tuple[tuple[str, str, str], ...]
    centre: tuple[float, float]
    recorder: tuple[str, str, Beats] | None = None
    car: tuple[str, str] | None = None

    def __len__(self) -> int:
        return (
            len(self.cameras)
            + (self.car is not None)
            + sum(len(names) for _, names in (self.recorder or ("", "", ()))[2])
        )


TOWNS: dict[str, Town] = {
    "guangzhou": Town(
        (
            ("440103", "沙面南街 01", "udp"),
            ("440103", "上下九步行街 东口", "tcp"),
            ("440104", "北京路步行街 01", "udp"),
            ("440104", "中山纪念堂 东门", "tcp"),
        ),
        (113.2590, 23.1290),
        car=("440104", "巡逻车 越秀 01"),
    ),
    "tianhe": Town(
        (
            ("440106", "体育中心 北广场", "udp"),
            ("440106", "广州东站 出站口", "tcp"),
            ("440106", "花城广场 西侧", "udp"),
            ("440106", "天河客运站 正门", "tcp"),
        ),
        (113.3350, 23.1350),
        (
            "440106",
            "车陂派出所 录像机",
            (
                ("东圃大马路 片区", ("东圃客运站", "东圃大马路 北", "东圃大马路 南", "大观路口")),
                ("车陂路 片区", ("车陂地铁站 A口", "车陂地铁站 B口", "车陂路口", "龙舟广场")),
                ("黄村 片区", ("奥体中心 东门", "奥体中心 西门", "黄村小学", "黄村立交")),
            ),
        ),
        ("440106", "巡逻车 天河 01"),
    ),
    "shenzhen": Town(
        (("440304", "市民中心 南广场", "udp"), ("440303", "东门步行街 北口", "tcp")),
        (114.0600, 22.5430),
    ),
    "nanshan": Town(
        (
            ("440305", "深圳湾公园 日出剧场", "udp"),
            ("440305", "科技园地铁站 A口", "tcp"),
            ("440305", "世界之窗 前广场", "udp"),
            ("440305", "蛇口码头 出发层", "tcp"),
        ),
        (113.9300, 22.5330),
        car=("440305", "巡逻车 南山 01"),
    ),
}
ALARM_EVERY_S = 120.0
_VIDEO = VideoSettings(width=640, height=360, fps=20, kbps=600)
_RECORDER = RecorderSettings(history_s=86_400)
"""The last day, painted when somebody asks for it."""


@dataclass(frozen=True, slots=True)
class Post:
    """A town and the platform it registers with."""

    town: str
    code: str
    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Post:
        """TOWN=CODE@HOST:PORT. ValueError when it is not that."""
        town, _, where = text.partition("=")
        code, _, address = where.partition("@")
        host, _, port = address.rpartition(":")
        if town not in TOWNS or not code or not host:
            raise ValueError(f"a post reads TOWN=CODE@HOST:PORT, not {text!r}")
        return cls(town, code, host.strip("[]"), int(port))

    def __str__(self) -> str:
        return f"{self.town}={self.code}@{self.host}:{self.port}"


async def simulate_camera(settings: CameraSettings) -> None:
    """Run one device until cancelled."""
    await _run([Camera(settings)])


async def simulate_towns(posts: Iterable[Post], password: str) -> None:
    """Run the demonstration's cameras and recorders until cancelled."""
    await _run([camera for post in posts for camera in _cameras(post, password)])


def _cameras(post: Post, password: str) -> list[Camera]:
    town = TOWNS[post.town]
    cameras: list[Camera] = []
    counts: dict[str, int] = {}
    for division, name, transport in town.cameras:
        counts[division] = number = counts.get(division, 0) + 1
        code = f"{division}00001320{number:06d}"
        place = _around(town.centre, len(cameras))
        cameras.append(
            Camera(
                CameraSettings(
                    speaker=_speaker(code, post, password, transport),
                    name=name,
                    channels=(ChannelSettings(code, name, longitude=place[0], latitude=place[1]),),
                    civil_code=division,
                    drives=None,
                    video=_VIDEO,
                    recorder=_RECORDER,
                    hearing=HearingSettings(outputs=(f"{division}00001370{number:06d}",)),
                    # One of a town now and then has something to say.
                    alarming=AlarmingSettings(armed=True, every_s=ALARM_EVERY_S if not cameras else 0.0),
                )
            )
        )
    if town.recorder is not None:
        cameras.append(Camera(_recorder(town, *town.recorder, post, password)))
    if town.car is not None:
        cameras.append(Camera(_car(town, *town.car, post, password)))
    return cameras


def _around(centre: tuple[float, float], number: int) -> tuple[float, float]:
    """Where the `number`th camera of a town stands: on a spiral, so that no two share a spot."""
    angle, away = number * 2.4, 0.006 * math.sqrt(number + 1)
    return round(centre[0] + away * math.cos(angle), 6), round(centre[1] + away * math.sin(angle), 6)


def _car(town: Town, division: str, name: str, post: Post, password: str) -> CameraSettings:
    """A camera on wheels: half an hour for a round of the town."""
    code = f"{division}00001320{900_001:06d}"
    return CameraSettings(
        speaker=_speaker(code, post, password, "tcp"),
        name=name,
        channels=(ChannelSettings(code, name, ptz=False),),
        civil_code=division,
        video=_VIDEO,
        recorder=_RECORDER,
        drives=Round(*town.centre, radius_m=1_800, period_s=1_800),
    )


def _recorder(town: Town, division: str, name: str, beats: Beats, post: Post, password: str) -> CameraSettings:
    code, group = f"{division}00001180000001", f"{division}00002150000001"
    others = [Item(code=group, name="治安视频", civil_code=division, parent_ids=(code,))]
    channels = []
    for beat, (organisation, names) in enumerate(beats, 1):
        organisation_code = f"{division}00002160{beat:06d}"
        others.append(Item(code=organisation_code, name=organisation, business_group=group))
        channels += [
            _standing(
                town, f"{division}00001320{1000 + beat * 100 + number:06d}", camera, organisation_code, beat, number
            )
            for number, camera in enumerate(names, 1)
        ]
    return CameraSettings(
        speaker=_speaker(code, post, password, "tcp", Edition.V2016),
        name=name,
        channels=tuple(channels),
        civil_code=division,
        video=_VIDEO,
        recorder=_RECORDER,
        others=tuple(others),
        drives=None,
    )


def _standing(town: Town, code: str, name: str, organisation: str, beat: int, number: int) -> ChannelSettings:
    longitude, latitude = _around(town.centre, len(town.cameras) + 4 * (beat - 1) + number)
    return ChannelSettings(code, name, parents=(organisation,), longitude=longitude, latitude=latitude)


def _speaker(code: str, post: Post, password: str, transport: str, edition: Edition = Edition.V2022) -> SpeakerSettings:
    return SpeakerSettings(
        code=code,
        password=password,
        server_host=post.host,
        server_port=post.port,
        server_code=post.code,
        transport=transport,
        edition=edition,
        retry_s=3.0,
        keepalive_s=20.0,
    )


async def _run(cameras: list[Camera]) -> None:
    try:
        async with asyncio.TaskGroup() as group:
            for camera in cameras:
                group.create_task(camera.run())
    finally:
        await asyncio.gather(*(camera.close() for camera in cameras), return_exceptions=True)
