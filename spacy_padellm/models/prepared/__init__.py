"""Models that transformers cannot read as they are, made into folders that it can.

Made once, in a cache folder of the user's, named by content and by the versions that made it: a
GGUF file is dequantised, a BERT encoder becomes a causal LM. Everything above sees the folder.
"""
