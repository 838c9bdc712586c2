"""The options of `lianwang simulate rtsp`."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import click

from app.options import checked, until_stopped
from media.frame import Codec
from simulator.rtsp_server import KINDS, RtspFaults, RtspServer, RtspSettings
from simulator.video import VideoSettings

_FAULTS = "\b\nFAULTS:\n" + "\n".join(f"  {text}" for text in KINDS.values())
_WAYS = {"tcp": frozenset({"tcp"}), "udp": frozenset({"udp"}), "both": frozenset({"tcp", "udp"})}


@click.command("rtsp", epilog=_FAULTS)
@click.option("--host", default="127.0.0.1", show_default=True, help="address to listen at")
@click.option("--port", default=8554, show_default=True, type=click.IntRange(0, 65535))
@click.option("--user", default="admin", show_default=True)
@click.option("--password", envvar="LIANWANG_PASSWORD", default="", help="lets everybody in when left out")
@click.option("--guard", default="md5", show_default=True, type=click.Choice(["basic", "md5", "sha256"]))
@click.option("--way", default="both", show_default=True, type=click.Choice(list(_WAYS)), help="how media may go")
@click.option("--name", default="RTSP 01", show_default=True, help="what the picture calls it")
@click.option("--codec", default="h264", show_default=True, type=click.Choice(["h264", "h265"]))
@click.option("--size", default="1280x720", show_default=True, metavar="WxH")
@click.option("--fps", default=25, show_default=True)
@click.option("--kbps", default=1500, show_default=True)
@click.option("--sound/--no-sound", default=True, show_default=True, help="a G.711 A-law tone")
@click.option("--fault", "faults", multiple=True, metavar="FAULT", help="what goes wrong, see below; may be repeated")
def rtsp_command(**given: Any) -> None:
    """A camera that speaks RTSP and no GB/T 28181, to try our own sources with."""
    settings = checked(lambda: _settings(given))
    sys.exit(until_stopped(_serve(settings)))


def _settings(given: dict[str, Any]) -> RtspSettings:
    width, _, height = given["size"].partition("x")
    video = VideoSettings(
        codec=Codec.H265 if given["codec"] == "h265" else Codec.H264,
        width=int(width),
        height=int(height),
        fps=given["fps"],
        kbps=given["kbps"],
    )
    return RtspSettings(
        host=given["host"],
        port=given["port"],
        user=given["user"],
        password=given["password"],
        guard=given["guard"] if given["password"] else "",
        ways=_WAYS[given["way"]],
        name=given["name"],
        video=video,
        sound=given["sound"],
        faults=RtspFaults.ordered(given["faults"]),
    )


async def _serve(settings: RtspSettings) -> None:
    server = RtspServer(settings)
    await server.start()
    click.echo(server.url)
    try:
        await asyncio.Event().wait()
    finally:
        await server.close()
