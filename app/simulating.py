"""Runs simulated neighbours: one camera, or the small town of the demonstration."""

from __future__ import annotations

import asyncio

from gb28181.edition import Edition
from gb28181.manscdp.catalog import Item
from simulator.camera import Camera, CameraSettings, ChannelSettings
from simulator.speaker import SpeakerSettings
from simulator.video import VideoSettings

# Real divisions of Guangzhou (GB/T 2260) and invented points in them.
CAMERAS: tuple[tuple[str, str, str], ...] = (
    ("440103", "沙面南街 01", "udp"),
    ("440103", "上下九步行街 东口", "tcp"),
    ("440104", "北京路步行街 01", "udp"),
    ("440104", "中山纪念堂 东门", "tcp"),
    ("440106", "体育中心 北广场", "udp"),
    ("440106", "广州东站 出站口", "tcp"),
    ("440106", "花城广场 西侧", "udp"),
    ("440111", "白云山 南门", "tcp"),
)
RECORDER = ("440106", "车陂派出所 录像机")
# (organisation, its cameras) below the recorder's business group.
BEATS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("东圃大马路 片区", ("东圃客运站", "东圃大马路 北", "东圃大马路 南", "大观路口")),
    ("车陂路 片区", ("车陂地铁站 A口", "车陂地铁站 B口", "车陂路口", "龙舟广场")),
    ("黄村 片区", ("奥体中心 东门", "奥体中心 西门", "黄村小学", "黄村立交")),
)
TOWN_SIZE = len(CAMERAS) + sum(len(names) for _, names in BEATS)
_VIDEO = VideoSettings(width=640, height=360, fps=20, kbps=600)


async def simulate_camera(settings: CameraSettings) -> None:
    """Run one device until cancelled."""
    await _run([Camera(settings)])


async def simulate_town(server: tuple[str, int], server_code: str, password: str) -> None:
    """Run the demonstration's cameras and its recorder until cancelled."""
    cameras = [
        Camera(
            CameraSettings(
                speaker=_speaker(f"{division}00001320{number:06d}", server, server_code, password, transport),
                name=name,
                channels=(ChannelSettings(f"{division}00001320{number:06d}", name),),
                video=_VIDEO,
            )
        )
        for number, (division, name, transport) in enumerate(CAMERAS, 1)
    ]
    await _run([*cameras, Camera(_recorder(server, server_code, password))])


def _recorder(server: tuple[str, int], server_code: str, password: str) -> CameraSettings:
    division, name = RECORDER
    code, group = f"{division}00001180000001", f"{division}00002150000001"
    others = [Item(code=group, name="治安视频", civil_code=division, parent_ids=(code,))]
    channels = []
    for beat, (organisation, names) in enumerate(BEATS, 1):
        organisation_code = f"{division}00002160{beat:06d}"
        others.append(Item(code=organisation_code, name=organisation, business_group=group))
        channels += [
            ChannelSettings(f"{division}00001320{1000 + beat * 100 + number:06d}", camera, parents=(organisation_code,))
            for number, camera in enumerate(names, 1)
        ]
    return CameraSettings(
        speaker=_speaker(code, server, server_code, password, "tcp", Edition.V2016),
        name=name,
        channels=tuple(channels),
        civil_code=division,
        video=_VIDEO,
        others=tuple(others),
    )


def _speaker(
    code: str,
    server: tuple[str, int],
    server_code: str,
    password: str,
    transport: str,
    edition: Edition = Edition.V2022,
) -> SpeakerSettings:
    return SpeakerSettings(
        code=code,
        password=password,
        server_host=server[0],
        server_port=server[1],
        server_code=server_code,
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
