"""What comes out for a text: counts and mentions, where they stand, which stay, how sure they are.

Pure Python and numpy over characters; knows nothing of prompts, models or spaCy.
`numeric`, which checks settings and probabilities, serves all rooms above, too.
"""
