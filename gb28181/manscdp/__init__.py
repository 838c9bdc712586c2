"""MANSCDP, the XML messages of the standard: bytes in, typed values out, and back (GB/T 28181-2022 annex A).

`message` is the door: `parse` and `serialise`, and what one may ask of any message (its SN, what answers it). Each
kind of message has a file: `keepalive`, `catalog`, `record_info`, `device_info`, `device_status`, `alarm`, `control`,
`preset`, `status`. Beneath them `document` makes a tree of bytes from strangers, `mending` one of broken bytes,
`fields` reads typed fields off a tree with the tolerance that the field demands, and `writing` prints them in order.
"""
