"""The hall: who watches what. The one place where signalling meets media.

`broker.watch(Watch(...))` gives a `Lease`; one upstream call serves any number of leases on a channel. `life` is the
life of one upstream call as a table and `stream` the task that lives it, `way` by which transport, `failure` why there
is no picture, `ssrc_pool` lends numbers, `placement` picks a media host.
"""
