"""All platforms above and what is shared with each, held in memory; how things stand with them is here only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from registry.platform import UPPER_FIELDS, Upper, UpperState, upper_of
from registry.sharing import ShareAs, ShareRule, Sharing
from registry.store.promise import Row

_UNSHARED = Sharing(share_all=False)


class UpperBook:
    """Platforms above by code. It is changed after the store was."""

    def __init__(self) -> None:
        self.uppers: dict[str, Upper] = {}
        self.states: dict[str, UpperState] = {}
        self._shared: dict[str, tuple[tuple[ShareRule, ...], tuple[ShareAs, ...]]] = {}
        self._sharing: dict[str, Sharing] = {}

    def load(self, uppers: Iterable[Row], rules: Iterable[Row], names: Iterable[Row]) -> None:
        """Take in what was kept."""
        said: dict[str, tuple[list[ShareRule], list[ShareAs]]] = {}
        for row in rules:
            said.setdefault(str(row["upper"]), ([], []))[0].append(ShareRule(str(row["node"]), bool(row["include"])))
        for row in names:
            name = ShareAs(str(row["owner"]), str(row["code"]), str(row["code_there"]), str(row["name_there"]))
            said.setdefault(str(row["upper"]), ([], []))[1].append(name)
        for row in uppers:
            upper = upper_of(row)
            mine = said.get(upper.code, ([], []))
            self.put(upper, tuple(mine[0]), tuple(mine[1]))

    def put(
        self, upper: Upper, rules: tuple[ShareRule, ...] | None = None, names: tuple[ShareAs, ...] | None = None
    ) -> None:
        """Rules and names that are None stay as they are."""
        old_rules, old_names = self._shared.get(upper.code, ((), ()))
        rules = old_rules if rules is None else rules
        names = old_names if names is None else names
        self._sharing[upper.code] = Sharing(rules, names, share_all=upper.share_all, secrecy=upper.secrecy)
        self._shared[upper.code] = (rules, names)
        self.uppers[upper.code] = upper

    def changed(self, code: str, changes: Mapping[str, object]) -> Upper:
        """It with other fields, not yet kept. LookupError for an unknown code, ValueError for a wrong field."""
        upper = self.uppers.get(code)
        if upper is None:
            raise LookupError(f"no platform above is {code}")
        odd = changes.keys() - set(UPPER_FIELDS) | changes.keys() & {"code"}
        if odd:
            raise ValueError(f"a platform above has no field {', '.join(sorted(odd))} to change")
        # The fields' types are the caller's promise; a wrong name was refused above.
        return replace(upper, **changes)  # type: ignore[arg-type]

    def drop(self, code: str) -> None:
        for held in (self.uppers, self.states, self._shared, self._sharing):
            held.pop(code, None)

    def sharing(self, code: str) -> Sharing:
        """Nothing is shared with a stranger."""
        return self._sharing.get(code, _UNSHARED)
