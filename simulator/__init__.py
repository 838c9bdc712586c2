"""The garden: cameras and platforms that live outside our walls, as products of their own.

`speaker` is a user agent that registers, keeps alive and answers; `camera` adds a picture: `scene` draws a town,
`head` turns it, `video` encodes it, `sender` paces it out as RTP/PS. They speak through the house's own SIP stack and
formats, so they cannot catch our own misreading of the standard: `tests/recordings` does that.
"""
