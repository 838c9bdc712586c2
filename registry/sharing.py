"""What a platform above may see: rules on nodes of the tree, and other codes and names for some of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

MOST_RULES = 10_000
LONGEST_CODE = 64


@dataclass(frozen=True, slots=True, order=True)
class ShareRule:
    """Whether a node of the tree and all below it is shared. `node` is an id as in `registry.tree`."""

    node: str
    include: bool


@dataclass(frozen=True, slots=True, order=True)
class ShareAs:
    """Another code or name for a thing, for one platform above; "" leaves it as it is."""

    owner: str
    code: str
    code_there: str = ""
    name_there: str = ""


class Sharing:
    """All that was decided on one platform above.

    The nearest rule up the tree wins; `share_all` speaks where there is none.

    ValueError when two rules speak of one node, or two things would have one code there.
    """

    def __init__(
        self,
        rules: Iterable[ShareRule] = (),
        names: Iterable[ShareAs] = (),
        *,
        share_all: bool = True,
        secrecy: bool = False,
    ) -> None:
        self.rules: tuple[ShareRule, ...] = tuple(sorted(rules))
        self.names: tuple[ShareAs, ...] = tuple(sorted(names))
        self.share_all = share_all
        self.secrecy = secrecy
        if len(self.rules) > MOST_RULES:
            raise ValueError(f"a platform above has at most {MOST_RULES} rules, not {len(self.rules)}")
        self._rules: Mapping[str, bool] = {rule.node: rule.include for rule in self.rules}
        if len(self._rules) != len(self.rules):
            raise ValueError("two rules speak of the same node")
        self._names = {(name.owner, name.code): name for name in self.names}
        if len(self._names) != len(self.names):
            raise ValueError("two lines rename the same thing")
        self._here: dict[str, tuple[str, str]] = {}
        for name in self.names:
            if not name.code_there:
                continue
            if len(name.code_there) > LONGEST_CODE or not name.code_there.isprintable() or "/" in name.code_there:
                raise ValueError(f"{name.code_there!r} cannot be a code")
            if name.code_there in self._here:
                raise ValueError(f"two things would be {name.code_there} there")
            self._here[name.code_there] = (name.owner, name.code)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sharing):
            return NotImplemented
        return (self.rules, self.names, self.share_all, self.secrecy) == (
            other.rules,
            other.names,
            other.share_all,
            other.secrecy,
        )

    def rule(self, node: str) -> bool | None:
        """What is said of exactly this node; None when nothing is."""
        return self._rules.get(node)

    def verdict(self, chain: Iterable[str]) -> bool:
        """Whether what stands at the beginning of `chain` (ids of nodes, going up) is shared."""
        for node in chain:
            said = self._rules.get(node)
            if said is not None:
                return said
        return self.share_all

    def name_there(self, owner: str, code: str) -> str:
        """ "" when it has no other name there."""
        name = self._names.get((owner, code))
        return name.name_there if name is not None else ""

    def code_there(self, owner: str, code: str) -> str:
        """Its code there. A thing whose own code was given to another thing there has none: ""."""
        name = self._names.get((owner, code))
        if name is not None and name.code_there:
            return name.code_there
        return "" if code in self._here else code

    def here(self, code_there: str) -> tuple[str, str] | None:
        """(owner, code) of the thing that was given this code there; None when none was."""
        return self._here.get(code_there)
