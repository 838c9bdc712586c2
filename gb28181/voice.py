"""Session descriptions of voice: what a device that listens asks for, and what one that talks is offered.

A broadcast's INVITE comes from the device, and the device receives (GB/T 28181-2022 9.12, media.md 2.6); with
`s=Talk`, a word of the 2016 edition, we call and both send (media.md 2.7).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from gb28181.sdp import (
    AUDIO_G711A,
    PAYLOADS,
    TCP_ACTIVE,
    TCP_PASSIVE,
    UDP,
    Answer,
    Offer,
    Payload,
    answer_to,
    parse_offer,
)

PCMA, PCMU, PS = "PCMA", "PCMU", "PS"
FORMS: Final = (PCMA, PCMU, PS)
"""How our voice may be sent, best first: bare G.711, or for a device that asks for nothing else a program stream."""
TALK: Final = "Talk"
_SETUP: Final = {"active": TCP_ACTIVE, "passive": TCP_PASSIVE}


def listener_offer(body: bytes) -> Offer:
    """What the INVITE of a device says that calls to hear us. ValueError when it is unusable or asks for no sound.

    Whatever direction it writes, it is the one that receives: some write sendonly, and mean us.
    """
    offer = parse_offer(body)
    if offer.media != "audio":
        raise ValueError(f"who calls for a voice wants audio, not {offer.media}")
    if offer.transport == UDP:
        return offer
    return replace(offer, transport=_SETUP.get(offer.setup, TCP_PASSIVE))


def form_for(offered: tuple[Payload, ...], preferred: str = "") -> tuple[Payload, str] | None:
    """In which of the offered payloads we speak, and in which form; None when there is none we can.

    `preferred` is a form that is taken before others, whatever is offered: some devices want mu-law and say A-law.
    """
    named = {form: payload for payload in offered if (form := payload[1].upper()) in FORMS}
    if preferred in FORMS and preferred != PS:
        return named.get(preferred) or PAYLOADS[0 if preferred == PCMU else 8], preferred
    for payload in offered:
        form = payload[1].upper()
        if form in (PCMA, PCMU):
            return payload, form
    return (named[PS], PS) if PS in named else None


def answer_to_listener(
    offer: Offer, *, owner: str, host: str, port: int, ssrc: int, payload: Payload, form: str = PCMA
) -> Answer:
    """Our 200: we send, from this port, under this SSRC, its own when it named one."""
    both = offer.direction == "sendrecv"
    answer = answer_to(replace(offer, direction="recvonly"), owner=owner, host=host, port=port, payload=payload)
    return replace(
        answer,
        session="Play",
        direction="sendrecv" if both else "sendonly",
        ssrc=ssrc,
        f=AUDIO_G711A if form == PCMA else None,
    )


def listening_offer(owner: str, host: str, port: int, ssrc: int | None, transport: str = UDP) -> Offer:
    """The offer of who calls to hear a voice, as A-law."""
    return _voice_offer("Play", owner, host, port, ssrc, transport, "recvonly")


def talk_offer(owner: str, host: str, port: int, ssrc: int, transport: str) -> Offer:
    """The offer by which we call a device to talk with it: its voice to this port, and ours back on the same way."""
    return _voice_offer(TALK, owner, host, port, ssrc, transport, "sendrecv")


def _voice_offer(
    session: str, owner: str, host: str, port: int, ssrc: int | None, transport: str, direction: str
) -> Offer:
    return Offer(
        owner=owner,
        session=session,
        host=host,
        port=port,
        media="audio",
        transport=transport,
        payloads=(PAYLOADS[8],),
        direction=direction,
        ssrc=ssrc,
        f=AUDIO_G711A,
        setup={UDP: "", TCP_PASSIVE: "passive", TCP_ACTIVE: "active"}[transport],
    )
