"""Ways out: one rendition a format, muxed once; any number of viewers who share its bytes.

`doors` are the HTTP addresses that viewers come in by, and `carrier` takes their connections from the web server; from
then on each has a `wire` of its own, with an `ear` for the little that viewers say. `chunk` is a shared piece in the
forms the wires want, `rendition` makes chunks of frames, `viewer` keeps one viewer's bounded queue.
"""
