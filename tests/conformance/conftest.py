"""Besides whole houses (`pair.py`) and bare platforms (`bare.py`): the door below alone, and cameras that say what they
are told to."""

from __future__ import annotations

from tests.sipserver.conftest import make_camera, make_house

__all__ = ["make_camera", "make_house"]
