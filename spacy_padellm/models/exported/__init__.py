"""Models exported to ONNX: written from a model of torch, read without it.

`onnx.json` (`description`) says what a folder has for `lm/onnx`: a graph of the model's body, and
where embeddings and output head are. Weights stay in the safetensors files of the folder: the
graph names ranges of their bytes. `write` needs torch and onnx, `read` neither of them.
"""
