"""Models from a name, from nothing, and to disk, with their adapters; `english/` is in the box.

`named` finds those of installed packages, `prepared` makes folders of GGUF files and encoders.

Knows files, the Hub, peft and devices; nothing of how mentions are decoded, or of spaCy.
`shared_result` serves all that make something once for many threads.
"""
