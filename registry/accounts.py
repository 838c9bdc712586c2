"""Who may come in: users, their sessions, keys for programs, and the book of what was done."""

from __future__ import annotations

from dataclasses import dataclass

from registry.tree import Page


@dataclass(frozen=True, slots=True)
class User:
    """`role` is web's word; `password_hash` was made by web (argon2). Times are UNIX seconds."""

    name: str
    role: str
    password_hash: str
    must_change: bool = False
    created_at: float = 0.0
    disabled: bool = False


@dataclass(frozen=True, slots=True)
class ApiKey:
    id: str
    name: str
    role: str
    created_at: float
    last_used: float | None = None
    expires: float | None = None


@dataclass(frozen=True, slots=True)
class Audit:
    """One line of the book; `id` grows."""

    id: int
    at: float
    who: str
    what: str
    target: str
    result: str
    address: str


class Accounts:
    """Users, sessions, keys and the audit book. Tokens and secrets are kept as SHA-256 only."""

    def user(self, name: str) -> User | None: ...
    def users(self) -> tuple[User, ...]: ...
    async def add_user(self, user: User) -> User:
        """ValueError when the name is taken or malformed."""

    async def change_user(self, name: str, **fields: object) -> User:
        """LookupError for an unknown name."""

    async def remove_user(self, name: str) -> None:
        """Ends the user's sessions too; LookupError for an unknown name."""

    async def new_session(self, user: str, address: str, ttl_s: float) -> str:
        """A token, shown this once; it slides: each use counts ttl_s anew."""

    async def session(self, token: str) -> User | None: ...
    async def end_session(self, token: str) -> None: ...
    async def end_sessions_of(self, user: str) -> None: ...

    async def new_key(self, name: str, role: str, *, expires: float | None = None) -> tuple[str, str]:
        """(id, secret); the secret is shown this once."""

    async def key(self, secret: str) -> ApiKey | None: ...
    def keys(self) -> tuple[ApiKey, ...]: ...
    async def remove_key(self, id: str) -> None:
        """LookupError for an unknown id."""

    async def audit(self, who: str, what: str, target: str = "", result: str = "ok", address: str = "") -> None: ...
    async def audits(self, after: str | None, limit: int) -> Page[Audit]:
        """Newest first."""

    def setting(self, name: str) -> str | None: ...
    async def change_setting(self, name: str, value: str) -> None: ...
