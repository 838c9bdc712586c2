"""An RTSP server that nobody here wrote: GStreamer's, run by the system's own Python, which has its bindings.

    /usr/bin/python3 stranger_rtsp.py PORT ADDRESS LAUNCH [USER PASSWORD basic|md5|sha256 [tcp|udp]]

Prints "ready" when it listens. LAUNCH is a GStreamer pipeline with payloaders pay0, pay1.
"""

from __future__ import annotations

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
gi.require_version("GstRtsp", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # the versions come first


def main(port: str, address: str, launch: str, *guard: str) -> None:
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_service(port)
    server.set_address(address)
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(launch)
    factory.set_shared(True)
    if len(guard) >= 3:
        lower = GstRtsp.RTSPLowerTrans
        ways = {"tcp": lower.TCP, "udp": lower.UDP, "": lower.TCP | lower.UDP}
        factory.set_protocols(ways[guard[3] if len(guard) > 3 else ""])
        if guard[0]:
            protect(server, factory, *guard[:3])
    server.get_mount_points().add_factory("/live", factory)
    server.attach(None)
    print("ready", flush=True)
    GLib.MainLoop().run()


def protect(server, factory, user: str, password: str, kind: str) -> None:
    auth = GstRtspServer.RTSPAuth()
    role = "user"
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", role)
    if kind == "basic":
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.BASIC)
        auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
    else:
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
        auth.add_digest(user, password, token)
    permissions = GstRtspServer.RTSPPermissions()
    permissions.add_permission_for_role(role, "media.factory.access", True)
    permissions.add_permission_for_role(role, "media.factory.construct", True)
    factory.set_permissions(permissions)
    server.set_auth(auth)


main(*sys.argv[1:])
