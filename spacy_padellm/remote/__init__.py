"""Models behind a server: an OpenAI-compatible completions endpoint with log-probabilities.

Speaks the protocol of `architectures`; knows nothing of Docs, nor of models in this process.
`secrets` serves whoever logs what an API answers.
"""
