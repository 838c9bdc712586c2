"""Where each neighbour is: the way that its last proven REGISTER came, looked up by code and by address."""

from __future__ import annotations

from collections.abc import Collection

from msgspec import Struct
from msgspec.structs import replace

from gb28181.edition import Edition
from sipserver.sip.path import Path


class Binding(Struct, frozen=True):
    """A neighbour and the way to it. `path` is None when it came by a TCP connection that is gone.

    `last_host` remembers where that was. `said_edition` is X-GB-Ver as it was sent, "" when it was not.
    `call_id` is of its REGISTER, "" when that was before our restart.
    """

    code: str
    path: Path | None
    last_host: str
    edition: Edition
    said_edition: str = ""
    contact: str = ""
    user_agent: str = ""
    call_id: str = ""

    def is_from(self, path: Path) -> bool:
        """Whether a message by `path` came from where this neighbour is bound."""
        bound = self.path
        return bound is path or (
            bound is not None
            and bound.remote == path.remote
            and bound.connection == path.connection
            and bound.transport == path.transport
        )


_Place = tuple[str, str, int, int]


class Bindings:
    """One binding a code, any number of codes at an address."""

    def __init__(self) -> None:
        self._by_code: dict[str, Binding] = {}
        self._at: dict[_Place, dict[str, None]] = {}

    def __len__(self) -> int:
        return len(self._by_code)

    def of(self, code: str) -> Binding | None:
        return self._by_code.get(code)

    def at(self, path: Path) -> Collection[str]:
        """The codes bound to where `path` comes from."""
        return self._at.get(_place(path), ())

    def bind(self, binding: Binding) -> Binding | None:
        """Put a neighbour where it is now; where it was before comes back."""
        before = self.loose(binding.code)
        self._by_code[binding.code] = binding
        if binding.path is not None:
            self._at.setdefault(_place(binding.path), {})[binding.code] = None
        return before

    def move(self, code: str, path: Path) -> None:
        """The same neighbour at another address. Raises KeyError for one that is not bound."""
        self.bind(replace(self._by_code[code], path=path, last_host=path.remote[0]))

    def loose(self, code: str) -> Binding | None:
        """Forget where a neighbour is; where it was comes back."""
        binding = self._by_code.pop(code, None)
        if binding is not None and binding.path is not None:
            place = _place(binding.path)
            there = self._at.get(place)
            if there is not None:
                there.pop(code, None)
                if not there:
                    del self._at[place]
        return binding

    def lose_path(self, path: Path) -> list[str]:
        """A connection broke: its neighbours stay known and have no way to them. Their codes come back."""
        codes = list(self.at(path))
        for code in codes:
            self.bind(replace(self._by_code[code], path=None))
        return codes


def _place(path: Path) -> _Place:
    return path.transport, path.remote[0], path.remote[1], path.connection
