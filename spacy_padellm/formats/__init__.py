"""Corpora in and out, one format a file.

Every format reads to and writes from `AnnotatedText`. Only `docbin` and `columns` need spaCy.
"""
