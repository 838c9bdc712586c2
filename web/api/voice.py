"""Speaking to devices: begin, see how far it got with each, end. The sound comes by the talk's line."""

from __future__ import annotations

from collections import deque
from typing import Annotated, Any

import msgspec
from aiohttp import web
from msgspec import Meta

from broker.speech import Obstacle, SomebodyTalks, SpeechWish, Stage, Style, Whom
from broker.voice import Speech, Voices
from registry.tree import NodeKind
from web.auth import Proof, Role
from web.desk import Visit
from web.errors import Problem
from web.line import serve
from web.routing import route
from web.texts import Code, Ident
from web.voices import TalkView, TargetView, VoiceView, talk_view

PAGE = 500
MOST_NODES = 5_000
"""Places of the tree that are looked into for one wish."""


class WhomWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A channel, or with the owner's own code a device and all its loudspeakers."""

    owner: Code
    channel: Code


class TalkWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """To whom: channels, and everything that is online under nodes of the tree.

    `style` auto tells the device (Broadcast) and lets it call, and falls back to calling it with s=Talk where that is
    a word of its edition; broadcast and talk do one of them. `seconds` ends it by itself; 0 is what the settings say.
    """

    targets: Annotated[list[WhomWish], Meta(max_length=1000)] = []
    nodes: Annotated[list[Ident], Meta(max_length=100)] = []
    style: Style = Style.AUTO
    seconds: Annotated[float, Meta(ge=0, le=86400)] = 0


class TalkList(msgspec.Struct, frozen=True):
    items: list[TalkView]


CAMERA = "34020000001320000001"
LOUDSPEAKER = "34020000001370000001"
EXAMPLE = TalkView(
    "5f1e0c2ab4d96733",
    "wang",
    1700000000.0,
    "34020000001360000001",
    "",
    VoiceView(0.4, 0.06, 32000, 190, 10, 0),
    [TargetView(CAMERA, CAMERA, LOUDSPEAKER, Style.BROADCAST, Stage.TALKING, Obstacle.NONE, "", [], [], [], "", None)],
)


@route(
    "POST",
    "/voice/talks",
    role=Role.OPERATOR,
    status=201,
    problems=(404, 409),
    body_example=TalkWish([WhomWish(CAMERA, CAMERA)]),
    example=EXAMPLE,
)
async def speak(visit: Visit, body: TalkWish) -> TalkView:
    """Begin to speak. The devices are asked at once; open the talk's line within two seconds, or it ends."""
    voices = _voices(visit)
    whom = [Whom(wish.owner, wish.channel) for wish in body.targets]
    for node in body.nodes:
        whom += await _under(visit, node, voices.settings.most_targets - len(whom))
    most = voices.settings.most_targets
    if not 1 <= len(whom) <= most:
        raise Problem(400, "targets-count", f"Speak to 1 to {most} devices, not to {len(whom)}.", {"most": most})
    visit.target = ", ".join(each.channel for each in whom[:8]) + (f" +{len(whom) - 8}" if len(whom) > 8 else "")
    wish = SpeechWish(tuple(whom), visit.who.shown, body.style, visit.identity, visit.who.id, longest_s=body.seconds)
    try:
        speech = await voices.speak(wish)
    except SomebodyTalks as busy:
        first = busy.hearers[0]
        details = {"holder": first.holder, "since": first.held_since, "channel": first.channel}
        raise Problem(409, "somebody-talks", f"{first.holder} talks to {first.channel}.", details) from None
    except LookupError as unknown:
        raise Problem(404, "unknown-channel", str(unknown)) from None
    return talk_view(speech.view())


@route("GET", "/voice/talks", role=Role.OPERATOR, example=TalkList([EXAMPLE]))
async def talks(visit: Visit) -> TalkList:
    """Every voice that goes on now, and who speaks."""
    return TalkList([talk_view(speech.view()) for speech in _voices(visit).speeches()])


@route("GET", "/voice/talks/{id}", role=Role.OPERATOR, problems=(404,), example=EXAMPLE)
async def talk(visit: Visit, id: Ident) -> TalkView:
    """One voice, up to two minutes after its end: what was sent, what came back, at which hop it failed and why."""
    return talk_view(_speech(visit, id).view())


@route("DELETE", "/voice/talks/{id}", role=Role.OPERATOR, problems=(403, 404))
async def stop(visit: Visit, id: Ident) -> None:
    """End a voice: one's own, or as an administrator anybody's."""
    speech = _speech(visit, id)
    is_own = speech.wish.speaker == visit.who.id
    if not is_own and visit.who.role < Role.ADMINISTRATOR:
        raise Problem(403, "not-yours", f"{speech.wish.by} speaks here; an administrator may end it.")
    await _voices(visit).end(id, "released" if is_own else "stopped")


@route("GET", "/voice/talks/{id}/line", role=Role.OPERATOR, problems=(403, 404, 409), streams=True)
async def line(visit: Visit, id: Ident) -> web.WebSocketResponse:
    """The talk's WebSocket, for whoever began it. Binary messages are A-law at 8 kHz, both ways; text is JSON.

    Up: {"here": true} every second, {"offer": sdp} for a microphone by WebRTC, {"end": true}. Down: {"talk": ...},
    {"answer": sdp}, {"trouble": ...}. Whoever says nothing for two seconds has ended the talk.
    """
    speech = _speech(visit, id)
    # A browser opens WebSockets of other sites' pages too, with our cookie.
    if visit.who.proof is Proof.SESSION and visit.desk.gate.is_same_origin(visit.request) is not True:
        raise Problem(403, "foreign-origin", "This line is for our own page.")
    if speech.wish.speaker != visit.who.id:
        raise Problem(403, "not-yours", f"{speech.wish.by} speaks here.")
    if speech.ended or speech.has_line:
        raise Problem(409, "line-taken" if speech.has_line else "talk-ended", "This talk has a line, or is over.")
    speech.has_line = True
    try:
        return await serve(visit.request, _voices(visit), speech, visit.address)
    finally:
        said = speech.view()
        heard = sum(1 for hearer in said.hearers if hearer.legs)
        seconds = round(said.voice.pieces * 0.02)
        await visit.audit("voice.ended", f"{_named(said.hearers)} {seconds}s {heard}/{len(said.hearers)}", speech.ended)


def _named(hearers: Any) -> str:
    return ",".join(hearer.channel for hearer in hearers[:4])


def _voices(visit: Visit) -> Voices:
    voices = visit.services.voices
    if voices is None:
        raise Problem(404, "no-voice", "No voice goes out from here.")
    return voices


def _speech(visit: Visit, id: str) -> Speech:
    speech = _voices(visit).speech(id)
    if speech is None:
        raise Problem(404, "unknown-talk", f"There is no talk {id}.")
    return speech


async def _under(visit: Visit, node: str, most: int) -> list[Whom]:
    """What can be spoken to under a node of the tree: its channels that are online, a device of ours as a whole."""
    directory = visit.services.directory
    begin = await directory.node(node)
    if begin is None:
        raise Problem(404, "unknown-node", f"There is no node {node}.")
    found: list[Whom] = []
    waiting, looked = deque([begin]), 0
    while waiting and len(found) <= most and looked < MOST_NODES:
        here = waiting.popleft()
        looked += 1
        if here.kind is NodeKind.CHANNEL:
            if here.channel is not None and here.channel.online and here.channel.playable:
                found.append(Whom(here.owner, here.code))
            continue
        device = directory.device(here.code) if here.kind is NodeKind.DEVICE else None
        if device is not None and not device.is_platform:
            if device.is_online:
                found.append(Whom(device.code, device.code))
            continue
        after: str | None = None
        while True:
            page = await directory.children(here.id, after, PAGE)
            waiting.extend(page.items)
            after = page.next
            if after is None:
                break
    return found
