"""Corpora of any size through a pipeline: parts that are read, annotated, and written whole.

A part is some records of one input file. It is written under another name and then renamed, so
that a run that was killed goes on with the first part that is not there.
"""
