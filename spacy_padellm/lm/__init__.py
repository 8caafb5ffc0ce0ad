"""A causal LM runs: passes of a tree or of rows, with a cache, and answers in numpy.

Knows torch and transformers; nothing of labels, counts or mentions. `session` is the door for
whoever decodes; it, `choices` and `batching` need neither of the two.
`locks` serves all that share a model among threads.
"""
