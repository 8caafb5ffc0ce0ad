"""Tree against rows on tiny models of real architectures, and what must fall back."""

import logging
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from spacy_padellm.decoding import Decoder, DecodingSettings
from spacy_padellm.formats.gold_text import GoldText
from spacy_padellm.learning.batch import batch_loss, make_batch, make_batch_for
from spacy_padellm.learning.examples import make_training_text
from spacy_padellm.lm.selfcheck import check_language_model
from spacy_padellm.prompts.encoding import PromptEncoder
from spacy_padellm.prompts.template import get_template

from .families import FALLBACKS, FAMILIES, LABELS, TEXTS, make


def answers(lm, tokenizer, method, copies=False):
    encoder = PromptEncoder(tokenizer, get_template("compact", copies=copies), max_count=5)
    decoder = Decoder(lm, encoder, DecodingSettings(method, max_mention_tokens=6))
    return [
        ([(c.label, c.value) for c in p.counts], [(m.label, m.start, m.end) for m in p.mentions])
        for p in decoder.predict(TEXTS, LABELS)
    ]


@pytest.mark.parametrize("attention", [None, "eager"])
@pytest.mark.parametrize("name", FAMILIES)
def test_tree_and_rows_predict_the_same(name, attention, compact_tokenizer):
    lm = make(name, compact_tokenizer, attention)
    assert lm.tree
    by_tree = answers(lm, compact_tokenizer, "tree")
    assert by_tree == answers(lm, compact_tokenizer, "paper")
    assert by_tree == answers(lm, compact_tokenizer, "rows")
    assert any(mentions for _, mentions in by_tree)
    # Asked of few ids, the model chooses the same.
    for method in ("tree", "rows"):
        assert by_tree == answers(lm, compact_tokenizer, method, copies=True)


@pytest.mark.parametrize("name", FALLBACKS)
def test_what_a_tree_would_break_falls_back_to_rows(name, compact_tokenizer, caplog):
    with caplog.at_level(logging.WARNING):
        lm = make(name, compact_tokenizer)
    assert not lm.tree
    assert name in caplog.text and "rows" in caplog.text
    with pytest.raises(ValueError, match="rows"):
        answers(lm, compact_tokenizer, "tree")
    by_rows = answers(lm, compact_tokenizer, "rows")
    lm.rows_cached = False
    assert by_rows == answers(lm, compact_tokenizer, "rows")
    assert any(mentions for _, mentions in by_rows)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(
    "name, seen",
    [
        ("llama", lambda mask: mask | True if mask.dtype == torch.bool else mask * 0),
        ("gemma2", lambda masks: {**masks, "sliding_attention": masks["full_attention"]}),
    ],
    ids=["all", "no window"],
)
def test_a_model_that_sees_what_is_masked_is_found_out(
    name, seen, dtype, compact_tokenizer, monkeypatch
):
    lm = make(name, compact_tokenizer)
    lm.model.to(dtype)
    assert check_language_model(lm).tree
    forward, masks = lm.model.forward, []

    def blind(*arguments, attention_mask=None, **named):
        if attention_mask is not None:
            masks.append(attention_mask)
            attention_mask = seen(attention_mask)
        return forward(*arguments, attention_mask=attention_mask, **named)

    monkeypatch.setattr(lm.model, "forward", blind)
    assert not check_language_model(lm).tree and masks


def test_half_precision_passes_the_check(compact_tokenizer):
    lm = make("llama", compact_tokenizer)
    lm.model.bfloat16()
    assert check_language_model(lm).tree


@pytest.mark.parametrize("name", [*FAMILIES, *FALLBACKS])
def test_the_training_loss_is_that_of_plain_rows(name, compact_tokenizer):
    lm = make(name, compact_tokenizer)
    encoder = PromptEncoder(compact_tokenizer, get_template("compact"))
    golds = [GoldText(TEXTS[0], ((0, 12, "PER"), (36, 42, "LOC"))), GoldText(TEXTS[1], ())]
    texts = [make_training_text(encoder, gold, LABELS) for gold in golds]
    expected = 0.0
    with torch.no_grad():
        for path in (path for text in texts for path in text.paths):
            logits = lm.model(input_ids=torch.tensor([path.ids[:-1]])).logits[0].float()
            losses = torch.log_softmax(logits, -1)
            n = path.n_targets
            expected -= sum(losses[-n:][range(n), list(path.ids[-n:])]).item()
    batch = make_batch_for(lm, encoder.template, texts)
    loss = batch_loss(lm, batch)
    assert loss.item() == pytest.approx(expected, rel=1e-4)
    loss.backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in lm.model.parameters())
    if not lm.tree:
        with pytest.raises(ValueError, match="make_batch_for"):
            batch_loss(lm, make_batch(texts))
        with pytest.raises(ValueError, match="bidirectional"):
            make_batch_for(lm, get_template("compact", bidirectional=True), texts)


def test_threads_can_share_a_model(compact_tokenizer):
    lm = make("llama", compact_tokenizer)
    expected = answers(lm, compact_tokenizer, "tree")
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: answers(lm, compact_tokenizer, "tree"), range(24)))
    assert found == [expected] * 24
