"""The door of MANSCDP: bytes to a typed message and back, and what one may ask of any message."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from gb28181.charset import Charset
from gb28181.dialect import STANDARD, Dialect
from gb28181.edition import Edition
from gb28181.manscdp import (
    alarm,
    broadcast,
    catalog,
    config,
    control,
    cruise,
    device_info,
    device_status,
    document,
    home_position,
    keepalive,
    position,
    preset,
    record_info,
    sd_card,
    snapshot,
    status,
    upgrade,
)
from gb28181.manscdp.fields import Fields, local_name
from gb28181.manscdp.writing import Sheet

LIMIT = document.LIMIT
LONGEST_UNKNOWN = 64 * 1024
"""Characters kept of a message of unknown kind."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """A message whose kind we do not read: its root and CmdType as printed, and its text for eyes."""

    root: str
    cmd_type: str
    sn: int
    device: str
    text: str


Query = (
    catalog.CatalogQuery
    | device_info.DeviceInfoQuery
    | device_status.DeviceStatusQuery
    | record_info.RecordInfoQuery
    | alarm.AlarmQuery
    | preset.PresetQuery
    | config.ConfigQuery
    | position.MobilePositionQuery
    | position.PtzPositionQuery
    | home_position.HomePositionQuery
    | cruise.CruiseTrackListQuery
    | cruise.CruiseTrackQuery
    | sd_card.SdCardStatusQuery
)
"""What asks for a typed answer; each names its `answer_type` and whether the answer comes `in_parts`."""

Manscdp = (
    Query
    | keepalive.Keepalive
    | catalog.Catalog
    | catalog.CatalogNotice
    | device_info.DeviceInfo
    | device_status.DeviceStatus
    | record_info.RecordInfo
    | alarm.Alarm
    | alarm.AlarmResponse
    | control.DeviceControl
    | control.ControlResponse
    | preset.PresetList
    | config.Config
    | config.DeviceConfig
    | home_position.HomePositionAnswer
    | cruise.CruiseTrackList
    | cruise.CruisePoints
    | sd_card.SdCardStatus
    | position.MobilePosition
    | position.PtzPosition
    | position.PtzPositionNotice
    | status.MediaStatus
    | upgrade.UpgradeResult
    | snapshot.UploadSnapShotFinished
    | broadcast.Broadcast
    | Unknown
)


def parse(body: bytes, *, limit: int = LIMIT) -> Manscdp:
    """What a message says. ValueError when it is above `limit` bytes, too deep, declares entities, or is none.

    Damaged lists give their whole items and count the others in `damaged`; half a control is refused, lest half of it
    be obeyed. A missing SN is 0, a missing DeviceID "".
    """
    read = document.read(body, limit)
    root = local_name(read.root)
    if root not in _ROOTS:
        raise ValueError(f"a message's root is Control, Query, Notify or Response, not {root[:40]!r}")
    if root == "control" and not read.whole:
        raise ValueError("a control that is not whole is not obeyed")
    fields = Fields(read.root)
    cmd_type = fields.text("CmdType")
    if not cmd_type:
        raise ValueError(f"a {_ROOTS[root]} without CmdType")
    sn, device = fields.integer("SN") or 0, fields.text("DeviceID")
    reader = _READERS.get((root, cmd_type.lower()))
    if reader is None:
        return Unknown(_ROOTS[root], cmd_type, sn, device, read.text[:LONGEST_UNKNOWN].replace("\0", ""))
    return reader(sn, device, fields, read.damaged)


def serialise(value: Manscdp, charset: Charset, edition: Edition, dialect: Dialect = STANDARD) -> bytes:
    """The bytes of a message, its elements in the order of the edition. ValueError for an `Unknown`.

    What the edition does not know is left out.
    """
    writer = _WRITERS.get(type(value))
    if writer is None or isinstance(value, Unknown):
        raise ValueError(f"a message of unknown kind ({type(value).__name__}) is read, not written")
    sheet = Sheet(edition, dialect)
    about = None if isinstance(value, broadcast.Broadcast) else value.device
    sheet.head(value.root, value.cmd_type, value.sn, about)
    writer(value, sheet)
    return sheet.finish(value.root, charset)


def sn_of(value: Manscdp) -> int:
    return value.sn


def with_sn(value: Manscdp, sn: int) -> Manscdp:
    """The same message under another SN."""
    return replace(value, sn=sn)


def expected(value: Manscdp) -> tuple[int, int] | None:
    """Of a part of a many-part answer: how many items the whole has, and how many are in this part; else None."""
    if isinstance(value, catalog.Catalog | record_info.RecordInfo):
        return value.sum_num, len(value.items)
    return None


def answers(query: Manscdp, answer: Manscdp) -> bool:
    """Whether `answer` is one to `query`: of its type (or a plain refusal of it), with its SN."""
    wanted = getattr(query, "answer_type", None)
    if wanted is None or isinstance(query, Unknown) or sn_of(query) != sn_of(answer):
        return False
    if isinstance(answer, control.ControlResponse):
        return answer.cmd_type.lower() == query.cmd_type.lower()
    return isinstance(answer, wanted)


_ROOTS = {"control": "Control", "query": "Query", "notify": "Notify", "response": "Response"}

Reader = Callable[[int, str, Fields, int], Manscdp]

_READERS: dict[tuple[str, str], Reader] = {
    ("notify", "keepalive"): keepalive.read_keepalive,
    ("response", "keepalive"): keepalive.read_keepalive,  # some devices write the wrong root
    ("query", "catalog"): catalog.read_catalog_query,
    ("response", "catalog"): catalog.read_catalog,
    ("notify", "catalog"): catalog.read_catalog_notice,
    ("query", "deviceinfo"): device_info.read_device_info_query,
    ("response", "deviceinfo"): device_info.read_device_info,
    ("query", "devicestatus"): device_status.read_device_status_query,
    ("response", "devicestatus"): device_status.read_device_status,
    ("query", "recordinfo"): record_info.read_record_info_query,
    ("response", "recordinfo"): record_info.read_record_info,
    ("query", "alarm"): alarm.read_alarm_query,
    ("notify", "alarm"): alarm.read_alarm,
    ("response", "alarm"): alarm.read_alarm_response,
    ("query", "presetquery"): preset.read_preset_query,
    ("response", "presetquery"): preset.read_preset_list,
    ("query", "configdownload"): config.read_config_query,
    ("response", "configdownload"): config.read_config,
    ("query", "mobileposition"): position.read_mobile_position_query,
    ("notify", "mobileposition"): position.read_mobile_position,
    ("query", "ptzposition"): position.read_ptz_position_query,
    ("response", "ptzposition"): position.read_ptz_position,
    ("notify", "ptzposition"): position.read_ptz_position_notice,
    ("query", "homepositionquery"): home_position.read_home_position_query,
    ("response", "homepositionquery"): home_position.read_home_position,
    ("response", "homeposition"): home_position.read_home_position,  # Dahua calls its answer after what it tells
    ("query", "cruisetracklistquery"): cruise.read_cruise_list_query,
    ("response", "cruisetracklistquery"): cruise.read_cruise_list,
    ("query", "cruisetrackquery"): cruise.read_cruise_query,
    ("response", "cruisetrackquery"): cruise.read_cruise_points,
    ("query", "sdcardstatus"): sd_card.read_sd_card_query,
    ("response", "sdcardstatus"): sd_card.read_sd_cards,
    ("response", "storagecardstatusquery"): sd_card.read_sd_cards,  # so called in drafts of 2022
    ("control", "devicecontrol"): control.read_control,
    ("control", "deviceconfig"): config.read_device_config,
    ("response", "devicecontrol"): control.read_control_response,
    ("response", "deviceconfig"): control.read_control_response,
    ("response", "broadcast"): control.read_control_response,
    ("response", "mobileposition"): control.read_control_response,  # a refusal: places are told by Notify
    ("notify", "mediastatus"): status.read_media_status,
    ("notify", "deviceupgraderesult"): upgrade.read_upgrade_result,
    ("notify", "uploadsnapshotfinished"): snapshot.read_snapshot_finished,
    ("notify", "broadcast"): broadcast.read_broadcast,
    ("query", "broadcast"): broadcast.read_broadcast,  # some platforms write the wrong root
    ("control", "broadcast"): broadcast.read_broadcast,
}

# Any: each writer takes the type that stands beside it, which a dict cannot say.
_WRITERS: dict[type, Callable[[Any, Sheet], None]] = {
    keepalive.Keepalive: keepalive.write_keepalive,
    catalog.CatalogQuery: catalog.write_catalog_query,
    catalog.Catalog: catalog.write_catalog,
    catalog.CatalogNotice: catalog.write_catalog,
    device_info.DeviceInfoQuery: lambda query, sheet: None,
    device_info.DeviceInfo: device_info.write_device_info,
    device_status.DeviceStatusQuery: lambda query, sheet: None,
    device_status.DeviceStatus: device_status.write_device_status,
    record_info.RecordInfoQuery: record_info.write_record_info_query,
    record_info.RecordInfo: record_info.write_record_info,
    alarm.AlarmQuery: alarm.write_alarm_query,
    alarm.Alarm: alarm.write_alarm,
    alarm.AlarmResponse: alarm.write_alarm_response,
    preset.PresetQuery: lambda query, sheet: None,
    preset.PresetList: preset.write_preset_list,
    config.ConfigQuery: config.write_config_query,
    config.Config: config.write_config,
    position.MobilePositionQuery: position.write_mobile_position_query,
    position.MobilePosition: position.write_mobile_position,
    position.PtzPositionQuery: lambda query, sheet: None,
    position.PtzPosition: position.write_ptz_position,
    position.PtzPositionNotice: position.write_ptz_position,
    home_position.HomePositionQuery: lambda query, sheet: None,
    home_position.HomePositionAnswer: home_position.write_home_position,
    cruise.CruiseTrackListQuery: lambda query, sheet: None,
    cruise.CruiseTrackList: cruise.write_cruise_list,
    cruise.CruiseTrackQuery: cruise.write_cruise_query,
    cruise.CruisePoints: cruise.write_cruise_points,
    sd_card.SdCardStatusQuery: lambda query, sheet: None,
    sd_card.SdCardStatus: sd_card.write_sd_cards,
    config.DeviceConfig: config.write_device_config,
    control.DeviceControl: control.write_control,
    control.ControlResponse: control.write_control_response,
    status.MediaStatus: status.write_media_status,
    upgrade.UpgradeResult: upgrade.write_upgrade_result,
    snapshot.UploadSnapShotFinished: snapshot.write_snapshot_finished,
    broadcast.Broadcast: broadcast.write_broadcast,
}
