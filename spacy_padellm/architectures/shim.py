"""The model behind the thinc model: loaded late, kept, saved; `updating` trains it on torch."""

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thinc.api import Optimizer

from ..decoding import Decoder, DecodingSettings, ReplicaDecoder, TextDecoder
from ..learning.examples import TrainingText
from ..lm.gradients import gradients_on
from ..lm.onnx.model import OnnxModel
from ..models.adapter_settings import AdapterSettings
from ..models.decodable import load_decodable, load_trainable
from ..models.exported.copy import KeptFolder, replace_exported
from ..models.hardware import Hardware
from ..models.licence import MadeOf
from ..models.loaded_model import LoadedModel, ModelSource
from ..models.save_mode import save_mode_for
from ..models.shared_result import SharedResult
from ..prompts.encoding import PromptEncoder
from ..spans.calibration import Calibration
from .folder_bytes import folder_from_bytes, folder_to_bytes
from .model_copies import ModelCopies
from .origin import FromScratch, Origin, Texts
from .protocol import DecodingShim

if TYPE_CHECKING:  # needs torch, which takes seconds to import: whatever does is imported late
    from ..lm.language_model import LanguageModel
    from .updating import Updates

logger = logging.getLogger(__name__)


class CausalLMShim(DecodingShim):
    """Holds a `LoadedModel` and trains it.

    origin: where the model comes from; weights are read at first use. peft: an adapter to
    train instead of all weights. mixed_precision: bfloat16 autocast in training. pointers:
    whether training makes it point at mentions; a model that points goes on to.
    train_embeddings: whether those of tokens are among the weights that are trained.
    """

    def __init__(
        self,
        origin: Origin,
        peft: AdapterSettings | None = None,
        mixed_precision: bool = False,
        pointers: bool = False,
        train_embeddings: bool = True,
    ) -> None:
        super().__init__(model=None)
        switches = {
            "mixed_precision": mixed_precision,
            "pointers": pointers,
            "train_embeddings": train_embeddings,
        }
        for name, value in switches.items():
            if not isinstance(value, bool):
                raise ValueError(
                    f"the model setting `{name}` is {value!r}: it must be true or false"
                )
        self.origin = origin
        self.peft = peft
        self.mixed_precision = mixed_precision
        self.pointers = pointers
        self.train_embeddings = train_embeddings
        self._loaded: LoadedModel[Any] | None = None
        self._loaded_in = os.getpid()  # the process
        self._loading: SharedResult[LoadedModel[Any]] = SharedResult()
        self._copies = ModelCopies()
        self._updates: Updates | None = None  # of a model that is ready for training
        self._stepped = False  # whether training has changed the weights

    # --- the model

    @property
    def is_loaded(self) -> bool:
        return self._loaded is not None

    @property
    def loaded(self) -> LoadedModel[Any]:
        """The model, read now if it was not yet. Raises what `load_decodable` raises."""
        return self._loading.get(self._load) if self._loaded is None else self._loaded

    def _load(self) -> LoadedModel[Any]:
        if self._loaded is None:
            self._set(self.origin.load())
        assert self._loaded is not None
        return self._loaded

    @property
    def made_of(self) -> MadeOf | None:
        return self.loaded.settings.made_of

    @property
    def has_accelerator(self) -> bool:
        """Whether the model runs elsewhere while this process goes on."""
        return self.is_loaded and self.loaded.lm.device.type != "cpu"

    def prepare(self) -> None:
        """Readies the model for decoding. Raises RuntimeError as `check_process`."""
        self.check_process()
        self.loaded.lm.prepare()

    def make_decoder(
        self, name: str, encoder: PromptEncoder, settings: DecodingSettings
    ) -> TextDecoder:
        """With copies of the model on further `devices`, made when first needed. name: of the
        component, for warnings. Raises ValueError as `Decoder`."""
        loaded = self.loaded
        if loaded.lm.static and settings.method == "rows":
            logger.warning("%s: `compile` has no effect with decoder = 'rows'", name)
        if not settings.copy and loaded.template.copies:
            logger.warning(
                "%s: the model was trained to copy mentions from its text, and writes no good ones "
                "of its own: set copy_constraint to true",
                name,
            )
        decoder = Decoder(loaded.lm, encoder, settings)
        devices = self.origin.hardware.devices[1:]
        if not devices:
            return decoder
        return ReplicaDecoder(decoder, lambda: self._copies.get(loaded.lm, devices))

    def calibrate(self, calibration: Calibration | None) -> None:
        """What the model's probabilities are passed through from now on, saved with it."""
        if self.loaded.settings.calibration != calibration:
            self._loaded = self.loaded.having(calibration=calibration)

    def known_labels(self) -> dict[str, str]:
        """The model's own labels → descriptions, without reading weights."""
        if self._loaded is None:
            return self.origin.known_labels()
        return self._loaded.settings.described

    @gradients_on()
    def initialize(self, texts: Texts, labels: Mapping[str, str], renamed: bool = False) -> None:
        """Makes the model, or reads it anew if it was trained, and readies it for training."""
        if isinstance(self.origin, FromScratch):
            self._set(self.origin.make(self.origin.train_tokenizer(texts(), labels), labels))
        elif self._stepped:
            self._set(self.origin.load())
        self._take_to_torch()
        from ..models.load import take_alone
        from ..models.pointer_files import add_pointers
        from ..models.special_tokens import add_special_tokens

        pointers = self.loaded.lm.pointers
        own = () if renamed else tuple(labels)
        if self._updates is None or (pointers and pointers.labels != own):
            loaded = replace(self.loaded, lm=take_alone(self.loaded.lm))
            if self.pointers or pointers:
                whole = self.peft is None and not loaded.lm.adapter
                loaded = add_pointers(loaded, tuple(labels), own, both_ways=whole)
            else:
                loaded = add_special_tokens(loaded, tuple(labels))
            self._set(loaded)
        self.make_trainable()
        self._loaded = self.loaded.for_labels(labels)

    def _set(self, loaded: LoadedModel[Any]) -> None:
        self._loaded_in = os.getpid()
        self._copies.forget()
        self._updates = None
        self._stepped = False
        self._loaded = loaded  # last: other threads go on with it at once

    # --- training

    def own(self) -> "CausalLMShim":
        return self

    def add_gradients(
        self,
        texts: Sequence[TrainingText],
        token_budget: int,
        text_loss: float,
        drop: float,
    ) -> float:
        return self.make_trainable().add_gradients(texts, token_budget, text_loss, drop)

    def finish_update(self, optimizer: Optimizer) -> None:
        """Raises ValueError as `Updates.step`."""
        if self._updates is not None and self._updates.step(optimizer):
            self.note_step()

    def note_step(self) -> None:
        """To be called when training has changed the weights."""
        self._stepped = True
        self.calibrate(None)
        self._copies.forget()
        self.loaded.lm.forget()
        if not self.loaded.lm.adapter:
            self._loaded = replace(self.loaded, only_here=True)

    def make_trainable(self) -> "Updates":
        """What trains the weights, or the adapter's; puts the adapter on if need be.

        Raises ValueError for a model that cannot be trained as the config says.
        """
        self._copies.forget()
        if self._updates is None:
            self._take_to_torch()
            from ..models.trainable import make_trainable
            from .updating import Updates

            self._set(make_trainable(self.loaded, self.peft, self.train_embeddings))
            self._updates = Updates(self.loaded, self.mixed_precision)
        return self._updates

    @gradients_on("merging an adapter")
    def merge(self) -> None:
        """Works the adapter into the weights. Raises ValueError where there is none."""
        self._take_to_torch()
        from ..models.adapters import merge_adapter
        from ..models.load import take_alone

        loaded = self.loaded
        merged = merge_adapter(take_alone(loaded.lm))
        self._set(replace(loaded, lm=merged, only_here=True))

    def _take_to_torch(self) -> None:
        """An exported model is read anew, to be trained. Raises ValueError as `load_trainable`."""
        if isinstance(self.loaded.lm, OnnxModel):
            self._set(load_trainable(self.loaded))

    # --- devices and processes

    def to_device(self, device_type: str, device_id: int) -> None:
        """The `device` setting decides where the model is, not thinc."""

    def check_process(self) -> None:
        """Makes a forked worker safe; torch's threads do not survive a fork.

        Raises RuntimeError for a fork of a process whose model is on an accelerator.
        """
        if self.is_loaded and not isinstance(self.loaded.lm, OnnxModel):
            from ..models.devices import check_fork

            check_fork(self._loaded_in, (self.loaded.lm.device, *self._copies.devices))

    # --- to and from disk

    def save(self, folder: Path, save_mode: str, labels: Mapping[str, str]) -> str:
        """Writes the model with its labels; returns the mode used, "full" or "reference".

        Raises ValueError for save_mode = "reference" where the weights are nowhere else.
        """
        loaded = self.loaded
        if self._stepped or loaded.settings.labels or loaded.settings.template is None:
            loaded = loaded.for_labels(labels)
        # Else it was trained to read any label: the component remembers those that it asks for.
        mode = save_mode_for(save_mode, loaded)
        if isinstance(loaded.lm, OnnxModel):
            replace_exported(loaded, folder, mode)
            return mode
        from ..models.save import replace_model

        if loaded.lm.quantized and mode == "full":
            loaded = self._unquantised(loaded)
        replace_model(loaded, folder, mode)
        return mode

    def _unquantised(self, loaded: "LoadedModel[LanguageModel]") -> "LoadedModel[LanguageModel]":
        """The weights as they were before, from where they came. Raises ValueError for an adapter
        that was trained on them: it can be saved with save_mode = "reference"."""
        if self._stepped:
            raise ValueError(
                "save_mode is 'full', and the base is quantised: set save_mode to 'reference'"
            )
        from ..models.load import load_model

        source = replace(loaded.source, hardware=Hardware("cpu"))
        return replace(loaded, lm=load_model(source, alone=True).lm)

    def read(self, folder: Path, full: bool, keeps: Any = None) -> None:
        """Reads what `save` wrote, onto the device and in the dtype of the config. keeps: what must
        live as long as the folder is read."""
        source = ModelSource(str(folder), hardware=self.origin.hardware)
        self._set(replace(load_decodable(source, keeps=keeps), only_here=full))

    def to_bytes(self) -> bytes:
        return folder_to_bytes(lambda folder: self.save(folder, "full", self.known_labels()))

    def from_bytes(self, data: bytes) -> "CausalLMShim":
        kept = KeptFolder()  # an exported model goes on reading it
        folder = kept.path / "model"
        folder_from_bytes(data, folder)
        self.read(folder, full=True, keeps=kept)
        return self
