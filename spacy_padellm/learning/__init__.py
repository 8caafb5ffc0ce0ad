"""What can be learned from a text: targets in the tree, batches, losses, steps of an optimizer.

Knows nothing of runs, checkpoints, or spaCy.
"""
