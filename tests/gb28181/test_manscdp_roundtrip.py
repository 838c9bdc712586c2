"""What is written is read again as it was: every message, in every charset and edition (CHR-01)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gb28181.charset import Charset, charset_for
from gb28181.edition import Edition
from gb28181.manscdp.alarm import Alarm, AlarmQuery, AlarmResponse
from gb28181.manscdp.catalog import Catalog, CatalogNotice, CatalogQuery, Item
from gb28181.manscdp.control import (
    Box,
    ControlResponse,
    DeviceControl,
    HomePosition,
    PrecisePosition,
    Upgrade,
)
from gb28181.manscdp.device_info import DeviceInfo, DeviceInfoQuery
from gb28181.manscdp.device_status import DeviceStatus, DeviceStatusQuery, Duty
from gb28181.manscdp.keepalive import Keepalive
from gb28181.manscdp.message import Manscdp, parse, serialise
from gb28181.manscdp.preset import Preset, PresetList, PresetQuery
from gb28181.manscdp.record_info import RecordInfo, RecordInfoQuery, RecordItem
from gb28181.manscdp.status import MediaStatus
from gb28181.manscdp.upgrade import UpgradeResult

CHINESE = "东门西南北路口枪球机号楼龙镕㐀䶿𠀀𠮷𪛖𰻝，。（）１Ａ"
ASCII = "".join(chr(code) for code in range(0x21, 0x7F))

letters = st.sampled_from(CHINESE + ASCII)
text = st.text(letters, max_size=24)
word = st.text(letters, min_size=1, max_size=24)
code = st.one_of(
    st.sampled_from(["34", "340102", "34010200002150000001", "34010200002160000001", "34010200002000000001"]),
    st.integers(0, 999999).map(lambda serial: f"34010200001320{serial:06d}"),
    st.text(ASCII.replace("/", ""), min_size=1, max_size=20),
)
sn = st.integers(1, 2**31 - 1)
moment = st.integers(-(10**9), 4 * 10**9).map(float)
degrees = st.floats(-180, 180, allow_nan=False).map(lambda value: round(value, 6)).filter(bool)
small = st.integers(0, 10**6)
flag = st.booleans()


def maybe(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | values


def several(values: st.SearchStrategy[Any], most: int = 4) -> st.SearchStrategy[Any]:
    return st.lists(values, max_size=most).map(tuple)


camera = st.integers(0, 999999).map(lambda serial: f"34010200001320{serial:06d}")
COMMON: dict[str, Any] = {
    "name": text,
    "manufacturer": text,
    "model": text,
    "civil_code": text,
    "block": text,
    "address": text,
    "parental": flag,
    "parent_ids": several(camera.map(lambda one: one.replace("132", "118"))).map(
        lambda all_: tuple(dict.fromkeys(all_))
    ),
    "register_way": st.integers(0, 4),
    "secrecy": flag,
    "ip_address": text,
    "port": maybe(st.integers(0, 65535)),
    "status_on": flag,
    "longitude": maybe(degrees),
    "latitude": maybe(degrees),
    "business_group": text,
    "ptz_type": maybe(small),
    "room_type": maybe(small),
    "supply_light_type": maybe(small),
    "direction_type": maybe(small),
    "resolution": text,
    "download_speed": text,
    "svc_space_mode": maybe(small),
    "svc_time_mode": maybe(small),
    "event": st.sampled_from([None, "ADD", "UPDATE"]),
}
IN_2016: dict[str, Any] = {
    "owner": text,
    "safety_way": maybe(small),
    "cert_num": text,
    "certifiable": maybe(small),
    "err_code": maybe(small),
    "end_time": maybe(moment),
    "position_type": maybe(small),
    "use_type": maybe(small),
}
IN_2022: dict[str, Any] = {
    "security_level": text,
    "imaging_type": text,
    "capture_position_type": text,
    "stream_numbers": several(st.integers(0, 9)),
    "ssvc_ratios": text,
    "mobile_device_type": maybe(small),
    "horizontal_angle": maybe(degrees),
    "vertical_angle": maybe(degrees),
    "max_view_distance_m": maybe(degrees),
    "grassroots_code": text,
    "point_type": maybe(small),
    "point_common_name": text,
    "mac": text,
    "function_type": text,
    "encode_type": text,
    "install_time": maybe(moment),
    "management_unit": text,
    "contact_info": text,
    "record_save_days": maybe(small),
    "industrial_classification": text,
    "extra": several(word),
}
ITEMS = {
    False: st.builds(Item, camera, **COMMON, **IN_2016),
    True: st.builds(Item, camera, **COMMON, **IN_2022),
}
box = st.builds(Box, small, small, small, small, small, small)


def records(is_2022: bool) -> st.SearchStrategy[RecordItem]:
    late: dict[str, Any] = {"location": text, "stream_number": maybe(small)} if is_2022 else {}
    return st.builds(
        RecordItem,
        code,
        name=word,
        file_path=text,
        address=text,
        start=maybe(moment),
        end=maybe(moment),
        secrecy=flag,
        kind=text,
        recorder=text,
        file_size=maybe(small),
        **late,
    )


def messages(edition: Edition) -> st.SearchStrategy[Manscdp]:
    """Any message that the edition can say."""
    new = edition.is_2022
    device: dict[str, Any] = {"sn": sn, "device": code}
    items = several(ITEMS[new], 3)
    alarms: dict[str, Any] = {"alarm_method": text, "alarm_type": text} if new else {}
    late_control: dict[str, Any] = {"stream_number": maybe(small)} if new else {}
    return st.one_of(
        st.builds(Keepalive, **device, status_ok=flag, faulty=several(code)),
        st.builds(CatalogQuery, **device, start=maybe(moment), end=maybe(moment)),
        st.builds(Catalog, **device, sum_num=small, items=items),
        st.builds(CatalogNotice, **device, sum_num=small, items=items),
        st.builds(DeviceInfoQuery, **device),
        st.builds(
            DeviceInfo,
            **device,
            ok=flag,
            name=text,
            manufacturer=text,
            model=text,
            firmware=text,
            channels=maybe(small),
            reason=text,
            extra=several(word),
        ),
        st.builds(DeviceStatusQuery, **device),
        st.builds(
            DeviceStatus,
            **device,
            ok=flag,
            online=flag,
            status_ok=flag,
            reason=text,
            encoding=maybe(flag),
            recording=maybe(flag),
            at=maybe(moment),
            duties=several(st.builds(Duty, code, st.sampled_from(["ONDUTY", "OFFDUTY", "ALARM"]))),
        ),
        st.builds(
            RecordInfoQuery,
            **device,
            start=maybe(moment),
            end=maybe(moment),
            file_path=text,
            address=text,
            secrecy=flag,
            kind=st.sampled_from(["all", "time", "alarm", "manual"]),
            recorder=text,
            indistinct=flag,
            **alarms,
            **late_control,
        ),
        st.builds(RecordInfo, **device, name=text, sum_num=small, items=several(records(new))),
        st.builds(
            AlarmQuery,
            **device,
            start_priority=small,
            end_priority=small,
            methods=st.sets(st.integers(1, 7)).map(tuple),
            alarm_type=text,
            start=maybe(moment),
            end=maybe(moment),
        ),
        st.builds(
            Alarm,
            **device,
            priority=small,
            method=small,
            at=maybe(moment),
            description=text,
            longitude=maybe(degrees),
            latitude=maybe(degrees),
            alarm_type=maybe(small),
            event_type=maybe(small),
        ),
        st.builds(AlarmResponse, **device, ok=flag),
        st.builds(PresetQuery, **device),
        st.builds(PresetList, **device, presets=several(st.builds(Preset, word, word)), sum_num=small),
        st.builds(MediaStatus, **device, notify_type=word),
        st.builds(UpgradeResult, **device, session_id=word, ok=st.just(True), firmware=text),
        st.builds(UpgradeResult, **device, session_id=word, ok=st.just(False), firmware=text, failure=word),
        st.builds(
            ControlResponse,
            **device,
            ok=flag,
            reason=text,
            cmd_type=st.sampled_from(["DeviceControl", "DeviceConfig", "Broadcast"]),
        ),
        st.builds(
            DeviceControl,
            **device,
            ptz=maybe(word),
            preset_name=text,
            cruise_name=text,
            teleboot=flag,
            record=maybe(flag),
            guard=maybe(flag),
            i_frame=flag,
            zoom_in=maybe(box),
            zoom_out=maybe(box),
            home_position=maybe(st.builds(HomePosition, flag, maybe(small), maybe(small))),
            precise=maybe(st.builds(PrecisePosition, maybe(degrees), maybe(degrees), maybe(degrees))),
            upgrade=maybe(st.builds(Upgrade, text, word, text, text)),
            format_card=maybe(small),
            track=st.sampled_from([None, "Auto", "Manual", "Stop"]),
            track_panorama=text,
            target_area=maybe(box),
            priority=maybe(small),
            extra=several(word),
            **late_control,
        ),
    )


@pytest.mark.parametrize("charset", Charset)
@pytest.mark.parametrize("edition", [Edition.V2016, Edition.V2022])
@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_every_message_comes_back_in_every_charset_and_edition(
    data: st.DataObject, edition: Edition, charset: Charset
) -> None:
    value = data.draw(messages(edition))
    body = serialise(value, charset, edition)
    assert parse(body) == value
    assert serialise(parse(body), charset, edition) == body


@settings(max_examples=100)
@given(st.text(st.characters(min_codepoint=0x3400, max_codepoint=0x2FFFF, categories=["Lo"]), min_size=1, max_size=20))
def test_a_name_of_any_letters_of_gb_18030_is_unchanged_by_the_journey(name: str) -> None:
    """CHR-01: four-byte characters, the supplementary planes and minority scripts among them."""
    for edition in (Edition.V2016, Edition.V2022):
        value = DeviceInfo(1, "34010200001320000001", name=name)
        assert parse(serialise(value, charset_for(edition), edition)) == value


@settings(max_examples=150)
@given(st.text(max_size=40))
def test_whatever_text_is_written_can_be_read(name: str) -> None:
    """Control characters and lone surrogates are lost, the message is not."""
    for charset in Charset:
        body = serialise(DeviceInfo(1, "x", name=name, model="last"), charset, Edition.V2016)
        read = parse(body)
        assert isinstance(read, DeviceInfo)
        assert read.model == "last"
