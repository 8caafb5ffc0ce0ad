"""Corpora in and out, one format a file. Knows nothing of models.

Every format reads to and writes from `AnnotatedText`; `gold_text` says what is known of one. Only
`docbin`, `doc_making`, `doc_gold`, `unsaid`, `columns` and `conversion` need spaCy.
"""
