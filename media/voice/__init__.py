"""Voice on its way down: one voice in, by microphone or from a platform above, and out at any number of loudspeakers.

`plane` is all that anyone may ask; `reservoir` holds what was said until its turn comes, `chorus` keeps the clock of
20 ms, `lips` makes packets of a piece, `mouth` takes them to one device and hears what comes back, `rtc` is a
browser's microphone by WebRTC.
"""
