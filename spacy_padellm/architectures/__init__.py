"""The models that a config can name, as thinc models.

Knows thinc; nothing of Docs. The component reaches every model through `protocol`.
"""
