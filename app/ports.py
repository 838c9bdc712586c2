"""Finds ports for a demonstration that must not disturb what runs already."""

from __future__ import annotations

import socket
from collections.abc import Container


def free_port(wanted: int, taken: Container[int] = ()) -> int:
    """`wanted` when both UDP and TCP are free there on loopback, else the next that is. OSError when none is."""
    for port in range(wanted, wanted + 200):
        if port in taken:
            continue
        try:
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                with socket.socket(socket.AF_INET, kind) as probe:
                    if kind == socket.SOCK_STREAM:
                        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        return port
    raise OSError(f"no port is free from {wanted} to {wanted + 199}")
