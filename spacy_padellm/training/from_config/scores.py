"""Scores of a pipeline on its development corpus, with the work shared among processes."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from accelerate.utils import broadcast_object_list, gather_object
from spacy.language import Language
from spacy.scorer import Scorer
from spacy.tokens import DocBin
from spacy.training import Example


class ConfigScores:
    """Predicts and scores the dev corpus of a config.

    weights: `[training.score_weights]`. everywhere: every process reads all of the corpus, for a
    model whose weights are spread over the processes. on_read: is given all texts before they are
    first scored.
    """

    def __init__(
        self,
        nlp: Language,
        corpus: Callable[[Language], Iterable[Example]],
        weights: Mapping[str, float | None],
        process: int = 0,
        n_processes: int = 1,
        everywhere: bool = False,
        on_read: Callable[[Sequence[Example]], None] = lambda examples: None,
    ) -> None:
        self.nlp = nlp
        self.corpus = corpus
        self.on_read = on_read
        self._examples: list[Example] | None = None
        self.weights = {name: value for name, value in weights.items() if value}
        self.process = process
        self.n_processes = 1 if everywhere else n_processes
        self.everywhere = everywhere and n_processes > 1

    def __call__(self) -> dict[str, Any]:
        """All scores, and their weighted sum under "score"; the same in every process. A score that
        does not exist counts as 0. Raises ValueError for one that is not a number."""
        if self._examples is None:  # a mixture would draw others each time
            self._examples = list(self.corpus(self.nlp))
            self.on_read(self._examples)
        examples = self._examples
        if not examples:
            raise ValueError("the dev corpus is empty: see `dev_corpus` in [training]")
        alone = self.n_processes == 1
        scores = self.nlp.evaluate(examples) if alone else self._shared(examples)
        if self.everywhere or self.n_processes > 1:  # floats may differ in their last digit
            scores = broadcast_object_list([scores])[0]
        return {"score": self._weighted(scores), **_plain(scores)}

    def _shared(self, examples: Sequence[Example]) -> dict[str, Any]:
        own = [eg.predicted.copy() for eg in examples[self.process :: self.n_processes]]
        packed = DocBin(store_user_data=True, docs=list(self.nlp.pipe(own))).to_bytes()
        parts = gather_object([packed])
        if self.process:
            return {}
        scored = list(examples)  # those of the corpus stay bare, for the next time
        for number, part in enumerate(parts):
            docs = DocBin(store_user_data=True).from_bytes(part).get_docs(self.nlp.vocab)
            for at, doc in zip(range(number, len(examples), len(parts)), docs, strict=True):
                scored[at] = Example(doc, examples[at].reference)
        return Scorer(nlp=self.nlp).score(scored)

    def _weighted(self, scores: Mapping[str, Any]) -> float:
        total = 0.0
        for name, weight in self.weights.items():
            value = scores.get(name, 0.0)
            if value is not None and not isinstance(value, (int, float)):
                raise ValueError(
                    f"[training.score_weights] {name}: this score is not a number; set it to null"
                )
            total += weight * (value or 0.0)
        return total


def _plain(scores: Mapping[str, Any]) -> dict[str, Any]:
    """Without what has no value, and what is of tokenizers."""
    return {k: v for k, v in scores.items() if v is not None and not k.startswith("token_")}
