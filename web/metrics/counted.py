"""The rooms' own counters, each with its name, its meaning and where it stands in their statistics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from prometheus_client.core import Metric

from broker.speech import Obstacle
from broker.voice import ENDS
from web.metrics.family import counter, gauge, looked_up


@dataclass(frozen=True, slots=True)
class Counted:
    """A family whose lines stand at dotted paths: label values to path. `label` names them, "" for a single line."""

    name: str
    help: str
    label: str
    paths: Mapping[str, str]
    grows: bool = True


def _one(name: str, help_: str, path: str, *, grows: bool = True) -> Counted:
    return Counted(name, help_, "", {"": path}, grows)


def _each(name: str, help_: str, label: str, base: str, values: str, *, grows: bool = True) -> Counted:
    """Lines that stand side by side at `base` under the names of their label values."""
    return Counted(name, help_, label, {value: f"{base}.{value}" for value in values.split()}, grows)


SIGNALLING = (
    Counted(
        "sip_messages_received",
        "SIP messages that came in whole.",
        "transport",
        {"udp": "sip.stack.counts.udp_received", "tcp": "sip.stack.counts.tcp_received"},
    ),
    Counted(
        "sip_messages_sent",
        "SIP messages that went out.",
        "transport",
        {"udp": "sip.stack.counts.udp_sent", "tcp": "sip.stack.counts.tcp_sent"},
    ),
    Counted(
        "sip_handled",
        "New requests and responses handed on to the house.",
        "kind",
        {"request": "sip.stack.counts.requests_in", "response": "sip.stack.counts.responses_in"},
    ),
    Counted(
        "sip_repeats",
        "Messages repeated: theirs that transactions swallowed, ours that nobody had answered yet.",
        "direction",
        {"in": "sip.stack.counts.repeats_in", "out": "sip.stack.counts.repeats_out"},
    ),
    Counted(
        "sip_dropped",
        "SIP messages that came to nothing.",
        "why",
        {
            "refused": "sip.stack.counts.refused",
            "unanswered": "sip.stack.counts.unanswered",
            "stray-response": "sip.stack.counts.stray_responses",
            "stray-ack": "sip.stack.counts.stray_acks",
            "timed-out": "sip.stack.counts.timed_out",
            "no-room": "sip.stack.counts.not_kept",
            "handler-fault": "sip.stack.counts.handler_faults",
            "unsent": "sip.stack.counts.udp_dropped_unsent",
            "failed": "sip.stack.counts.udp_failed",
        },
    ),
    _one("sip_transactions", "SIP transactions that are alive.", "sip.stack.transactions", grows=False),
    _one("sip_dialogs", "Calls and subscriptions that are alive.", "sip.stack.dialogs", grows=False),
    _one("sip_connections", "SIP connections over TCP.", "sip.stack.connections", grows=False),
    Counted(
        "sip_connections_closed",
        "SIP connections that we closed or did not take.",
        "why",
        {
            "full": "sip.stack.counts.tcp_refused_full",
            "idle": "sip.stack.counts.tcp_closed_idle",
            "slow": "sip.stack.counts.tcp_closed_slow",
            "broken": "sip.stack.counts.tcp_closed_broken",
        },
    ),
    _each(
        "registrations", "What became of REGISTER requests.", "result", "sip.registrar", "granted challenged refused"
    ),
    _one("registration_locks", "Sources with failures on their account.", "sip.registrar.locked", grows=False),
    _one(
        "registration_challenges_open",
        "Challenges that nobody has answered yet.",
        "sip.registrar.open_challenges",
        grows=False,
    ),
    _one("turned_away", "Messages of those who had not registered.", "sip.turned_away"),
    _each(
        "below_messages",
        "What neighbours below said, by what it was.",
        "kind",
        "sip.inbox",
        "keepalives answers late_answers news alarms alarms_held positions handed_on malformed unread dropped",
    ),
    _each("catalogs", "Catalogs asked for, by how it ended.", "result", "sip.onboarding", "finished incomplete failed"),
    _each("catalogs_pending", "Catalogs still to come.", "state", "sip.onboarding", "waiting running", grows=False),
    _each(
        "subscriptions_below",
        "Our subscriptions at neighbours below.",
        "state",
        "sip.following",
        "away asking active refreshing waiting polling",
        grows=False,
    ),
    _one("subscriptions_below_notices", "Notices that came by them.", "sip.following.notices"),
    _one("calls_below", "Calls with neighbours below that are up.", "sip.calls.up", grows=False),
    _each("calls_below_asked", "INVITEs to neighbours below.", "result", "sip.calls", "placed refused"),
    _one("errands_waiting", "Work of the signalling side that waits.", "sip.errands.waiting", grows=False),
    _each("errands_dropped", "Such work that was not done.", "why", "sip.errands", "refused failed"),
    _one("uppers_registered", "Platforms above that have taken us.", "sip.above.registered", grows=False),
    _one("subscriptions_above", "What platforms above follow.", "sip.above.subscriptions", grows=False),
    Counted(
        "notices_above",
        "Notices to platforms above, by how it ended.",
        "result",
        {"taken": "sip.above.notices", "given-up": "sip.above.notices_given_up"},
    ),
    _each(
        "asked_above",
        "What platforms above asked, by what became of it.",
        "result",
        "sip.above.answers",
        "asked repeats malformed unshared handed_on failed_below catalogs refused",
    ),
    _one("calls_above", "Calls of platforms above that are up.", "sip.above.calls.up", grows=False),
    _each(
        "calls_above_asked",
        "INVITEs of platforms above, by what became of them.",
        "result",
        "sip.above.calls",
        "asked granted refused cancelled replaced loops",
    ),
)

WATCHING = (
    _one("leases", "Viewers and senders that hold a place.", "broker.leases", grows=False),
    _one("watches_waiting", "Wishes to see that still wait for a picture.", "broker.waiting", grows=False),
    _each("watches", "Wishes to see, by how it ended.", "result", "broker", "granted failed"),
    _one("ssrcs_lent", "SSRC numbers in use.", "broker.ssrcs_lent", grows=False),
    _one("ssrcs_free", "SSRC numbers left for live streams.", "broker.ssrcs_free", grows=False),
)

MEDIA = (
    _one("media_received_packets", "RTP packets of all streams.", "media.all_packets"),
    _one("media_received_bytes", "Their bytes.", "media.all_bytes"),
    _one("media_lost_packets", "RTP packets that were sent and never came.", "media.all_lost"),
    _one("media_inlets", "Ways in that are open.", "media.inlets", grows=False),
    _one("media_inlets_opened", "Ways in that were opened.", "media.opened"),
    _one("media_inlets_failed", "Streams that never came or were lost.", "media.failed"),
    _one("media_viewers", "Viewers that take pictures.", "media.viewers", grows=False),
    _one("media_senders", "Ways out to platforms above.", "media.senders", grows=False),
    _one("media_viewer_skips", "Slow viewers moved on to the next key frame.", "media.viewer_skips"),
    _one("media_viewers_cut", "Viewers that were too slow to stay.", "media.viewers_cut"),
    _one("media_refused_addresses", "Viewers' addresses that were forged, used or over.", "media.refused_addresses"),
    _one("media_stranger_packets", "Packets on the shared port that belong to no stream.", "media.strangers"),
    _one("media_ports_lent", "Media ports in use.", "media.ports_lent", grows=False),
    _one("media_ports_free", "Media ports left.", "media.ports_free", grows=False),
)

TO_ORDER = (
    _one("kitchen_up", "Whether the process that decodes and encodes runs now.", "kitchen.is_open", grows=False),
    _one("kitchen_starts", "How often it was started.", "kitchen.starts"),
    _one("kitchen_photographs", "Photographs that it developed.", "kitchen.photographs"),
    _one("kitchen_refused", "Orders for which it had no place.", "kitchen.refused"),
    _one("kitchen_feeds", "Streams that it reads.", "kitchen.feeds", grows=False),
    _each("served_sessions", "Viewers whose pictures are made to order.", "way", "served", "webrtc hls", grows=False),
    Counted(
        "served_sessions_begun",
        "Such viewers since the start.",
        "way",
        {"webrtc": "served.webrtc_begun", "hls": "served.hls_begun"},
    ),
    _one("served_sessions_failed", "Wishes for it that were not met.", "served.failed"),
    _one("transcodings", "Streams that are encoded anew.", "served.transcodings", grows=False),
    _one("transcodings_begun", "Streams that were encoded anew since the start.", "served.transcodings_begun"),
    _one("transcodings_refused", "Wishes for it when every place was taken.", "served.transcodings_refused"),
)

TALKING = (
    _one("voice_talks", "Voices that go down now.", "voice.talks", grows=False),
    _each(
        "voice_hearers",
        "Devices that are talked to, by how far it has got.",
        "stage",
        "voice.hearers",
        "asking answered talking failed ended",
        grows=False,
    ),
    _one("voice_talks_begun", "Voices that went down since the start.", "voice.begun"),
    _one("voice_talks_refused", "Wishes to talk when others talked to all that were meant.", "voice.refused"),
    _each("voice_talks_ended", "Why voices ended.", "reason", "voice.ended", " ".join((*ENDS, "other"))),
    _each(
        "voice_unheard",
        "Devices that did not hear a voice, by what stood in the way.",
        "obstacle",
        "voice.obstacles",
        " ".join(each.value for each in Obstacle if each),
    ),
)

ALARMS = (
    _each(
        "alarms_open",
        "Alarms that nobody has acknowledged, by priority; 0 where it was not said.",
        "priority",
        "alarms.priority",
        "0 1 2 3 4",
        grows=False,
    ),
    _one("alarms_unclosed", "Alarms that are not closed.", "alarms.unclosed", grows=False),
    _each(
        "alarms",
        "Alarms that were heard: raised ones, repeats of one that lasts, the same by another way, those of the past, "
        "and those that there was no room for.",
        "what",
        "alarms",
        "raised repeated twins history dropped",
    ),
    _one("alarms_pruned", "Old alarms that were forgotten.", "alarms.pruned"),
    _one("alarms_unwritten", "Alarms that wait to be written.", "alarms.waiting", grows=False),
)

WEB = (
    _one("web_feeds", "Consoles that listen to the news.", "web.listeners", grows=False),
    _one("web_news", "News told to consoles.", "web.told"),
    _one("web_news_dropped", "Lines a slow console did not get and was told to load anew for.", "web.missed"),
    _one("web_news_storms", "Moments with so much news that all consoles had to load anew.", "web.storms"),
    _one("web_sessions", "Sessions of people who are logged in.", "web.sessions", grows=False),
    _one("web_leases", "Pictures held by sessions and keys.", "web.leases", grows=False),
    _one("web_shown_out", "Connections that said nothing whole in time.", "web.shown_out"),
)

ALL = (*SIGNALLING, *WATCHING, *MEDIA, *TO_ORDER, *TALKING, *ALARMS, *WEB)


def families(facts: Mapping[str, Any]) -> Iterator[Metric]:
    """Every family that has a line; what a room does not count now has none."""
    for family in ALL:
        found = {value: looked_up(facts, path) for value, path in family.paths.items()}
        lines = [((value,) if family.label else (), number) for value, number in found.items() if number is not None]
        if lines:
            shape = counter if family.grows else gauge
            yield shape(family.name, family.help, lines, (family.label,) if family.label else ())
