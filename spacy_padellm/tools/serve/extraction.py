"""Texts with labels and thresholds of their own, through one pipeline. Knows no web framework."""

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc

from ...decoding.text_decoder import ModelError
from ...formats.doc_gold import LABELS
from ...meant import show_names
from ...pipeline.annotation import score_of
from ...pipeline.component import PaDeLLMNER
from ...pipeline.label_thresholds import THRESHOLD
from ...pipeline.labels import read_labels
from ...spans.thresholds import Threshold, unknown_labels
from ..explain.explanation import Explanation, Labels, explain
from .schema import Span

logger = logging.getLogger(__name__)


class QuestionError(ValueError):
    """What cannot be asked. field: of the request, where the fault is."""

    def __init__(self, message: str, field: str) -> None:
        super().__init__(message)
        self.field = field


class UnknownLabelError(QuestionError):
    """Labels that the model was not trained for, or none at all."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "labels")


@dataclass(frozen=True)
class Question:
    """A text, and what to look for in it; None leaves it to the pipeline."""

    text: str
    labels: Labels = None
    threshold: Threshold | None = None


@dataclass(frozen=True)
class Failure:
    """A text that was not answered. message: for whoever asked; the log says more. of_request:
    whether what was asked for is at fault. of_server: whether the model is on a server, which did
    not answer or answered with an error."""

    message: str
    of_request: bool = False
    of_server: bool = False


class Extractor:
    """Reads batches of questions with a pipeline, in one thread at a time, and takes it over: its
    error handler, since a text that fails fails alone, and its warnings of labels that the model
    was not trained with, since `check` says so to whoever asks for them.

    pipe: its padellm_ner. any_labels: whether labels are asked for that the model was not trained
    with.
    """

    def __init__(self, nlp: Language, pipe: PaDeLLMNER, any_labels: bool = False) -> None:
        self.nlp, self.pipe, self._any_labels = nlp, pipe, any_labels
        self._failed: dict[int, tuple[str, Any, Exception]] = {}
        self._warned = False
        nlp.set_error_handler(self._note)  # type: ignore[arg-type]
        pipe.untrained.silent = True

    @property
    def trained(self) -> dict[str, str]:
        """What the model was trained for: label → description; empty if for no certain labels."""
        return self.pipe.shim.known_labels()

    @property
    def takes_others(self) -> bool:
        """Whether labels that neither pipeline nor model know may be asked for."""
        return self._any_labels or not self.trained

    def check(self, labels: Labels, threshold: Threshold | None) -> list[str]:
        """What a user should know of such a question. Raises UnknownLabelError for labels that are
        not to be asked for, QuestionError for what are not labels, and for a threshold of a label
        that is not asked for."""
        if labels is not None:
            try:
                read_labels(labels, "`labels`")
            except ValueError as error:
                raise QuestionError(str(error), "labels") from None
        known, trained = self.pipe.described, self.trained
        asked = list(known if labels is None else labels)
        if not asked:
            raise UnknownLabelError(
                "The pipeline has no labels of its own: name those to look for (`labels`)."
            )
        untrained = [label for label in asked if trained and label not in trained]
        others = [label for label in untrained if label not in known]
        if others and not self.takes_others:
            shown, names = _list(others, trained, asked), ", ".join(trained)
            raise UnknownLabelError(
                f"The model was not trained for {shown}. It knows: {names[:500]}."
            )
        names = ", ".join(known) or "none of its own"
        if isinstance(threshold, dict) and (idle := unknown_labels(threshold, asked)):
            where = "`labels`" if labels is not None else f"the pipeline's labels ({names[:500]})"
            said = f"`threshold` names {_list(idle, asked, threshold)}, which is not in {where}."
            raise QuestionError(said, "threshold")
        warnings = []
        if untrained:
            shown = _list(untrained, trained, asked)
            warnings.append(f"The model was not trained for {shown}: expect poor entities.")
        described = labels if isinstance(labels, Mapping) else {k: known.get(k, "") for k in asked}
        reworded = [k for k, text in described.items() if text and trained.get(k, text) != text]
        if reworded:
            warnings.append(
                f"The model was not trained with these descriptions of {_list(reworded)}: expect "
                f"poor entities."
            )
        return warnings

    def warm_up(self) -> Failure | None:
        """Reads a text, so that the first request does not wait for what is made only once; None
        where that was answered."""
        labels = None if self.pipe.labels else ["name"]
        if labels is None and not self._warned:
            for warning in self.check(None, None):
                logger.warning("labels of the pipeline: %s", warning[0].lower() + warning[1:])
            self._warned = True
        (found,) = self.extract([Question("Ada Lovelace was in London.", labels)])
        return found if isinstance(found, Failure) else None

    def extract(self, questions: Sequence[Question]) -> list[list[Span] | Failure]:
        """The spans of each text, in its order: those of the pipeline, with the probabilities that
        its component gave them, under the labels that were asked for."""
        with self.nlp.memory_zone():  # or every new word would stay in memory for ever
            found = self._read(questions)
            for i, failure in enumerate(found):
                # Other components fail with all texts of a batch; ours tries them one by one.
                if len(questions) > 1 and failure is None:
                    found[i : i + 1] = self._read(questions[i : i + 1])
            lost = ValueError("a component gave back no Doc")
            return [_failure("", None, lost) if one is None else one for one in found]

    def explain(self, text: str, labels: Labels = None) -> Explanation | Failure:
        """All that is to say of a text. labels: instead of the pipeline's."""
        self._failed.clear()
        with self.nlp.memory_zone():
            try:
                found = explain(self.nlp, self.pipe, text, labels)
                return replace(found, model=_public(found.model))
            except Exception as error:
                by_others = [*self._failed.values()]
                return _failure(
                    *(by_others[0] if by_others else (self.pipe.name, self.pipe, error))
                )

    def _read(self, questions: Sequence[Question]) -> list[list[Span] | Failure | None]:
        """None for a text that is worth another try, alone."""
        found: list[list[Span] | Failure | None] = [None] * len(questions)
        alone, escaped = len(questions) == 1, None
        self._failed.clear()
        docs: dict[int, Doc] = {}
        for i, question in enumerate(questions):
            try:
                docs[i] = self._make_doc(question)
            except Exception as error:  # such as a text beyond nlp.max_length
                found[i] = _failure("tokenizer", None, error)
        pairs = [(doc, i) for i, doc in docs.items()]
        try:
            for doc, i in self.nlp.pipe(pairs, as_tuples=True, batch_size=max(1, len(pairs))):
                if i is not None:
                    found[i] = self._spans(doc, questions[i].labels)
        except Exception as error:  # by a `pipe` that does not call the error handler
            escaped = error
        for i, doc in docs.items():
            if found[i] is not None:
                continue
            if failed := self._failed.get(id(doc)):
                if alone or isinstance(failed[1], PaDeLLMNER):
                    found[i] = _failure(*failed)
            elif alone and escaped is not None:
                found[i] = _failure("", None, escaped)
        return found

    def _make_doc(self, question: Question) -> Doc:
        doc = self.nlp.make_doc(question.text)
        if question.labels is not None:
            asked = question.labels
            doc._.set(LABELS, dict(asked) if isinstance(asked, Mapping) else list(asked))
        if question.threshold is not None:
            doc._.set(THRESHOLD, question.threshold)
        return doc

    def _spans(self, doc: Doc, labels: Labels) -> list[Span]:
        settings = self.pipe.settings
        if settings.annotate == "ents":
            scored = [(ent, score_of(ent)) for ent in doc.ents]
        else:
            group = doc.spans.get(settings.spans_key, [])
            scores = list(getattr(group, "attrs", {}).get("scores", ()))
            if len(scores) != len(group):  # another component has changed it
                scores = [None] * len(group)
            scored = [(s, p if p is None else float(p)) for s, p in zip(group, scores, strict=True)]
        return [
            Span(
                start=span.start_char,
                end=span.end_char,
                label=span.label_,
                text=span.text,
                probability=probability,
            )
            for span, probability in scored
            if labels is None or span.label_ in labels
        ]

    def _note(self, name: str, component: Any, docs: Sequence[Doc], error: Exception) -> None:
        """The error handler of the pipeline. What a Doc fails with first is the cause."""
        for doc in docs:
            self._failed.setdefault(id(doc), (name, component, error))


def _failure(name: str, component: Any, error: Exception) -> Failure:
    """name, component: what raised the error; "" and None where that is not known. Only our own
    component says what whoever asked can mend: others may tell what is not for them."""
    where = f"The component {name!r}" if name else "The pipeline"
    own = isinstance(component, PaDeLLMNER) and isinstance(error, ValueError)
    of_server = isinstance(error, ModelError)
    expected = own or of_server
    logger.warning("%s failed on a text: %s", where, error, exc_info=None if expected else error)
    if own:
        name = component.shim.loaded.lm.name
        said = str(error).replace(name, _public(name))
        return Failure(f"The text could not be read: {said}"[:1000], of_request=True)
    if of_server:
        said = "The model's server did not answer, or answered with an error."
        return Failure(said, of_server=True)
    return Failure(f"{where} failed on this text; the server's log says why.")


def _public(name: str) -> str:
    """A model's name without the folder or the server that it is in."""
    return Path(name.partition(" at ")[0]).name or name


def _list(labels: Sequence[str], known: Collection[str] = (), given: Collection[str] = ()) -> str:
    """As `show_names`, of which no more than a message holds."""
    return show_names(labels, known, given)[:500]
