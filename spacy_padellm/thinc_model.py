"""The models that a config can name: `[components.padellm_ner.model]`."""

import math
from collections.abc import Callable, Sequence
from typing import Any

from thinc.api import Model

from .adapter_settings import AdapterSettings
from .decoding.batching import plan_batches
from .hardware import Hardware
from .loading import ModelSource
from .model_origin import FromScratch, Pretrained
from .prompts import COMPACT, PromptTemplate, get_template
from .remote.shim import ServerShim
from .shim import CausalLMShim
from .training.batch import TrainingBatch, batch_size, make_batch_for
from .training.examples import TrainingText

# Of a component that was added without a config: the model in the box.
DEFAULT_MODEL: dict[str, Any] = {
    "@architectures": "spacy_padellm.CausalLM.v1",
    "name": "english",
    "adapter": None,
    "device": "auto",
    "dtype": "auto",
    "template": None,
    "peft": None,
    "mixed_precision": False,
    "revision": None,
    "devices": None,
    "device_map": None,
    "quantize": None,
    "compile": False,
}


def build_causal_lm(
    name: str | None = "english",
    adapter: str | None = None,
    device: str = "auto",
    dtype: str = "auto",
    template: PromptTemplate | None = None,
    peft: dict[str, Any] | None = None,
    mixed_precision: bool = False,
    revision: str | None = None,
    devices: list[str] | None = None,
    device_map: str | None = None,
    quantize: str | None = None,
    compile: bool = False,
) -> Model[TrainingBatch, float]:
    """A pretrained causal LM. Nothing is read before it is used.

    name: a folder, a Hub id or a model in the box. adapter: folder or Hub id of a peft adapter.
    device: "auto", "cpu", "cuda", "cuda:1", "mps". dtype: "auto", "float32", "bfloat16",
    "float16". template: instead of the one saved with the model ("plain" where none is).
    peft: the adapter to train (`AdapterSettings`); None trains all weights.
    mixed_precision: bfloat16 autocast in training. revision: of a Hub id. devices, device_map,
    quantize, compile: see `hardware.Hardware`.
    """
    if name is None:
        raise ValueError(
            "the model setting `name` is null: name a folder or a Hub id, in the configs of this "
            "package by --paths.base"
        )
    hardware = Hardware(device, dtype, devices or (), device_map, quantize, compile)
    origin = Pretrained(ModelSource(name, adapter, revision, hardware), template)
    return _wrap(CausalLMShim(origin, read_peft(peft), mixed_precision))


def build_causal_lm_from_scratch(
    architecture: str = "llama",
    sizes: dict[str, Any] | None = None,
    vocab_size: int = 2048,
    template: PromptTemplate | None = None,
    max_count: int = 32,
    device: str = "auto",
    dtype: str = "float32",
    mixed_precision: bool = False,
    devices: list[str] | None = None,
    device_map: str | None = None,
    quantize: str | None = None,
    compile: bool = False,
) -> Model[TrainingBatch, float]:
    """A causal LM that `initialize` makes: tokenizer trained on the corpus, weights at random.

    architecture: of transformers ("llama", "qwen3", "gpt2", ...). sizes: fields of its config.
    template: one with special tokens; "compact" if None. max_count: tokens for counts up to it.
    devices, device_map, quantize, compile: see `hardware.Hardware`; device_map and quantize are of
    effect when the trained model is loaded.
    """
    hardware = Hardware(device, dtype, devices or (), device_map, quantize, compile)
    origin = FromScratch(
        architecture, dict(sizes or {}), vocab_size, template or COMPACT, max_count, hardware
    )
    return _wrap(CausalLMShim(origin, None, mixed_precision))


def make_template(
    preset: str = "plain",
    bidirectional: bool | None = None,
    changes: dict[str, Any] | None = None,
) -> PromptTemplate:
    """A preset prompt template.

    bidirectional: tokens of the text see each other both ways; for models trained that way.
    changes: other fields of `prompts.PromptTemplate`.
    """
    fields = dict(changes or {})
    if bidirectional is not None:
        fields["bidirectional"] = bidirectional
    return get_template(preset, **fields)


def read_peft(block: dict[str, Any] | None) -> AdapterSettings | None:
    """Raises ValueError for a field or a method that is unknown."""
    return None if block is None else AdapterSettings.read(block)


def shim_of(model: Model) -> CausalLMShim | ServerShim:
    """The model behind a thinc model.

    Raises ValueError for a model that is not one of this package.
    """
    for shim in model.shims:
        if isinstance(shim, CausalLMShim | ServerShim):
            return shim
    raise ValueError(
        f"the component's model is {model.name!r}: set @architectures to "
        f'"spacy_padellm.CausalLM.v1", "spacy_padellm.CausalLMFromScratch.v1" or '
        f'"spacy_padellm.Server.v1"'
    )


def own_shim_of(model: Model) -> CausalLMShim:
    """The model in this process. Raises ValueError for one behind a server."""
    shim = shim_of(model)
    if isinstance(shim, CausalLMShim):
        return shim
    raise ValueError(
        f"the model is behind a server ({shim.server.url}) and cannot be trained or changed here: "
        f'name the folder of its weights with @architectures = "spacy_padellm.CausalLM.v1", or '
        f"freeze the component (frozen_components) where others are trained"
    )


def with_template(model: Model, template: PromptTemplate) -> Model[TrainingBatch, float]:
    """The same weights, asked with another template."""
    return _wrap(own_shim_of(model).asking(template))


def add_gradients(
    model: Model, texts: Sequence[TrainingText], token_budget: int, text_loss: float = 0.0
) -> float:
    """Adds the gradients of all texts; returns the mean loss (nats) of a target token.

    token_budget: tokens of the language model in one forward pass. text_loss: see
    `training.batch.make_batch`.

    Raises ValueError where the loss is no number, and for a model that cannot be trained.
    """
    shim = own_shim_of(model)
    shim.make_trainable()
    loaded = shim.loaded
    total, n_targets = 0.0, 0.0
    for plan in plan_batches([batch_size(loaded.lm, text) for text in texts], token_budget):
        chosen = [texts[i] for i in plan]
        batch = make_batch_for(loaded.lm, loaded.template, chosen, text_loss=text_loss)
        loss, add_gradient = model.begin_update(batch)
        if not math.isfinite(loss):
            raise ValueError(
                f"the loss is {loss}: lower the learning rate, set grad_clip in "
                f"[training.optimizer], or set model.dtype to 'float32'"
            )
        add_gradient(1.0)
        total += loss
        n_targets += batch.weight
    return total / max(n_targets, 1.0)


def _wrap(shim: CausalLMShim) -> Model[TrainingBatch, float]:
    return Model("padellm_causal_lm", _forward, shims=[shim])


def _forward(
    model: Model, batch: TrainingBatch, is_train: bool
) -> tuple[float, Callable[[float], None]]:
    return model.shims[0](batch, is_train)
