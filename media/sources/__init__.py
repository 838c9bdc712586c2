"""Streams that we fetch: cameras that speak RTSP instead of GB/T 28181, and files.

`address`, `challenge`, `description`, `wire` and `rtsp` are the language of RTSP 1.0 (RFC 2326), pure; `track` brings
the packets of one of its media to frames on a line that all of them share. `rtsp_session` carries it out on sockets,
`file` reads and paces files, and `pulled` is the inlet that is fed by either.
"""
