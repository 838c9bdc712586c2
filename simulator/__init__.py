"""The garden: cameras and platforms that live outside our walls, as products of their own.

`speaker` is a user agent that registers, keeps alive and answers; `camera` adds a picture: `scene` draws a town,
`head` turns it, `video` encodes it, `sender` paces it out as RTP/PS.

`platform_below` is a platform that registers with another: `holdings` is its tree, `followers` those who subscribed,
`studio` and `player` its live pictures and recordings. `platform_above` is one with which others register: it asks
(`gathering`), follows (`followed`) and calls (`call`, `receiver`), and `mirror` is what it believes. `faults` orders
either to do wrong.

They speak through the house's own SIP stack and formats, so they cannot catch our own misreading of the standard:
`tests/recordings` does that.
"""
