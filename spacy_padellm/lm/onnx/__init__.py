"""A causal LM on onnxruntime: the same sessions and pointers as on torch, on a CPU.

Knows numpy and onnxruntime; neither torch nor transformers, and no files but those of graphs, which
`models/exported` writes and reads.
"""

import os

# Since 1.29 onnxruntime reports its use to its makers, unless this is set before it is imported;
# and a forked process waits for the thread that does so when it ends.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
