"""The engine room: RTP and program streams in, pictures out, through the narrow promises of `plane.py`.

`rtp rtcp framing reorder annexb fmp4 flv ps/` are formats, pure functions of bytes. `inlets/` receive, `fanout`
keeps the last key frame and shares it out, `outlets/` send, `ports` lends sockets, `local` keeps the promises of
`plane.py` inside this process. `native/` is the one part in C, which may be there or not. Nothing here knows a device
or a person: a stream is an inlet's id.
"""
