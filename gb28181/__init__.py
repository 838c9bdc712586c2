"""The language of the standard: bytes become values here and values become bytes, and nothing else happens.

`code` says who a thing is, `edition` and `charset` which book and which letters a peer uses, `dialect` what it does
beside the book. `manscdp/` holds the XML messages, `sdp`, `ssrc` and `subject` the session lines, `ptz` the eight
bytes that move a camera, and `peer` the four verbs by which rooms upstairs speak to a neighbour. No socket, no
clock, no task: every file can be tried with bytes and numbers.
"""
