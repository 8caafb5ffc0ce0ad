"""Docs in, entities out: the component `padellm_ner`, its settings, labels, windows and scores.

Knows spaCy, and models by their protocol alone.
"""
