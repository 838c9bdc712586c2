"""The program stream of GB/T 28181 annex C.

`demux` takes it apart into frames, `mux` puts frames into it; `pes` knows packet heads, `stream_map` the map of codecs,
`tally` what is counted.
"""
