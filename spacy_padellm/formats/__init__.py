"""Corpora in and out, one format a file. Knows nothing of models.

Every format reads to and writes from `AnnotatedText`; `gold_text` says what is known of one. Only
`docbin`, `doc_making`, `doc_gold`, `unsaid`, `columns`, `tables` and `conversion` need spaCy.
`json_text` serves whoever reads or writes text and JSON.
"""
