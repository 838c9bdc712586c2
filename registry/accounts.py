"""Who may come in: users, their sessions, keys for programs, settings, and the book of what was done.

All but the book is held in memory and written through. Of tokens and secrets only the SHA-256 is kept.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from hashlib import sha256
from typing import Any, TypeVar

from registry.store.promise import Row, Shelf, Store
from registry.tree import Page

LONGEST_NAME = 64
MOST_SESSIONS_OF_ONE = 50
"""Sessions of one user; a new one ends the one used least lately."""
SEEN_EVERY_S = 60.0
"""How often the use of a session or key is written down."""
LONGEST_PAGE = 1_000

T = TypeVar("T")


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


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who logged in. It slides: each use lets it live `ttl_s` from then."""

    id_hash: str
    user: str
    created: float
    expires: float
    ttl_s: float
    last_seen: float
    address: str


class Accounts:
    """Users, sessions, keys, settings and the audit book of one store."""

    def __init__(self, store: Store, *, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock
        self._users: dict[str, User] = {}
        self._sessions: dict[str, Session] = {}
        self._ended: set[str] = set()
        """Sessions that are over, until the book has it."""
        self._keys: dict[str, ApiKey] = {}  # by hash
        self._settings: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"Accounts({len(self._users)} users, {len(self._sessions)} sessions, {len(self._keys)} keys)"

    async def open(self) -> None:
        """Read what is kept; sessions whose time is over are thrown away."""
        self._users = {user.name: user for user in (_of(User, row) for row in await self._store.load(Shelf.USERS))}
        sessions = [_of(Session, row) for row in await self._store.load(Shelf.SESSIONS)]
        now = self._clock()
        self._sessions = {session.id_hash: session for session in sessions if session.expires > now}
        await self._remove(Shelf.SESSIONS, [s.id_hash for s in sessions if s.expires <= now])
        self._keys = {str(row["hash"]): _of(ApiKey, row) for row in await self._store.load(Shelf.API_KEYS)}
        self._settings = {str(row["name"]): str(row["value"]) for row in await self._store.load(Shelf.SETTINGS)}

    async def close(self) -> None:
        """Write down when sessions and keys were last used."""
        await self._forget_ended()
        await self._put(Shelf.SESSIONS, [asdict(session) for session in self._sessions.values()])
        await self._put(Shelf.API_KEYS, [_key_row(key, digest) for digest, key in self._keys.items()])

    # Users.

    def user(self, name: str) -> User | None:
        return self._users.get(name)

    def users(self) -> tuple[User, ...]:
        return tuple(self._users[name] for name in sorted(self._users))

    async def add_user(self, user: User) -> User:
        """ValueError when the name is taken, or is no name."""
        if not 0 < len(user.name) <= LONGEST_NAME or not user.name.isprintable() or user.name != user.name.strip():
            raise ValueError(f"a user's name has 1 to {LONGEST_NAME} signs and no blanks around it, not {user.name!r}")
        if user.name in self._users:
            raise ValueError(f"there is a user {user.name} already")
        if not user.created_at:
            user = replace(user, created_at=self._clock())
        self._users[user.name] = user
        try:
            await self._put(Shelf.USERS, [asdict(user)])
        except BaseException:
            self._users.pop(user.name, None)
            raise
        return user

    async def change_user(self, name: str, /, **changes: Any) -> User:
        """Fields of `User`, but not its name. LookupError for an unknown user, ValueError for another field."""
        user = self._users.get(name)
        if user is None:
            raise LookupError(f"no user {name}")
        odd = changes.keys() - {field.name for field in fields(User)} | changes.keys() & {"name"}
        if odd:
            raise ValueError(f"a user has no field {', '.join(sorted(odd))} to change")
        changed = replace(user, **changes)
        await self._put(Shelf.USERS, [asdict(changed)])
        self._users[name] = changed
        return changed

    async def remove_user(self, name: str) -> None:
        """Ends the user's sessions too; LookupError for an unknown name."""
        if name not in self._users:
            raise LookupError(f"no user {name}")
        user = self._users.pop(name)
        try:
            await self._remove(Shelf.USERS, [name])
        except Exception:
            # He would be there again after our restart: whoever wants him gone must be able to ask once more.
            self._users[name] = user
            raise
        await self.end_sessions_of(name)

    # Sessions.

    @property
    def session_count(self) -> int:
        """Sessions that are not over, as far as anybody has looked."""
        return len(self._sessions)

    async def new_session(self, user: str, address: str, ttl_s: float) -> str:
        """A token, shown this once; LookupError for an unknown user."""
        if user not in self._users:
            raise LookupError(f"no user {user}")
        now = self._clock()
        token = secrets.token_urlsafe(32)
        session = Session(_hash(token), user, now, now + ttl_s, ttl_s, now, address)
        mine = sorted((s for s in self._sessions.values() if s.user == user), key=lambda s: s.last_seen)
        await self._end(mine[: max(0, len(mine) + 1 - MOST_SESSIONS_OF_ONE)])
        await self._end([s for s in self._sessions.values() if s.expires <= now])
        self._sessions[session.id_hash] = session
        await self._put(Shelf.SESSIONS, [asdict(session)])
        return token

    async def session(self, token: str) -> User | None:
        """Whose token this is; None when it is nobody's, is over, or its user is disabled or gone."""
        session = self._sessions.get(_hash(token))
        if session is None:
            return None
        now = self._clock()
        user = self._users.get(session.user)
        if session.expires <= now or user is None or user.disabled:
            await self._end([session])
            return None
        seen = replace(session, expires=now + session.ttl_s, last_seen=now)
        if now - session.last_seen >= SEEN_EVERY_S:
            self._sessions[session.id_hash] = seen
            await self._put(Shelf.SESSIONS, [asdict(seen)])
        else:
            self._sessions[session.id_hash] = replace(seen, last_seen=session.last_seen)
        return user

    async def end_session(self, token: str) -> None:
        session = self._sessions.get(_hash(token))
        if session is not None:
            await self._end([session])

    async def end_sessions_of(self, user: str) -> None:
        await self._end([session for session in self._sessions.values() if session.user == user])

    async def _end(self, sessions: list[Session]) -> None:
        for session in sessions:
            self._sessions.pop(session.id_hash, None)
            self._ended.add(session.id_hash)
        await self._forget_ended()

    async def _forget_ended(self) -> None:
        """From the book, too; what it does not take now goes with the next ones, or it would be alive after our
        restart."""
        ended = sorted(self._ended)
        await self._remove(Shelf.SESSIONS, ended)
        self._ended.difference_update(ended)

    # Keys for programs.

    async def new_key(self, name: str, role: str, *, expires: float | None = None) -> tuple[str, str]:
        """(id, secret); the secret is shown this once. `expires` is a UNIX time, None for never."""
        if not 0 < len(name) <= LONGEST_NAME:
            raise ValueError(f"a key's name has 1 to {LONGEST_NAME} signs")
        secret = secrets.token_urlsafe(32)
        key = ApiKey(secrets.token_hex(8), name, role, self._clock(), None, expires)
        await self._put(Shelf.API_KEYS, [_key_row(key, _hash(secret))])
        self._keys[_hash(secret)] = key
        return key.id, secret

    async def key(self, secret: str) -> ApiKey | None:
        """Which key this secret opens; None when none, or when its time is over."""
        digest = _hash(secret)
        key = self._keys.get(digest)
        if key is None:
            return None
        now = self._clock()
        if key.expires is not None and key.expires <= now:
            return None
        if key.last_used is None or now - key.last_used >= SEEN_EVERY_S:
            key = replace(key, last_used=now)
            self._keys[digest] = key
            await self._put(Shelf.API_KEYS, [_key_row(key, digest)])
        return key

    def keys(self) -> tuple[ApiKey, ...]:
        return tuple(sorted(self._keys.values(), key=lambda key: (key.name, key.id)))

    async def remove_key(self, id: str) -> None:
        """LookupError for an unknown id."""
        digest = next((digest for digest, key in self._keys.items() if key.id == id), None)
        if digest is None:
            raise LookupError(f"no key {id}")
        key = self._keys.pop(digest)
        try:
            await self._remove(Shelf.API_KEYS, [id])
        except Exception:
            self._keys[digest] = key  # as with users
            raise

    # The book, and settings.

    async def audit(self, who: str, what: str, target: str = "", result: str = "ok", address: str = "") -> None:
        """Write a line into the book: who did what to whom, how it ended, and from where."""
        row: Row = {
            "at": self._clock(),
            "who": who,
            "what": what,
            "target": target,
            "result": result,
            "address": address,
        }
        async with self._store.writing() as writing:
            await writing.audit(row)

    async def audits(self, after: str | None = None, limit: int = 100, text: str = "", what: str = "") -> Page[Audit]:
        """Newest first; of one action when `what` names it, and with `text` in one of the others.

        `after` is the last page's `next`; ValueError when it is not."""
        limit = max(1, min(limit, LONGEST_PAGE))
        if after is not None and not (after.isascii() and after.isdigit() and len(after) < 19):
            raise ValueError("a page continues by the `next` of the page before it")
        rows = await self._store.audits(int(after) if after is not None else None, limit + 1, text, what)
        shown = tuple(_of(Audit, row) for row in rows[:limit])
        return Page(shown, str(shown[-1].id) if len(rows) > limit else None)

    def setting(self, name: str) -> str | None:
        return self._settings.get(name)

    async def change_setting(self, name: str, value: str) -> None:
        await self._put(Shelf.SETTINGS, [{"name": name, "value": value}])
        self._settings[name] = value

    async def _put(self, shelf: Shelf, rows: list[Row]) -> None:
        if rows:
            async with self._store.writing() as writing:
                await writing.put(shelf, rows)

    async def _remove(self, shelf: Shelf, keys: list[str]) -> None:
        if keys:
            async with self._store.writing() as writing:
                await writing.remove(shelf, [(key,) for key in keys])


def _hash(token: str) -> str:
    return sha256(token.encode(errors="replace")).hexdigest()


def _key_row(key: ApiKey, digest: str) -> Row:
    return asdict(key) | {"hash": digest}


def _of(kind: type[T], row: Row) -> T:
    """A dataclass from the columns that have its fields' names."""
    known: dict[str, Any] = {field.name: row[field.name] for field in fields(kind)}  # type: ignore[arg-type]  # T is one
    return kind(**known)
