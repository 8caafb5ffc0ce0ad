"""What a pipeline gets wrong on a corpus: kinds of errors, counts, calibration, thresholds."""
