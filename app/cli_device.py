"""`lianwang simulate camera` and `simulate nvr`: devices that do all that the standard has words for, and misbehave to
order."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import click

from app.options import address, checked, password, until_stopped
from app.simulating import simulate_camera
from gb28181.edition import Edition
from media.frame import Codec
from simulator import quirks
from simulator.alarming import AlarmingSettings
from simulator.camera import CameraSettings, ChannelSettings
from simulator.hearing import HearingSettings
from simulator.quirks import Quirks
from simulator.recorder import RecorderSettings
from simulator.speaker import SpeakerSettings
from simulator.video import VideoSettings
from sipserver.sip.note import Seal

QUIRKS = {
    **quirks.KINDS,
    "foreign-ssrc": "send another SSRC than the one asked for",
    "silent-media": "take calls and send nothing",
    "ignore-speed": "answer 200 to every speed of a recording and play on as before",
    "no-filesize": "download without a=filesize",
    "no-end": "tell no end of a recording",
    "early-talk": "send sound of its own before the ACK of a talk",
    "calls-first": "call for a broadcast before answering its notice",
    "lose-part": "leave the second part of every catalog unsaid",
    "sum-num": "claim three catalog items more than there are",
}
QUIRK_HELP = "misbehave; may be repeated. " + "; ".join(f"{name}: {words}" for name, words in QUIRKS.items())

Command = Callable[..., Any]
OPTIONS: tuple[Callable[[Command], Command], ...] = (
    click.option("--server", required=True, callback=address, metavar="HOST:PORT", help="the platform's SIP address"),
    click.option("--server-code", required=True, metavar="DIGITS", help="the platform's 20 digits"),
    click.option("--password", envvar="LIANWANG_PASSWORD", help="asked for when left out"),
    click.option("--transport", default="udp", show_default=True, type=click.Choice(["udp", "tcp"]), help="for SIP"),
    click.option("--edition", default="2022", show_default=True, type=click.Choice(["2016", "2022"])),
    click.option("--codec", default="h264", show_default=True, type=click.Choice(["h264", "h265"])),
    click.option("--size", default="1280x720", show_default=True, metavar="WxH"),
    click.option("--fps", default=25, show_default=True),
    click.option("--kbps", default=1500, show_default=True),
    click.option("--gop", default=2.0, show_default=True, help="seconds between key frames"),
    click.option("--sound/--no-sound", default=True, show_default=True, help="a G.711 A-law tone"),
    click.option("--ptz/--no-ptz", default=True, show_default=True, help="heads that turn the picture"),
    click.option("--expires", default=86400, show_default=True, help="seconds, at least 3600"),
    click.option("--keepalive", default=60.0, show_default=True, help="seconds between keepalives"),
    click.option(
        "--retry", default=60.0, show_default=True, help="seconds before a failed registration is tried again"
    ),
    click.option("--items-a-part", default=4, show_default=True, help="catalog items in one message"),
    click.option("--alarm-every", default=0.0, metavar="S", help="on guard, it raises an alarm every so many seconds"),
    click.option(
        "--loudspeakers", default=1, show_default=True, type=click.IntRange(0, 16), help="that can be talked to"
    ),
    click.option("--seal", metavar="ALGORITHM:SEED", help="sign every message, for example SM3:the-seed"),
    click.option("--quirk", "orders", multiple=True, type=click.Choice(list(QUIRKS)), metavar="NAME", help=QUIRK_HELP),
)


def device_options(command: Command) -> Command:
    """What cameras and recorders have in common."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


@click.command("camera")
@click.option(
    "--code", default="34020000001320000001", show_default=True, metavar="DIGITS", help="the camera's 20 digits"
)
@click.option("--name", default="模拟摄像机", show_default=True, help="what the catalog and the picture call it")
@click.option(
    "--channels", default=1, show_default=True, type=click.IntRange(1, 10_000), help="pictures of this device"
)
@click.option("--history", default=0.0, metavar="H", help="hours of recordings on its card")
@device_options
def camera_command(**given: Any) -> None:
    """A camera that registers, keeps alive, answers, and sends real video with its name and a clock.

    Its picture is a painted town; PTZ turns the head, presets, cruises and scans are kept, it is set, raises alarms,
    plays its card, hears a voice and takes upgrades.
    """
    run(given)


@click.command("nvr")
@click.option(
    "--code", default="34020000001180000001", show_default=True, metavar="DIGITS", help="the recorder's 20 digits"
)
@click.option("--name", default="模拟录像机", show_default=True, help="what the catalog and the pictures call it")
@click.option("--channels", default=8, show_default=True, type=click.IntRange(2, 10_000), help="its cameras")
@click.option("--history", default=48.0, show_default=True, metavar="H", help="hours of recordings on its disks")
@device_options
def nvr_command(**given: Any) -> None:
    """A recorder of many cameras, with two days of recordings, its disks, and all that a camera does."""
    run(given)


def run(given: dict[str, Any]) -> None:
    given["password"] = password(given["password"])
    sys.exit(until_stopped(simulate_camera(checked(lambda: settings_of(given)))))


def settings_of(given: dict[str, Any]) -> CameraSettings:
    """The device that these options mean. ValueError when they cannot be meant."""
    width, _, height = given["size"].partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise ValueError(f"a size reads WIDTHxHEIGHT, not {given['size']!r}")
    code, count = given["code"], given["channels"]
    host, port = given["server"]
    made = CameraSettings(
        speaker=SpeakerSettings(
            code=code,
            password=given["password"],
            server_host=host,
            server_port=port,
            server_code=given["server_code"],
            transport=given["transport"],
            edition=Edition.V2022 if given["edition"] == "2022" else Edition.V2016,
            expires_s=given["expires"],
            keepalive_s=given["keepalive"],
            retry_s=given["retry"],
            seal=seal_of(given["seal"]),
        ),
        name=given["name"],
        channels=channels_of(code, given["name"], count, ptz=given["ptz"]),
        video=VideoSettings(
            codec=Codec.H265 if given["codec"] == "h265" else Codec.H264,
            width=int(width),
            height=int(height),
            fps=given["fps"],
            kbps=given["kbps"],
            gop_s=given["gop"],
        ),
        sound=given["sound"],
        items_a_part=given["items_a_part"],
        alarming=AlarmingSettings(armed=given["alarm_every"] > 0, every_s=given["alarm_every"]),
        recorder=RecorderSettings(history_s=int(given["history"] * 3600)),
        hearing=HearingSettings(outputs=outputs_of(code, given["loudspeakers"])),
    )
    return misbehaving(made, given["orders"])


def misbehaving(made: CameraSettings, orders: tuple[str, ...]) -> CameraSettings:
    """The device with its quirks, by their names in `QUIRKS`."""
    spoilt = {name.replace("-", "_"): True for name in orders if name in quirks.KINDS}
    recorder = replace(
        made.recorder,
        ignores_speed="ignore-speed" in orders,
        no_filesize="no-filesize" in orders,
        no_end="no-end" in orders,
    )
    hearing = replace(made.hearing, talks_early="early-talk" in orders, calls_first="calls-first" in orders)
    return replace(
        made,
        quirks=Quirks(**spoilt),
        recorder=recorder,
        hearing=hearing,
        foreign_ssrc="foreign-ssrc" in orders,
        silent_media="silent-media" in orders,
        lose_part=2 if "lose-part" in orders else 0,
        sum_num_off_by=3 if "sum-num" in orders else 0,
    )


def seal_of(text: str | None) -> Seal | None:
    """`SM3:seed`; ValueError when it is not so."""
    if not text:
        return None
    algorithm, colon, seed = text.partition(":")
    if not colon:
        raise ValueError(f"a seal reads ALGORITHM:SEED, not {text!r}")
    return Seal(seed, algorithm)


def outputs_of(code: str, count: int) -> tuple[str, ...]:
    """Codes of voice outputs (type 137) of a device."""
    first = int(code[14:20]) * 100 % 1_000_000
    return tuple(f"{code[:10]}137{code[13]}{(first + number) % 1_000_000:06d}" for number in range(1, count + 1))


def channels_of(code: str, name: str, count: int, *, ptz: bool = True) -> tuple[ChannelSettings, ...]:
    """The channels of a device: its own code when it has one picture, numbered ones of type 132 when it has more."""
    if count == 1:
        return (ChannelSettings(code, name, ptz=ptz),)
    first = int(code[16:20]) * 100 if count < 100 else 0
    return tuple(
        ChannelSettings(f"{code[:10]}132{code[13]}{(first + number) % 1_000_000:06d}", f"{name} {number:02d}", ptz=ptz)
        for number in range(1, count + 1)
    )
