"""`lianwang`: serve a platform, show a demonstration, simulate neighbours."""

from __future__ import annotations

import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import click

from app import settings_file
from app.cli_media import media_command
from app.cli_platform import platform_command
from app.cli_rtsp import rtsp_command
from app.demo import demo
from app.demo_tiers import demo_of_tiers
from app.fresh import fresh_folder
from app.options import address, checked, password, until_stopped
from app.serving import run, serve, set_up_log
from app.settings import WrongSetting, load
from app.simulating import Post, simulate_camera, simulate_towns
from app.welcome import welcome
from app.wiring import House
from gb28181.edition import Edition
from media.frame import Codec
from simulator.alarming import AlarmingSettings
from simulator.camera import CameraSettings, ChannelSettings
from simulator.speaker import SpeakerSettings
from simulator.video import VideoSettings


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--log", default="warning", show_default=True, help="debug, info, warning or error")
@click.version_option(package_name="lianwang", prog_name="lianwang")
def main(log: str) -> None:
    """联网 Lianwang: a GB/T 28181 video-surveillance platform, editions 2016 and 2022."""
    set_up_log(log)


@main.command("serve")
@click.option("--config", type=click.Path(path_type=Path), help="settings file; conf/server.toml lists all settings")
@click.option("--data", type=click.Path(path_type=Path), default=Path("var"), show_default=True, help="data folder")
def serve_command(config: Path | None, data: Path) -> None:
    """Run the platform until Ctrl-C."""
    try:
        settings = load(config)
    except WrongSetting as error:
        raise click.ClickException(f"设置有误 wrong setting: {error}") from error

    async def ready(house: House, _: AsyncExitStack) -> None:
        click.echo(welcome(house))

    sys.exit(run(serve(settings, data, ready=ready)))


@main.command("demo")
@click.option("--data", type=click.Path(path_type=Path), default=Path("var/demo"), show_default=True)
@click.option("--port", default=8088, show_default=True, help="the console's port; the next free one is taken")
@click.option("--sip-port", default=5060, show_default=True, help="likewise for SIP")
@click.option("--tiers", default="3", show_default=True, type=click.Choice(["1", "3"]), help="1 is one platform alone")
@click.pass_context
def demo_command(context: click.Context, data: Path, port: int, sip_port: int, tiers: str) -> None:
    """Run a province, two cities and two counties with simulated cameras, in fresh data folders."""
    assert context.parent is not None
    log = str(context.parent.params["log"])
    try:
        fresh_folder(data)
    except OSError as error:
        raise click.ClickException(str(error)) from error
    run_demo = demo if tiers == "1" else demo_of_tiers
    sys.exit(run(run_demo(data, console_port=port, sip_port=sip_port, log_level=log)))


@main.command("config")
def config_command() -> None:
    """Print every setting with its default and its reason, as conf/server.toml has it."""
    click.echo(settings_file.text(), nl=False)


main.add_command(media_command)


@main.group("simulate")
def simulate_group() -> None:
    """Neighbours to try a platform with, ours or another maker's."""


simulate_group.add_command(platform_command)
simulate_group.add_command(rtsp_command)


@simulate_group.command("camera")
@click.option("--server", required=True, callback=address, metavar="HOST:PORT", help="the platform's SIP address")
@click.option("--server-code", required=True, metavar="DIGITS", help="the platform's 20 digits")
@click.option(
    "--code", default="34020000001320000001", show_default=True, metavar="DIGITS", help="the camera's 20 digits"
)
@click.option("--password", envvar="LIANWANG_PASSWORD", help="asked for when left out")
@click.option("--name", default="模拟摄像机", show_default=True, help="what the catalog and the picture call it")
@click.option(
    "--channels", default=1, show_default=True, type=click.IntRange(1, 10_000), help="pictures of this device"
)
@click.option("--transport", default="udp", show_default=True, type=click.Choice(["udp", "tcp"]), help="for SIP")
@click.option("--edition", default="2022", show_default=True, type=click.Choice(["2016", "2022"]))
@click.option("--codec", default="h264", show_default=True, type=click.Choice(["h264", "h265"]))
@click.option("--size", default="1280x720", show_default=True, metavar="WxH")
@click.option("--fps", default=25, show_default=True)
@click.option("--kbps", default=1500, show_default=True)
@click.option("--gop", default=2.0, show_default=True, help="seconds between key frames")
@click.option("--sound/--no-sound", default=True, show_default=True, help="a G.711 A-law tone")
@click.option("--ptz/--no-ptz", default=True, show_default=True, help="a head that turns the picture")
@click.option("--expires", default=86400, show_default=True, help="seconds, at least 3600")
@click.option("--keepalive", default=60.0, show_default=True, help="seconds between keepalives")
@click.option("--retry", default=60.0, show_default=True, help="seconds before a failed registration is tried again")
@click.option("--items-a-part", default=4, show_default=True, help="catalog items in one message")
@click.option("--lose-part", default=0, help="fault: leave this part of every catalog unsaid")
@click.option("--sum-num-off-by", default=0, help="fault: claim so many catalog items more")
@click.option("--alarm-every", default=0.0, metavar="S", help="on guard, it raises an alarm every so many seconds")
@click.option("--silent-media", is_flag=True, help="fault: take calls and send nothing")
@click.option("--foreign-ssrc", is_flag=True, help="fault: send another SSRC than asked for")
def camera_command(**given: Any) -> None:
    """A camera that registers, keeps alive, answers, and sends real video with its name and a clock.

    Its picture is a painted town; PTZ turns the head, presets are kept. With --channels it is a recorder.
    """
    given["password"] = password(given["password"])
    settings = checked(lambda: _camera_settings(given))
    sys.exit(until_stopped(simulate_camera(settings)))


@simulate_group.command("town", hidden=True)
@click.option("--at", "posts", multiple=True, required=True, metavar="TOWN=CODE@HOST:PORT")
def town_command(posts: tuple[str, ...]) -> None:
    """The demonstration's cameras; the password comes on standard input."""
    known = checked(lambda: [Post.parse(post) for post in posts])
    sys.exit(until_stopped(simulate_towns(known, sys.stdin.readline().strip())))


def _camera_settings(given: dict[str, Any]) -> CameraSettings:
    width, _, height = given["size"].partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise ValueError(f"a size reads WIDTHxHEIGHT, not {given['size']!r}")
    code, count = given["code"], given["channels"]
    host, port = given["server"]
    return CameraSettings(
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
        lose_part=given["lose_part"],
        sum_num_off_by=given["sum_num_off_by"],
        silent_media=given["silent_media"],
        foreign_ssrc=given["foreign_ssrc"],
        alarming=AlarmingSettings(armed=given["alarm_every"] > 0, every_s=given["alarm_every"]),
    )


def channels_of(code: str, name: str, count: int, *, ptz: bool = True) -> tuple[ChannelSettings, ...]:
    """The channels of a device: its own code when it has one picture, numbered ones of type 132 when it has more."""
    if count == 1:
        return (ChannelSettings(code, name, ptz=ptz),)
    first = int(code[16:20]) * 100 if count < 100 else 0
    return tuple(
        ChannelSettings(f"{code[:10]}132{code[13]}{(first + number) % 1_000_000:06d}", f"{name} {number:02d}", ptz=ptz)
        for number in range(1, count + 1)
    )
