"""The signalling room: SIP as GB/T 28181 speaks it, towards those below us and those above.

`sip/` is the protocol without sockets, clocks or tasks. `transport/` has the sockets, `stack.py` puts both on asyncio.
`link.py` keeps the promises of `gb28181/peer.py` over the wire and `ladder.py` remembers the last messages for eyes.
`below/` serves those who register with us, `above/` speaks to those with whom we register.
"""
