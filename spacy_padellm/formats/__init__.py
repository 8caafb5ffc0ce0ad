"""Corpora in and out, one format a file.

Every format reads to and writes from `AnnotatedText`. Only `docbin`, `doc_making`, `unsaid`,
`columns` and `conversion` need spaCy.
"""
