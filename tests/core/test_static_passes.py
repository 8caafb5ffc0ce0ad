"""Passes in fixed shapes, compiled or not, decode as free ones do."""

import pytest
import torch
from torch._inductor.exc import InvalidCxxCompiler

from spacy_padellm.decoding import Decoder, DecodingSettings
from spacy_padellm.lm.static_passes import pass_width, round_up
from spacy_padellm.prompts.encoding import PromptEncoder
from spacy_padellm.prompts.template import get_template

from .test_families import FAMILIES, LABELS, TEXTS, make

LONG = " ".join(["Ada Lovelace met Charles Babbage in London."] * 12)


def decode(lm, tokenizer, texts=TEXTS, copies=True):
    template = get_template("compact", copies=copies, bidirectional=True)
    encoder = PromptEncoder(tokenizer, template, max_count=5)
    decoder = Decoder(lm, encoder, DecodingSettings(max_mention_tokens=6, draft_tokens=1))
    return decoder.predict(texts, LABELS)


def same(ours, theirs):
    assert any(prediction.mentions for prediction in theirs)
    for one, other in zip(ours, theirs, strict=True):
        assert [c.value for c in one.counts] == [c.value for c in other.counts]
        assert [(m.label, m.start, m.end) for m in one.mentions] == [
            (m.label, m.start, m.end) for m in other.mentions
        ]
        for mine, its in zip(one.mentions, other.mentions, strict=True):
            assert mine.probability == pytest.approx(its.probability, rel=1e-3)


@pytest.mark.parametrize("attention", [None, "eager"])
@pytest.mark.parametrize("name", FAMILIES)
def test_fixed_shapes_decode_the_same(name, attention, compact_tokenizer):
    lm = make(name, compact_tokenizer, attention)
    free = decode(lm, compact_tokenizer), decode(lm, compact_tokenizer, copies=False)
    lm.compile(compiled=False)
    same(decode(lm, compact_tokenizer), free[0])
    same(decode(lm, compact_tokenizer, copies=False), free[1])
    same(decode(lm, compact_tokenizer), free[0])  # on caches that were used before


def test_a_cache_grows_when_a_text_needs_it(compact_tokenizer, monkeypatch):
    lm = make("llama", compact_tokenizer)
    texts = [LONG, "No one.", LONG]
    free = decode(lm, compact_tokenizer, texts)
    lm.compile(compiled=False)
    opened = lm.static.open
    monkeypatch.setattr(lm, "open_cache", lambda rows, columns, _: opened(rows, 1))
    same(decode(lm, compact_tokenizer, texts), free)


@pytest.mark.slow
def test_compiled_passes_decode_the_same(compact_tokenizer, caplog):
    lm = make("llama", compact_tokenizer)
    free = decode(lm, compact_tokenizer)
    lm.compile()
    for _ in range(2):  # a cache's first pass is not compiled
        same(decode(lm, compact_tokenizer), free)
    if not lm.static.compiled:
        pytest.skip("nothing can be compiled here: " + caplog.text)
    shapes = len(lm.static.shapes)
    same(decode(lm, compact_tokenizer), free)
    assert len(lm.static.shapes) == shapes


def test_what_cannot_be_compiled_runs_all_the_same(compact_tokenizer, caplog, monkeypatch):
    lm = make("llama", compact_tokenizer)
    free = decode(lm, compact_tokenizer)

    def broken(*_arguments):
        raise InvalidCxxCompiler

    monkeypatch.setattr(torch, "compile", lambda *_, **__: broken)
    lm.compile()
    same(decode(lm, compact_tokenizer), free)
    told = [r.getMessage() for r in caplog.records if r.name.endswith("static_passes")]
    (begins, said) = told
    assert begins.startswith("compiling passes")
    assert "C++ compiler" in said and "`compile`" in said


def test_the_plain_head_stays_as_it_is(compact_tokenizer):
    lm = make("llama", compact_tokenizer)
    ids = torch.arange(5, 15)[None]
    before, names = lm.model(ids).logits, list(lm.model.state_dict())
    lm.compile(compiled=False)
    decode(lm, compact_tokenizer)
    torch.testing.assert_close(lm.model(ids).logits, before)
    assert list(lm.model.state_dict()) == names


def test_widths_are_few_and_wide_enough():
    widths = {pass_width(n) for n in range(1, 1025)}
    assert widths == {8, 16, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024}
    assert all(pass_width(n) >= n for n in range(1, 1025))
    assert [round_up(n, 4) for n in (1, 4, 5, 9)] == [4, 4, 8, 16]


def test_one_bad_text_does_not_spoil_the_next(compact_tokenizer):
    lm = make("llama", compact_tokenizer)
    free = decode(lm, compact_tokenizer)
    lm.compile(compiled=False)
    decode(lm, compact_tokenizer)
    with torch.inference_mode():
        for slot in lm.static.free:
            for layer in slot.cache.layers:
                layer.keys.fill_(float("nan"))
                layer.values.fill_(float("nan"))
    same(decode(lm, compact_tokenizer), free)


def test_memory_that_runs_out_is_no_matter_of_compiling(compact_tokenizer, monkeypatch):
    lm = make("llama", compact_tokenizer)
    free = decode(lm, compact_tokenizer)
    real, failed = lm.model.model.forward, []

    def once(*arguments, **named):
        if not failed:
            failed.append(1)
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(*arguments, **named)

    monkeypatch.setattr(lm.model.model, "forward", once)
    monkeypatch.setattr(torch, "compile", lambda forward, **_: forward)
    lm.compile()
    same(decode(lm, compact_tokenizer), free)
    assert failed and lm.static.compiled and all(slot.sound for slot in lm.static.free)
