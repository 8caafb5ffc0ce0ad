"""Training runs: the one Trainer, its checkpoints, reports; from a spaCy config or from text files.

Only `from_config` knows spaCy.
"""
