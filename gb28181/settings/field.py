"""How one element of a configuration is described: what it may hold, in which edition, and who may say it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from gb28181.edition import Edition

Years: TypeAlias = tuple[str, ...]
BOTH: Years = ("2016", "2022")
OLD: Years = ("2016",)
NEW: Years = ("2022",)
NEVER: Years = ()

Value: TypeAlias = "bool | int | float | str | list[Value] | dict[str, Value]"
"""What an element holds: groups are dicts by the names of their fields, lists are lists, corners four numbers."""


def year_of(edition: Edition) -> str:
    """Which edition's description holds for a peer.

    >>> year_of(Edition.V2011A)
    '2016'
    """
    return "2022" if edition.is_2022 else "2016"


class Kind(StrEnum):
    WHOLE = "whole"
    DECIMAL = "decimal"
    FLAG = "flag"
    """1 or 0 on the wire."""
    CHOICE = "choice"
    CHOICES = "choices"
    """Several, joined with `/` on the wire."""
    TEXT = "text"
    CORNERS = "corners"
    """A box by its left, top, right and bottom pixel, joined with `,` on the wire."""
    GROUP = "group"
    LIST = "list"


@dataclass(frozen=True, slots=True)
class Field:
    """One element.

    `told` are the editions in whose answers it may stand, `set` those in whose settings; what is told and never set is
    read-only. `must` is whether a setting is incomplete without it, of a list whether it is said when it is empty, too;
    `must_when` names a field beside it and the value of that which makes it so.
    """

    name: str
    kind: Kind
    must: bool = False
    must_when: tuple[str, str] | None = None
    told: Years = BOTH
    set: Years = BOTH
    low: int | None = None
    high: int | None = None
    unit: str = ""
    choices: tuple[str, ...] = ()
    pattern: str = ""
    """A text, or a choice beside `choices`, fits this as a whole."""
    fewest: int = 0
    """Letters of a text, things of a list."""
    longest: int = 0
    """Bytes of a text in GB 18030; 0 is as long as any field may be."""
    usual: int | str | None = None
    """What holds where nothing is said, and what a form begins with."""
    is_made: bool = False
    """Whether it is made anew by whoever sets it, and need not be given."""
    fields: tuple[Field, ...] = ()
    """Of a group, and of each thing in a list."""
    item: str = ""
    """Of a list: the element of each thing. Things stand within an element of the list's name when that is another
    one, which counts them in its Num; else directly among the list's neighbours."""
    most: int = 0
    counted_by: str = ""
    """An element before the list that says how many things it has."""
    distinct: str = ""
    """The field in which no two things of a list are alike."""
    is_partial: bool = False
    """Whether things that a setting leaves out stay as they are, rather than go."""
    is_span: bool = False
    """Whether each thing of a list is a part of a day, from Start... to Stop..., none overlapping another."""

    @property
    def is_wrapped(self) -> bool:
        return self.item != self.name


@dataclass(frozen=True, slots=True)
class SettingType:
    """One type of configuration; `form` is its element. `aliases` are other names devices print for it.

    `of` is what it is set for: device, channel, or either where devices differ. `widget` names a way to show it that
    says more than a form: week, mask, osd.
    """

    form: Field
    years: Years
    of: str
    aliases: tuple[str, ...] = ()
    widget: str = ""
    is_order: bool = False
    """Whether it starts work rather than setting anything, so that reading it back proves nothing."""

    @property
    def name(self) -> str:
        return self.form.name

    def may_be_set(self, year: str) -> bool:
        return year in self.years and year in self.form.set
