"""What is run ahead changes how many passes there are, never what is found."""

import itertools
from dataclasses import replace

import pytest

from spacy_padellm.decoding import Decoder, DecodingSettings
from spacy_padellm.decoding.speculation import PassCost, Speculation
from spacy_padellm.prompts.encoding import PromptEncoder
from spacy_padellm.prompts.template import get_template

from .test_families import FAMILIES, LABELS, TEXTS, make

REPEATS = "New York, New York State, New York City and York. " * 2


def answers(decoder, texts, labels):
    return [
        (
            [(c.label, c.value, pytest.approx(c.probability, rel=1e-3)) for c in p.counts],
            [(m.label, m.start, m.end, pytest.approx(m.probability, rel=1e-3)) for m in p.mentions],
        )
        for p in decoder.predict(texts, labels)
    ]


@pytest.mark.parametrize("preset", ["compact", "plain", "paper_english"])
@pytest.mark.parametrize("name", ["llama", "mistral_window", "bloom", "mamba"])
def test_the_output_is_that_of_greedy_decoding(
    name, preset, compact_tokenizer, sentencepiece_tokenizer
):
    tokenizer = compact_tokenizer if preset == "compact" else sentencepiece_tokenizer
    lm = make(name, tokenizer)
    encoder = PromptEncoder(tokenizer, get_template(preset), max_count=5)
    texts = [*TEXTS, REPEATS]
    for method in ("tree", "rows") if name in FAMILIES else ("rows",):
        settings = DecodingSettings(method, max_mention_tokens=6, draft_tokens=0, guess_counts=())
        plain = Decoder(lm, encoder, settings)
        expected = answers(plain, texts, LABELS)
        assert name not in FAMILIES or any(mentions for _, mentions in expected)
        for drafts, guesses in itertools.product((1, 9, None), ((), (1, 2), None)):
            settings = replace(settings, draft_tokens=drafts, guess_counts=guesses)
            ahead = Decoder(lm, encoder, settings)
            assert answers(ahead, texts, LABELS) == expected, (method, drafts, guesses)
            if drafts == 9 and guesses == () and preset == "compact":
                assert ahead.work.passes < plain.work.passes


def test_the_cost_of_a_pass_is_learned():
    cost = PassCost()
    assert cost.fixed_tokens == 48.0
    for tokens in (10, 400, 30, 700, 20, 50):
        cost.add(tokens, 0.02 + 0.0001 * tokens)
    assert cost.fixed_tokens == pytest.approx(200, rel=0.01)


def test_drafts_are_longer_where_passes_are_dear_and_mentions_long():
    speculation = Speculation()
    for _ in range(200):
        speculation.saw_mention(5)
    few = [1, 1]

    def with_cost(fixed):
        speculation.cost = PassCost()
        for tokens in (10, 500, 20, 300):
            speculation.cost.add(tokens, fixed + tokens)
        return speculation.draft_length(few)

    assert with_cost(100.0) == 3  # four tokens are missing, the end included
    for _ in range(2000):
        speculation.saw_mention(2)
    assert with_cost(0.0) == 0
    assert Speculation(drafts=7).draft_length(few) == 7
    assert Speculation().draft_length([]) == 0


def test_counts_are_guessed_where_they_are_likely():
    speculation = Speculation()
    for _ in range(100):
        speculation.saw_count("PER", 1)
        speculation.saw_count("LOC", 3)
    assert speculation.guess([["PER"]]) == (1,)
    assert speculation.guess([["LOC"]]) == ()
    assert speculation.guess([["PER"] * 17]) == ()
    assert Speculation(guesses=(1,)).guess([["LOC"]]) == (1,)
    assert Speculation(prefix_first=True).guess([["PER"]]) == ()
