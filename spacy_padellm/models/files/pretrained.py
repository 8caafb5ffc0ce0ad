"""The calls into transformers that read a model's files: none runs code that is among them.

transformers would ask on standard input whether to trust a folder's code, and take the first line
of a corpus that is read from there for the answer.
"""

from typing import Any

from transformers import (
    MODEL_FOR_CAUSAL_LM_MAPPING,
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedConfig,
)

from ..place import ModelPlace
from .json_file import read_checked
from .rounded import is_rounded, read_rounded
from .schemas import ConfigFile, GenerationFile, ObjectFile, TokenizerConfigFile, TokenizerFile
from .trouble import COPY_AGAIN, foreign
from .weights import WEIGHTS, check_weights

NO_CODE = {"trust_remote_code": False}
SAFE: dict[str, Any] = {**NO_CODE, "use_safetensors": True}


def read_config(place: ModelPlace) -> Any:
    """The config of transformers. Raises as transformers where there is none, and ValueError
    for one that is broken, or that needs code of the folder."""
    path = place.file("config.json")
    checked = read_checked(path, ConfigFile) if path else None
    if checked is not None:
        for name, value in (checked.model_extra or {}).items():
            if name.endswith("_implementation") and "/" in str(value):
                raise ValueError(
                    f"{path} asks for {name} {value!r}, a kernel to be fetched and run, which this "
                    f"package never does: remove the line"
                )
    own = (OSError,) if path else (OSError, ValueError)
    with foreign(lambda why: _broken_config(place, checked, why), own=own):
        config = AutoConfig.from_pretrained(place.source, **NO_CODE)
        if not isinstance(config.get_text_config(), PreTrainedConfig):
            raise TypeError("its text_config is none")
        return config


def read_tokenizer(place: ModelPlace) -> Any:
    """Raises ValueError for a tokenizer that is missing, broken, or code of the folder."""
    needs_code = False
    for name in ("tokenizer.json", "tokenizer_config.json", *_TOKENIZER_OBJECTS):
        if path := place.file(name):
            checked = read_checked(path, _TOKENIZER_SCHEMAS.get(name, ObjectFile))
            needs_code |= bool(getattr(checked, "auto_map", None))

    def describe(why: str) -> str:
        if needs_code:
            return (
                f"{place.described} has a tokenizer that is code of its own (auto_map in "
                f"tokenizer_config.json), which this package never runs: save it as "
                f"tokenizer.json, or choose another model"
            )
        return (
            f"{place.described} has no tokenizer that can be read from its tokenizer.json and "
            f"tokenizer_config.json ({why}): put the model's tokenizer files there"
        )

    with foreign(describe):
        tokenizer = AutoTokenizer.from_pretrained(place.source, **NO_CODE)
        ids, tokens = count_ids(tokenizer), len(tokenizer)
    if ids > 2 * tokens + 1_000:  # some ids may be left out
        raise ValueError(
            f"tokenizer.json of {place.described} has {tokens} tokens with ids up to {ids}: "
            f"{COPY_AGAIN}"
        )
    return tokenizer


def count_ids(tokenizer: Any) -> int:
    """How many rows of embeddings its ids need."""
    return max(len(tokenizer), max(tokenizer.get_vocab().values(), default=0) + 1)


def check_model(place: ModelPlace, config: Any) -> None:
    """What is cheap to know before a model is made as its config says. Raises ValueError for
    weights that are no safetensors or do not belong to the config, and for an adapter among
    them."""
    if place.file("adapter_config.json"):  # transformers would read it, unchecked
        raise ValueError(
            f"{place.described} holds a whole model and an adapter: put adapter_config.json and "
            f"adapter_model.safetensors into a folder of their own, and set `adapter` to it"
        )
    if path := place.file("generation_config.json"):
        read_checked(path, GenerationFile)
    check_weights(place, config.get_text_config())


def read_causal_lm(place: ModelPlace, dtype: Any, **options: Any) -> Any:
    """The model, and what transformers says of loading it. Raises as transformers does."""
    weights = place.file(WEIGHTS)
    if weights is not None and is_rounded(weights):
        config = read_config(place)
        made: Any = MODEL_FOR_CAUSAL_LM_MAPPING[type(config)]
        return made.from_pretrained(
            None,
            config=config,
            state_dict=read_rounded(weights),
            dtype=dtype,
            output_loading_info=True,
            **options,
        )
    return AutoModelForCausalLM.from_pretrained(
        place.source, dtype=dtype, output_loading_info=True, **SAFE, **options
    )


_TOKENIZER_OBJECTS = ("special_tokens_map.json", "added_tokens.json")
_TOKENIZER_SCHEMAS: dict[str, Any] = {
    "tokenizer.json": TokenizerFile,
    "tokenizer_config.json": TokenizerConfigFile,
}


def _broken_config(place: ModelPlace, checked: ConfigFile | None, why: str) -> str:
    if checked is not None and checked.auto_map:
        return (
            f"{place.described} needs code of its own (auto_map in config.json; model_type "
            f"{checked.model_type!r} is not in transformers), which this package never runs: "
            f"choose a model whose architecture is in transformers"
        )
    return f"config.json of {place.described} cannot be read ({why}): {COPY_AGAIN}"
