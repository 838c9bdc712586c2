"""Who may come in: an administrator's view of the people."""

from __future__ import annotations

import time
from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from registry.accounts import User
from web.auth import Role
from web.desk import Visit
from web.errors import Problem
from web.passwords import judge
from web.routing import route
from web.texts import Name, Secret

RoleWord = Literal["viewer", "operator", "administrator"]


class UserView(msgspec.Struct, frozen=True):
    name: str
    role: str
    must_change: bool
    disabled: bool
    created_at: float


class UserList(msgspec.Struct, frozen=True):
    items: list[UserView]


class UserNew(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A new user; he is asked to change the password, because somebody else knows it."""

    name: Name
    role: RoleWord
    password: Secret


class UserChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is not given stays. Any change of rights or password ends the user's sessions."""

    role: RoleWord | UnsetType = UNSET
    password: Secret | UnsetType = UNSET
    disabled: bool | UnsetType = UNSET


EXAMPLE = UserView("wang", "operator", False, False, 1795226400.0)


def view(user: User) -> UserView:
    return UserView(user.name, user.role, user.must_change, user.disabled, user.created_at)


@route("GET", "/users", example=UserList([EXAMPLE]))
async def users(visit: Visit) -> UserList:
    """All users."""
    return UserList([view(user) for user in visit.services.accounts.users()])


@route(
    "POST",
    "/users",
    status=201,
    problems=(409,),
    body_example=UserNew("wang", "operator", "three blue herons"),
    example=EXAMPLE,
)
async def add(visit: Visit, body: UserNew) -> UserView:
    """Add a user."""
    visit.target = body.name
    if not all(letter.isalnum() or letter in "._-@" for letter in body.name):
        raise Problem(400, "user-name", "A user's name has letters, digits and . _ - @ only.")
    judge(body.password, body.name)
    accounts = visit.services.accounts
    stored = await visit.desk.passwords.hash(body.password)
    if accounts.user(body.name) is not None:
        raise Problem(409, "user-exists", f"There is a user {body.name} already.")
    user = User(body.name, body.role, stored, must_change=True, created_at=time.time())
    return view(await accounts.add_user(user))


@route("PATCH", "/users/{name}", problems=(404, 409), body_example=UserChange(role="viewer"), example=EXAMPLE)
async def change(visit: Visit, name: Name, body: UserChange) -> UserView:
    """Change a user's role or password, or let nobody in under the name."""
    accounts = visit.services.accounts
    user = _user(visit, name)
    fields: dict[str, object] = {}
    if body.password is not UNSET:
        judge(body.password, name)
        fields |= {
            "password_hash": await visit.desk.passwords.hash(body.password),
            "must_change": name != visit.who.name,
        }
    if body.role is not UNSET and body.role != user.role:
        fields["role"] = body.role
    if body.disabled is not UNSET and body.disabled != user.disabled:
        fields["disabled"] = body.disabled
    if "role" in fields or fields.get("disabled"):
        _keep_an_administrator(visit, name)
    if not fields:
        return view(user)
    changed = await accounts.change_user(name, **fields)
    await visit.desk.show_out(name)
    return view(changed)


@route("DELETE", "/users/{name}", problems=(404, 409))
async def remove(visit: Visit, name: Name) -> None:
    """Remove a user; all his sessions end."""
    _user(visit, name)
    _keep_an_administrator(visit, name)
    await visit.services.accounts.remove_user(name)
    await visit.desk.show_out(name)


@route("DELETE", "/users/{name}/sessions", problems=(404,))
async def end_sessions(visit: Visit, name: Name) -> None:
    """End all sessions of a user, pictures and news included."""
    _user(visit, name)
    await visit.desk.show_out(name)


def _user(visit: Visit, name: str) -> User:
    user = visit.services.accounts.user(name)
    if user is None:
        raise Problem(404, "unknown-user", f"There is no user {name}.")
    return user


def _keep_an_administrator(visit: Visit, name: str) -> None:
    """Raise a Problem when nobody else could administer this server."""
    others = (user for user in visit.services.accounts.users() if user.name != name and not user.disabled)
    if not any(user.role == Role.ADMINISTRATOR.word for user in others):
        raise Problem(409, "last-administrator", f"{name} is the only administrator; make another one first.")
