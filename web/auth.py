"""Who asks: a person by a session cookie, a program by an API key, or nobody."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

from aiohttp import web

from web.settings import WebSettings
from web.wishes import Services

COOKIE = "lianwang"
LONGEST_SECRET = 200
# The server ends a session; the browser merely must not forget it earlier.
COOKIE_LIFE_S = 30 * 24 * 3600


class Role(IntEnum):
    """What somebody may do; each may do all that the one before may."""

    SCRAPER = 0
    """A program that may read /metrics and nothing else."""
    VIEWER = 1
    OPERATOR = 2
    ADMINISTRATOR = 3

    @property
    def word(self) -> str:
        return self.name.lower()

    @classmethod
    def of(cls, word: str) -> Role:
        """The role of a stored word. Raises ValueError, because an unknown role must never mean some rights."""
        for role in cls:
            if role.word == word:
                return role
        raise ValueError(f"a role is scraper, viewer, operator or administrator, not {word!r}")


class Proof(StrEnum):
    """By what somebody showed who they are."""

    SESSION = "session"
    KEY = "key"


@dataclass(frozen=True, slots=True)
class Who:
    """Somebody who may come in. `id` names the session (a digest of its token) or the key."""

    name: str
    role: Role
    proof: Proof
    id: str
    must_change: bool = False
    token: str = field(default="", repr=False, compare=False)
    """The session's token, for looking whether it still lives."""

    @property
    def shown(self) -> str:
        return self.name if self.proof is Proof.SESSION else f"key:{self.name}"


def session_id(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


class Gate:
    """Finds out who asks, by the accounts. Knows nothing of what they ask for."""

    def __init__(self, services: Services, settings: WebSettings) -> None:
        self._accounts = services.accounts
        self._settings = settings
        self._scrapers = tuple(ip_network(each) for each in settings.scrapers)

    async def identify(self, request: web.Request) -> Who | None:
        """Who sent this request; None when they showed nothing or something that does not hold."""
        authorization = request.headers.get("Authorization")
        if authorization is not None:
            return await self._by_key(authorization)
        token = request.cookies.get(COOKIE)
        return await self.by_token(token) if token else None

    async def _by_key(self, authorization: str) -> Who | None:
        scheme, _, secret = authorization.partition(" ")
        secret = secret.strip()
        if scheme.lower() != "bearer" or not 0 < len(secret) <= LONGEST_SECRET:
            return None
        key = await self._accounts.key(secret)
        return None if key is None else Who(key.name, Role.of(key.role), Proof.KEY, f"key:{key.id}")

    async def by_token(self, token: str) -> Who | None:
        """Who a session's token stands for, as long as the session lives and the user is enabled."""
        if not 0 < len(token) <= LONGEST_SECRET:
            return None
        user = await self._accounts.session(token)
        if user is None or user.disabled:
            return None
        return Who(user.name, Role.of(user.role), Proof.SESSION, session_id(token), user.must_change, token)

    def address_of(self, request: web.Request) -> str:
        """The asker's address: the last one in X-Forwarded-For that no trusted proxy wrote, or the socket's."""
        address = request.remote or ""
        if address not in self._settings.trusted_proxies:
            return address
        for hop in reversed(request.headers.get("X-Forwarded-For", "").split(",")):
            hop = hop.strip()[:64]
            if hop and hop not in self._settings.trusted_proxies:
                return hop
        return address

    def is_scraper(self, request: web.Request) -> bool:
        """Whether the asker's address may read what is counted without further proof."""
        if not self._scrapers:
            return False
        try:
            address = ip_address(self.address_of(request))
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None)
        return any((mapped or address) in network for network in self._scrapers)

    def is_secure(self, request: web.Request) -> bool:
        if request.remote in self._settings.trusted_proxies:
            return request.headers.get("X-Forwarded-Proto", request.scheme) == "https"
        return request.secure

    def is_same_origin(self, request: web.Request) -> bool | None:
        """Whether our own page sent this: the browser's word, else Origin against Host; None when neither came."""
        site = request.headers.get("Sec-Fetch-Site")
        if site is not None:
            return site == "same-origin"
        origin = request.headers.get("Origin")
        if origin is None:
            return None
        if origin in self._settings.public_origins:
            return True
        whence = _place(origin)
        return whence is not None and whence == _place(f"//{request.host}", origin)


def _place(address: str, like: str | None = None) -> tuple[str, int] | None:
    """Host and port of an origin; the port of a bare host is that of `like`'s scheme."""
    try:
        parts = urlsplit(address)
        scheme = urlsplit(like).scheme if like is not None else parts.scheme
        port = parts.port
    except ValueError:
        return None
    if scheme not in ("http", "https") or not parts.hostname:
        return None
    return parts.hostname, port or (443 if scheme == "https" else 80)
