"""Measuring decoders side by side."""
