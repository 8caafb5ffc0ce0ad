"""What a model's folder says, read and checked before anything believes it.

A folder comes from others: it never runs code, never hangs, and whatever is wrong with it is one
ValueError that names the file and the mend.
"""
