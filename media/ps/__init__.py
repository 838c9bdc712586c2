"""The program stream of GB/T 28181 annex C: `demux` takes it apart into frames, `mux` puts frames into it."""
