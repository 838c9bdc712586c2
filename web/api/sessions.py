"""Logging in and out, and one's own password."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import msgspec
from aiohttp import web

from web.auth import COOKIE, COOKIE_LIFE_S, Proof, Role, Who
from web.desk import Visit
from web.errors import Problem
from web.passwords import judge
from web.routing import Reply, route
from web.texts import Name, Secret


class LogIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: Name
    password: Secret


class PersonView(msgspec.Struct, frozen=True):
    """Who is logged in. `must_change`: the password was made by somebody else and should be changed."""

    name: str
    role: str
    must_change: bool


class SessionView(msgspec.Struct, frozen=True):
    user: PersonView


class PasswordChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    old: Secret
    new: Secret


EXAMPLE = SessionView(PersonView("wang", "operator", False))


@route(
    "POST",
    "/session",
    public=True,
    problems=(401, 403, 429),
    body_example=LogIn("wang", "three blue herons"),
    example=EXAMPLE,
)
async def log_in(visit: Visit, body: LogIn) -> Reply[SessionView]:
    """Log in: the answer sets the session's cookie. Wrong passwords cost a growing wait, then a lock-out."""
    await _take_guess(visit, body.name, "sessions.log_in")
    accounts = visit.services.accounts
    user = accounts.user(body.name)
    stored = user.password_hash if user is not None and not user.disabled else None
    if not await visit.desk.passwords.fits(body.password, stored) or user is None:
        # A name that is nobody's may be a password typed in the wrong field: it is not written down.
        await visit.audit("sessions.log_in", user.name if user else "?", "wrong-password", who="")
        raise Problem(401, "wrong-password", "The name or the password is wrong.")
    visit.desk.throttle.succeeded(body.name, visit.address)
    if (old := visit.request.cookies.get(COOKIE)) and (was := await visit.desk.gate.by_token(old)):
        await _end(visit, old, was)
    token = await accounts.new_session(user.name, visit.address, visit.desk.settings.session_idle_s)
    await visit.audit("sessions.log_in", user.name, "ok", who=user.name)
    view = SessionView(PersonView(user.name, user.role, user.must_change))
    return Reply(view, cookie=_setting(visit, token))


@route("GET", "/session", role=Role.VIEWER, proofs=[Proof.SESSION], example=EXAMPLE)
async def who_am_i(visit: Visit) -> SessionView:
    """Who is logged in."""
    who = visit.who
    return SessionView(PersonView(who.name, who.role.word, who.must_change))


@route("DELETE", "/session", role=Role.VIEWER, proofs=[Proof.SESSION])
async def log_out(visit: Visit) -> Reply[None]:
    """Log out: the session, its news and its pictures end."""
    visit.target = visit.who.name
    await _end(visit, visit.request.cookies[COOKIE], visit.who)
    return Reply(status=204, cookie=_forget)


@route(
    "POST",
    "/session/password",
    role=Role.VIEWER,
    proofs=[Proof.SESSION],
    problems=(401, 429),
    body_example=PasswordChange("three blue herons", "four red lanterns"),
)
async def change_password(visit: Visit, body: PasswordChange) -> Reply[None]:
    """Change one's own password. All other sessions of the user end; this one goes on under a new cookie."""
    who = visit.who
    visit.target = who.name
    await _take_guess(visit, who.name, "sessions.change_password")
    desk, accounts = visit.desk, visit.services.accounts
    user = accounts.user(who.name)
    if not await desk.passwords.fits(body.old, user.password_hash if user else None) or user is None:
        raise Problem(403, "wrong-password", "The old password is wrong.")
    desk.throttle.succeeded(who.name, visit.address)
    if body.new == body.old:
        raise Problem(400, "password-same", "The new password is the old one.")
    judge(body.new, who.name)
    await accounts.change_user(who.name, password_hash=await desk.passwords.hash(body.new), must_change=False)
    await desk.show_out(who.name, keep=who.id)
    token = await accounts.new_session(who.name, visit.address, desk.settings.session_idle_s)
    successor = await desk.gate.by_token(token)
    if successor is not None:
        desk.leases.move(who, successor)
    return Reply(status=204, cookie=_setting(visit, token))


async def _take_guess(visit: Visit, name: str, what: str) -> None:
    attempt = visit.desk.throttle.attempt(name, visit.address, time.monotonic())
    if attempt.newly_locked:
        known = visit.services.accounts.user(name) is not None
        await visit.audit(what, name if known else "?", "locked-out", who="")
    if attempt.wait_s > 0:
        wait = math.ceil(attempt.wait_s)
        code = "locked-out" if attempt.locked else "too-many-attempts"
        text = f"Too many wrong passwords; wait {wait} s."
        raise Problem(429, code, text, {"wait_s": wait}, headers={"Retry-After": str(wait)})


async def _end(visit: Visit, token: str, who: Who) -> None:
    await visit.services.accounts.end_session(token)
    visit.desk.feed.end(who.id)
    await visit.desk.leases.end(who.id)


def _setting(visit: Visit, token: str) -> Callable[[web.Response], None]:
    secure = visit.desk.gate.is_secure(visit.request)

    def put(response: web.Response) -> None:
        response.set_cookie(
            COOKIE, token, max_age=COOKIE_LIFE_S, path="/", httponly=True, samesite="Strict", secure=secure
        )

    return put


def _forget(response: web.Response) -> None:
    response.del_cookie(COOKIE, path="/", httponly=True, samesite="Strict")
