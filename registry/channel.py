"""A channel: what its owner says of it, and what our operators say over that."""

from __future__ import annotations

from dataclasses import dataclass

from gb28181.manscdp.catalog import Item

# GB/T 28181-2022 annex A, PTZType: ball, half dome, remote-controlled bullet, remote-controlled half dome.
_STEERABLE = frozenset({1, 2, 4, 5})

# Front-end main devices that carry a picture themselves when nothing hangs below them (signalling 2.2, PRACTICE).
_MAIN_DEVICES_WITH_VIDEO = frozenset({111, 112, 113, 118, 120, 121, 122, 130})
_CAMERAS = frozenset({131, 132, 138})


@dataclass(frozen=True, slots=True)
class Channel:
    """One entry of a neighbour's catalog that is no directory.

    `online` is the effective state: its owner's last word, and false while the owner is out of reach. `playable` says
    that a picture may be asked of it. `keys` is what pinyin search reads: initials and full spelling.
    """

    owner: str
    said: Item
    name_here: str | None = None
    online: bool = False
    playable: bool = False
    keys: str = ""
    places: tuple[str, ...] = ()
    """Ids of the tree nodes it stands under; the first is its home."""

    @property
    def code(self) -> str:
        return self.said.code

    @property
    def name(self) -> str:
        return self.name_here or self.said.name or self.said.code

    @property
    def has_ptz(self) -> bool:
        """Whether it may be steered. Many owners leave PTZType out: then the operator may try."""
        return self.playable and (self.said.ptz_type in _STEERABLE or self.said.ptz_type is None)


def type_code(code: str) -> int | None:
    """Digits 11-13 of a 20-digit code (signalling 2.2); None for an opaque code."""
    if len(code) == 20 and code.isascii() and code.isdigit():
        return int(code[10:13])
    return None


def is_main_device(code: str) -> bool:
    """Recorders, encoders and their kin: 111 to 130."""
    kind = type_code(code)
    return kind is not None and 111 <= kind <= 130


def is_playable(code: str) -> bool:
    """Whether a picture may be asked of the channel with this code.

    An opaque code counts as a camera: old devices invent codes, and hiding their pictures helps nobody.
    """
    kind = type_code(code)
    if kind is None:
        return True
    return kind in _CAMERAS or kind in _MAIN_DEVICES_WITH_VIDEO or kind >= 600
