"""What went wrong, told once: every error that reaches the door becomes a key, a sentence and facts."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import msgspec
from aiohttp import web

from broker.arbitration import SteeringHeld
from broker.watch import WatchFailed
from gb28181.peer import Hop, PeerError, PeerOffline, PeerRefused, PeerSilent

log = logging.getLogger(__name__)

# Facts are whatever the key's translation needs, so their values are any JSON.
Details = Mapping[str, Any]


class Told(msgspec.Struct, frozen=True):
    """`code` is for consoles to translate and programs to compare; `message` is English, for logs and eyes."""

    code: str
    message: str
    details: dict[str, Any] = {}


class ErrorAnswer(msgspec.Struct, frozen=True):
    """Every answer with a status of 400 and above."""

    error: Told


class Problem(Exception):
    """An answer that is not the wished one: an HTTP status, a key, a sentence and facts."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        details: Details | None = None,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.details = dict(details or {})
        self.headers = dict(headers or {})


BY_STATUS = {
    400: ("bad-request", "The request could not be read."),
    401: ("not-authenticated", "Log in, or send an API key."),
    403: ("forbidden", "Your role does not allow this."),
    404: ("not-found", "There is nothing here."),
    405: ("method-not-allowed", "This address does not know that method."),
    413: ("too-large", "The request's body is too large."),
    415: ("not-json", "A body must be application/json."),
    429: ("too-many-requests", "Too many attempts; wait a while."),
    503: ("busy", "The server is busy; try again."),
}


def denied(status: int, **details: Any) -> Problem:
    """The plain problem of a status, with the house's words for it."""
    code, message = BY_STATUS[status]
    return Problem(status, code, message, details)


def hops_of(hops: tuple[Hop, ...]) -> list[dict[str, Any]]:
    return [{"who": hop.who, "what": hop.what, "status": hop.status, "reason": hop.reason} for hop in hops]


def _watch_failed(error: WatchFailed) -> Problem:
    details = {
        "code": error.code,
        "status": error.status,
        "hops": hops_of(error.hops),
        "seen": msgspec.to_builtins(error.seen) if error.seen is not None else None,
        "call_id": error.call_id,
        "path": error.path,
    }
    return Problem(WATCH_STATUS.get(error.code, _gateway_status(error)), error.code, str(error), details)


# What the broker's keys mean in HTTP; whatever else failed, failed beyond us.
WATCH_STATUS = {
    "unknown-device": 404,
    "unknown-channel": 404,
    "not-playable": 409,
    "device-disabled": 409,
    "device-offline": 409,
    "no-capacity": 503,
    "no-address": 503,
    "device-silent": 504,
}


def _gateway_status(error: WatchFailed) -> int:
    return 504 if error.status in (408, 504) else 502


def _peer_failed(status: int, code: str) -> Any:
    def tell(error: PeerError) -> Problem:
        details: dict[str, Any] = {"hops": hops_of(error.hops)}
        if isinstance(error, PeerRefused):
            details |= {"status": error.status, "reason": error.reason}
        return Problem(status, code, str(error), details)

    return tell


def _http_said(error: web.HTTPException) -> Problem:
    code, message = BY_STATUS.get(error.status, ("refused", error.reason or "Refused."))
    if error.text and error.text != f"{error.status}: {error.reason}":
        message = error.text  # whoever refused said more than the status does
    kept = {name: error.headers[name] for name in ("Allow",) if name in error.headers}
    return Problem(error.status, code, message, headers=kept)


def _unforeseen(error: Exception) -> Problem:
    log.error("a request failed in a way nobody foresaw", exc_info=error)
    return Problem(500, "internal", "Something failed on our side; the log has it.")


def _steering_held(error: SteeringHeld) -> Problem:
    hold = error.hold
    details = {"holder": hold.steerer.name, "until": hold.until, "on_purpose": hold.on_purpose}
    return Problem(409, "steering-held", str(error), details)


# In order: the first kind that fits speaks.
TRANSLATIONS: tuple[tuple[type[Exception], Any], ...] = (
    (WatchFailed, _watch_failed),
    (SteeringHeld, _steering_held),
    (PeerOffline, _peer_failed(409, "device-offline")),
    (PeerSilent, _peer_failed(504, "device-silent")),
    (PeerRefused, _peer_failed(502, "device-refused")),
    (PeerError, _peer_failed(502, "device-failed")),
    (web.HTTPException, _http_said),
    (msgspec.ValidationError, lambda error: Problem(400, "invalid", str(error)[:300])),
    (msgspec.DecodeError, lambda error: Problem(400, "not-json", f"The body is not JSON: {error}"[:300])),
    (IndexError, _unforeseen),
    (LookupError, lambda error: denied(404)),
    (ValueError, lambda error: Problem(400, "invalid", str(error)[:300] or "A value is not acceptable.")),
)


def translate(error: Exception) -> Problem:
    """The problem that tells of `error`. What we did not foresee is logged whole and told as nothing but a 500."""
    if isinstance(error, Problem):
        return error
    for kind, tell in TRANSLATIONS:
        if isinstance(error, kind):
            problem: Problem = tell(error)
            if kind in (LookupError, ValueError):
                # Often the asker's mistake, sometimes ours: keep the place for whoever looks.
                log.info("answered %s for %r", problem.status, error, exc_info=error)
            return problem
    return _unforeseen(error)


def answer(problem: Problem) -> web.Response:
    told = ErrorAnswer(Told(problem.code, problem.message, problem.details))
    return web.Response(
        status=problem.status,
        body=msgspec.json.encode(told),
        content_type="application/json",
        headers=problem.headers,
    )
