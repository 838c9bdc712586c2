"""The tree as its readers see it: nodes with counts, handed out in pages."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from registry.channel import Channel

T = TypeVar("T")

LONGEST_PAGE = 1_000


def bounded(limit: int) -> int:
    """How many are on a page when somebody wishes for so many."""
    return max(1, min(limit, LONGEST_PAGE))


class NodeKind(StrEnum):
    DIVISION = "division"
    SYSTEM = "system"
    GROUP = "group"
    ORGANISATION = "organisation"
    DEVICE = "device"
    CHANNEL = "channel"


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some of a long list. `next` continues it (None at the end); `total` counts all of it where that is known."""

    items: tuple[T, ...]
    next: str | None = None
    total: int | None = None


@dataclass(frozen=True, slots=True)
class TreeNode:
    """A place in the tree.

    `online` and `total` count the distinct playable cameras that stand anywhere below; a camera that stands under two
    organisations of one group counts once at the group, and one that several platforms have counts once at every node,
    online when one of them says so. `owner` is the neighbour whose catalog told of the node, "" for a division.
    `channel` is there for kind CHANNEL only; `ways` are the platforms that have the same camera, when several have.
    """

    id: str
    kind: NodeKind
    code: str
    name: str
    parent: str | None
    online: int
    total: int
    has_children: bool
    owner: str = ""
    channel: Channel | None = None
    ways: tuple[str, ...] = ()
