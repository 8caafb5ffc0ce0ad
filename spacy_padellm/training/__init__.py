"""Training runs: the Trainer, checkpoints, reports; from a spaCy config or from text files.

Only `from_config` knows spaCy.
"""
