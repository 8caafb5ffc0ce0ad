"""What benchmarks that train many systems share: sets, a process a cell, results, tables."""
