"""How a wish of an operator reaches a thing below: whose it is, in whose name, in which edition, with what patience."""

from __future__ import annotations

from broker.arbitration import Grip, Steerer, grip_of
from gb28181 import ptz
from gb28181.edition import parse_edition
from gb28181.manscdp.control import ControlResponse, DeviceControl
from gb28181.peer import Hop, Peer, PeerOffline, PeerRefused
from web.auth import Role
from web.desk import Visit
from web.errors import Problem

EACH_TIER_S = 10.0
"""How long each tier on the way to a camera may take for its answer."""


async def peer_of(visit: Visit, owner: str, code: str) -> Peer:
    """The neighbour that has this channel, spoken to in the asker's name. Raises Problem 404, PeerOffline."""
    directory = visit.services.directory
    # A camera that has told no catalog yet is its own channel.
    is_itself = code == owner and directory.device(owner) is not None
    if not is_itself and await directory.channel(owner, code) is None:
        raise Problem(404, "unknown-channel", f"{owner} has no channel {code}.")
    peer = visit.services.neighbours.peer(owner)
    if peer is None:
        raise PeerOffline(f"{owner} is not online")
    identity = identity_for(visit, owner)
    return peer.in_name_of(identity) if identity else peer


def identity_for(visit: Visit, owner: str) -> str:
    """Only what leaves our realm says who asks; a camera of ours has no use for it."""
    device = visit.services.directory.device(owner)
    return visit.identity if device is not None and device.is_platform else ""


async def patience(visit: Visit, owner: str, code: str) -> float | None:
    """Each platform on the way waits for the next one down; a device of our own gets the usual patience."""
    channel = await visit.services.directory.channel(owner, code)
    platforms = visit.services.directory.platforms_to(channel) if channel is not None else ()
    return EACH_TIER_S * (1 + len(platforms)) if platforms else None


def need_2022(visit: Visit, owner: str, what: str) -> None:
    """Refuse what came new in the 2022 edition where the neighbour speaks an older one (REG-18): nothing is sent."""
    device = visit.services.directory.device(owner)
    edition = parse_edition(device.edition if device is not None else "")
    if not edition.is_2022:
        text = f"{owner} speaks GB/T 28181 {edition.value}; {what} needs 3.0 (2022)."
        raise Problem(409, "edition-too-old", text, {"edition": edition.value, "needs": "3.0", "what": what})


def steerer_of(visit: Visit) -> Steerer:
    """Who asks, as a hand on a camera."""
    settings = visit.desk.levers.arbitration.settings
    rank = settings.administrators if visit.who.role >= Role.ADMINISTRATOR else settings.operators
    return Steerer(f"user:{visit.who.shown}", visit.who.shown, rank)


async def turn_lever(
    visit: Visit, owner: str, code: str, command: ptz.Command, *, preset_name: str = "", cruise_name: str = ""
) -> None:
    """Send a PTZ command, with the camera in the asker's hand; what it sets in motion is watched over.

    Raises PeerError kinds, SteeringHeld.
    """
    peer = await peer_of(visit, owner, code)
    digits = ptz.encode(command, doubled=peer.dialect.doubles_pan_speed)
    control = DeviceControl(0, code, ptz=digits, preset_name=preset_name, cruise_name=cruise_name)
    levers = visit.desk.levers
    with levers.arbitration.turn(owner, code, steerer_of(visit), grip_of(control)):
        await levers.steer(
            owner,
            code,
            command,
            lambda: peer.tell(control),
            hold_s=visit.desk.settings.ptz_hold_s,
            identity=identity_for(visit, owner),
        )


async def order(visit: Visit, owner: str, code: str, control: DeviceControl) -> bool:
    """Send a control; true when the device said that it has done it, false when the standard, or the habit of its
    maker, has it say no more than that it was heard.

    Raises PeerRefused with the device's reason, PeerSilent when its answer does not come in time, SteeringHeld.
    """
    peer = await peer_of(visit, owner, code)
    levers, steerer, grip = visit.desk.levers, steerer_of(visit), grip_of(control)
    with levers.arbitration.turn(owner, code, steerer, grip):
        if grip is Grip.TAKES:
            await levers.still(owner, code)
        if not control.is_answered_by(peer.dialect):
            await peer.tell(control)
            return False
        answer = await peer.ask(control, timeout_s=await patience(visit, owner, code))
        if isinstance(answer, ControlResponse) and not answer.ok:
            reason = answer.reason or "Result ERROR"
            hops = (Hop(code, "DeviceControl", 200, reason),)
            raise PeerRefused(f"{code} refused: {reason}", status=200, reason=reason, hops=hops)
        return True
