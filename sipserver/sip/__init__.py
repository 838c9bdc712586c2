"""SIP without sockets, clocks or tasks: bytes and `now` come in, bytes and events go out.

`uri header message parser` are values and their text, `digest` proves who one is, `transaction` holds the four tables
of RFC 3261 17 with RFC 6026, `dialog` the state of a session, `endpoint` puts them together and speaks in `events`.
"""
