"""A demonstration's own folder, emptied at each start; anybody else's folder is left alone."""

from __future__ import annotations

import shutil
from pathlib import Path

MARK = ".lianwang-demo"


def fresh_folder(data: Path) -> None:
    """Make `data` an empty folder of ours. FileExistsError when it holds what no demonstration put there."""
    if data.exists() and not (data / MARK).is_file() and (not data.is_dir() or any(data.iterdir())):
        raise FileExistsError(
            f"{data} 不是演示的数据目录，不会清空，请换一个。"
            " It is no demonstration's folder and is not emptied: give another."
        )
    shutil.rmtree(data, ignore_errors=True)
    data.mkdir(parents=True)
    (data / MARK).touch()
