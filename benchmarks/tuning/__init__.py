"""The parts of `tuning.py`: sets, cells, systems, what is measured, results, tables and curves."""
