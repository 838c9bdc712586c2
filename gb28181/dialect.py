"""What real devices do beside the book, each habit with a name; makers are named here and nowhere else.

A dialect is data: whoever has to make an allowance asks for the habit (`dialect.wants_record_type_all`), never for
the maker. Habits come from the field tolerance list of our signalling reference, section 10.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True, slots=True)
class Dialect:
    """The habits of one family of devices; every default is the behaviour of the standard.

    `makers` and `agents` are lower-case beginnings of DeviceInfo's Manufacturer and of the User-Agent header.
    """

    name: str
    makers: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()

    stream_selector: str = ""
    """Attribute of an INVITE that picks a stream: `{number}` is 0 for main, `{word}` MAIN or SUB. "" is by edition:
    a=streamnumber from 2022 on, nothing before."""
    payloads: tuple[int, ...] = ()
    """RTP payload numbers to offer, () for those of the edition."""
    omits_y_line: bool = False
    """Answers without y=, so the SSRC of the stream says nothing about whose it is."""
    may_switch_transport: bool = True
    """A call that brought no picture may be tried again over the other transport."""
    listens_at_once: bool = False
    """Opens its TCP media connection after its 200 and before our ACK."""
    platform_first_subject: bool = False
    """Writes the platform first in the Subject of its own INVITE."""
    talks_by_invite: bool = False
    """Knows no broadcast: it is called with s=Talk, and hears on the path on which it speaks."""
    voice_form: str = ""
    """The form our voice must have whatever it says, PCMA or PCMU; "" is what it asks for."""

    both_iframe_names: bool = False
    """Ignores the edition's spelling of the key frame command: send IFameCmd and IFrameCmd."""
    doubles_pan_speed: bool = False
    """Reads the pan speed from byte 6 as well (the misprint of the 2016 example table)."""
    silent_home_position: bool = False
    """Obeys HomePosition without the answer the standard asks for."""
    basic_param_to_device: bool = False
    """Takes BasicParam settings under the device's code only."""
    reboots_on_basic_param: bool = False
    """Deregisters and reboots on BasicParam without answering."""

    wants_record_type_all: bool = False
    """Answers a record query with nothing unless Type is `all`."""
    any_type_is_channel: bool = False
    """Uses type codes of other things (119 to 129) for its cameras."""
    pushes_single_items: bool = False
    """Tells status changes as single-item Catalog responses with an old or foreign SN."""
    says_off_wrongly: bool = False
    """Tells OFF without cause: confirm it by a query."""
    refuses_catalog_subscription: bool = False
    """Knows no catalog subscription: poll."""
    guards_before_alarms: bool = False
    """Sends alarms only after SetGuard or an alarm subscription."""

    reads_date_as_utc: bool = False
    """Takes the Date of REGISTER's 200 for UTC, so its clock jumps by hours: leave the header out."""
    keepalive_is_enough: bool = False
    """Never registers again after our restart and only keeps alive: restore its binding, then verify it."""
    changes_address: bool = False
    """Its address translator changes ports between messages: follow any message of it."""

    def selector(self, stream_number: int, *, by_number: bool) -> str | None:
        """The text of the `a=` line that asks for a stream, None when nothing is to be said.

        `by_number` is true for a peer of the 2022 edition. The main stream before 2022 needs no line, and only one
        selector is ever sent: devices may answer 488 to what they do not know.
        """
        if not self.stream_selector:
            return f"streamnumber:{stream_number}" if by_number else None
        word = "SUB" if stream_number else "MAIN"
        return self.stream_selector.format(number=stream_number, word=word)


STANDARD = Dialect("standard")

DIALECTS: dict[str, Dialect] = {
    dialect.name: dialect
    for dialect in (
        STANDARD,
        Dialect(
            "hikvision",
            makers=("hikvision", "hik", "海康", "杭州海康"),
            agents=("hikvision", "embedded net dvr"),
            omits_y_line=True,
            says_off_wrongly=True,
            refuses_catalog_subscription=True,
            guards_before_alarms=True,
        ),
        Dialect(
            "dahua",
            makers=("dahua", "大华", "浙江大华"),
            agents=("dahua", "dh-"),
            stream_selector="streamprofile:{number}",
            payloads=(96,),
            listens_at_once=True,
            silent_home_position=True,
            basic_param_to_device=True,
            wants_record_type_all=True,
        ),
        Dialect(
            "uniview",
            makers=("uniview", "unv", "宇视", "浙江宇视"),
            agents=("uniview", "unv"),
            any_type_is_channel=True,
            reboots_on_basic_param=True,
        ),
        Dialect("tiandy", makers=("tiandy", "天地伟业"), agents=("tiandy",), pushes_single_items=True),
        Dialect("huawei", makers=("huawei", "华为"), agents=("huawei", "hwnvr"), keepalive_is_enough=True),
        Dialect(
            "tp-link",
            makers=("tp-link", "tplink", "mercury", "普联", "水星"),
            agents=("tp-link", "tplink", "mercury"),
            stream_selector="streamMode:{word}",
            platform_first_subject=True,
            reads_date_as_utc=True,
        ),
        Dialect("stream-attribute", stream_selector="stream:{number}"),
        Dialect("mobile", changes_address=True, keepalive_is_enough=True),
        Dialect("both-key-frame-names", both_iframe_names=True),
        Dialect("pan-speed-twice", doubles_pan_speed=True),
        Dialect("talk-by-invite", talks_by_invite=True),
        Dialect("voice-mu-law", voice_form="PCMU"),
    )
}


@lru_cache(maxsize=1024)
def dialect_for(name: str = "", manufacturer: str = "", user_agent: str = "") -> Dialect:
    """The dialect called `name`, else the one its maker or User-Agent points to, else the standard. Never raises."""
    if name in DIALECTS:
        return DIALECTS[name]
    maker = manufacturer.strip().casefold()
    agent = user_agent.strip().casefold()
    for dialect in DIALECTS.values():
        if dialect.makers and maker.startswith(dialect.makers):
            return dialect
    for dialect in DIALECTS.values():
        if dialect.agents and agent.startswith(dialect.agents):
            return dialect
    return STANDARD
