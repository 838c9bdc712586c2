"""`lianwang`: serve a platform, show a demonstration, simulate neighbours."""

from __future__ import annotations

import sys
from contextlib import AsyncExitStack
from pathlib import Path

import click

from app import settings_file
from app.cli_device import camera_command, nvr_command
from app.cli_media import media_command
from app.cli_platform import platform_command
from app.cli_rtsp import rtsp_command
from app.demo import demo
from app.demo_tiers import demo_of_tiers
from app.fresh import fresh_folder
from app.options import checked, until_stopped
from app.serving import run, serve, set_up_log
from app.settings import WrongSetting, load
from app.simulating import Post, simulate_towns
from app.welcome import welcome
from app.wiring import House


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
simulate_group.add_command(camera_command)
simulate_group.add_command(nvr_command)


@simulate_group.command("town", hidden=True)
@click.option("--at", "posts", multiple=True, required=True, metavar="TOWN=CODE@HOST:PORT")
def town_command(posts: tuple[str, ...]) -> None:
    """The demonstration's cameras; the password comes on standard input."""
    known = checked(lambda: [Post.parse(post) for post in posts])
    sys.exit(until_stopped(simulate_towns(known, sys.stdin.readline().strip())))
