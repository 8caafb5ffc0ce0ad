"""Examples before every text: rendered as the model is asked, encoded once for all batches."""

import copy
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_padellm.decoding import Decoder, DecodingSettings
from spacy_padellm.lm.kept_preambles import MOST_KEPT
from spacy_padellm.prompts.demonstrations import with_demonstrations
from spacy_padellm.prompts.encoding import PromptEncoder
from spacy_padellm.prompts.preamble import Demonstration, labels_shown
from spacy_padellm.prompts.template import get_template

from .families import FALLBACKS, FAMILIES, LABELS, TEXTS, make
from .scripted import ScriptedModel

LINES = "Ada\nLovelace met\n\nBo in Rome."  # a line end is an end, too
SHOWN = [
    Demonstration("Bo met Ada, in Rome.", ((0, 2, "PER"), (7, 10, "PER"), (15, 19, "LOC"))),
    Demonstration("No one."),
    Demonstration("Ada\nwrote Notes.", ((0, 3, "PER"), (10, 15, "WORK"))),
]
AS_TEXT = """Text:
Bo met Ada, in Rome.
Entity type: PER
Number of mentions: 2
Mention 1:Bo
Mention 2: Ada
Entity type: LOC
Number of mentions: 1
Mention 1: Rome
Entity type: WORK (a book)
Number of mentions: 0
Text:
No one.
Entity type: PER
Number of mentions: 0
Text:
Ada
wrote Notes.
Entity type: PER
Number of mentions: 1
Mention 1:Ada
Entity type: LOC
Number of mentions: 0
Entity type: WORK (a book)
Number of mentions: 1
Mention 1: Notes
"""


def showing(tokenizer, texts=SHOWN, **changes):
    encoder = PromptEncoder(
        tokenizer, get_template("plain", **changes), {"WORK": "a book"}, max_count=3
    )
    return with_demonstrations(encoder, texts, LABELS)


def decode(lm, encoder, method, texts=(*TEXTS, LINES), **settings):
    decoding = DecodingSettings(method=method, max_mention_tokens=5, token_budget=60, **settings)
    decoder = Decoder(lm, encoder, decoding)
    return decoder.predict(texts, LABELS), decoder


def same(ours, theirs):
    assert any(prediction.mentions for prediction in theirs)
    for one, other in zip(ours, theirs, strict=True):
        assert [c.value for c in one.counts] == [c.value for c in other.counts]
        places = [(m.label, m.text, m.start, m.end) for m in one.mentions]
        assert places == [(m.label, m.text, m.start, m.end) for m in other.mentions]
        for mine, its in zip(one.mentions, other.mentions, strict=True):
            assert mine.probability == pytest.approx(its.probability, rel=1e-3)


def test_they_are_rendered_as_the_model_is_asked(byte_tokenizer):
    encoder = showing(byte_tokenizer)
    # A blank that is a token of its own is no part of a mention.
    assert encoder.preamble.text == byte_tokenizer.decode(encoder.preamble.ids)
    assert encoder.preamble.text.replace(": ", ":") == AS_TEXT.replace(": ", ":")
    assert sum(encoder.preamble.lengths) == len(encoder.preamble.ids)
    # Of each part the ids that a question has there.
    prompt = encoder.prompt("Bo met Ada, in Rome.", ["PER"])
    assert list(prompt.trunk[: prompt.preamble]) == list(encoder.preamble.ids)
    asked = encoder.mention_path(prompt, "PER", 2, 1)[prompt.preamble :]
    assert list(encoder.preamble.ids[: len(asked)]) == asked
    assert prompt.trunk[prompt.text_start :] == prompt.encoded.ids


def test_what_follows_a_mention_there_ends_one(byte_tokenizer):
    encoder = showing(byte_tokenizer)
    (newline,) = byte_tokenizer("\n")["input_ids"]
    assert encoder.mention_end_ids == (newline, byte_tokenizer.eos_token_id)
    own = showing(byte_tokenizer, end_of_mention="<|endoftext|>")
    assert own.mention_end_ids == (byte_tokenizer.eos_token_id,) and not own.preamble.stop
    assert "Mention 1:Bo<|endoftext|>\n" in own.preamble.text


@pytest.mark.parametrize("copied", [True, False])
def test_mentions_are_of_the_text_alone(copied, byte_tokenizer):
    """What is said is decoded, a line end ends it, and no name of an example can be copied."""
    encoder = showing(byte_tokenizer)
    text = "Tim saw Ada."
    lm = ScriptedModel(encoder, {text: {"PER": ["Tim", "Ada"], "LOC": ["Rome"]}})
    settings = DecodingSettings(copy=copied)
    (found,) = Decoder(lm, encoder, settings).predict([text], ("PER", "LOC"))
    of_person = [(m.text, m.start) for m in found.mentions if m.label == "PER"]
    assert of_person == ([("Tim", 0), ("Ada", 8)] if copied else [("Tim", None), ("Ada", None)])
    (place,) = [m for m in found.mentions if m.label == "LOC"]
    assert place.text in text if copied else place.text == "Rome"
    assert min(m.probability for m in found.mentions if m.label == "PER") > 0.5


@given(st.data())
def test_each_text_has_its_labels_and_one_that_it_lacks(data):
    labels = data.draw(st.lists(st.sampled_from("ABCDE"), min_size=1, unique=True))
    own = data.draw(st.lists(st.sets(st.sampled_from(labels)), max_size=8))
    texts = [Demonstration("x" * 9, tuple((0, 1, label) for label in of_text)) for of_text in own]
    shown = labels_shown(texts, labels)
    zeros = [set(asked) - of_text for asked, of_text in zip(shown, own, strict=True)]
    for asked, of_text, zero in zip(shown, own, zeros, strict=True):
        assert of_text <= set(asked) and len(zero) == (len(of_text) < len(labels))
        assert sorted(asked, key=labels.index) == list(asked)
    if not any(own):  # in turn
        counts = [sum(label in zero for zero in zeros) for label in labels]
        assert max(counts) - min(counts) <= 1


def test_only_labels_that_were_looked_for_are_shown_as_lacking():
    texts = [Demonstration("Ada", ((0, 3, "PER"),), ("PER", "WORK")), Demonstration("a", (), ())]
    assert labels_shown(texts, LABELS) == [("PER", "WORK"), ()]


@pytest.mark.parametrize("name", [*FAMILIES, *FALLBACKS])
def test_all_decoders_agree(name, byte_tokenizer):
    """And do as a model that reads every prompt whole, with nothing kept."""
    lm = make(name, byte_tokenizer)
    encoder = showing(byte_tokenizer)
    whole, _ = decode(lm, encoder, "paper")
    methods = ("tree", "rows") if lm.tree else ("rows",)
    for method in methods:
        found, decoder = decode(lm, encoder, method)
        same(found, whole)
        assert decoder.work.batches > 1
        again, _ = decode(lm, encoder, method, draft_tokens=0, guess_counts=())
        same(again, whole)
    assert len(lm.preambles) == int(lm.rows_cached)
    if lm.tree:
        lm.compile(compiled=False)
        for _ in range(2):  # the second time on caches that were used before
            same(decode(lm, encoder, "tree")[0], whole)


@pytest.mark.parametrize("method", ["tree", "rows"])
def test_they_are_encoded_once_for_many_batches(method, byte_tokenizer):
    lm, encoder = make("llama", byte_tokenizer), showing(byte_tokenizer)
    long, still = len(encoder.preamble.ids), {"draft_tokens": 0, "guess_counts": ()}
    _, first = decode(lm, encoder, method, TEXTS * 3, **still)
    _, later = decode(lm, encoder, method, TEXTS * 3, **still)
    assert first.work.batches == later.work.batches > 3
    assert first.work.tokens == later.work.tokens + long
    assert first.work.passes == later.work.passes + 1
    bare = replace(encoder, preamble=None)
    _, without = decode(lm, bare, method, TEXTS * 3, **still)
    assert later.work.tokens < without.work.tokens + long  # else each batch would have them


def test_they_are_kept_for_these_weights(byte_tokenizer):
    lm, encoder = make("llama", byte_tokenizer), showing(byte_tokenizer)
    before, _ = decode(lm, encoder, "tree")
    assert len(lm.preambles) == 1
    assert len(copy.deepcopy(lm).preambles) == len(replace(lm, name="other").preambles) == 0
    for i in range(MOST_KEPT + 1):
        decode(lm, showing(byte_tokenizer, [Demonstration(f"{i} one.")]), "tree", TEXTS[:1])
    assert len(lm.preambles) == MOST_KEPT
    same(decode(lm, encoder, "tree")[0], before)


@pytest.mark.parametrize("fault", ["ignored", "refused"])
def test_a_model_that_does_not_go_on_behind_a_copy(fault, byte_tokenizer, monkeypatch, caplog):
    """It reads the examples with each text, as a warning says, and finds the same."""
    lm, encoder = make("llama", byte_tokenizer), showing(byte_tokenizer)
    whole, _ = decode(lm, encoder, "paper")
    select = lm.select_rows

    def broken(cache, rows):
        if fault == "refused":
            raise TypeError("a state is no tensor")
        selected = select(cache, rows)
        for layer in selected.layers:
            layer.keys = layer.keys.flip(2)
        return selected

    with monkeypatch.context() as patch:
        patch.setattr(lm, "select_rows", broken)
        same(decode(lm, encoder, "tree")[0], whole)
    why = "a state is no tensor" if fault == "refused" else "standard deviations"
    assert [why in r.message for r in caplog.records if "read anew" in r.message] == [True]
    assert len(lm.preambles) == 0


def test_a_tokenizer_as_of_llama_2(sentencepiece_tokenizer):
    encoder = showing(sentencepiece_tokenizer)
    prompt = encoder.prompt("Ada.", ["PER"])
    assert prompt.trunk[0] == sentencepiece_tokenizer.bos_token_id
    assert prompt.preamble == 1 + len(encoder.preamble.ids)
    newline = sentencepiece_tokenizer("a\n")["input_ids"][-1]
    assert encoder.mention_end_ids == (newline, sentencepiece_tokenizer.eos_token_id)
    blank = sentencepiece_tokenizer.convert_tokens_to_ids("▁")
    pairs = list(zip(encoder.preamble.ids, encoder.preamble.ids[1:], strict=False))
    assert (blank, newline) not in pairs
    lm = make("llama", sentencepiece_tokenizer)
    same(decode(lm, encoder, "tree")[0], decode(lm, encoder, "paper")[0])


@pytest.mark.parametrize(
    "preset, changes, why",
    [
        ("compact", {}, "special tokens"),
        ("plain", {"bidirectional": True}, "bidirectional"),
        ("plain", {"repeat_text": True}, "repeats"),
        ("paper_english", {}, "joint"),
        ("plain", {"before_label": " Type: "}, "before_label"),
    ],
)
def test_templates_that_take_none(preset, changes, why, compact_tokenizer):
    encoder = PromptEncoder(compact_tokenizer, get_template(preset, **changes), max_count=3)
    with pytest.raises(ValueError, match=f"`examples`.*{why}"):
        with_demonstrations(encoder, SHOWN, LABELS)
    assert with_demonstrations(encoder, [], LABELS) is encoder
