"""The torch model behind the thinc model: loaded late, stepped by torch, saved as safetensors."""

import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import torch
from thinc.api import Optimizer
from thinc.shims import Shim

from ..decoding import Decoder, ReplicaDecoder
from ..learning.batch import TrainingBatch, batch_loss
from ..models.adapter_settings import AdapterSettings
from ..models.adapters import merge_adapter, train_adapter
from ..models.forks import check_fork
from ..models.hardware import Hardware
from ..models.load import LoadedModel, ModelSource, load_model, take_alone
from ..models.place import IN_THE_BOX
from ..models.serialization import folder_from_bytes, folder_to_bytes, replace_model, save_mode_for
from ..models.shared_result import SharedResult
from ..models.special_tokens import add_special_tokens
from ..pipeline.settings import Settings
from ..prompts.encoding import PromptEncoder
from ..prompts.template import PromptTemplate
from ..spans.calibration import Calibration
from .copies import ModelCopies
from .decoder_factory import make_decoder
from .optimizer import ThincAdamW
from .origin import FromScratch, Origin, Texts

logger = logging.getLogger(__name__)


class CausalLMShim(Shim):
    """Holds a `LoadedModel` and trains it.

    origin: where the model comes from; weights are read at first use. peft: an adapter to
    train instead of all weights. mixed_precision: bfloat16 autocast in training.

    Gradients of all batches since the last step are summed, and divided by their number of
    targets in `finish_update`: accumulated batches equal one large batch.
    """

    def __init__(
        self, origin: Origin, peft: AdapterSettings | None = None, mixed_precision: bool = False
    ) -> None:
        super().__init__(model=None)
        self.origin = origin
        self.peft = peft
        self.mixed_precision = mixed_precision
        # Whether only a full copy can hold this model.
        self.self_contained = False
        self._loaded: LoadedModel | None = None
        self._loaded_in = os.getpid()  # the process
        self._loading: SharedResult[LoadedModel] = SharedResult()
        self._copies = ModelCopies()
        self._trainable = False
        self._stepped = False  # whether training has changed the weights
        self._n_targets = 0.0

    # --- the model

    @property
    def is_loaded(self) -> bool:
        return self._loaded is not None

    @property
    def loaded(self) -> LoadedModel:
        """The model, read now if it was not yet. Raises what `load_model` raises."""
        return self._loading.get(self._load) if self._loaded is None else self._loaded

    def _load(self) -> LoadedModel:
        if self._loaded is None:
            self._set(self.origin.load())
        assert self._loaded is not None
        return self._loaded

    @property
    def has_accelerator(self) -> bool:
        """Whether the model runs elsewhere while this process goes on."""
        return self.is_loaded and self.loaded.lm.device.type != "cpu"

    def prepare(self) -> None:
        """Readies the model for decoding. Raises RuntimeError as `check_process`."""
        self.check_process()
        self.loaded.lm.model.eval()

    def make_decoder(self, name: str, encoder: PromptEncoder, settings: Settings) -> Decoder:
        """name: of the component, for warnings. Raises ValueError as `Decoder`."""
        return make_decoder(name, self.loaded, encoder, settings)

    def share(self, decoder: Decoder) -> Decoder | ReplicaDecoder:
        """The decoder, with copies of the model on further `devices`, made when first needed."""
        return self._copies.share(decoder, self.loaded.lm, self.origin.hardware.devices[1:])

    def asking(self, template: PromptTemplate) -> "CausalLMShim":
        """The same weights under another template, for decoding."""
        other = CausalLMShim(self.origin)
        other._set(self.loaded.asking(template))
        other._loaded_in = self._loaded_in
        return other

    def calibrate(self, calibration: Calibration | None) -> None:
        """What the model's probabilities are passed through from now on, saved with it."""
        if self.loaded.calibration != calibration:
            self._loaded = replace(self.loaded, calibration=calibration)

    def known_labels(self) -> dict[str, str]:
        """The model's own labels → descriptions, without reading weights."""
        if self._loaded is None:
            return self.origin.known_labels()
        descriptions = self._loaded.descriptions
        return {label: descriptions.get(label, "") for label in self._loaded.labels}

    def initialize(self, texts: Texts, labels: Mapping[str, str]) -> None:
        """Makes the model, or reads it anew if it was trained, and readies it for training."""
        if isinstance(self.origin, FromScratch):
            self._set(self.origin.create(texts(), labels))
            self.self_contained = True
        elif self._stepped:
            self._set(self.origin.load())
            self.self_contained = False
        if not self._trainable:
            loaded = replace(self.loaded, lm=take_alone(self.loaded.lm))
            self._set(add_special_tokens(loaded, tuple(labels)))
            self.self_contained |= bool(self.loaded.new_tokens) and self.peft is None
        self.make_trainable()
        descriptions = {label: text for label, text in labels.items() if text}
        self._loaded = replace(self.loaded, labels=tuple(labels), descriptions=descriptions)

    def _set(self, loaded: LoadedModel) -> None:
        self._loaded_in = os.getpid()
        self._copies.forget()
        self._model = loaded.lm.model
        self._optimizer = None
        self._trainable = False
        self._stepped = False
        self._n_targets = 0.0
        self._loaded = loaded  # last: other threads go on with it at once

    # --- training

    def begin_update(self, batch: TrainingBatch) -> tuple[float, Callable[[float], None]]:
        """The summed loss (nats) of a batch, and what adds its gradient, times a factor."""
        self.make_trainable()
        lm = self.loaded.lm
        lm.model.train()
        with torch.autocast(lm.device.type, torch.bfloat16, enabled=self.mixed_precision):
            loss = batch_loss(lm, batch)

        def backprop(factor: float) -> None:
            (loss * factor).backward()
            self._n_targets += batch.weight

        return loss.item(), backprop

    def predict(self, batch: TrainingBatch) -> float:
        lm = self.loaded.lm
        lm.model.eval()
        with torch.inference_mode():
            return batch_loss(lm, batch).item()

    def __call__(self, batch: TrainingBatch, is_train: bool) -> tuple[float, Callable]:
        if is_train:
            return self.begin_update(batch)
        return self.predict(batch), lambda factor: None

    def finish_update(self, optimizer: Optimizer) -> None:
        """Steps with the current hyper-parameters of a thinc optimizer. Raises ValueError as
        `ThincAdamW.step`."""
        if self._n_targets == 0:
            return
        if self._optimizer is None:
            self._optimizer = ThincAdamW(self._model)
        self._optimizer.step(optimizer, self._n_targets)
        self._n_targets = 0.0
        self.note_step()

    def note_step(self) -> None:
        """To be called when training has changed the weights."""
        self._stepped = True
        self.calibrate(None)
        self._copies.forget()
        if not self.loaded.has_adapter:
            self.self_contained = True

    def make_trainable(self) -> None:
        """Readies the weights, or the adapter's, for training; puts the adapter on if need be.

        Raises ValueError for a model that cannot be trained as the config says.
        """
        self._copies.forget()
        if self._trainable:
            return
        loaded = self.loaded
        with_adapter = self.peft is not None or loaded.has_adapter
        if loaded.lm.quantized and not (with_adapter and self.origin.hardware.bits):
            raise ValueError(
                "a quantised model cannot be trained: set model.quantize to null, or, for an "
                "adapter on a CUDA device, to '4bit'"
            )
        if with_adapter:
            compiled = loaded.lm.static is not None
            lm = train_adapter(take_alone(loaded.lm), self.peft, loaded.new_tokens)
            if compiled and lm.static is None:
                lm.compile()
            self._set(replace(loaded, lm=lm))
        else:
            self._widen()
            for parameter in loaded.lm.model.parameters():
                parameter.requires_grad_(True)
        self._trainable = True

    def merge(self) -> None:
        """Works the adapter into the weights. Raises ValueError where there is none."""
        loaded = self.loaded
        merged = merge_adapter(take_alone(loaded.lm))
        self._set(replace(loaded, lm=merged, source=ModelSource("")))
        self.self_contained = True

    def _widen(self) -> None:
        lm = self.loaded.lm
        if lm.dtype == torch.bfloat16 and self.origin.hardware.dtype == "bfloat16":
            logger.warning(
                "all weights are trained in bfloat16, as `dtype` says: small steps are lost"
            )
        else:
            lm.widen()

    # --- devices and processes

    def to_device(self, device_type: str, device_id: int) -> None:
        """The `device` setting decides where the model is, not thinc."""

    def check_process(self) -> None:
        """Makes a forked worker safe; torch's threads do not survive a fork.

        Raises RuntimeError for a fork of a process whose model is on an accelerator.
        """
        if self.is_loaded:
            devices = (lm.device for lm in (self.loaded.lm, *self._copies.made))
            check_fork(self._loaded_in, devices)

    # --- to and from disk

    def save(self, folder: Path, save_mode: str, labels: Mapping[str, str]) -> str:
        """Writes the model with its labels; returns the mode used, "full" or "reference".

        Raises ValueError for save_mode = "reference" where the weights are nowhere else.
        """
        loaded = replace(
            self.loaded,
            labels=tuple(labels),
            descriptions={label: text for label, text in labels.items() if text},
        )
        boxed = self.origin.in_the_box or loaded.source.name in IN_THE_BOX
        mode = save_mode_for(save_mode, self.self_contained, boxed)
        if loaded.lm.quantized and mode == "full":
            loaded = self._unquantised(loaded)
        replace_model(loaded, folder, mode)
        return mode

    def _unquantised(self, loaded: LoadedModel) -> LoadedModel:
        """The weights as they were before, from where they came. Raises ValueError for an adapter
        that was trained on them: it can be saved with save_mode = "reference"."""
        if self._stepped:
            raise ValueError(
                "save_mode is 'full', and the base is quantised: set save_mode to 'reference'"
            )
        source = replace(loaded.source, hardware=Hardware("cpu"))
        return replace(loaded, lm=load_model(source, alone=True).lm)

    def read(self, folder: Path, full: bool) -> None:
        """Reads what `save` wrote, onto the device and in the dtype of the config."""
        self._set(load_model(ModelSource(str(folder), hardware=self.origin.hardware)))
        self.self_contained = full

    def to_bytes(self) -> bytes:
        return folder_to_bytes(lambda folder: self.save(folder, "full", self.known_labels()))

    def from_bytes(self, data: bytes) -> "CausalLMShim":
        folder_from_bytes(data, lambda folder: self.read(folder, full=True))
        return self
