"""Which form of the modules on the packet path runs: plain Python as it stands, or the same files compiled by mypyc.

The compiled files stand apart from the sources, in a folder with a stamp of the sources they were made from. A stamp
that does not fit is not used: what runs is always what one reads. The lane, which is in C and soon made, has a folder
of its own beside them, for those who have not compiled the rest.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import sys
import sysconfig
from dataclasses import dataclass, replace
from importlib.util import MAGIC_NUMBER
from pathlib import Path

MODULES = (
    "media.aac",
    "media.ahead",
    "media.annexb",
    "media.clock",
    "media.es",
    "media.flv",
    "media.fmp4",
    "media.frame",
    "media.framing",
    "media.g711",
    "media.laid",
    "media.reorder",
    "media.rtcp",
    "media.rtp",
    "media.run",
    "media.sniff",
    "media.sps",
    "media.timeline",
    "media.transcode",
    "media.unpack",
    "media.passage",
    "media.pictures",
    "media.sound",
    "media.fanout",
    "media.inlets.express",
    "media.inlets.order",
    "media.inlets.reception",
    "media.inlets.rtp_receiver",
    "media.inlets.scoop",
    "media.inlets.source_lock",
    "media.inlets.witness",
    "media.inlets.gauge",
    "media.ps.demux",
    "media.ps.mux",
    "media.ps.pack",
    "media.ps.pes",
    "media.ps.stream_map",
    "media.ps.tally",
    "media.outlets.chunk",
    "media.outlets.crowd",
    "media.outlets.numbering",
    "media.outlets.press",
    "media.outlets.rendition",
    "media.outlets.tide",
    "media.outlets.viewer",
    "media.outlets.wave",
    "media.sources.pulled_receiver",
)
"""Formats, and the way of a packet through them: nothing here waits. A class is compiled together with its bases."""

LANE = "lianwang_lane"
HOUSE = Path(__file__).resolve().parent.parent
LANE_SOURCE = HOUSE / "media" / "native" / "lane.c"
"""The one part in C, an extension beside them: the way of ordinary packets, of which they are the twin."""
FOLDER = HOUSE / "build" / "compiled"
LANE_FOLDER = HOUSE / "build" / "lane"
STAMP = "made-from"
IN_C = "the lane in C"


@dataclass(frozen=True, slots=True)
class Form:
    """What runs, and why not the other; `reason` is for the log."""

    is_compiled: bool
    reason: str
    has_lane: bool = False
    """Whether ordinary packets go by the lane."""

    def __str__(self) -> str:
        said = f"compiled ({self.reason})" if self.is_compiled else f"plain Python ({self.reason})"
        return f"{said}, {IN_C}" if self.has_lane else said


_form = Form(False, "compiled files were not asked for")


def source_of(module: str) -> Path:
    """The file of a module of the house."""
    return HOUSE.joinpath(*module.split(".")).with_suffix(".py")


def stamp() -> str:
    """What compiled files must have been made from: these sources, by this interpreter, for this machine."""
    digest = hashlib.sha256(f"{sysconfig.get_platform()} {sys.version}".encode() + MAGIC_NUMBER)
    for module in MODULES:
        digest.update(module.encode() + b"\0" + source_of(module).read_bytes() + b"\0")
    digest.update(LANE_SOURCE.read_bytes())
    return digest.hexdigest()


def lane_stamp() -> str:
    """The same of the lane by itself."""
    said = f"{sysconfig.get_platform()} {sys.version}".encode() + MAGIC_NUMBER
    return hashlib.sha256(said + LANE_SOURCE.read_bytes()).hexdigest()


def use(folder: Path | None = None) -> Form:
    """Have the format modules imported in their compiled form when it is there and fits. Call before they are.

    Never raises: what cannot be used is left, and the reason told. `LIANWANG_PLAIN=1` leaves it in any case, and
    `LIANWANG_COMPILED` names another folder than ours; processes that we start have both from us.
    """
    global _form
    where = folder or Path(os.environ.get("LIANWANG_COMPILED", FOLDER))
    _form = _choose(where)
    if not _form.is_compiled and where == FOLDER and _has_lane():
        sys.path.append(str(LANE_FOLDER))
        _form = replace(_form, has_lane=True)
    return _form


def form() -> Form:
    """What was chosen."""
    return _form


def _choose(folder: Path) -> Form:
    if os.environ.get("LIANWANG_PLAIN") == "1":
        return Form(False, "LIANWANG_PLAIN=1 is set")
    try:
        made_from = (folder / STAMP).read_text(encoding="ascii")
    except OSError:
        return Form(False, "nothing is compiled here; `make compiled` does it")
    if made_from != stamp():
        return Form(False, "the compiled files are of other sources; `make compiled` renews them")
    early = [module for module in MODULES if module in sys.modules]
    if early:
        return Form(False, f"{early[0]} was imported before")
    sys.path.append(str(folder))
    for package in sorted({module.rpartition(".")[0] for module in MODULES}):
        importlib.import_module(package).__path__.insert(0, str(folder.joinpath(*package.split("."))))
    return Form(True, f"{len(MODULES)} modules by mypyc", has_lane=True)


def _has_lane() -> bool:
    try:
        made_from = (LANE_FOLDER / STAMP).read_text(encoding="ascii")
    except OSError:
        return False
    return made_from == lane_stamp() and os.environ.get("LIANWANG_PLAIN") != "1"
