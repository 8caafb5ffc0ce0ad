"""What spacy-llm's component holds: it hands its cache and its model out by no public door."""


def cache_of(nlp):
    return nlp.get_pipe("llm")._cache


def hits(nlp):
    """How many Docs its cache answered."""
    return cache_of(nlp)._stats["hit"]


def pipe_of(nlp):
    """The component that our model answers with: one, where one question was asked."""
    (pipe,) = nlp.get_pipe("llm")._model._pipes.values()
    return pipe
