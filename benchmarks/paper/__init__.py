"""The parts of the benchmark of the paper: sets, formats, training, scores, latency, tables."""
