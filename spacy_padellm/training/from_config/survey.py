"""What the texts of a corpus hold, as far as a recipe asks."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import srsly
from spacy.language import Language
from spacy.training import Example
from spacy.util import filter_spans, registry

from ...formats.doc_gold import GoldSource
from ...formats.gold_text import GoldText
from ...formats.reading import Reading
from ...learning.held_out import lies_in, place_of


@dataclass(frozen=True)
class SurveyedText:
    """place: where a hash puts it (`held_out`). words: tokens of the pipeline. ents, group: labels
    in `doc.ents` and in the span group, with how many spans each has; None for what is not
    annotated. crowded: how many spans of a text that has a group alone give way where the longest
    stay, so that none overlap."""

    place: float
    words: int
    ents: Counter[str] | None
    group: Counter[str] | None
    crowded: int = 0

    @property
    def only_grouped(self) -> bool:
        return self.ents is None and self.group is not None

    @property
    def annotated(self) -> bool:
        return self.ents is not None or self.group is not None

    def labels(self, annotate: str) -> Counter[str] | None:
        """What a component with this setting sees."""
        return self.ents if annotate == "ents" else self.group


@dataclass
class Surveys:
    """Reads the file of a corpus once, whichever part of it is asked for."""

    nlp: Language
    _known: dict[str, tuple[list[SurveyedText], Reading]] = field(default_factory=dict)

    def texts(self, corpus: Mapping[str, Any], spans_key: str) -> list[SurveyedText]:
        """Those that a reader gives, the texts that nobody annotated too.

        corpus: a block of "spacy_padellm.Corpus.v1", interpolated. spans_key: of the component.
        Raises ValueError and FormatError as the reader.
        """
        registry.resolve({"it": dict(corpus)})  # which checks it
        part, limit, share = corpus["part"], corpus["limit"], corpus["dev_share"]
        whole = {**corpus, "part": None, "limit": 0 if part else limit}
        found, _ = self._read(whole, spans_key)
        texts = [text for text in found if lies_in(part, text.place, share)]
        return texts[: limit or None]

    def reading(self, corpus: Mapping[str, Any], spans_key: str) -> Reading:
        """What was met in the whole file of a corpus. Raises as `texts`."""
        return self._read({**corpus, "part": None, "limit": 0}, spans_key)[1]

    def _read(self, whole: Mapping[str, Any], spans_key: str) -> tuple[list[SurveyedText], Reading]:
        key = srsly.json_dumps([{**whole, "dev_share": None}, spans_key], sort_keys=True)
        if key not in self._known:
            examples, reading = registry.resolve({"it": dict(whole)})["it"].read(self.nlp)
            self._known[key] = [survey(example, spans_key) for example in examples], reading
        return self._known[key]


def survey(example: Example, spans_key: str) -> SurveyedText:
    doc = example.reference
    ents, group = (GoldSource(annotate, spans_key) for annotate in ("ents", "spans"))
    in_ents, in_group = _labels(ents.read(doc)), _labels(group.read(doc))
    spans = (in_ents is None and group.spans(doc)) or []
    crowded = len(spans) - len(filter_spans(spans))
    return SurveyedText(place_of(doc.text), len(example), in_ents, in_group, crowded)


def _labels(gold: GoldText | None) -> Counter[str] | None:
    return None if gold is None else Counter(label for _, _, label in gold.spans)
