"""Models and pipelines exported to ONNX, and compared with what they were made of."""
