"""What benchmarks share: sets, a process a cell, results, tables, what they were measured with."""
