"""Tiny models of real architectures on onnxruntime: the same answers as on torch."""

import numpy as np
import pytest
import torch
from core.families import FALLBACKS, FAMILIES, LABELS, TEXTS, make
from transformers import BertConfig, BertLMHeadModel

from spacy_padellm.decoding import Decoder, DecodingSettings
from spacy_padellm.lm.language_model import LanguageModel
from spacy_padellm.lm.onnx.model import check_onnx_model
from spacy_padellm.lm.pointers import Pointers
from spacy_padellm.lm.selfcheck import check_language_model
from spacy_padellm.lm.session import AskedLabels
from spacy_padellm.models.exported.description import read_description
from spacy_padellm.models.exported.read import read_exported
from spacy_padellm.models.exported.write import write_exported
from spacy_padellm.models.loaded_model import LoadedModel
from spacy_padellm.models.model_settings import ModelSettings
from spacy_padellm.models.place import find_place
from spacy_padellm.prompts.encoding import PromptEncoder
from spacy_padellm.prompts.template import get_template


def bert(tokenizer):
    torch.manual_seed(3)
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
    config = BertConfig(vocab_size=len(tokenizer), intermediate_size=48, is_decoder=True, **sizes)
    model = BertLMHeadModel(config).eval()
    for module in model.modules():
        if isinstance(module, (torch.nn.Linear, torch.nn.Embedding)):
            torch.nn.init.normal_(module.weight, std=0.3)
    return check_language_model(LanguageModel(model, tokenizer, name="bert"))


def made(name, tokenizer):
    return bert(tokenizer) if name == "bert" else make(name, tokenizer)


def with_pointers(lm):
    torch.manual_seed(5)
    pointers = Pointers(lm.config.hidden_size, LABELS[:2], width=16, depth=2)
    for weight in pointers.parameters():
        torch.nn.init.normal_(weight, std=0.2)
    lm.pointers = pointers.eval()
    return lm


def exported(lm, folder, precision="fp32"):
    settings = ModelSettings(get_template("compact"), tuple(LABELS), max_count=5)
    write_exported(LoadedModel(lm, settings), folder, precision)
    place = find_place(str(folder), "name")
    return read_exported(place, read_description(place), lm.name)


def answers(lm, method, copies):
    encoder = PromptEncoder(lm.tokenizer, get_template("compact", copies=copies), max_count=5)
    settings = DecodingSettings(method, copy=copies, max_mention_tokens=6)
    found = Decoder(lm, encoder, settings).predict(TEXTS, LABELS)
    counts = [[(count.label, count.value) for count in of_text.counts] for of_text in found]
    mentions = [[(m.label, m.text, m.start, m.end) for m in of_text.mentions] for of_text in found]
    probabilities = [
        number
        for of_text in found
        for part in (*of_text.counts, *of_text.mentions)
        for number in [part.probability]
    ]
    return (counts, mentions), probabilities


@pytest.mark.parametrize("name", [*FAMILIES, "bert"])
def test_the_same_mentions_as_on_torch(name, compact_tokenizer, tmp_path):
    lm = made(name, compact_tokenizer)
    onnx = exported(lm, tmp_path)
    for method, copies in (("tree", True), ("tree", False), ("rows", True), ("paper", False)):
        found, probabilities = answers(onnx, method, copies)
        expected, wanted = answers(lm, method, copies)
        assert found == expected
        assert probabilities == pytest.approx(wanted, abs=1e-4)
    assert any(mentions for mentions in found[1])


@pytest.mark.parametrize(
    "name, both_ways",
    [
        *((name, True) for name in (*FAMILIES, "bert")),
        *((name, False) for name in ("mistral_window", "gemma3", "bert")),
    ],
)
def test_the_same_pointers_as_on_torch(name, both_ways, compact_tokenizer, tmp_path):
    lm = with_pointers(made(name, compact_tokenizer))
    onnx = exported(lm, tmp_path)
    encoder = PromptEncoder(
        compact_tokenizer, get_template("compact", bidirectional=both_ways), max_count=5
    )
    asked = AskedLabels(tuple(LABELS), tuple(map(encoder.label_ids, LABELS)))
    prompts = [encoder.prompt(text, LABELS) for text in [*TEXTS, "", "Ada. " * 30]]
    wanted = lm.point_at(prompts, asked, both_ways)
    found = onnx.point_at(prompts, asked, both_ways)
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)
    assert np.concatenate(found).std() > 0.1
    alone = [onnx.point_at([prompt], asked, both_ways)[0] for prompt in prompts]
    for one, other in zip(found, alone, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)


@pytest.mark.parametrize("name", FALLBACKS)
def test_what_takes_no_tree_is_not_exported(name, compact_tokenizer, tmp_path):
    with pytest.raises(ValueError, match="takes no tree mask, and cannot be exported"):
        exported(make(name, compact_tokenizer), tmp_path)


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_a_graph_that_sees_what_is_masked_is_found_out(
    precision, compact_tokenizer, tmp_path, monkeypatch
):
    onnx = exported(make("llama", compact_tokenizer), tmp_path, precision)
    run = onnx.body.run
    blind = lambda outputs, feeds: run(outputs, {**feeds, "mask": feeds["mask"] | True})  # noqa: E731
    monkeypatch.setattr(onnx.body, "run", blind)
    with pytest.raises(ValueError, match="branches of a tree see each other"):
        check_onnx_model(onnx)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_weights_of_16_bits_are_stored_once_and_in_16_bits(dtype, compact_tokenizer, tmp_path):
    lm = make("llama", compact_tokenizer)
    for weight in lm.model.parameters():
        weight.data = weight.data.to(dtype).float()
    onnx = exported(lm, tmp_path)
    weights = sum(weight.numel() for weight in lm.model.parameters())
    assert (tmp_path / "model.safetensors").stat().st_size < 2 * weights + 20_000
    graph = (tmp_path / "model.onnx").stat().st_size
    assert graph < 200_000 and all(
        weight.dtype == torch.float32 for weight in lm.model.parameters()
    )
    assert answers(onnx, "tree", True)[0] == answers(lm, "tree", True)[0]


def test_half_the_size_for_nearly_the_same(compact_tokenizer, tmp_path):
    lm = with_pointers(bert(compact_tokenizer))
    encoder = PromptEncoder(compact_tokenizer, get_template("compact"), max_count=5)
    asked = AskedLabels(tuple(LABELS), tuple(map(encoder.label_ids, LABELS)))
    prompts = [encoder.prompt(text, LABELS) for text in TEXTS]
    wanted = lm.point_at(prompts, asked, True)
    (tmp_path / "whole").mkdir()
    (tmp_path / "half").mkdir()
    exported(lm, tmp_path / "whole")
    half = exported(lm, tmp_path / "half", "fp16")
    for one, other in zip(half.point_at(prompts, asked, True), wanted, strict=True):
        np.testing.assert_allclose(one, other, atol=0.02)
    sizes = [(tmp_path / part / "model.safetensors").stat().st_size for part in ("whole", "half")]
    assert sizes[1] < 0.6 * sizes[0]


@pytest.mark.parametrize("name", ["llama", "gpt2", "bert"])
def test_8_bits_are_close_and_small(name, compact_tokenizer, tmp_path):
    lm = with_pointers(made(name, compact_tokenizer))
    encoder = PromptEncoder(compact_tokenizer, get_template("compact"), max_count=5)
    asked = AskedLabels(tuple(LABELS), tuple(map(encoder.label_ids, LABELS)))
    prompts = [encoder.prompt(text, LABELS) for text in TEXTS]
    wanted = lm.point_at(prompts, asked, True)
    rounded = exported(lm, tmp_path, "int8")
    assert rounded.rounded
    found = rounded.point_at(prompts, asked, True)
    differences = [np.abs(one - other) for one, other in zip(found, wanted, strict=True)]
    assert 0 < np.concatenate(differences).mean() < 0.05
