"""Corpora in and out, one format a file.

Every format reads to and writes from `AnnotatedText`. Only `docbin`, `columns` and `conversion`
need spaCy.
"""
