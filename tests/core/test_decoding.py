import logging
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_padellm.decoding import Decoder, DecodingSettings, TextInput
from spacy_padellm.decoding.copying import CopyBranch, TextSlices
from spacy_padellm.lm.batching import halve_on_memory_error, plan_batches
from spacy_padellm.lm.language_model import LanguageModel
from spacy_padellm.prompts.encoding import PromptEncoder
from spacy_padellm.prompts.plain_text import EncodedText
from spacy_padellm.prompts.template import get_template

from .scripted import ScriptedModel

TEXT = "Ada met Charles Babbage in London; Ada left London."
ANSWERS = {
    TEXT: {"PER": ["Ada", "Charles Babbage", "Ada"], "LOC": ["London", "London", "London"]},
    "No one.": {},
    "": {},
}


@pytest.fixture
def scripted(compact_tokenizer):
    def make(most_texts=math.inf, **settings):
        encoder = PromptEncoder(compact_tokenizer, get_template("compact"))
        lm = ScriptedModel(encoder, ANSWERS, most_texts)
        return Decoder(lm, encoder, DecodingSettings(**settings))

    return make


def test_all_labels_then_all_mentions_at_once(scripted):
    decoder = scripted(guess_counts=(), draft_tokens=0)
    first, second, empty = decoder.predict(list(ANSWERS), ["PER", "LOC"])
    assert [(c.label, c.value) for c in first.counts] == [("PER", 3), ("LOC", 3)]
    assert all(math.isclose(count.probability, 0.9, rel_tol=1e-4) for count in first.counts)
    assert [m.text for m in first.mentions][:3] == ["Ada", "Charles Babbage", "Ada"]
    assert second.mentions == [] and empty.mentions == []
    (session,) = decoder.lm.sessions
    assert len(session.batches[0]) == 6  # step 1: two labels of three texts
    assert len(session.batches[1]) == 6  # step 2: six mentions


def test_equal_mentions_take_successive_places(scripted):
    (prediction,) = scripted().predict([TEXT], ["PER", "LOC"])
    places = [(m.label, m.text, m.start) for m in prediction.mentions]
    assert places[0] == ("PER", "Ada", 0) and places[2] == ("PER", "Ada", TEXT.rindex("Ada"))
    london = [m.start for m in prediction.mentions if m.label == "LOC"]
    assert london == [TEXT.index("London"), TEXT.rindex("London"), TEXT.rindex("London")]


def test_probability_is_of_all_tokens_and_the_end(scripted):
    (prediction,) = scripted().predict([TEXT], ["PER"])
    for mention in prediction.mentions:
        assert math.isclose(
            mention.probability, math.prod(mention.token_probabilities), rel_tol=1e-6
        )
        assert math.isclose(
            mention.probability, 0.9 ** len(mention.token_probabilities), rel_tol=1e-3
        )


def test_without_copying_mentions_are_strings(scripted):
    (prediction,) = scripted(copy=False).predict([TEXT], ["PER"])
    assert [(m.text, m.start) for m in prediction.mentions] == [
        ("Ada", None),
        ("Charles Babbage", None),
        ("Ada", None),
    ]


def test_a_count_above_the_cap_is_capped_and_told(sentencepiece_tokenizer, caplog):
    text = "Ada met Bo. " * 21
    encoder = PromptEncoder(sentencepiece_tokenizer, get_template("plain"), max_count=20)
    lm = ScriptedModel(encoder, {text: {"PER": ["Ada"] * 21}})
    with caplog.at_level(logging.WARNING):
        (prediction,) = Decoder(lm, encoder).predict([text], ["PER"])
    assert prediction.counts[0].value == 20 and prediction.counts[0].capped
    assert len(prediction.mentions) == 20
    assert "PER" in caplog.text and "Ada met" in caplog.text and "max_count" in caplog.text


def test_a_mention_that_does_not_end_is_cut_and_told(scripted, caplog):
    with caplog.at_level(logging.WARNING):
        (prediction,) = scripted(max_mention_tokens=1, copy=False).predict([TEXT], ["LOC"])
    assert all(len(m.token_probabilities) == 1 for m in prediction.mentions)
    assert "max_mention_tokens" in caplog.text


def test_results_keep_their_order_over_batches(scripted):
    texts = ["No one.", TEXT, "", TEXT, "No one."]
    decoder = scripted(token_budget=40)
    predictions = decoder.predict(texts, ["PER", "LOC"])
    assert [len(p.mentions) for p in predictions] == [0, 6, 0, 6, 0]
    assert decoder.work.batches > 1 and decoder.work.texts == 5


def test_a_batch_that_does_not_fit_is_halved(scripted, caplog):
    decoder = scripted(most_texts=1)
    predictions = decoder.predict(["No one.", TEXT, ""], ["PER", "LOC"])
    assert [len(p.mentions) for p in predictions] == [0, 6, 0]
    assert "out of memory" in caplog.text


def test_one_text_that_does_not_fit_says_what_to_do():
    def never(items):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    with pytest.raises(MemoryError, match="window"):
        halve_on_memory_error(never, [1])
    with pytest.raises(RuntimeError, match="shape"):
        halve_on_memory_error(lambda items: (_ for _ in ()).throw(RuntimeError("shape")), [1, 2])


@given(sizes=st.lists(st.integers(1, 50), max_size=40), budget=st.integers(1, 60))
def test_batches_hold_each_text_once_within_the_budget(sizes, budget):
    batches = plan_batches(sizes, budget)
    assert sorted(i for batch in batches for i in batch) == list(range(len(sizes)))
    assert all(len(b) == 1 or sum(sizes[i] for i in b) <= budget for b in batches)
    order = [sizes[i] for batch in batches for i in batch]
    assert order == sorted(order, reverse=True)


@pytest.mark.parametrize("method", ["tree", "rows", "paper"])
@pytest.mark.parametrize("copy", [True, False])
@pytest.mark.parametrize("reading", ["bidirectional", "repeat_text", None])
def test_all_methods_agree(method, copy, reading, compact_model, compact_tokenizer):
    template = get_template("compact", **({reading: True} if reading else {}))
    lm = LanguageModel(compact_model, compact_tokenizer)
    encoder = PromptEncoder(compact_tokenizer, template, max_count=4)
    texts = [*ANSWERS, "<|num|><|3|> 小明在北京工作。", "x" * 40]

    def decoder(method):
        return Decoder(lm, encoder, DecodingSettings(method, copy, max_mention_tokens=6))

    labels = ["PER", "LOC", "WORK"]
    ours = decoder(method).predict(texts, labels)
    tree = [decoder("tree").predict([text], labels)[0] for text in texts]
    assert any(prediction.mentions for prediction in tree)
    for one, other in zip(ours, tree, strict=True):
        assert [c.value for c in one.counts] == [c.value for c in other.counts]
        assert [(m.label, m.text, m.start, m.end) for m in one.mentions] == [
            (m.label, m.text, m.start, m.end) for m in other.mentions
        ]
        for mine, theirs in zip(one.mentions, other.mentions, strict=True):
            assert math.isclose(mine.probability, theirs.probability, rel_tol=1e-3, abs_tol=1e-9)


def test_a_model_of_copies_gives_probabilities_among_what_may_be_copied(
    compact_model, compact_tokenizer
):
    lm = LanguageModel(compact_model, compact_tokenizer)
    by_template = {}
    for copies in (False, True):
        template = get_template("compact", copies=copies)
        encoder = PromptEncoder(compact_tokenizer, template, max_count=4)
        (prediction,) = Decoder(lm, encoder).predict([TEXT], ["PER", "LOC", "WORK"])
        by_template[copies] = prediction.mentions
    assert by_template[True]
    for among, whole in zip(by_template[True], by_template[False], strict=True):
        assert (among.start, among.end) == (whole.start, whole.end)
        assert whole.probability <= among.probability <= 1 + 1e-6


def test_copied_mentions_start_and_end_where_they_may(compact_model, compact_tokenizer):
    encoder = PromptEncoder(compact_tokenizer, get_template("compact"), max_count=5)
    decoder = Decoder(LanguageModel(compact_model, compact_tokenizer), encoder)
    text = TextInput(TEXT, starts={0, 8}, ends={3, 23})
    (prediction,) = decoder.predict([text], ["PER", "LOC", "WORK", "DATE", "ORG"])
    assert prediction.mentions
    for mention in prediction.mentions:
        assert mention.start in text.starts and mention.end in text.ends
        assert mention.text == TEXT[mention.start : mention.end]


@given(
    ids=st.lists(st.integers(0, 3), min_size=1, max_size=12),
    picks=st.lists(st.integers(0, 20), max_size=8),
)
def test_what_is_copied_is_a_slice_of_the_text(ids, picks):
    text = "".join("abcd"[i] for i in ids)
    encoded = EncodedText(text, tuple(ids), tuple((i, i + 1) for i in range(len(ids))))
    branch, written, end = CopyBranch(TextSlices(encoded)), [], 99
    for pick in picks:
        allowed = branch.allowed([end])
        token = int(allowed[pick % len(allowed)])
        if token == end:
            break
        branch = branch.advanced(token)
        written.append("abcd"[token])
    if written:
        spans = branch.spans()
        assert {text[s:e] for s, e in spans} == {"".join(written)}
        assert len(spans) == sum(text.startswith("".join(written), i) for i in range(len(text)))


def test_bytes_of_a_character_stay_together():
    encoded = EncodedText("😀a", (1, 2, 3), ((0, 1), (0, 1), (1, 2)))
    slices = TextSlices(encoded)
    assert slices.may_start.tolist() == [True, False, True]
    assert slices.may_end.tolist() == [False, True, True]


def test_settings_out_of_range_are_named(compact_model, compact_tokenizer):
    encoder = PromptEncoder(compact_tokenizer, get_template("compact"))
    rows_only = LanguageModel(compact_model, compact_tokenizer, tree=False)
    with pytest.raises(ValueError, match="rows"):
        Decoder(rows_only, encoder, DecodingSettings("tree"))
    assert Decoder(rows_only, encoder).method == "rows"
    for name, value in {
        "decoder": "trees",
        "token_budget": 0,
        "max_mention_tokens": True,
        "draft_tokens": -1,
    }.items():
        with pytest.raises(ValueError, match=name):
            DecodingSettings(**{"method" if name == "decoder" else name: value})
