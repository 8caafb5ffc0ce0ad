"""What task and model hand to each other through spacy-llm: a Doc with its labels, an answer."""

from dataclasses import dataclass, field
from typing import Any

from spacy.tokens import Doc

from ..formats.json_text import write_json
from ..pipeline.doc_decoder import DocPrediction
from ..pipeline.doc_labels import own_descriptions, own_labels
from ..pipeline.label_thresholds import check_own_threshold


@dataclass(frozen=True)
class Demonstration:
    """A text with its mentions, label → strings in their order, to be shown before the question."""

    text: str
    entities: dict[str, list[str]]


@dataclass(frozen=True)
class NERQuestion:
    """Which mentions of which labels a Doc has.

    labels: label → description, "" where there is none. alignment_mode: as `Doc.char_span`; with
    "strict", mentions are held to the Doc's tokens. flat: no two spans may overlap.
    """

    labels: dict[str, str]
    alignment_mode: str = "strict"
    flat: bool = True
    examples: tuple[Demonstration, ...] = ()


class NERPrompt(str):
    """One Doc's question. As a string, for `save_io`: what is asked of which text.

    labels: those of the question, or the Doc's own (`doc._.padellm_labels`). Raises ValueError as
    `own_labels` and `check_own_threshold`."""

    doc: Doc
    question: NERQuestion
    labels: dict[str, str]

    def __new__(cls, doc: Doc, question: NERQuestion) -> "NERPrompt":
        own = own_labels(doc)
        labels = question.labels
        if own is not None:
            described = {**question.labels, **own_descriptions(doc)}
            labels = {label: described.get(label, "") for label in own}
        if labels:
            check_own_threshold(doc, labels)
        asked = [f"{k}: {v}" if v else k for k, v in labels.items()]
        lines = [f"Text: {doc.text}", "Labels: " + "; ".join(asked)]
        if question.examples:
            lines.append(f"Examples: {len(question.examples)}")
        prompt = super().__new__(cls, "\n".join(lines))
        prompt.doc, prompt.question, prompt.labels = doc, question, labels
        return prompt


@dataclass(frozen=True)
class NERAnswer:
    """What was found in a Doc. As a string, for `save_io`: JSON.

    probable: whether the model gave probabilities. asked: the prompts, where they were texts.
    """

    found: DocPrediction
    probable: bool = True
    asked: tuple[str, ...] = field(default=(), repr=False)

    def __str__(self) -> str:
        prediction = self.found.prediction
        record: dict[str, Any] = {
            "counts": {count.label: count.value for count in prediction.counts},
            "mentions": [
                [m.label, m.index, m.text, m.start, m.end, *([m.probability] * self.probable)]
                for m in prediction.mentions
            ],
            "unplaced": [[m.label, m.index, m.text] for m in self.found.unplaced],
        }
        if self.asked:
            record["prompts"] = list(self.asked)
        return write_json(record)
