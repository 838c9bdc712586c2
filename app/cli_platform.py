"""The options of `lianwang simulate platform`."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from typing import Any

import click

from app.options import address, checked, password, until_stopped
from app.simulating_platforms import Errands, simulate_lower, simulate_upper
from gb28181.edition import Edition
from registry.divisions import Divisions
from simulator.faults import KINDS, Faults
from simulator.holdings import division_tree
from simulator.platform_above import UpperSettings
from simulator.platform_below import LowerSettings
from simulator.recording import Recording
from simulator.speaker import SpeakerSettings
from simulator.video import VideoSettings

_FAULTS = "\b\nFAULTS:\n" + "\n".join(f"  {text}" for text in KINDS.values())
_EDITIONS = {"2016": Edition.V2016, "2022": Edition.V2022}


@click.command("platform", epilog=_FAULTS)
@click.argument("role", type=click.Choice(["lower", "upper"]))
@click.option("--code", metavar="DIGITS", help="its own 20 digits  [default: a county, a city]")
@click.option("--name", help="what it calls itself")
@click.option("--password", "secret", envvar="LIANWANG_PASSWORD", help="asked for when left out")
@click.option("--edition", default="2022", show_default=True, type=click.Choice(sorted(_EDITIONS)))
@click.option("--transport", default="udp", show_default=True, help="lower: udp or tcp, for SIP; upper: for its calls")
@click.option("--fault", "orders", multiple=True, metavar="FAULT", help="may be repeated; all of them stand below")
@click.option(
    "--server",
    callback=lambda c, p, v: v and address(c, p, v),
    metavar="HOST:PORT",
    help="lower: whom it registers with",
)
@click.option("--server-code", metavar="DIGITS", help="lower: that platform's 20 digits")
@click.option("--user", default="", help="lower: the digest's user, its code when left out")
@click.option("--expires", default=86400, show_default=True, help="seconds; upper: the most it grants")
@click.option("--keepalive", default=60.0, show_default=True, help="seconds")
@click.option(
    "--retry", default=60.0, show_default=True, help="lower: seconds before a failed registration is tried again"
)
@click.option("--cameras", default=12, show_default=True, type=click.IntRange(1, 900_000), help="lower: in its tree")
@click.option(
    "--items-a-part", default=4, show_default=True, type=click.IntRange(1, 10_000), help="lower: in one message"
)
@click.option("--change-every", default=0.0, help="lower: seconds between changes of its tree, for followers")
@click.option("--recorded", default=0, help="lower: minutes every camera has recorded until now")
@click.option(
    "--listen", default="0.0.0.0:5060", show_default=True, callback=address, metavar="HOST:PORT", help="upper"
)
@click.option("--catalog/--no-catalog", default=True, show_default=True, help="upper: asks who registers for it")
@click.option(
    "--follow", multiple=True, type=click.Choice(["catalog", "alarm", "position", "ptz"]), help="upper: subscribes"
)
@click.option("--call", default="", metavar="DIGITS", help="upper: calls this channel")
@click.option("--call-for", default=10.0, show_default=True, help="upper: seconds until it hangs up")
@click.option("--y/--no-y", default=True, show_default=True, help="upper: y= in its offers")
def platform_command(role: str, **given: Any) -> None:  # Any: click hands each option its own type
    """A platform that registers with yours (lower), or with which yours registers (upper).

    \b
    lower  shows a whole tree (divisions, groups, organisations, cameras in several of them), answers
           queries in serial pages, serves subscriptions, sends real video live, played back or downloaded.
    upper  challenges, watches keepalives, asks for the catalog, subscribes and calls, and prints what it got.
    """
    given["secret"] = password(given["secret"])
    if role == "upper":
        settings, errands = checked(lambda: _upper(given))
        sys.exit(until_stopped(simulate_upper(settings, errands, click.echo)))
    lower = checked(lambda: _lower(given))
    division = lower.speaker.code[:6]
    holdings = division_tree(
        lower.speaker.code,
        lower.name,
        division,
        Divisions.load().name(division) or division,
        cameras=given["cameras"],
    )
    if given["recorded"]:
        lower = _with_recordings(lower, [item.code for item in holdings.cameras], given["recorded"])
    sys.exit(until_stopped(simulate_lower(lower, holdings, given["change_every"], click.echo)))


def _lower(given: dict[str, Any]) -> LowerSettings:
    if not given["server"] or not given["server_code"]:
        raise ValueError("a lower platform needs --server and --server-code")
    host, port = given["server"]
    return LowerSettings(
        SpeakerSettings(
            code=given["code"] or "44010600002000000001",
            password=given["secret"],
            server_host=host,
            server_port=port,
            server_code=given["server_code"],
            transport=given["transport"],
            username=given["user"],
            edition=_EDITIONS[given["edition"]],
            expires_s=given["expires"],
            keepalive_s=given["keepalive"],
            retry_s=given["retry"],
        ),
        name=given["name"] or "模拟下级平台",
        items_a_part=given["items_a_part"],
        video=VideoSettings(width=640, height=360, fps=20, kbps=600),
        faults=Faults.ordered(given["orders"]),
    )


def _with_recordings(settings: LowerSettings, cameras: list[str], minutes: int) -> LowerSettings:
    now = int(time.time())
    return replace(settings, recordings=tuple(Recording(code, now - minutes * 60, now) for code in cameras))


def _upper(given: dict[str, Any]) -> tuple[UpperSettings, Errands]:
    host, port = given["listen"]
    settings = UpperSettings(
        code=given["code"] or "44010000002000000001",
        password=given["secret"],
        host=host,
        port=port,
        edition=_EDITIONS[given["edition"]],
        expires_s=given["expires"],
        keepalive_s=given["keepalive"],
        faults=Faults.ordered(given["orders"]),
    )
    if given["transport"] not in ("udp", "tcp-passive", "tcp-active"):
        raise ValueError("a call goes over udp, tcp-passive or tcp-active")
    return settings, Errands(
        given["catalog"], given["follow"], given["call"], given["transport"], given["y"], given["call_for"]
    )
