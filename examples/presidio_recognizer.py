"""Entities of a pipeline, with their probabilities, in Presidio's AnalyzerEngine.

    pip install presidio-analyzer
    python examples/presidio_recognizer.py "John Miller moved from Oslo to Rome."

Presidio's own SpacyRecognizer gives every entity one and the same score; this one gives each its
own, so that `score_threshold` means something.
"""

import sys
from collections.abc import Mapping
from typing import Any

import spacy
from presidio_analyzer import (
    AnalyzerEngine,
    EntityRecognizer,
    RecognizerRegistry,
    RecognizerResult,
)
from presidio_analyzer.nlp_engine import SpacyNlpEngine
from spacy.language import Language

from spacy_padellm.pipeline.component import PaDeLLMNER

NAMES = {"PER": "PERSON", "ORG": "ORGANIZATION", "LOC": "LOCATION"}


class PadellmRecognizer(EntityRecognizer):
    """nlp: a pipeline with padellm_ner. names: its labels → Presidio's entities. Raises ValueError
    for one whose entities are not in `doc.ents`: they would be passed over."""

    def __init__(self, nlp: Language, names: Mapping[str, str]) -> None:
        for name, pipe in nlp.pipeline:
            if isinstance(pipe, PaDeLLMNER) and pipe.settings.annotate != "ents":
                raise ValueError(f"{name} writes no doc.ents: set annotate = 'ents' in its config")
        self.nlp, self.names = nlp, dict(names)
        super().__init__(
            supported_entities=sorted(set(self.names.values())),
            name="PadellmRecognizer",
            supported_language=nlp.lang,
        )

    def load(self) -> None:
        """The pipeline is loaded already."""

    def analyze(
        self, text: str, entities: list[str], nlp_artifacts: Any = None
    ) -> list[RecognizerResult]:
        """entities: of Presidio that are asked for; all where there are none. Those that another
        component of the pipeline found, such as an entity_ruler, are certain."""
        found = []
        for ent in self.nlp(text).ents:
            name, score = self.names.get(ent.label_), ent._.padellm_score
            if name is not None and (not entities or name in entities):
                found.append(
                    RecognizerResult(
                        entity_type=name,
                        start=ent.start_char,
                        end=ent.end_char,
                        score=1.0 if score is None else float(score),
                        recognition_metadata={
                            RecognizerResult.RECOGNIZER_NAME_KEY: self.name,
                            RecognizerResult.RECOGNIZER_IDENTIFIER_KEY: self.id,
                        },
                    )
                )
        return found


class LoadedNlpEngine(SpacyNlpEngine):
    """Presidio tokenises with a blank pipeline, and downloads no model."""

    def __init__(self, nlp: Language) -> None:
        super().__init__()
        self.nlp = {nlp.lang: nlp}


def make_engine(nlp: Language, names: Mapping[str, str]) -> AnalyzerEngine:
    """An engine with Presidio's own recognizers of patterns (numbers, addresses, ...), and names
    by the pipeline."""
    registry = RecognizerRegistry(supported_languages=[nlp.lang])
    registry.load_predefined_recognizers(languages=[nlp.lang])
    registry.remove_recognizer("SpacyRecognizer")
    registry.add_recognizer(PadellmRecognizer(nlp, names))
    return AnalyzerEngine(
        registry=registry,
        nlp_engine=LoadedNlpEngine(spacy.blank(nlp.lang)),
        supported_languages=[nlp.lang],
    )


if __name__ == "__main__":
    pipeline = spacy.blank("en")
    pipeline.add_pipe("padellm_ner")
    for result in make_engine(pipeline, NAMES).analyze(text=sys.argv[1], language="en"):
        print(result.entity_type, sys.argv[1][result.start : result.end], f"{result.score:.3f}")
