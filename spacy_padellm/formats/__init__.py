"""Corpora in and out."""
