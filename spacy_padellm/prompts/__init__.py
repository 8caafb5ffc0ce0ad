"""What is asked of a text, as strings, as ids and as a prefix tree.

Knows templates and tokenizers; nothing of models, of what comes out, or of spaCy.
"""
