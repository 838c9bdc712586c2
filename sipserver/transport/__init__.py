"""Where SIP meets sockets: `udp` drains datagrams, `tcp` keeps connections; both are bounded on every side."""
