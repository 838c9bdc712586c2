"""The hall: who watches what. The one place where signalling meets media.

`broker.watch(Watch(...))` gives a `Lease`; one upstream call serves any number of leases on a channel. `life` is the
life of a stream as a table and `stream` the task that lives it, sent out on an `errand`: its `intake` is where it comes
in, its `caller` rings for it. `way` is by which transport, `failure` why there is no picture; `ssrc_pool` lends
numbers, `placement` picks a media host.
"""
