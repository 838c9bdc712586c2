"""Questions, controls, recordings and alarms across three tiers, asked by a stranger at the top."""

from __future__ import annotations

import asyncio
from pathlib import Path

from gb28181 import ptz
from gb28181.manscdp.config import Config, ConfigQuery
from gb28181.manscdp.control import ControlResponse, DeviceControl
from gb28181.manscdp.device_info import DeviceInfo, DeviceInfoQuery
from gb28181.manscdp.device_status import DeviceStatus, DeviceStatusQuery
from gb28181.manscdp.preset import PresetList, PresetQuery
from gb28181.manscdp.record_info import RecordInfo, RecordInfoQuery
from simulator.holdings import division_tree
from simulator.recording import Recording
from tests.journeys.cascade.tiers import chain, until

TOWN = "44010601002000000001"
CAMERA = "44010601001320000001"
START = 1_700_000_000


async def test_what_the_top_asks_is_answered_by_the_bottom(tmp_path: Path):
    async with chain(tmp_path) as (province, _, county, ground):
        holdings = division_tree(TOWN, "天园街道", "440106", "天河区", cameras=4)
        recordings = tuple(Recording(CAMERA, START + 60 * n, START + 60 * (n + 1)) for n in range(30))
        lower = await ground.lower(county, holdings, recordings=recordings)
        lower.presets[CAMERA] = {1: "大门"}
        judge = await ground.judge(province)
        await until(lambda: province.sees(CAMERA), 30)

        (info,) = (await judge.ask(province.code, DeviceInfoQuery(0, province.code))).parts
        assert isinstance(info, DeviceInfo) and info.ok and info.name == province.name
        (info,) = (await judge.ask(province.code, DeviceInfoQuery(0, CAMERA))).parts
        assert isinstance(info, DeviceInfo) and info.device == CAMERA and info.manufacturer == "Lianwang"
        (status,) = (await judge.ask(province.code, DeviceStatusQuery(0, CAMERA))).parts
        assert isinstance(status, DeviceStatus) and status.online
        (presets,) = (await judge.ask(province.code, PresetQuery(0, CAMERA))).parts
        assert isinstance(presets, PresetList) and [each.name for each in presets.presets] == ["大门"]
        (config,) = (await judge.ask(province.code, ConfigQuery(0, CAMERA))).parts
        assert isinstance(config, Config) and config.settings[0].name == "BasicParam"

        records = await judge.ask(province.code, RecordInfoQuery(0, CAMERA, float(START), START + 3600.0))
        assert records.is_whole and records.sum_num == 30
        found = [item for part in records.parts if isinstance(part, RecordInfo) for item in part.items]
        assert [item.start for item in found] == [each.start for each in recordings]

        (obeyed,) = (await judge.ask(province.code, DeviceControl(0, CAMERA, guard=True))).parts
        assert isinstance(obeyed, ControlResponse) and obeyed.ok
        move = ptz.encode(ptz.Move(0.5, 0.0, 0.0))
        assert (await judge.tell(province.code, DeviceControl(9, CAMERA, ptz=move))).status == 200
        await until(lambda: any(isinstance(each, DeviceControl) and each.ptz == move for each in lower.obeyed))

        # Whoever has no such thing says so, and nobody waits.
        assert (await judge.tell(province.code, PresetQuery(9, "44010601001320088888"))).status == 404


async def test_a_recording_plays_through_every_tier_and_obeys_the_top_to_its_end(tmp_path: Path):
    async with chain(tmp_path) as (province, _, county, ground):
        holdings = division_tree(TOWN, "天园街道", "440106", "天河区", cameras=2)
        lower = await ground.lower(county, holdings, recordings=(Recording(CAMERA, START, START + 600),))
        judge = await ground.judge(province)
        await until(lambda: province.sees(CAMERA), 30)

        call = await judge.invite(province.code, CAMERA, session="Playback", start=START, stop=START + 60)
        await call.wait_frames(10)
        (below,) = lower.studio.calls
        assert (below.offer.start, below.offer.stop) == (START, START + 60)
        assert below.offer.uri.startswith(f"{CAMERA}:")
        assert (await call.inform(b"PAUSE RTSP/1.0\r\nCSeq: 1\r\nPauseTime: now\r\n\r\n")).status == 200
        await asyncio.sleep(0.5)
        assert await call.receiver.is_quiet(0.5)
        assert (await call.inform(b"PLAY RTSP/1.0\r\nCSeq: 2\r\nRange: npt=now-\r\n\r\n")).status == 200
        await call.wait_frames(5)
        assert (await call.inform(b"PLAY RTSP/1.0\r\nCSeq: 3\r\nRange: npt=58-\r\n\r\n")).status == 200
        await until(lambda: call.media_status)
        assert below.player is not None and below.player.commands == ["PAUSE", "PLAY", "PLAY"]
        await call.bye()
        await until(lambda: not lower.studio.calls)

        # Two who play the same recording play each their own.
        one = await judge.invite(province.code, CAMERA, session="Playback", start=START, stop=START + 60)
        two = await judge.invite(
            province.code, CAMERA, session="Download", start=START, stop=START + 12, speed=4, transport="tcp-passive"
        )
        await asyncio.gather(one.wait_frames(3), two.wait_frames(3))
        assert len(lower.studio.calls) == 2
        await until(lambda: two.media_status, 15)
        assert two.receiver.frames >= 200
        await two.bye()
        await one.wait_frames(3)
        await one.bye()


async def test_an_alarm_and_a_place_at_the_bottom_reach_the_top(tmp_path: Path):
    async with chain(tmp_path) as (province, _, county, ground):
        holdings = division_tree(TOWN, "天园街道", "440106", "天河区", cameras=2)
        lower = await ground.lower(county, holdings)
        judge = await ground.judge(province)
        await until(lambda: province.sees(CAMERA), 30)
        await lower.raise_alarm(CAMERA, text="越界")
        await until(lambda: judge.alarms)
        assert (judge.alarms[0].device, judge.alarms[0].description) == (CAMERA, "越界")
        followed = await judge.follow(province.code, "position", CAMERA)
        await until(lambda: lower.followers.of("position"))
        await lower.report_place(CAMERA, 113.3, 23.1)
        await followed.wait_for(lambda each: bool(each.news))


async def test_a_camera_that_the_top_set_in_motion_is_stopped_by_the_tier_that_has_it(tmp_path: Path):
    async with chain(tmp_path, more={"above": {"ptz_hold_s": 1.0}}) as (province, _, county, ground):
        camera = await ground.camera(county)
        code = camera.settings.speaker.code
        judge = await ground.judge(province)
        await until(lambda: province.sees(code), 30)
        move, stop = (ptz.encode(command) for command in (ptz.Move(0.5, 0.0, 0.0), ptz.Stop()))
        assert (await judge.tell(province.code, DeviceControl(9, code, ptz=move))).status == 200
        await until(lambda: len(camera.obeyed) >= 3)
        await asyncio.sleep(2.5)
        # The county says its stop twice, and nobody above says one of his own.
        assert [each.ptz for each in camera.obeyed] == [move, stop, stop]
