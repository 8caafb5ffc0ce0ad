"""A causal LM runs: passes of a tree or of rows, with a cache, and answers in numpy.

`session` is the door for whoever decodes; sessions run on either runtime by its `Passes`
(`runtime`). `language_model` is that of torch and transformers, `onnx/` the other. Nothing here
knows of labels, counts or mentions. `locks` serves all that share a model among threads.
"""
