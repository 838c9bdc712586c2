"""What crosses between a plane and whoever asks it: read off the promises in `plane.py`, so a new call is one word.

A call's values travel as an array in the order of its signature; an event as its name and its value.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any, get_args, get_type_hints

import msgspec

from media.plane import MediaPlane, NoCapacity, PlaneEvent

ASKED = (
    "open",
    "pull",
    "probe",
    "files",
    "aim",
    "attach",
    "attach_sender",
    "attach_recording",
    "attach_taking",
    "detach",
    "drain",
    "key_frame",
    "close",
)
"""Calls of MediaPlane that have an answer."""
TOLD = ("begin", "hold", "seek", "pace", "steer")
"""And those that have none."""

EVENTS: dict[str, type[Any]] = {each.__name__: each for each in get_args(PlaneEvent)}
"""Facts that a plane tells."""

REFUSALS: dict[str, type[Exception]] = {each.__name__: each for each in (NoCapacity, KeyError, ValueError)}
"""What a call may raise; it is raised again at the asker's. Anything else is a fault of the plane."""

_ENCODER = msgspec.msgpack.Encoder()


class PlaneFault(Exception):
    """The plane failed at a call in a way that it does not promise."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call, and how its values and its answer are read."""

    name: str
    names: tuple[str, ...]
    # Decoders are generic in what they decode, which only the signatures know.
    _values: msgspec.msgpack.Decoder[Any]
    _answer: msgspec.msgpack.Decoder[Any]
    by_name: frozenset[str]

    def read(self, body: bytes | msgspec.Raw) -> tuple[list[Any], dict[str, Any]]:
        """The values as they were given, by place and by name. Raises ValueError."""
        values = self._values.decode(body)
        named = dict(zip(self.names, values, strict=True))
        return [value for name, value in named.items() if name not in self.by_name], {
            name: value for name, value in named.items() if name in self.by_name
        }

    def read_answer(self, body: bytes | msgspec.Raw) -> Any:
        """Raises ValueError."""
        return self._answer.decode(body)


def call_of(promise: type, name: str) -> Call:
    """A method of a Protocol as something that can be sent."""
    method = getattr(promise, name)
    hints = get_type_hints(method)
    parameters = [each for each in inspect.signature(method).parameters.values() if each.name != "self"]
    kinds = tuple(hints[each.name] for each in parameters)
    values = tuple[kinds] if kinds else tuple[()]  # type: ignore[valid-type]  # known only now
    return Call(
        name,
        tuple(each.name for each in parameters),
        msgspec.msgpack.Decoder(values),
        msgspec.msgpack.Decoder(hints.get("return", None)),
        frozenset(each.name for each in parameters if each.kind is inspect.Parameter.KEYWORD_ONLY),
    )


CALLS: dict[str, Call] = {name: call_of(MediaPlane, name) for name in (*ASKED, *TOLD)}

_EVENT_DECODERS = {name: msgspec.msgpack.Decoder(kind) for name, kind in EVENTS.items()}


def write(value: Any) -> bytes:
    """Any value of `plane.py`, or a tuple of them."""
    return _ENCODER.encode(value)


def read_event(name: str, body: bytes | msgspec.Raw) -> PlaneEvent:
    """Raises ValueError."""
    decoder = _EVENT_DECODERS.get(name)
    if decoder is None:
        raise ValueError(f"no plane tells of {name!r}")
    event: PlaneEvent = decoder.decode(body)
    return event


def refusal_of(name: str, text: str) -> Exception:
    """What the other side raised."""
    return REFUSALS.get(name, PlaneFault)(text)


def name_of(error: Exception) -> tuple[str, str]:
    """An exception on its way to the asker."""
    for name, kind in REFUSALS.items():
        if isinstance(error, kind):
            return name, str(error.args[0]) if error.args else str(error)
    return "", f"{type(error).__name__}: {error}"
