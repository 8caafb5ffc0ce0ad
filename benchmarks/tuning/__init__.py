"""The parts of the benchmark of tuning: sets, cells, systems, measures, results, tables, curves."""
