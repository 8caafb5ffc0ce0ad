"""A BERT encoder made into a causal LM: the same weights, a mask that looks back only, and a head
over its words that is to be trained."""

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from transformers import AutoTokenizer, BertConfig, BertLMHeadModel

from ..files.json_file import read_checked
from ..files.pretrained import NO_CODE
from ..files.schemas import ConfigFile
from ..files.trouble import foreign
from ..files.weights import WEIGHTS
from ..loading_lock import loading_lock
from ..progress_bars import no_progress_bars
from .content import set_apart

_SEED = 0  # of the head: an adapter for it holds wherever the model is made


def make_causal(files: tuple[Path, ...], folder: Path, described: str) -> None:
    """Writes the model into an empty folder.

    files: of the encoder's folder, which are all that is read of it. Raises ValueError for one that
    is no BERT or is broken.
    """
    known = {path.name: path for path in files}
    for name in ("config.json", WEIGHTS):
        if name not in known:
            raise ValueError(f"{described} has no {name}: install its package again")
    if (kind := read_checked(known["config.json"], ConfigFile).model_type) != "bert":
        raise ValueError(
            f"{described} is an encoder of kind {kind!r}: of encoders, only BERT can be made into "
            f"a causal LM"
        )
    with (
        set_apart(files, folder) as source,
        loading_lock(),
        no_progress_bars(),
        foreign(lambda why: f"{described} cannot be read ({why}): install its package again"),
        torch.random.fork_rng(devices=[]),
    ):
        weights = load_file(source / WEIGHTS)
        config = BertConfig.from_pretrained(source)
        config.is_decoder, config.architectures = True, ["BertLMHeadModel"]
        torch.manual_seed(_SEED)
        model: Any = BertLMHeadModel(config)
        model.bert.load_state_dict({name: weights[name] for name in model.bert.state_dict()})
        model.tie_weights()
        model.save_pretrained(folder)
        tokenizer = AutoTokenizer.from_pretrained(source, **NO_CODE)
        tokenizer.backend_tokenizer.no_truncation()
        tokenizer.backend_tokenizer.no_padding()
        tokenizer.bos_token, tokenizer.eos_token = tokenizer.cls_token, tokenizer.sep_token
        tokenizer.save_pretrained(folder)
