"""Ways in: sockets and what is believed of what comes through them.

`udp tcp shared_port` own sockets and drain them, bounded per wake. `source_lock order witness` are pure: who may
feed an inlet, in which order its packets go on, and what was seen when nothing usable came. `rtp_receiver` joins them
into frames, or has a lane do it while all is ordinary (`express`); `session` is the life of one inlet from open to
close.
"""
