"""Whose request this is, when it is no REGISTER: only what comes from where a neighbour registered is executed."""

from __future__ import annotations

from collections.abc import Callable

from gb28181.dialect import Dialect
from registry.directory import Directory
from registry.refusal import Refusal, RefusalSeen
from sipserver.below.attendance import Attendance
from sipserver.below.bindings import Binding, Bindings
from sipserver.below.grievances import Grievances
from sipserver.below.settings import BelowSettings
from sipserver.below.twins import Twins, twins_words
from sipserver.stack import Incoming, Path


class Gate:
    """Admits requests of registered neighbours, refuses all others with 403 and notes why (SEC-07 of our checklist).

    403 rather than silence, because most devices then register again at once.
    """

    def __init__(
        self,
        directory: Directory,
        settings: BelowSettings,
        bindings: Bindings,
        attendance: Attendance,
        grievances: Grievances,
        twins: Twins,
        *,
        dialect_of: Callable[[str], Dialect],
        clock: Callable[[], float],
        wall_clock: Callable[[], float],
    ) -> None:
        self._directory = directory
        self._settings = settings
        self._bindings = bindings
        self._attendance = attendance
        self._grievances = grievances
        self._twins = twins
        self._dialect_of = dialect_of
        self._clock = clock
        self._wall_clock = wall_clock
        self.turned_away = 0
        self.followed = 0
        """How often a neighbour was followed to another port without a digest, as its dialect asks for."""

    def admit(self, incoming: Incoming, code: str) -> str | None:
        """The neighbour behind a request that says it is from `code`. None when it was refused."""
        path = incoming.path
        binding = self._bindings.of(code)
        if binding is None or not binding.is_from(path):
            binding = self._found_otherwise(code, binding, path)
            if binding is None:
                self._turn_away(incoming, code, self._why_not(code, path))
                return None
        if binding.path is not path and binding.path != path:
            self._bindings.move(binding.code, path)  # the same place, reached by another address of ours
        if self._attendance.is_expired(binding.code):
            if not self._lasts_by_keepalive(binding.code):
                self._turn_away(incoming, code, "its registration is over; expected a REGISTER first")
                return None
            self._attendance.extend(binding.code, self._settings.expires_default_s)
        return binding.code

    def _found_otherwise(self, code: str, binding: Binding | None, path: Path) -> Binding | None:
        if binding is None:
            # Some devices put a channel's code into From; the address then says whose it is.
            owners = self._bindings.at(path)
            return self._bindings.of(next(iter(owners))) if len(owners) == 1 else None
        if not self._may_follow(binding, path):
            return None
        self._bindings.move(code, path)
        self.followed += 1
        self._directory.note_registration(code, **whereabouts(path))
        return self._bindings.of(code)

    def _may_follow(self, binding: Binding, path: Path) -> bool:
        """Whether another port of the same host is believed without a digest: only for devices known to need it."""
        if binding.last_host != path.remote[0]:
            return False
        dialect = self._dialect_of(binding.code)
        return dialect.changes_address or (dialect.keepalive_is_enough and binding.path is None)

    def _lasts_by_keepalive(self, code: str) -> bool:
        return self._settings.keepalive_extends_expiry or self._dialect_of(code).keepalive_is_enough

    def _why_not(self, code: str, path: Path) -> str:
        binding = self._bindings.of(code)
        if binding is None:
            return f"{code[:64]} is not registered; expected a REGISTER first"
        if binding.path is None:
            return f"the connection that {code} registered by, from {binding.last_host}, is gone; expected a REGISTER"
        bound = binding.path
        return (
            f"expected from {bound.transport} {bound.remote[0]}:{bound.remote[1]} where it registered,"
            f" got from {path.transport} {path.remote[0]}:{path.remote[1]}; expected a REGISTER first"
        )

    def _turn_away(self, incoming: Incoming, code: str, why: str) -> None:
        self.turned_away += 1
        incoming.turn_away(403)
        remote = incoming.path.remote
        reason, detail = Refusal.NOT_REGISTERED, f"{incoming.request.method}: {why}"
        binding = self._bindings.of(code)
        if binding is not None and self._twins.has_left(code, remote[0], self._clock()):
            reason, detail = Refusal.DUPLICATE_CODE, twins_words(code, remote[0], binding.last_host)
        self._grievances.note(
            RefusalSeen(
                code[:64],
                reason,
                detail,
                f"{remote[0]}:{remote[1]}",
                incoming.path.transport,
                self._wall_clock(),
                incoming.request.user_agent[:128],
            )
        )


def whereabouts(path: Path) -> dict[str, object]:
    """A path as the fields of a device."""
    return {
        "transport": path.transport,
        "remote_host": path.remote[0],
        "remote_port": path.remote[1],
        "local_host": path.local[0],
        "local_port": path.local[1],
    }
