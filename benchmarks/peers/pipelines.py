"""What is measured, and the spaCy pipelines among it."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import spacy

from spacy_padellm.formats.gold_text import GoldText
from spacy_padellm.spans.scoring import span_scores

LABELS = ("PER", "ORG", "LOC")


@dataclass
class Run:
    """Seconds and size of each batch, and the number of mentions; f: where it says something."""

    seconds: list[float]
    sizes: list[int]
    mentions: int
    f: float | None = None

    @property
    def texts_a_second(self) -> float:
        return sum(self.sizes) / sum(self.seconds)


class System(Protocol):
    """What is measured. compared: what a comparison with the others is worth."""

    name: str
    compared: str
    parameters: int

    def run(self, n: int, size: int) -> Run:
        """The first n texts, in batches of a size."""
        ...


@dataclass
class Pipeline:
    """A spaCy pipeline; scored: whether its answers are its own."""

    name: str
    compared: str
    nlp: Any
    texts: Sequence[GoldText]
    parameters: int
    scored: bool = True

    def run(self, n: int, size: int) -> Run:
        docs: list[Any] = []
        run = Run([], [], 0)
        began = time.perf_counter()
        # A batch leaves the pipeline at once: the time between its last Doc and that before.
        for doc in self.nlp.pipe((text.text for text in self.texts[:n]), batch_size=size):
            docs.append(doc)
            if len(docs) % size == 0 or len(docs) == n:
                now = time.perf_counter()
                run.seconds.append(now - began)
                run.sizes.append((len(docs) - 1) % size + 1)
                began = now
        found = [{(e.label_, e.start_char, e.end_char) for e in doc.ents} for doc in docs]
        run.mentions = sum(map(len, found))
        if self.scored:
            golds = [{(label, s, e) for s, e, label in text.spans} for text in self.texts[:n]]
            run.f = span_scores(golds, found)["f"]
        return run


def make_ours(texts: Sequence[GoldText]) -> Pipeline:
    """The pipeline with the model in the box."""
    nlp = spacy.blank("en")
    pipe = nlp.add_pipe("padellm_ner")
    parameters = count_parameters(pipe.shim.loaded.lm.model)
    return Pipeline("padellm_ner", "what the others are compared with", nlp, texts, parameters)


def make_rival(path: Path, texts: Sequence[GoldText]) -> Pipeline:
    """A trained pipeline of spaCy's own ner."""
    nlp = spacy.load(path)
    nodes = {node.id: node for _, pipe in nlp.pipeline for node in pipe.model.walk()}
    parameters = sum(
        node.get_param(name).size
        for node in nodes.values()
        for name in node.param_names
        if node.has_param(name)
    )
    compared = "trained on the same data, another architecture"
    return Pipeline("spaCy ner", compared, nlp, texts, parameters)


def count_parameters(model: Any) -> int:
    return sum(weight.numel() for weight in model.parameters())
