"""What people do with a pipeline, a folder a command: data in, a page, a file or a table out.

Knows nothing of command lines: `cli` does.
"""
