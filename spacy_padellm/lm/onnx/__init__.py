"""A causal LM on onnxruntime: the same sessions and pointers as on torch, on a CPU.

Knows numpy and onnxruntime; neither torch nor transformers, and no files but those of graphs, which
`models/exported` writes and reads.
"""
