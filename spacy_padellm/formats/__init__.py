"""Corpora in and out, one format a file. Knows nothing of models.

Every format reads to and writes from `AnnotatedText`; `gold` says what is known of a text. Only
`docbin`, `doc_making`, `gold_source`, `unsaid`, `columns`, `tables` and `conversion` need spaCy.
`json_text` serves whoever reads or writes text and JSON.
"""
