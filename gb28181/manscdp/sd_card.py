"""SDCardStatus: the storage cards of a device (GB/T 28181-2022 A.2.4.14, A.2.6.16)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from gb28181.manscdp.fields import Fields, local_name
from gb28181.manscdp.writing import Sheet, row

MOST_CARDS = 64
"""The standard has 8; some recorders list their disks here."""


@dataclass(frozen=True, slots=True)
class SdCard:
    """A card, numbered from 1. `state` is ok, formatting, unformatted, idle or error, or what else a device says.

    `progress` of formatting is in per cent, None when not said; sizes are in megabytes.
    """

    number: int
    name: str = ""
    state: str = "ok"
    progress: int | None = None
    capacity_mb: int = 0
    free_mb: int = 0


@dataclass(frozen=True, slots=True)
class SdCardStatus:
    """The cards of a device, or some of them; `damaged` counts those without a number."""

    root: ClassVar[str] = "Response"
    cmd_type: ClassVar[str] = "SDCardStatus"

    sn: int
    device: str
    cards: tuple[SdCard, ...] = ()
    sum_num: int | None = None
    ok: bool = True
    reason: str = ""
    damaged: int = 0


@dataclass(frozen=True, slots=True)
class SdCardStatusQuery:
    root: ClassVar[str] = "Query"
    cmd_type: ClassVar[str] = "SDCardStatus"
    answer_type: ClassVar[type] = SdCardStatus
    in_parts: ClassVar[bool] = False

    sn: int
    device: str


def read_sd_cards(sn: int, device: str, fields: Fields, damaged: int) -> SdCardStatus:
    # The element that lists them is called after the answer in some devices.
    listed = fields.inside("SDCardStatusInfo", "SDCardStatusList", "StorageCardStatusInfo")
    items = [Fields(item) for item in listed.element if local_name(item) == "item"] if listed is not None else []
    found = [card for item in items[:MOST_CARDS] if (card := _read_card(item)) is not None]
    return SdCardStatus(
        sn,
        device,
        tuple(found),
        fields.count("SumNum"),
        fields.switch("Result") is not False,
        fields.text("Reason"),
        damaged + len(items) - len(found),
    )


def _read_card(item: Fields) -> SdCard | None:
    number = item.count("ID")
    if number is None:
        return None
    progress = item.count("FormatProgress")
    return SdCard(
        number,
        item.text("HddName"),
        item.text("Status").lower(),
        min(progress, 100) if progress is not None else None,
        item.count("Capacity") or 0,
        item.count("FreeSpace") or 0,
    )


def write_sd_cards(said: SdCardStatus, sheet: Sheet) -> None:
    if not said.ok:
        sheet.result(False)
        sheet.may("Reason", said.reason)
    sheet.must("SumNum", len(said.cards) if said.sum_num is None else said.sum_num)
    if said.cards:
        sheet.row(f'<SDCardStatusInfo Num="{len(said.cards)}">')
        for card in said.cards:
            values = (
                ("ID", card.number),
                ("HddName", card.name or f"SD{card.number}"),
                ("Status", card.state),
                ("FormatProgress", card.progress),
                ("Capacity", card.capacity_mb),
                ("FreeSpace", card.free_mb),
            )
            sheet.row(row("Item", values))
        sheet.close("SDCardStatusInfo")


def read_sd_card_query(sn: int, device: str, fields: Fields, damaged: int) -> SdCardStatusQuery:
    return SdCardStatusQuery(sn, device)
