"""The task "spacy_padellm.NER.v1" of spacy-llm's component `llm`."""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Iterable  # noqa: UP035

import srsly
from pydantic import ValidationError
from spacy import util
from spacy.errors import Errors
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from spacy_llm.ty import ExamplesConfigType, Scorer

from ..architectures.config_values import keeps_settings
from ..formats.doc_gold import GoldSource
from ..formats.example_records import read_examples
from ..models.files.json_file import parse_checked, read_checked
from ..models.files.schemas import Label, Open, Text
from ..pipeline.annotation import Annotator
from ..pipeline.doc_labels import own_labels
from ..pipeline.label_thresholds import check_thresholds, warn_of_idle_thresholds
from ..pipeline.labels import Given, Thresholds, read_labels
from ..pipeline.scorer import score_ner
from ..pipeline.settings import Settings
from .exchange import Demonstration, NERAnswer, NERPrompt, NERQuestion

Labels = Any  # `Given` of `read_labels`, which says in its own words what is wrong


class SavedExample(Open):
    """A demonstration: its text, and the mentions of each label."""

    text: str
    entities: dict[str, list[str]]


class SavedTask(Open):
    """`cfg` of the task."""

    labels: dict[Label, Text]
    examples: list[SavedExample]
    configured: dict[Label, Text] | None = None


class NERTask:
    """Asks for all labels of a Doc, and writes what the model found into `doc.ents` or spans.

    One prompt a Doc: the model counts the mentions of each label, then finds all of them.
    """

    def __init__(
        self,
        labels: Mapping[str, str],
        examples: Sequence[Demonstration],
        settings: Settings,
        scorer: Scorer | None = None,
    ) -> None:
        """labels: label → definition, "" where there is none; empty asks for the model's own."""
        self._configured = dict(labels)
        self._labels = dict(labels)
        self._given = tuple(examples)
        self._examples = list(examples)
        self._settings = settings
        self._scorer = scorer
        self._told = False  # of thresholds for labels that there are not

    # --- what spacy-llm asks of a task

    def generate_prompts(self, docs: Iterable[Doc]) -> Iterable[NERPrompt]:
        """A prompt a Doc, for the labels that it names (`doc._.padellm_labels`), else for those of
        the task; without labels, those of the model are asked for."""
        question = self.question()
        for doc in docs:
            yield NERPrompt(doc, question)

    def parse_responses(self, docs: Iterable[Doc], responses: Iterable[NERAnswer]) -> Iterable[Doc]:
        """Annotations that the Docs have stay. Raises TypeError for answers of another kind of
        model.

        responses: a list of one a Doc, as the models of spacy-llm give them to any task, although
        its check of types wants the annotation above.
        """
        for doc, of_doc in zip(docs, responses, strict=True):
            for answer in of_doc if isinstance(of_doc, list) else [of_doc]:
                if not isinstance(answer, NERAnswer):
                    raise TypeError(
                        f"the task spacy_padellm.NER.v1 asks in two steps, and the model answered "
                        f"one prompt with a {type(answer).__name__}: set @llm_models to "
                        f'"spacy_padellm.CausalLM.v1", or to "spacy_padellm.TwoSteps.v1" with '
                        f"this model in its block `model`"
                    )
                if own_labels(doc) is None:
                    self._look_at_thresholds(
                        [count.label for count in answer.found.prediction.counts]
                    )
                annotator = Annotator(self._settings, scored=answer.probable)
                annotator.write(doc, annotator.place(doc, answer.found))
            yield doc

    def _look_at_thresholds(self, asked: list[str]) -> None:
        """Warns once, of those for labels that the Docs are not asked for."""
        if asked and not (self._configured or self._told):
            self._told = True
            warn_of_idle_thresholds("spacy_padellm.NER.v1", self._settings.threshold, asked)

    def question(self) -> NERQuestion:
        """What is asked of every Doc."""
        settings = self._settings
        return NERQuestion(
            dict(self._labels), settings.alignment_mode, settings.is_flat, tuple(self._examples)
        )

    @property
    def prompt_template(self) -> str:
        """What a cache of answers holds for: another question is another template."""
        asked = {**self._state(), "settings": self._settings.to_config()}
        return str(srsly.json_dumps(asked, sort_keys=True))

    def scorer(self, examples: Iterable[Example]) -> dict[str, Any]:
        """`ents_p/r/f` or `spans_KEY_p/r/f`, and `strings_f` (`pipeline.scorer.score_ner`)."""
        if self._scorer is not None:
            return self._scorer(examples)
        where = {"annotate": self._settings.annotate, "spans_key": self._settings.spans_key}
        return score_ner(examples, **where)

    # --- labels

    @property
    def labels(self) -> tuple[str, ...]:
        """Those asked for. `clear` and `add_label` change them; assigning does not."""
        return tuple(self._labels)

    def add_label(self, label: str, label_definition: str | None = None) -> int:
        """1 for a new label, 0 for one that is there."""
        if not isinstance(label, str):
            raise ValueError(Errors.E187)
        if label in self._labels:
            return 0
        added = read_labels([(label, label_definition or "")], "add_label of spacy_padellm.NER.v1")
        self._labels |= added or {}
        return 1

    def clear(self) -> None:
        """No labels any more."""
        self._labels = {}

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        nlp: Language,
        labels: Labels = [],  # noqa: B006
        n_prompt_examples: int = 0,
    ) -> None:
        """Labels and demonstrations from examples, where the config has none.

        n_prompt_examples: how many demonstrations there are to be; -1 takes all examples that are
        annotated whole, for all labels.
        """
        del nlp
        if listed := read_labels(labels or None, "initialize.labels of spacy_padellm.NER.v1"):
            self._labels = {k: text or self._labels.get(k, "") for k, text in listed.items()}
        find_labels = not self._labels
        self._examples = list(self._given)
        source = GoldSource(self._settings.annotate, self._settings.spans_key)
        golds = [gold for eg in get_examples() if (gold := source.read(eg.reference))]
        if find_labels:
            for gold in golds:
                found = sorted({*gold.labels, *(label for _, _, label in gold.spans)})
                self._labels.update(dict.fromkeys(found, ""))
        for gold in golds:
            # What was not looked for everywhere would be shown as an answer "none".
            whole = not gold.unknown and {*(gold.labels or self._labels)} >= {*self._labels}
            if whole and (n_prompt_examples < 0 or len(self._examples) < n_prompt_examples):
                entities: dict[str, list[str]] = {}
                for start, end, label in gold.spans:
                    entities.setdefault(label, []).append(gold.text[start:end])
                self._examples.append(Demonstration(gold.text, entities))

    # --- to and from disk; settings are in the config

    def _state(self) -> dict[str, Any]:
        examples = [{"text": e.text, "entities": e.entities} for e in self._examples]
        return {"labels": self._labels, "examples": examples}

    def _to_dict(self) -> dict[str, Any]:
        return {**self._state(), "configured": self._configured}

    def _read(self, saved: SavedTask) -> None:
        """Labels or definitions that the config was given since saving win over the saved."""
        before = self._configured if saved.configured is None else saved.configured
        given = {label: text or before.get(label) for label, text in self._configured.items()}
        if list(given.items()) == list(before.items()):
            self._labels = dict(saved.labels)
        self._examples = [Demonstration(e.text, e.entities) for e in saved.examples]

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        return util.to_bytes({"cfg": lambda: srsly.json_dumps(self._to_dict())}, exclude)

    def from_bytes(self, bytes_data: bytes, *, exclude: Iterable[str] = ()) -> "NERTask":
        read = {"cfg": lambda data: self._read(parse_checked(data, SavedTask, "the task's bytes"))}
        util.from_bytes(bytes_data, read, exclude)
        return self

    def to_disk(self, path: Path, *, exclude: Iterable[str] = ()) -> None:
        write = {"cfg": lambda place: srsly.write_json(place, self._to_dict())}
        util.to_disk(path, write, exclude)

    def from_disk(self, path: Path, *, exclude: Iterable[str] = ()) -> "NERTask":
        read = {"cfg": lambda place: self._read(read_checked(place, SavedTask))}
        util.from_disk(path, read, exclude)
        return self


@keeps_settings()
def make_ner_task(
    labels: Labels = [],  # noqa: B006
    label_definitions: dict[str, str] | list[list[str]] | None = None,
    examples: ExamplesConfigType = None,
    alignment_mode: str = "strict",
    scorer: Scorer | None = None,
    annotate: str = "ents",
    spans_key: str = "sc",
    resolution: str = "auto",
    threshold: Thresholds = 0.0,
    overwrite_ents: bool = False,
) -> NERTask:
    """The task "spacy_padellm.NER.v1".

    labels: names in a list or separated by commas, a mapping name → definition, or pairs [name,
    definition]; empty takes those of the model.
    label_definitions: definitions separate from the names, as a mapping or pairs.
    examples, alignment_mode, scorer: as in spacy-llm's "spacy.NER.v3".
    annotate, spans_key, resolution, threshold, overwrite_ents: as in the component `padellm_ner`.

    Raises ValueError for a setting out of its range, a repeated label, a definition of a label that
    is not in `labels`, and an example in an unknown form.
    """
    settings = Settings.among(locals())
    asked = _read_labels(labels, label_definitions)
    check_thresholds("spacy_padellm.NER.v1", settings.threshold, asked or None)
    shown = (examples() if callable(examples) else examples) or ()
    return NERTask(asked, [_read_example(e) for e in shown], settings, scorer)


def _read_labels(given: Given, definitions: Given) -> dict[str, str]:
    labels = read_labels(given or None, "`labels` of spacy_padellm.NER.v1") or {}
    apart = read_labels(definitions or None, "label_definitions of spacy_padellm.NER.v1") or {}
    if unknown := sorted(set(apart) - set(labels)):
        raise ValueError(
            f"label_definitions has {', '.join(map(repr, unknown))}, which `labels` has not"
        )
    if twice := [label for label in apart if labels[label] not in ("", apart[label])]:
        raise ValueError(f"{twice[0]!r} has one definition in `labels`, another in the other place")
    return {**labels, **apart}


def _read_example(record: Mapping[str, Any]) -> Demonstration:
    """Of NER.v2, whose strings need not be in the text, or in any other form of `read_examples`."""
    with contextlib.suppress(ValidationError):
        read = SavedExample.model_validate(record, strict=True)
        return Demonstration(read.text, read.entities)
    try:
        (text,) = read_examples([record])
    except ValueError as error:
        raise ValueError(f"an example of spacy_padellm.NER.v1: {error}") from None
    entities: dict[str, list[str]] = {}
    for start, end, label in text.spans:
        entities.setdefault(label, []).append(text.text[start:end])
    return Demonstration(text.text, entities)
