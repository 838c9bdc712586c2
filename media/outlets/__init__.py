"""Ways out: one rendition a format, muxed once; any number of viewers who share its bytes.

`doors` are the HTTP addresses that viewers come in by, and `carrier` takes their connections from the web server; the
`gallery` has their places. From then on each has a `wire` of its own, with an `ear` for the little that viewers say. A
`rendition` makes `chunk`s of frames, a `program` of the packets as they came; a `tide` gathers them into a `wave` that
goes to all viewers; a `viewer` keeps what its wire does not take, bounded.

Platforms above have an `rtp_sender` each: a passage's runs under its own `numbering`, by a `udp_road` or a `tcp_road`,
where a bounded `backlog` keeps what does not go out at once.
"""
