"""Files of one format to files of another.

In between label names are mapped and blanks respaced. What cannot
be kept as it was is added to a list of `Problem`.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import spacy
from spacy.language import Language

from ..cached import cached_property
from . import (
    annotation_tools,
    brat,
    brat_writing,
    columns,
    docbin,
    gliner,
    hf_datasets,
    jsonl,
    label_studio,
    paper,
    tables,
    webanno,
    webanno_writing,
)
from .annotated_text import AnnotatedText, Fault, Problem, in_order
from .columns import Columns
from .detokenize import respace
from .doc_making import relabel
from .docbin import DocSettings
from .files import is_blank
from .gold_text import Span
from .guess import Format
from .offset_causes import MOST_TEXTS, GivenText
from .reading import Reading, with_marks
from .repeats import Repeats
from .unsaid import Unsaid

_UNKNOWN = "\0unknown"  # no label of a span


@dataclass
class Conversion:
    """The settings of a conversion, named as those of the command.

    labels_map: old label → new one, "" to leave its spans out; others stay. indices: the paper's,
    None to find out. lang: of the tokenizer for texts without tokens. text_comments: lines
    "# text = ..." in columns. labels_seen: what read files call their labels. spans: how many of
    each label were read. marked: those with a punctuation mark at an end. texts: the first that
    were read, with all their spans, but for those of Docs. unsaid: what the file that was written
    last could not say.
    """

    labels_map: Mapping[str, str] = field(default_factory=dict)
    detokenize: bool = False
    join_sigils: bool = False
    columns: Columns = field(default_factory=Columns)
    text_comments: bool = False
    indices: paper.Indices | None = None
    doc: DocSettings = field(default_factory=DocSettings)
    lang: str = "en"
    problems: list[Problem] = field(default_factory=list)
    labels_seen: set[str] = field(default_factory=set)
    spans: Counter[str] = field(default_factory=Counter)
    marked: list[Problem] = field(default_factory=list)
    texts: list[GivenText] = field(default_factory=list)
    unsaid: Unsaid | None = None
    _repeats: Repeats = field(default_factory=Repeats)

    @cached_property
    def nlp(self) -> Language:
        """The tokenizer, made when it is needed."""
        return spacy.blank(self.lang)

    def read(self, path: Path, source: Format) -> Iterator[AnnotatedText]:
        """The texts of a file, with mapped labels. One that gives none is a problem."""
        any_text = False
        for text in self._read(path, source):
            any_text = True
            if text.doc is None and len(self.texts) < MOST_TEXTS:
                self.texts.append(GivenText(text.text, text.given, text.file))
            if self.detokenize and source != "columns":
                text = self._respace(text)
            text = self._map_labels(text)
            self.spans.update(label for _, _, label in text.spans)
            self.marked += with_marks(text)
            if (problem := self._repeats.see(text, by_rows=source == "table")) is not None:
                self.problems.append(problem)
            yield text
        if not any_text:
            blank = path.is_file() and source not in ("datasets", "spacy") and is_blank(path)
            reason = "is empty" if blank else "holds something, but no text that can be kept"
            where = (str(path), 0, None, None, "", "", "")
            fault: Fault = "blank" if blank else ""
            self.problems.append(Problem(*where, reason, not blank, "file", fault=fault))

    @property
    def reading(self) -> Reading:
        """What was met so far."""
        mode, lang = self.doc.alignment_mode, self.lang
        return Reading(mode, self.spans, self.problems, self.marked, self.texts, lang)

    def write(self, path: Path, target: Format, texts: Iterable[AnnotatedText]) -> int:
        """Writes a file. Returns the number of tag columns, 0 for other formats."""
        self.unsaid = Unsaid(target, self.doc.spans_key)
        if target != "spacy":
            texts = self.unsaid.sayable(texts, self.problems)
        match target:
            case "spacy":
                docs = (docbin.to_doc(text, self.nlp, self.doc, self.problems) for text in texts)
                docbin.write(path, docs)
            case "jsonl":
                jsonl.write(path, texts)
            case "paper":
                paper.write(path, texts, self.indices)
            case "prodigy":
                annotation_tools.write_prodigy(path, texts)
            case "doccano":
                annotation_tools.write_doccano(path, texts)
            case "table":
                tables.write(path, texts)
            case "labelstudio":
                label_studio.write(path, texts)
            case "brat":
                brat_writing.write(path, texts, self.problems)
            case "webanno":
                webanno_writing.write(path, map(self._tokenise, texts), self.problems)
            case "gliner":
                gliner.write(path, map(self._tokenise, texts), self.problems)
            case "datasets":
                hf_datasets.write(path, map(self._tokenise, texts), self.problems)
            case "columns":
                tokenised = map(self._tokenise, texts)
                return columns.write(
                    path, tokenised, self.columns, self.problems, self.text_comments
                )
        return 0

    def _read(self, path: Path, source: Format) -> Iterator[AnnotatedText]:
        match source:
            case "spacy":
                return docbin.read(path, self.doc.spans_key)
            case "jsonl":
                return jsonl.read(path, self.problems)
            case "paper":
                return paper.read(path, self.problems, self.indices)
            case "table":
                return tables.read(path, self.problems)
            case "columns":
                spacing = replace(
                    self.columns, spacing=self.detokenize, join_sigils=self.join_sigils
                )
                return columns.read(path, spacing, self.problems)
            case "prodigy" | "doccano":
                return annotation_tools.read(path, self.problems)
            case "labelstudio":
                return label_studio.read(path, self.problems)
            case "brat":
                return brat.read(path, self.problems)
            case "webanno":
                return webanno.read(path, self.problems)
            case "gliner":
                return gliner.read(path, self.problems)
            case "datasets":
                return hf_datasets.read(path, self.problems)

    def _respace(self, text: AnnotatedText) -> AnnotatedText:
        for span in text.spans:
            if not text.text[span[0] : span[1]].strip():
                self.problems.append(text.problem(span, "is white space alone"))
        places = [*text.spans, *((start, end, _UNKNOWN) for start, end in text.unknown)]
        new, spans = respace(text.text, places, self.join_sigils)
        known = in_order({span for span in spans if span[2] != _UNKNOWN})
        unknown = tuple((start, end) for start, end, label in spans if label == _UNKNOWN)
        respaced = replace(text, text=new, spans=known, tokens=None, unknown=unknown)
        return respaced if text.annotated else respaced.without_annotation()

    def _map_labels(self, text: AnnotatedText) -> AnnotatedText:
        self.labels_seen.update(label for _, _, label in text.spans)
        if not self.labels_map:
            return text
        if text.doc is not None:
            key = self.doc.spans_key
            text = replace(text, doc=relabel(text.doc, self.labels_map, key))
        mapped: set[Span] = set()
        for start, end, label in text.spans:
            span = start, end, self.labels_map.get(label, label)
            if span in mapped:
                reason = f"becomes equal to another span, as {label} is mapped to {span[2]}"
                self.problems.append(text.problem((start, end, label), reason, lost=False))
            elif span[2]:
                mapped.add(span)
        labels = text.labels and tuple(self.labels_map.get(label, label) for label in text.labels)
        labels = labels and tuple(label for label in dict.fromkeys(labels) if label)
        return replace(text, spans=in_order(mapped), labels=labels)

    def _tokenise(self, text: AnnotatedText) -> AnnotatedText:
        if text.tokens is not None:
            return text
        # A group of spans holds overlaps, and only entities leave something unknown.
        partly = text.annotated and bool(text.unknown)
        settings = replace(self.doc, annotate="ents" if partly else "spans")
        doc = docbin.to_doc(text, self.nlp, settings, self.problems)
        return docbin.from_doc(doc, settings.spans_key, text.file, text.line)
