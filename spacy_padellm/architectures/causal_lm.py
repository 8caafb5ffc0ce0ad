"""The models that a config can name: `[components.padellm_ner.model]`."""

from inspect import signature
from typing import Any

from thinc.api import Model

from ..models.adapter_settings import AdapterSettings
from ..models.hardware import Hardware
from ..models.loaded_model import ModelSource
from ..models.named.box import DEFAULT
from ..prompts.template import COMPACT, PromptTemplate, get_template
from .config_values import keeps_settings
from .origin import FromScratch, Pretrained
from .protocol import shim_of
from .shim import CausalLMShim


@keeps_settings()
def build_causal_lm(
    name: str | None = DEFAULT,
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
    pointers: bool = False,
    runtime: str = "auto",
    train_embeddings: bool = True,
) -> Model[Any, Any]:
    """A pretrained causal LM. Nothing is read before it is used.

    name: a folder, a GGUF file, the name of a model in an installed package (`python -m spacy
        padellm models`), or a Hub id; null is refused when the model is used.
    adapter: folder, name or Hub id of a peft adapter.
    device: "auto", "cpu", "cuda", "cuda:1", "mps".
    dtype: "auto" (the checkpoint's; on a CPU float32, except for a checkpoint in bfloat16 on a
        CPU that is fast in it), "float32", "bfloat16", "float16".
    template: instead of the one saved with the model ("plain" if there is none).
    peft: the adapter to train; see the block `model.peft` below. None trains all weights.
    mixed_precision: bfloat16 autocast in training.
    revision: of a Hub id.
    devices: puts a copy of the model on each, which share the texts; instead of `device`.
    device_map: one model spread over devices by accelerate ("auto", "balanced", ...); instead of
    `device`.
    quantize: "int8" (torchao, for decoding only), or "8bit" or "4bit" (bitsandbytes, on a CUDA
    device), on which an adapter can be trained.
    compile: passes of fixed shapes, compiled at first use; for servers, since each shape takes
    some seconds.
    pointers: training teaches the model to point at mentions, all in one pass, instead of writing
    them; use it for your own labels.
    runtime: "torch", "onnx" (onnxruntime, for a model that `python -m spacy padellm export` wrote),
    or "auto": onnx on a CPU if the model has it. Training always uses torch.
    train_embeddings: false keeps the token embeddings as pretrained while all other weights are
    trained: texts have few of the words that a model knows, and steps are a fifth faster.
    """
    hardware = Hardware(device, dtype, devices or (), device_map, quantize, compile, runtime)
    template = _check_template(template)
    origin = Pretrained(ModelSource(name or "", adapter, revision, hardware), template)
    adapter_settings = None if peft is None else AdapterSettings.read(peft)
    return _wrap(
        CausalLMShim(origin, adapter_settings, mixed_precision, pointers, train_embeddings)
    )


# Of a component that was added without a config: the model in the box.
DEFAULT_MODEL: dict[str, Any] = {
    "@architectures": "spacy_padellm.CausalLM.v1",
    **{name: one.default for name, one in signature(build_causal_lm).parameters.items()},
}


@keeps_settings()
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
    pointers: bool = False,
    runtime: str = "auto",
    train_embeddings: bool = True,
) -> Model[Any, Any]:
    """A causal LM that `initialize` makes: a tokenizer trained on the corpus, and random weights.

    architecture: of transformers ("llama", "qwen3", "gpt2", ...).
    sizes: fields of the architecture's config.
    vocab_size: of the tokenizer.
    template: one with special tokens; "compact" if None.
    max_count: the tokenizer gets a token for each count up to it.
    mixed_precision: bfloat16 autocast in training.
    device, dtype, devices, compile: as in "spacy_padellm.CausalLM.v1".
    device_map, quantize: the same; they take effect when the trained model is loaded.
    pointers: as in "spacy_padellm.CausalLM.v1".
    runtime: the same; a trained model can be exported.
    """
    hardware = Hardware(device, dtype, devices or (), device_map, quantize, compile, runtime)
    origin = FromScratch(
        architecture,
        dict(sizes or {}),
        vocab_size,
        _check_template(template) or COMPACT,
        max_count,
        hardware,
    )
    return _wrap(CausalLMShim(origin, None, mixed_precision, pointers))


@keeps_settings()
def make_template(
    preset: str = "plain",
    bidirectional: bool | None = None,
    copies: bool | None = None,
    repeat_text: bool | None = None,
    blanks: bool | None = None,
    joint: bool | None = None,
    markers: str | None = None,
    name: str | None = None,
    before_text: str | None = None,
    before_label: str | None = None,
    after_label: str | None = None,
    before_mention: str | None = None,
    description: str | None = None,
    count: str | None = None,
    label_token: str | None = None,
    end_of_mention: str | None = None,
    changes: dict[str, Any] | None = None,
) -> PromptTemplate:
    """A preset prompt template, with some of its fields changed.

    preset: "plain", "compact", or another by its name.
    bidirectional to end_of_mention: fields of a template, described below; null takes the field of
    the preset.
    changes: the same fields as a mapping, for configs of earlier releases.

    Raises ValueError for an unknown preset or field, and for a value out of its range.
    """
    given = {name: value for name, value in locals().items() if value is not None}
    fields = {name: given[name] for name in given if name not in ("preset", "changes")}
    return get_template(preset, **{**(changes or {}), **fields})


def _check_template(template: Any) -> PromptTemplate | None:
    if template is None or isinstance(template, PromptTemplate):
        return template
    fields = {"preset": "compact", **(template if isinstance(template, dict) else {})}
    block = {"@misc": "spacy_padellm.PromptTemplate.v1", **fields}
    raise ValueError(
        f"the model setting `template` is {template!r}: name the function that makes it, such as "
        f"{block!r}"
    )


def own_shim_of(model: Model) -> CausalLMShim:
    """The model in this process. Raises ValueError for one behind a server."""
    shim = shim_of(model).own()
    assert isinstance(shim, CausalLMShim)
    return shim


def _wrap(shim: CausalLMShim) -> Model[Any, Any]:
    return Model("padellm_causal_lm", _forward, shims=[shim])


def _forward(model: Model, docs: Any, is_train: bool) -> Any:
    raise TypeError(
        "this model takes batches of prompts, not Docs, and `spacy debug model` cannot look "
        "into it: `spacy debug data` checks config and corpus, `spacy padellm benchmark` the "
        "model"
    )
