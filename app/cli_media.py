"""`lianwang media`: carry media for a server from another machine."""

from __future__ import annotations

import socket
import ssl
import sys
from pathlib import Path
from typing import Any

import click

from app.options import address, checked, until_stopped
from media.guest import Guest, GuestSettings
from media.local import PlaneSettings
from media.seal import read_key


@click.command("media")
@click.option("--server", required=True, callback=address, metavar="HOST:PORT", help="the server's [media_hosts] port")
@click.option(
    "--key-file",
    required=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="a copy of media.key from the server's data folder",
)
@click.option("--name", default=socket.gethostname, show_default="this machine's", help="what the console calls us")
@click.option("--zone", default="", help="the part of the network we stand in; its devices come to us first")
@click.option("--host", default="0.0.0.0", show_default=True, help="the address media and viewers come to")
@click.option("--announce-host", default="", help="how devices and viewers reach us, when that is another address")
@click.option("--ports", default="30000-30999", show_default=True, metavar="FIRST-LAST", help="media ports")
@click.option("--http-port", default=8089, show_default=True, type=click.IntRange(0, 65535), help="the viewers' port")
@click.option("--tls-cert", type=click.Path(path_type=Path, exists=True), help="needed where the console has HTTPS")
@click.option("--tls-key", type=click.Path(path_type=Path, exists=True))
def media_command(**given: Any) -> None:
    """Carry media for a server until Ctrl-C: register, take streams, come back after a loss.

    The server takes media hosts in only when its settings name a port for them: [media_hosts] port.
    """
    settings = checked(lambda: _settings(given))
    sys.exit(until_stopped(Guest(settings).run()))


def _settings(given: dict[str, Any]) -> GuestSettings:
    first, _, last = given["ports"].partition("-")
    if not (first.isdecimal() and last.isdecimal() and 0 < int(first) < int(last) < 65536):
        raise ValueError(f"ports are written FIRST-LAST, not {given['ports']!r}")
    return GuestSettings(
        server=given["server"],
        key=read_key(given["key_file"].read_text(encoding="ascii", errors="replace")),
        name=given["name"],
        zone=given["zone"],
        web_host=given["host"],
        web_port=given["http_port"],
        announce_host=given["announce_host"],
        tls=_tls(given["tls_cert"], given["tls_key"]),
        plane=PlaneSettings(
            host=given["host"],
            announce_host=given["announce_host"],
            first_port=int(first),
            last_port=int(last),
            zone=given["zone"],
        ),
    )


def _tls(certificate: Path | None, key: Path | None) -> ssl.SSLContext | None:
    if certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise ValueError(f"the certificate {certificate} cannot be used: {error}") from error
    return context
