"""What a step of training on a CPU takes: reckoned from short passes, and counted in long ones."""

import contextlib

import pytest
import torch

from spacy_padellm.formats.gold_text import GoldText
from spacy_padellm.learning.examples import make_training_text
from spacy_padellm.lm.language_model import LanguageModel
from spacy_padellm.lm.pointers import Pointers
from spacy_padellm.models.adapter_settings import AdapterSettings
from spacy_padellm.models.adapters import train_adapter
from spacy_padellm.models.make import create_model
from spacy_padellm.prompts.encoding import PromptEncoder
from spacy_padellm.prompts.template import get_template
from spacy_padellm.training.from_config.step_memory import measure_passes
from spacy_padellm.training.pointing_task import PointingTask
from spacy_padellm.training.trainer import Step
from spacy_padellm.training.tree_task import TreeTask

LABELS = ("PER", "LOC")
GATED = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2}
KINDS = {
    "llama": {**GATED, "num_attention_heads": 4, "num_key_value_heads": 2},
    "gpt2": {"n_embd": 64, "n_layer": 2, "n_head": 4, "n_positions": 2048},
}


def counted(task, texts):
    """Bytes that a pass saves for its gradients, weights left out."""
    weights = {weight.data_ptr() for weight in task.lm.trained.parameters()}
    saved = {}

    def keep(tensor):
        saved[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    (one,) = task.passes(Step(0, 0.0, 0, texts))
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        task.losses(one, None)
    sizes = [of.untyped_storage().nbytes() for at, of in saved.items() if at not in weights]
    return sum(sizes), one.n_tokens


def autocast(wanted):
    return torch.autocast("cpu", torch.bfloat16) if wanted else contextlib.nullcontext()


@pytest.mark.parametrize(
    ("kind", "points", "lora", "mixed", "drop"),
    [
        ("llama", True, False, False, 0.1),
        ("llama", True, True, True, 0.0),
        ("llama", False, False, False, 0.0),
        ("gpt2", True, False, True, 0.0),
    ],
)
def test_a_long_text_and_many_short_ones_take_what_is_reckoned(
    kind, points, lora, mixed, drop, compact_tokenizer
):
    torch.manual_seed(0)
    lm = LanguageModel(create_model(compact_tokenizer, kind, **KINDS[kind]), compact_tokenizer)
    if points:
        lm.pointers = Pointers(64, LABELS, width=16, depth=1)
    if lora:
        lm = train_adapter(lm, AdapterSettings(rank=4))
    lm.trained.train()
    template = get_template("compact", repeat_text=points)
    encoder = PromptEncoder(compact_tokenizer, template)

    def text_of(words):
        return make_training_text(encoder, GoldText("Ada met Bob. " * words, ()), LABELS)

    filler = text_of(1)
    task = (
        PointingTask(lm, template, 10**6, filler, drop)
        if points
        else TreeTask(lm, template, 10**6, filler)
    )
    state = torch.get_rng_state()
    with autocast(mixed):
        memory = measure_passes(task, lm, encoder, LABELS)
    assert torch.equal(torch.get_rng_state(), state)
    of_scores = 4 * 4 * 2  # bytes of a float, heads, layers: kept where attention is plain
    assert memory.pair == pytest.approx(of_scores) if points else memory.pair < of_scores / 2
    for rows, texts in ((1, [text_of(120)]), (10, [text_of(4)] * 10)):
        with autocast(mixed):
            found, n_tokens = counted(task, texts)
        columns = n_tokens // rows
        if not points:  # rows of several texts
            rows, columns = 1, n_tokens
        assert memory.of(rows, columns) == pytest.approx(found, rel=0.1)
