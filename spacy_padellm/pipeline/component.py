"""The spaCy pipeline component `padellm_ner`: Docs in, entities with probabilities out.

Knows spaCy and the rooms around it: `doc_decoding` (what the model says of a Doc), `annotation`
(where that goes in the Doc), `doc_gold` (what the model should have said), `shim` (the model).
"""

import os
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any

from spacy import util
from spacy.errors import Errors
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example, validate_examples, validate_get_examples
from spacy.vocab import Vocab
from thinc.api import Model, Optimizer

from ..architectures.causal_lm import add_gradients, shim_of
from ..decoding import Decoder, ReplicaDecoder
from ..decoding.decoder import DecodingWork
from ..formats.gold_source import GoldSource
from ..learning.examples import TrainingText
from ..learning.label_noise import LabelNoise
from .annotation import Annotator, LeftOut
from .doc_decoder import LONGEST_WINDOW, DocDecoder, DocPrediction, PreparedDocs
from .gold import count_labels, encode_gold, gold_windows, report_unaligned, report_unknown
from .labels import LabelSet, warn_of_untrained
from .prefetch import prepare_ahead
from .scorer import warn_of_score_weights
from .settings import Settings
from .storage import StoredPipe

Labels = str | list[str] | list[list[str]] | dict[str, str] | None


class PaDeLLMNER(StoredPipe):
    """Asks a causal LM for all labels of a text at once, then for all mentions at once.

    Source: PaDeLLM-NER (Lu et al., NeurIPS 2024). Scores of entities: `annotation.entity_scores`.
    `drop` of `update` has no effect: a causal LM has its dropout in its own config, an adapter in
    `peft.dropout`. Weight averages of the optimizer are not kept.
    """

    def __init__(
        self,
        vocab: Vocab,
        model: Model,
        name: str = "padellm_ner",
        *,
        settings: Settings | None = None,
        labels: Labels = None,
        scorer: Callable | None = None,
    ) -> None:
        """Raises ValueError for a setting out of its range, naming it."""
        self.vocab = vocab
        self.model = model
        self.name = name
        self.settings = settings or Settings()
        self.scorer = scorer
        self.cfg: dict[str, Any] = {}
        self.shim = shim_of(model)
        self.label_set = LabelSet(name, labels)
        self._left_out = LeftOut()
        self._random = random.Random(0)
        self._made: tuple[tuple[Any, ...], DocDecoder] | None = None
        self._shared: tuple[tuple[Any, ...], ReplicaDecoder] | None = None

    # --- labels

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels asked for; empty until they are known."""
        return tuple(self._descriptions())

    @property
    def label_data(self) -> list[str] | dict[str, str]:
        """What `spacy init labels` writes and `initialize` takes: names, or with descriptions."""
        described = self._descriptions()
        return described if any(described.values()) else list(described)

    def add_label(self, label: str, description: str = "") -> int:
        """1 for a new label, 0 for one that is there.

        A trained model is asked for it zero-shot; a warning says so.
        """
        if not isinstance(label, str):
            raise ValueError(Errors.E187)
        return self.label_set.add(label, self.shim.known_labels(), description)

    def _descriptions(self) -> dict[str, str]:
        return self.label_set.known(self.shim.known_labels())

    @property
    def n_unaligned(self) -> int:
        """Mentions left out so far for want of a place."""
        return self._left_out.total

    @property
    def work(self) -> DecodingWork:
        """What it has taken so far: passes and tokens of the model, of all its copies."""
        decoder = self._doc_decoder().decoder
        shared = self._replicas(decoder)
        works = [one.work for one in (shared.decoders if shared else [decoder])]
        names = [field.name for field in fields(DecodingWork)]
        return DecodingWork(*(sum(getattr(work, name) for work in works) for name in names))

    def text_size(self, text: str) -> int:
        """Tokens of the language model in a text."""
        return self._doc_decoder().decoder.text_size(text)

    # --- annotating

    def predict(self, docs: Iterable[Doc]) -> list[DocPrediction]:
        """What the model says of each Doc; the Docs stay as they are."""
        return self._prepare(list(docs)).decode()

    def _prepare(self, docs: Sequence[Doc]) -> PreparedDocs:
        if not any(doc.text.strip() for doc in docs):
            return PreparedDocs(docs)
        self.shim.prepare()
        labels = self.label_set.require(self.shim.known_labels())
        decoder = self._doc_decoder()
        return decoder.prepare(docs, labels, self._replicas(decoder.decoder))

    def set_annotations(self, docs: Iterable[Doc], scores: Sequence[DocPrediction]) -> None:
        """Writes predictions into `doc.ents`, or into `doc.spans`."""
        annotator = Annotator(self.settings, self.name)
        for doc, predicted in zip(docs, scores, strict=True):
            placed = annotator.place(doc, predicted)
            annotator.write(doc, placed)
            self._left_out.note(self.name, placed.unaligned)

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 128) -> Iterator[Doc]:
        """Annotates a stream, `batch_size` Docs at a time, in order.

        Where a batch fails, its Docs are tried one by one, and only those that fail go to the
        error handler. While an accelerator works on a batch, the next one is prepared.
        """
        batches = util.minibatch(stream, size=batch_size)

        def helps() -> bool:
            # A stream that waits for one answer before it gives the next text has batches of one.
            return batch_size > 1 and self._has_accelerator()

        for docs, prepared in prepare_ahead(batches, self._prepare, helps):
            try:
                self.set_annotations(docs, prepared().decode())
                done = docs
            except Exception as error:
                done = self._one_by_one(docs, error)
            yield from done

    def _has_accelerator(self) -> bool:
        return self.shim.has_accelerator

    def _one_by_one(self, docs: Sequence[Doc], error: Exception) -> Iterator[Doc]:
        """Not where an error says that all would fare alike, as with a server that is down."""
        handle = self.get_error_handler()
        if len(docs) == 1 or getattr(error, "of_all", False):
            handle(self.name, self, list(docs), error)
            return
        for doc in docs:
            try:
                self.set_annotations([doc], self.predict([doc]))
            except Exception as own_error:
                handle(self.name, self, [doc], own_error)
            else:
                yield doc

    def _doc_decoder(self) -> DocDecoder:
        """Made anew where model, labels or settings have changed."""
        described = self._descriptions()
        loaded = self.shim.loaded
        made_of = (id(loaded.lm), loaded.calibration, tuple(described.items()), self.settings)
        if (made := self._made) is None or made[0] != made_of:  # other threads make theirs
            self._made = made = (made_of, self._make_doc_decoder(described))
        return made[1]

    def _replicas(self, decoder: Decoder) -> ReplicaDecoder | None:
        """Made anew where decoder, weights or process have changed."""
        if not self.shim.has_copies:
            self._shared = None  # outdated copies make room for new ones
        _, *copies = self.shim.language_models
        if not copies:
            return None
        made_of = (os.getpid(), id(decoder), *map(id, copies))
        if (shared := self._shared) is None or shared[0] != made_of:
            self._shared = shared = (made_of, ReplicaDecoder(decoder, copies))
        return shared[1]

    def _make_doc_decoder(self, described: Mapping[str, str]) -> DocDecoder:
        settings, loaded = self.settings, self.shim.loaded
        descriptions = {label: text for label, text in described.items() if text}
        warn_of_untrained(self.name, described, loaded)
        encoder = loaded.encoder(descriptions, settings.max_count)
        decoder = self.shim.make_decoder(self.name, encoder, settings)
        return DocDecoder(
            decoder,
            settings.window or loaded.window or LONGEST_WINDOW,
            settings.overlap,
            on_tokens=settings.alignment_mode == "strict",
            flat=settings.is_flat,
            calibration=loaded.calibration,
        )

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
        gold = self.gold_source
        in_examples = count_labels(gold, get_examples)
        self.label_set.initialize(labels, in_examples, self.shim.known_labels())
        described = self._descriptions()
        if nlp is not None and self.settings.annotate == "spans":
            warn_of_score_weights(self.name, self.settings.spans_key, nlp)
        self.shim.initialize(lambda: (eg.reference.text for eg in get_examples()), described)
        decoder = self._doc_decoder()
        encoder, size = decoder.decoder.encoder, decoder.window_size(self.labels)
        report_unknown(self.name, gold, (eg.reference for eg in get_examples()), sentences=True)
        golds = gold_windows(gold, get_examples(), encoder, size)
        report_unaligned(self.name, golds, encoder, self.labels, size)

    def update(
        self,
        examples: Iterable[Example],
        *,
        drop: float = 0.0,
        sgd: Optimizer | None = None,
        losses: dict[str, float] | None = None,
    ) -> dict[str, float]:
        """Adds the gradients of a batch, all branches of its texts packed; steps with `sgd`.

        losses[name] grows by the mean loss (nats) of a target token.
        """
        losses = {} if losses is None else losses
        losses.setdefault(self.name, 0.0)
        examples = list(examples)
        validate_examples(examples, "PaDeLLMNER.update")
        texts = self.training_texts(examples)
        loss = add_gradients(self.model, texts, self.settings.token_budget, self.settings.text_loss)
        if sgd not in (None, False):
            self.finish_update(sgd)
        losses[self.name] += loss
        return losses

    def get_loss(self, examples: Iterable[Example], scores: Any) -> tuple[float, float]:
        raise NotImplementedError(
            f"{self.name}: the loss is not a function of predictions; use update(), which "
            f"returns it"
        )

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
        """What the model is to say of gold Docs, window by window; `rng` draws labels."""
        labels = self.label_set.require(self.shim.known_labels())
        decoder, settings = self._doc_decoder(), self.settings
        encoder, size = decoder.decoder.encoder, decoder.window_size(labels)
        golds = gold_windows(self.gold_source, examples, encoder, size)
        noise = LabelNoise.read(settings.label_noise)
        return encode_gold(golds, encoder, labels, settings.max_labels, noise, rng or self._random)
