"""Ways out: one rendition a format, muxed once; any number of viewers who share its bytes.

`chunk` is a shared piece in the forms the wires want, `rendition` makes chunks of frames, `viewer` keeps one viewer's
bounded queue, `doors` are the HTTP and WebSocket handlers that viewers come in by.
"""
