"""Examples that are shown to a model, and the texts that it reads with them."""

EXAMPLES = [
    {"text": "Ada met Bo in Rome.", "ents": [[0, 3, "PER"], [8, 10, "PER"], [14, 18, "LOC"]]},
    {"text": "Nobody was there.", "ents": []},
    {"text": "Tim left.", "entities": {"PER": ["Tim"]}},
]
TEXTS = ["Ada lives in Rome.", "Nobody came.", "", "In Paris we met Tim, and Ada lives in Rome."]


def found(nlp, texts=TEXTS):
    return [[(e.label_, e.start, e.end) for e in doc.ents] for doc in nlp.pipe(texts)]


def pipe_of(nlp):
    return nlp.get_pipe("padellm_ner")
