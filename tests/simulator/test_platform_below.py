"""A simulated lower platform against a simulated upper one, on real sockets."""

from __future__ import annotations

import asyncio
import time

import pytest

from gb28181.manscdp.catalog import Item
from gb28181.manscdp.config import Config, ConfigQuery
from gb28181.manscdp.control import ControlResponse, DeviceControl
from gb28181.manscdp.device_info import DeviceInfo, DeviceInfoQuery
from gb28181.manscdp.device_status import DeviceStatus, DeviceStatusQuery
from gb28181.manscdp.position import MobilePosition, PtzPositionNotice
from gb28181.manscdp.preset import PresetList, PresetQuery
from gb28181.manscdp.record_info import RecordInfo, RecordInfoQuery
from simulator.faults import Faults
from simulator.gathering import Refused
from simulator.holdings import division_tree
from sipserver.stack import RequestTimedOut
from tests.simulator.two_platforms import CAMERA, COUNTY, GROUP, RECORDING, joined, until


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_it_registers_with_its_version_and_keeps_alive(transport: str):
    async with joined(speaker={"transport": transport}) as (upper, _):
        lower = await upper.registered(COUNTY)
        assert lower.path.transport == transport.upper()
        assert [request.headers.get("X-GB-Ver") for request in upper.registers] == ["3.0", "3.0"]
        await until(lambda: upper.lowers[COUNTY].keepalives >= 2)
        assert upper.is_alive(COUNTY)


async def test_its_whole_catalog_comes_in_serial_pages_in_the_order_of_its_tree():
    async with joined() as (upper, lower):
        await upper.registered(COUNTY)
        got = await upper.ask_catalog(COUNTY)
        assert got.is_whole and got.sum_num == len(lower.holdings)
        assert len(got.parts) == -(-len(lower.holdings) // 4)
        assert upper.mirror(COUNTY).same_as(lower.holdings) == []


async def test_a_node_of_its_tree_is_answered_with_what_is_below_it():
    async with joined() as (upper, lower):
        await upper.registered(COUNTY)
        got = await upper.ask_catalog(COUNTY, GROUP)
        assert [item.code for item in got.items] == [item.code for item in lower.holdings.within(GROUP)]


async def test_it_says_who_it_is_what_it_recorded_and_how_it_is_set():
    async with joined() as (upper, lower):
        await upper.registered(COUNTY)
        (info,) = (await upper.ask(COUNTY, DeviceInfoQuery(0, COUNTY))).parts
        assert isinstance(info, DeviceInfo) and info.channels == 12
        (status,) = (await upper.ask(COUNTY, DeviceStatusQuery(0, CAMERA))).parts
        assert isinstance(status, DeviceStatus) and status.online
        records = await upper.ask(COUNTY, RecordInfoQuery(0, CAMERA, RECORDING.start - 5.0, RECORDING.stop + 5.0))
        (found,) = records.parts
        assert isinstance(found, RecordInfo) and found.items[0].start == RECORDING.start
        lower.presets[CAMERA] = {1: "大门"}
        (presets,) = (await upper.ask(COUNTY, PresetQuery(0, CAMERA))).parts
        assert isinstance(presets, PresetList) and presets.presets[0].name == "大门"
        (config,) = (await upper.ask(COUNTY, ConfigQuery(0, COUNTY))).parts
        assert isinstance(config, Config) and config.settings[0].name == "BasicParam"
        (obeyed,) = (await upper.ask(COUNTY, DeviceControl(0, CAMERA, guard=True))).parts
        assert isinstance(obeyed, ControlResponse) and obeyed.ok


async def test_followers_of_the_catalog_hear_first_what_is_off_and_then_every_change():
    async with joined() as (upper, lower):
        await upper.registered(COUNTY)
        lower.holdings.flip(CAMERA, on=False)
        await upper.ask_catalog(COUNTY)
        followed = await upper.follow(COUNTY)
        await followed.wait_for(lambda each: ("OFF", CAMERA) in each.events)
        holdings = lower.holdings
        holdings.rename(CAMERA, "改名")
        holdings.flip(CAMERA)
        holdings.add(Item(code="44010600001320009999", name="新", parent_ids=(COUNTY,)))
        holdings.delete("44010600001320000002")
        holdings.move("44010600001320000003", (COUNTY,))
        await followed.wait_for(lambda each: len(each.events) >= 6)
        assert [event for event, _ in followed.events] == ["OFF", "UPDATE", "ON", "ADD", "DEL", "UPDATE"]
        assert upper.mirror(COUNTY).same_as(holdings) == []
        assert followed.state.startswith("active")


async def test_a_follower_that_ends_or_lets_its_time_run_out_hears_no_more():
    async with joined() as (upper, lower):
        await upper.registered(COUNTY)
        ended, running_out = await upper.follow(COUNTY), await upper.follow(COUNTY, expires_s=1)
        assert (await upper.refresh(ended)).status == 200
        assert (await upper.refresh(ended, 0)).status == 200
        await asyncio.sleep(1.05)
        before = len(running_out.news)
        lower.holdings.rename(CAMERA, "改名")
        await asyncio.sleep(0.1)
        assert not ended.events
        assert len(running_out.news) == before
        assert len(lower.followers) == 0


async def test_alarms_places_and_looks_reach_who_follows_them():
    async with joined() as (upper, lower):
        await upper.registered(COUNTY)
        await lower.raise_alarm(CAMERA, text="越界")
        await until(lambda: upper.alarms)
        assert upper.alarms[0].description == "越界"
        alarms, places = await upper.follow(COUNTY, "alarm"), await upper.follow(COUNTY, "position")
        looks = await upper.follow(COUNTY, "ptz", CAMERA)
        await lower.raise_alarm(CAMERA)
        await lower.report_place(CAMERA, 113.3, 23.1)
        await lower.report_look(CAMERA, 90.0, 10.0, 2.0)
        await alarms.wait_for(lambda each: bool(each.news))
        await places.wait_for(lambda each: bool(each.news))
        await looks.wait_for(lambda each: bool(each.news))
        place, look = places.news[0], looks.news[0]
        assert isinstance(place, MobilePosition) and place.fixes[0].longitude == pytest.approx(113.3)
        assert isinstance(look, PtzPositionNotice) and look.look.pan == 90.0


@pytest.mark.parametrize("transport", ["udp", "tcp-passive", "tcp-active"])
@pytest.mark.parametrize("with_y", [True, False])
async def test_live_video_comes_by_every_transport_with_and_without_y(transport: str, with_y: bool):
    async with joined() as (upper, _):
        await upper.registered(COUNTY)
        call = await upper.invite(COUNTY, CAMERA, transport=transport, with_y=with_y)
        await call.wait_frames(5)
        assert call.receiver.key_frames
        assert call.answer.ssrc is not None and set(call.receiver.ssrcs) == {call.answer.ssrc}
        await call.bye()


async def test_a_recording_plays_obeys_and_tells_its_end():
    async with joined() as (upper, lower):
        await upper.registered(COUNTY)
        span = {"start": RECORDING.start, "stop": RECORDING.stop}
        call = await upper.invite(COUNTY, CAMERA, session="Playback", **span)
        await call.wait_frames(3)
        paused = await call.inform(b"PAUSE RTSP/1.0\r\nCSeq: 1\r\nPauseTime: now\r\n\r\n")
        assert paused.status == 200 and b"RTSP/1.0 200" in paused.body
        await asyncio.sleep(0.15)
        assert await call.receiver.is_quiet(0.2)
        assert (await call.inform(b"PLAY RTSP/1.0\r\nCSeq: 2\r\nScale: 4.0\r\n\r\n")).status == 200
        assert (await call.inform(b"NONSENSE RTSP/1.0\r\nCSeq: 3\r\n\r\n")).status == 400
        await until(lambda: call.media_status)
        assert call.media_status[0].is_end_of_file
        (taken,) = lower.studio.calls
        assert taken.player is not None and taken.player.commands == ["PAUSE", "PLAY", "NONSENSE"]
        await call.bye()
        await until(lambda: not lower.studio.calls)


async def test_a_download_comes_faster_than_time():
    async with joined() as (upper, _):
        await upper.registered(COUNTY)
        began = time.monotonic()
        call = await upper.invite(
            COUNTY, CAMERA, session="Download", start=RECORDING.start, stop=RECORDING.stop, speed=8
        )
        await until(lambda: call.media_status)
        assert time.monotonic() - began < 1.5
        await call.bye()


async def test_calls_it_cannot_take_are_refused_with_a_reason():
    async with joined(most_calls=1) as (upper, lower):
        await upper.registered(COUNTY)
        with pytest.raises(Refused, match="404"):
            await upper.invite(COUNTY, "44010600001320099999")
        lower.holdings.flip("44010600001320000002", on=False)
        with pytest.raises(Refused, match="480"):
            await upper.invite(COUNTY, "44010600001320000002")
        call = await upper.invite(COUNTY, CAMERA)
        with pytest.raises(Refused, match="486"):
            await upper.invite(COUNTY, "44010600001320000003")
        await call.bye()


# Faults to order.


async def test_a_wrong_sum_num_and_a_lost_part_leave_the_catalog_incomplete():
    for faults in (Faults(sum_num_off_by=2), Faults(lose_parts=frozenset({2}))):
        async with joined(lower_faults=faults, above={"ask_s": 0.3}) as (upper, _):
            await upper.registered(COUNTY)
            assert not (await upper.ask_catalog(COUNTY)).is_whole


async def test_late_repeated_and_backward_parts_still_make_a_whole_catalog():
    faults = Faults(late_s=0.05, repeat_parts=frozenset({2}), backwards=True)
    async with joined(lower_faults=faults) as (upper, lower):
        await upper.registered(COUNTY)
        got = await upper.ask_catalog(COUNTY)
        assert got.is_whole and got.seconds >= 0.05 * len(got.parts) - 0.05
        assert upper.mirror(COUNTY).same_as(lower.holdings) == []


async def test_a_wrong_charset_is_really_another_one():
    async with joined(lower_faults=Faults(wrong_charset=True)) as (upper, lower):
        raw: list[bytes] = []
        lower.speaker.stack.on_traffic = lambda traffic: raw.append(traffic.raw)
        await upper.registered(COUNTY)
        got = await upper.ask_catalog(COUNTY)
        assert got.items[0].name == "天河区视频监控中心"
        assert any("天河区".encode() in each and b'encoding="GB2312"' in each for each in raw)


async def test_silence_and_refusals_come_where_they_were_ordered():
    faults = Faults(silent=frozenset({"Catalog"}), refuse={"DeviceInfo": 403, "INVITE": 503, "SUBSCRIBE": 489})
    async with joined(lower_faults=faults, above={"ask_s": 0.3}) as (upper, lower):
        await upper.registered(COUNTY)
        with pytest.raises(RequestTimedOut):
            await upper.ask_catalog(COUNTY)
        with pytest.raises(Refused, match="403"):
            await upper.ask(COUNTY, DeviceInfoQuery(0, COUNTY))
        with pytest.raises(Refused, match="503"):
            await upper.invite(COUNTY, CAMERA)
        with pytest.raises(Refused, match="489"):
            await upper.follow(COUNTY)
        lower.faults = Faults(mute=frozenset({"INVITE"}))
        upper.settings = type(upper.settings)(upper.settings.code, "secret", invite_s=0.3)
        with pytest.raises(RequestTimedOut):
            await upper.invite(COUNTY, CAMERA)


async def test_media_may_be_silent_under_a_foreign_number_and_without_y():
    async with joined(lower_faults=Faults(silent_media=True)) as (upper, lower):
        await upper.registered(COUNTY)
        call = await upper.invite(COUNTY, CAMERA)
        assert await call.receiver.is_quiet(0.3)
        await call.bye()
        lower.faults = Faults(foreign_ssrc=True, no_y=True)
        call = await upper.invite(COUNTY, CAMERA)
        await call.wait_frames(3)
        assert call.answer.ssrc is None
        await call.bye()


async def test_a_hundred_changes_at_once_are_told_in_order_to_each_follower():
    async with joined(holdings=division_tree(COUNTY, "天河", "440106", "天河区", cameras=100)) as (upper, lower):
        await upper.registered(COUNTY)
        await upper.ask_catalog(COUNTY)
        one = await upper.follow(COUNTY)
        for camera in lower.holdings.cameras:
            lower.holdings.rename(camera.code, f"{camera.name} 新")
        await one.wait_for(lambda each: len(each.events) == 100)
        assert upper.mirror(COUNTY).same_as(lower.holdings) == []
