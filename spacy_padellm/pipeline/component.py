"""The spaCy pipeline component `padellm_ner`: Docs in, entities with probabilities out.

Knows spaCy and the modules around it: `doc_decoder` (what the model says of a Doc), `annotation`
(where that goes in the Doc), `training_texts` (what it should have said), the shim (the model).
"""

import functools
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import srsly
from spacy import util
from spacy.errors import Errors
from spacy.language import Language
from spacy.pipeline.trainable_pipe import TrainablePipe
from spacy.tokens import Doc
from spacy.training import Example, validate_examples, validate_get_examples
from spacy.vocab import Vocab
from thinc.api import Model, Optimizer

from ..architectures.protocol import DecodingShim, shim_of
from ..formats.doc_gold import GoldSource
from ..learning.examples import TrainingText
from ..models.files.json_file import parse_checked, read_checked
from .annotation import Annotator, LeftOut
from .doc_decoder import DocDecoder, DocPrediction, PreparedDocs
from .doc_decoders import DocDecoders
from .doc_labels import DocLabels, asks_something
from .example_set import Examples, ExampleSet
from .handing_on import hand_on
from .label_thresholds import check_thresholds
from .labels import Labels, LabelSet, SavedComponent
from .licence import note_licence
from .one_by_one import one_by_one
from .prefetch import prefetch
from .scorer import warn_of_score_weights
from .settings import Settings, how_to_set
from .training_texts import count_labels, encode_gold, report_gold
from .untrained import UntrainedLabels


class PaDeLLMNER(TrainablePipe):
    """Asks a causal LM for all labels of a text at once, then for all mentions at once.

    Settings are in the pipeline's config alone, where a user may change them at load.
    Source: PaDeLLM-NER (Lu et al., NeurIPS 2024). Scores of entities: `annotation.entity_scores`.
    `drop` of `update` is for models that point: another has its dropout in its own config, an
    adapter in `peft.dropout`. Weight averages of the optimizer are not kept.
    """

    def __init__(
        self,
        vocab: Vocab,
        model: Model,
        name: str = "padellm_ner",
        *,
        settings: Settings | None = None,
        labels: Labels = None,
        examples: Examples = None,
        scorer: Callable | None = None,
    ) -> None:
        """Raises ValueError for a setting out of its range, naming it."""
        self.vocab = vocab
        self.model = model
        self.name = name
        self.settings = settings or Settings()
        self.scorer = scorer
        self.cfg: dict[str, Any] = {}
        self.shim: DecodingShim = shim_of(model)
        self.example_set = ExampleSet(name, examples)
        self.label_set = LabelSet(name, labels, self.example_set.labels)
        check_thresholds(name, self.settings.threshold, self.label_set.configured)
        self._left_out = LeftOut()
        self._random = random.Random(0)
        self.untrained = UntrainedLabels(name, bool(examples))
        self._decoders = DocDecoders(name, self.shim, self.untrained)
        self._doc_labels = DocLabels(self.untrained)

    def __setattr__(self, name: str, value: Any) -> None:
        """Raises AttributeError for a setting: as an attribute it would change nothing."""
        if name in (*Settings.__dataclass_fields__, "labels", "examples"):
            add = "; pipe.add_label adds one" if name == "labels" else ""
            raise AttributeError(how_to_set(self.name, name, value) + add)
        super().__setattr__(name, value)

    # --- the model

    @property
    def doc_decoder(self) -> DocDecoder:
        """What decodes Docs, as model, labels, examples and settings are now; the model is read
        first."""
        return self._decoders.get(self.described, self.settings, self.example_set.texts)

    # --- labels

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels asked for; empty until they are known."""
        return tuple(self.described)

    @property
    def described(self) -> dict[str, str]:
        """Label → description, "" where there is none."""
        return self.label_set.known(self.shim.known_labels())

    @property
    def label_data(self) -> list[str] | dict[str, str]:
        """What `spacy init labels` writes and `initialize` takes: names, or with descriptions."""
        return self.described if any(self.described.values()) else list(self.described)

    def add_label(self, label: str, description: str = "") -> int:
        """1 for a new label, 0 for one that is there. A trained model is asked for it zero-shot; a
        warning says so."""
        if not isinstance(label, str):
            raise ValueError(Errors.E187)
        return self.label_set.add(label, self.shim.known_labels(), description)

    # --- annotating

    def predict(self, docs: Iterable[Doc]) -> list[DocPrediction]:
        """What the model says of each Doc; the Docs stay as they are."""
        return self.prepare(list(docs)).decode()

    def prepare(self, docs: Sequence[Doc]) -> PreparedDocs:
        """All that `predict` does before the model runs. Docs with labels of their own
        (`doc._.padellm_labels`) are asked for those; raises ValueError where they are none."""
        if not any([asks_something(doc) for doc in docs]):
            return PreparedDocs(docs)
        self.shim.prepare()
        _ = self.example_set.texts  # what is wrong with them is said before labels are missed
        of_model, trained = self.shim.known_labels(), self.shim.loaded.settings
        labels = self._doc_labels.read(docs, self.label_set, of_model, trained)
        return self._decoders.prepare(
            docs, labels, self.described, self.settings, self.example_set.texts
        )

    def set_annotations(self, docs: Iterable[Doc], scores: Sequence[DocPrediction]) -> None:
        """Writes predictions into `doc.ents`, or into `doc.spans`."""
        annotator = Annotator(self.settings, self.name)
        for doc, predicted in zip(docs, scores, strict=True):
            placed = annotator.place(doc, predicted)
            annotator.write(doc, placed)
            self._left_out.note(self.name, placed.unaligned)

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 128) -> Iterator[Doc]:
        """Annotates a stream, `batch_size` Docs at a time, in order. Only Docs that fail go to the
        error handler: where a batch fails as a whole, its Docs are tried one by one. While an
        accelerator works on a batch, the next one is prepared."""
        batches = util.minibatch(stream, size=batch_size)

        def helps() -> bool:
            # A stream that waits for one answer before it gives the next text has batches of one.
            return batch_size > 1 and self.shim.has_accelerator

        for docs, prepared in prefetch(batches, self.prepare, helps):
            try:
                done = hand_on(self, docs, prepared().outcomes())
            except Exception as error:
                done = one_by_one(self, docs, error)
            yield from done

    @property
    def n_unaligned(self) -> int:
        """Mentions left out so far for want of a place."""
        return self._left_out.total

    def score(self, examples: Iterable[Example], **kwargs: Any) -> dict[str, Any]:
        where = {"annotate": self.settings.annotate, "spans_key": self.settings.spans_key}
        return super().score(examples, **{**where, **kwargs})

    # --- training

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Language | None = None,
        labels: Labels = None,
    ) -> None:
        """Finds the labels, loads or makes the model, and reports gold it cannot learn.

        labels: names or name → description, for example from a file made by `spacy init labels`;
        else those of the config, else those of the examples, else those of the model.
        """
        validate_get_examples(get_examples, "PaDeLLMNER.initialize")
        gold, examples = self.gold_source, list(get_examples())  # read once: it takes minutes
        self.label_set.initialize(labels, count_labels(gold, examples), self.shim.known_labels())
        if nlp is not None and self.settings.annotate == "spans":
            warn_of_score_weights(self.name, self.settings.spans_key, nlp)
        texts, noise = [example.reference.text for example in examples], self.settings.label_noise
        self.shim.initialize(lambda: texts, self.described, noise is not None)
        if nlp is not None:
            note_licence(nlp.meta, self.shim.made_of)
        report_gold(self.name, gold, examples, self.doc_decoder, self.labels)

    def update(
        self,
        examples: Iterable[Example],
        *,
        drop: float = 0.0,
        sgd: Optimizer | None = None,
        losses: dict[str, float] | None = None,
    ) -> dict[str, float]:
        """Adds the gradients of a batch, all branches of its texts packed; steps with `sgd`.
        losses[name] grows by the mean loss (nats) of a target token. drop: of a model that
        points; others have none."""
        losses = {} if losses is None else losses
        examples = list(examples)
        validate_examples(examples, "PaDeLLMNER.update")
        texts = self.training_texts(examples)
        budget, text_loss = self.settings.token_budget, self.settings.text_loss
        loss = self.shim.add_gradients(texts, budget, text_loss, drop)
        if sgd not in (None, False):
            self.finish_update(sgd)
        losses[self.name] = losses.get(self.name, 0.0) + loss
        return losses

    def get_loss(self, examples: Iterable[Example], scores: Any) -> tuple[float, float]:
        raise NotImplementedError(f"{self.name}: use update(), which returns the loss")

    def rehearse(self, examples: Iterable[Example], **kwargs: Any) -> dict[str, float]:
        raise NotImplementedError(
            f"{self.name} cannot rehearse: exclude it, or mix some of the old examples into update"
        )

    @property
    def gold_source(self) -> GoldSource:
        return GoldSource(self.settings.annotate, self.settings.spans_key)

    def training_texts(
        self, examples: Iterable[Example], rng: random.Random | None = None
    ) -> list[TrainingText]:
        """What the model is to say of gold Docs, window by window; `rng` draws labels. Raises
        ValueError for a component with examples."""
        if self.example_set.texts:
            raise ValueError(
                f"{self.name}: `examples` are for a model that is not trained, and a trained one "
                f"needs none: set examples to null to train it, or freeze the component"
            )
        known = self.shim.known_labels()
        labels = self.label_set.require(known)
        rng = rng or self._random
        tell = functools.partial(self.label_set.tell_left_out, of_model=known)
        return encode_gold(self.gold_source, examples, self.doc_decoder, labels, rng, tell)

    # --- to and from disk and bytes: `cfg` with the labels, and the model in its own folder

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Writes labels to `cfg` and the model to the folder `model` (see `save_mode`)."""

        def save_model(place: Path) -> None:
            self.cfg["save_mode"] = self.shim.save(place, self.settings.save_mode, self.described)

        serialize = {
            "vocab": lambda place: self.vocab.to_disk(place, exclude=exclude),
            "model": save_model,
            "cfg": lambda place: srsly.write_json(place, self._saved_cfg()),
        }
        util.to_disk(Path(path), serialize, exclude)

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> "PaDeLLMNER":
        """Reads what `to_disk` wrote; the folder may have moved."""
        deserialize: dict[str, Callable[[Path], Any]] = {
            "cfg": lambda place: self._read_cfg(read_checked(place, SavedComponent)),
            "vocab": lambda place: self.vocab.from_disk(place, exclude=exclude),
            "model": lambda place: self.shim.read(place, self.cfg.get("save_mode") == "full"),
        }
        util.from_disk(Path(path), deserialize, exclude)
        return self

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """Labels and a full copy of the model. Raises ValueError for a model too large for it."""
        serialize = {
            "cfg": lambda: srsly.json_dumps(self._saved_cfg()),
            "vocab": lambda: self.vocab.to_bytes(exclude=exclude),
            "model": self.shim.to_bytes,
        }
        return util.to_bytes(serialize, exclude)

    def from_bytes(self, bytes_data: bytes, *, exclude: Iterable[str] = ()) -> "PaDeLLMNER":
        deserialize: dict[str, Callable[[bytes], Any]] = {
            "cfg": lambda data: self._read_cfg(parse_checked(data, SavedComponent, "cfg")),
            "vocab": lambda data: self.vocab.from_bytes(data, exclude=exclude),
            "model": self.shim.from_bytes,
        }
        util.from_bytes(bytes_data, deserialize, exclude)
        return self

    def _saved_cfg(self) -> dict[str, Any]:
        labels = self.label_set.to_dict(self.shim.known_labels())
        return {**self.cfg, **labels, **self.example_set.to_dict()}

    def _read_cfg(self, saved: SavedComponent) -> None:
        kept = saved.model_dump()
        apart = ("labels", "configured", "examples")
        self.cfg = {k: v for k, v in kept.items() if k not in apart}
        self.label_set.from_dict(kept)
        self.example_set.from_saved(saved.examples)
