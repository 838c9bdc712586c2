"""PresetQuery: the positions a camera remembers (GB/T 28181-2022 A.2.4.8 and A.2.6.10)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from gb28181.manscdp.fields import Fields, local_name
from gb28181.manscdp.writing import Sheet, row


@dataclass(frozen=True, slots=True)
class Preset:
    """A remembered position: its number as the camera wrote it, and its name."""

    number: str
    name: str


@dataclass(frozen=True, slots=True)
class PresetList:
    """The presets of a camera; `sum_num` is None when the answer had none (2016)."""

    root: ClassVar[str] = "Response"
    cmd_type: ClassVar[str] = "PresetQuery"

    sn: int
    device: str
    presets: tuple[Preset, ...] = ()
    sum_num: int | None = None
    ok: bool = True
    reason: str = ""
    damaged: int = 0


@dataclass(frozen=True, slots=True)
class PresetQuery:
    root: ClassVar[str] = "Query"
    cmd_type: ClassVar[str] = "PresetQuery"
    answer_type: ClassVar[type] = PresetList
    in_parts: ClassVar[bool] = False

    sn: int
    device: str


def read_preset_list(sn: int, device: str, fields: Fields, damaged: int) -> PresetList:
    listed = fields.inside("PresetList")
    items = [Fields(item) for item in listed.element if local_name(item) == "item"] if listed else []
    return PresetList(
        sn,
        device,
        presets=tuple(Preset(item.text("PresetID"), item.text("PresetName")) for item in items if "PresetID" in item),
        sum_num=fields.count("SumNum"),
        ok=fields.switch("Result") is not False,
        reason=fields.text("Reason"),
        damaged=damaged,
    )


def write_preset_list(said: PresetList, sheet: Sheet) -> None:
    if not said.ok:
        sheet.result(False)
        sheet.may("Reason", said.reason)
    if sheet.edition.is_2022 or said.sum_num is not None:
        sheet.must("SumNum", len(said.presets) if said.sum_num is None else said.sum_num)
    sheet.row(f'<PresetList Num="{len(said.presets)}">')
    for preset in said.presets:
        sheet.row(row("Item", (("PresetID", preset.number), ("PresetName", preset.name or preset.number))))
    sheet.close("PresetList")


def read_preset_query(sn: int, device: str, fields: Fields, damaged: int) -> PresetQuery:
    return PresetQuery(sn, device)
