"""A causal LM from nothing: a tokenizer trained on a corpus, and weights at random.

For users who can download no model.
"""

import inspect
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from tokenizers.trainers import BpeTrainer
from transformers import CONFIG_MAPPING, AutoModelForCausalLM, PreTrainedTokenizerFast

from ..lm.language_model import LanguageModel
from ..meant import closest
from ..prompts.template import COMPACT, PromptTemplate
from .devices import find_dtype
from .hardware import Hardware
from .load import ready
from .loaded_model import LoadedModel, ModelSource
from .loading_lock import loading_lock
from .model_settings import ModelSettings

END_OF_TEXT = "<|endoftext|>"


def make_model(
    architecture: str,
    sizes: Mapping[str, Any],
    tokenizer: PreTrainedTokenizerFast,
    settings: ModelSettings,
    hardware: Hardware,
) -> LoadedModel[LanguageModel]:
    """With random weights, ready to decode. Raises ValueError as `create_model`."""
    device = hardware.find_first()
    dtype = find_dtype(hardware.dtype, device)
    model = create_model(tokenizer, architecture, **sizes)
    if dtype != "auto":
        model.to(dtype)
    model.to(device).eval()
    lm = LanguageModel(model, tokenizer, f"{architecture} from scratch")
    source = ModelSource("", hardware=hardware)
    return LoadedModel(ready(lm, hardware), settings, source, only_here=True)


def train_tokenizer(
    texts: Iterable[str],
    vocab_size: int = 8192,
    labels: Sequence[str] = (),
    template: PromptTemplate = COMPACT,
    max_count: int = 64,
) -> PreTrainedTokenizerFast:
    """A byte-level BPE whose tokens never cross a word, a punctuation mark or a digit.

    Entity boundaries lie between words and punctuation, so that mentions are whole tokens.
    Every string can be encoded (256 byte symbols). vocab_size includes the special tokens.

    Raises ValueError where vocab_size cannot hold the bytes and the special tokens.
    """
    special = [END_OF_TEXT, *template.special_tokens(tuple(labels), max_count)]
    if vocab_size < 256 + len(special) + 1:
        raise ValueError(
            f"vocab_size {vocab_size} is too small: 256 bytes and {len(special)} special "
            f"tokens need at least {257 + len(special)}"
        )
    tokenizer = Tokenizer(models.BPE())
    # So that the first word of a text has the same token as anywhere else.
    tokenizer.normalizer = normalizers.Prepend(" ")
    # A word takes the blank before it; letters, single digits and single marks stay apart.
    words = Regex(r" ?\p{L}[\p{L}\p{M}]*| ?\p{N}| ?[^\s\p{L}\p{N}]|\s+(?!\S)|\s")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(words, behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=True)
    trainer = BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token=END_OF_TEXT, additional_special_tokens=special[1:]
    )


@loading_lock()
def create_model(
    tokenizer: PreTrainedTokenizerFast, architecture: str = "llama", **sizes: Any
) -> Any:
    """A causal LM of a transformers architecture with random weights.

    sizes: fields of that architecture's config (hidden_size, num_hidden_layers, ...).

    Raises ValueError for an unknown architecture, one without a causal LM, and sizes that are
    misspelt or do not go together.
    """
    if architecture not in CONFIG_MAPPING:
        raise ValueError(
            f"architecture {architecture!r} is not known to transformers; use for example "
            f"'llama', 'qwen3' or 'gpt2'"
        )
    eos = tokenizer.eos_token_id
    known = {"vocab_size": len(tokenizer)}
    known |= dict.fromkeys(("bos_token_id", "eos_token_id", "pad_token_id"), eos)
    _check_sizes(architecture, sizes)
    try:
        config = CONFIG_MAPPING[architecture](**{**known, **sizes})
        return AutoModelForCausalLM.from_config(config, trust_remote_code=False)
    except (ValueError, TypeError, AssertionError) as error:
        raise ValueError(f"model.sizes {sizes} do not make a {architecture}: {error}") from error


def _check_sizes(architecture: str, sizes: Mapping[str, Any]) -> None:
    """transformers takes any name, and one that is misspelt leaves the size of a large model."""
    kind = CONFIG_MAPPING[architecture]
    fields = {*kind().to_dict(), *kind.attribute_map, *inspect.signature(kind).parameters}
    for name in sizes:
        if name not in fields:
            close = closest(name, sorted(fields))
            mend = f"did you mean {close!r}?" if close else f"see {kind.__name__}"
            raise ValueError(
                f"model.sizes has {name!r}, which {architecture} does not know: {mend}"
            )
