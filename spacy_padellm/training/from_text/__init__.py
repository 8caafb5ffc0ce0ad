"""From text files and JSON lines to a model, where spaCy is not installed."""
