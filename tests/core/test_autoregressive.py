import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from peft import LoraConfig, get_peft_model
from transformers import GenerationConfig

from spacy_padellm.formats.gold_text import GoldText
from spacy_padellm.learning.mixture import Mixture
from spacy_padellm.prompts.encoding import PromptEncoder
from spacy_padellm.prompts.template import get_template
from spacy_padellm.spans.alignment import align_mentions
from spacy_padellm.tools.benchmark.autoregressive import (
    AutoregressiveDecoder,
    get_answer_format,
    make_answer_text,
)
from spacy_padellm.tools.benchmark.autoregressive.answers import Mark
from spacy_padellm.tools.benchmark.autoregressive.prompt import AnswerEncoder
from spacy_padellm.tools.benchmark.forcing import ForcedLogits
from spacy_padellm.training.budget import Budget
from spacy_padellm.training.from_text.finetuning import finetune

from .test_training import LABELS, new_lm

TEXT = "Ada Lovelace met Charles Babbage in New York, near Oslo."
GOLD = GoldText(
    TEXT, ((0, 12, "PER"), (17, 32, "PER"), (36, 44, "LOC"), (40, 44, "WORK"), (51, 55, "LOC"))
)
FORMATS = ["structured", "augmented"]


def places(text, mentions):
    aligned, left = align_mentions(text, mentions)
    return {(m.start, m.end, m.label) for m in (*aligned, *left)}


@st.composite
def nested_spans(draw):
    words = draw(st.lists(st.sampled_from(["Ada", "met", "York", "of", "é"]), min_size=1))
    text, begins = " ".join(words), []
    at = 0
    for word in words:
        begins.append((at, at + len(word)))
        at += len(word) + 1
    spans = set()
    for first, last, label in draw(
        st.lists(st.tuples(st.integers(0, 20), st.integers(0, 3), st.sampled_from(LABELS)))
    ):
        first %= len(words)
        span = (begins[first][0], begins[min(first + last, len(words) - 1)][1])
        crosses = any(s < span[0] < e < span[1] or span[0] < s < span[1] < e for s, e, _ in spans)
        if not crosses and span not in {other[:2] for other in spans}:
            spans.add((*span, label))
    return text, spans


@given(nested_spans())
def test_an_augmented_answer_gives_its_spans_back(case):
    text, spans = case
    answer = get_answer_format("augmented")
    pieces = answer.write(text, sorted(spans))
    said = [piece if isinstance(piece, Mark) else text[slice(*piece)] for piece in pieces]
    assert "".join(piece for piece in said if isinstance(piece, str)) == text
    assert places(text, answer.read(text, said)) == spans


def test_an_augmented_answer_that_strays_is_searched():
    answer = get_answer_format("augmented")
    pieces = [Mark("PER"), "Ada Lovelace", Mark(None), " saw ", Mark("LOC"), "Mars", Mark(None)]
    found = answer.read(TEXT, pieces)
    assert places(TEXT, found) == {(0, 12, "PER"), (None, None, "LOC")}


@pytest.mark.parametrize("name", FORMATS)
def test_mentions_are_as_they_were_written_whatever_the_text_has_at_their_place(name):
    pieces = [Mark("PER"), " ada lovelace", Mark(None), Mark("LOC"), "New  York", Mark(None)]
    found = get_answer_format(name).read(TEXT, pieces)
    assert [(m.label, m.text, m.start) for m in found] == [
        ("PER", "ada lovelace", None),
        ("LOC", "New  York", None),
    ]
    assert places(TEXT, found) == {(0, 12, "PER"), (36, 44, "LOC")}
    # An answer that repeats the text but for blanks tells places, too.
    said = [*TEXT.replace("New York", "|New  York|").partition("|New  York|")]
    pieces = [said[0], Mark("LOC"), "New  York", Mark(None), said[2]]
    (city,) = get_answer_format(name).read(TEXT, pieces)
    assert city.text == "New  York" and city.start == (36 if name == "augmented" else None)


@pytest.mark.parametrize("preset", ["compact", "plain"])
@pytest.mark.parametrize("name", FORMATS)
def test_what_is_trained_is_read_back(name, preset, compact_tokenizer, sentencepiece_tokenizer):
    tokenizer = compact_tokenizer if preset == "compact" else sentencepiece_tokenizer
    encoder = AnswerEncoder(PromptEncoder(tokenizer, get_template(preset)))
    answer = get_answer_format(name)
    text = make_answer_text(encoder, answer, GOLD, LABELS)
    (path,) = text.paths
    assert text.unaligned == () and path.ids[-1] == encoder.end_id
    pieces = encoder.pieces(path.ids[-path.n_targets :], LABELS)
    assert places(TEXT, answer.read(TEXT, pieces)) == set(GOLD.spans)


@pytest.mark.parametrize("name", FORMATS)
def test_a_trained_model_answers(name, compact_tokenizer, tmp_path):
    lm = new_lm(compact_tokenizer)
    encoder = PromptEncoder(compact_tokenizer, get_template("compact"))
    answer = get_answer_format(name)
    golds = [GOLD, GoldText("No one in London.", ((10, 16, "LOC"),)), GoldText("Never.", ())]
    texts = [make_answer_text(AnswerEncoder(encoder), answer, gold, LABELS) for gold in golds]
    mixture = Mixture({"a": texts}, batch_tokens=512)
    finetune(lm, encoder, mixture, tmp_path, Budget(steps=120), learn_rate=1e-2)
    lm.model.eval()
    decoder = AutoregressiveDecoder(lm, encoder, answer=answer)
    found = decoder.predict([gold.text for gold in golds], LABELS)
    of_texts = [places(gold.text, p.mentions) for gold, p in zip(golds, found, strict=True)]
    assert of_texts == [set(gold.spans) for gold in golds]
    assert [[c.value for c in p.counts] for p in found][1] == [0, 1, 0]
    assert decoder.work.texts == 3 and decoder.work.passes > 5 and decoder.cut == 0

    # Drafts change nothing but the passes, which are counted as they are.
    works = []
    for drafts in (0, 10):
        decoder = AutoregressiveDecoder(lm, encoder, answer=answer, lookup_tokens=drafts)
        one_by_one = [decoder.predict([gold.text], LABELS)[0] for gold in golds]
        assert [p.mentions for p in one_by_one] == [p.mentions for p in found]
        works.append(decoder.work)
    answers = sum(text.paths[0].n_targets for text in texts)
    prompts = sum(text.prompt.size for text in texts)
    assert (works[0].passes, works[0].tokens) == (answers, prompts + answers - len(golds))
    assert works[1].texts == 3 and works[1].passes <= works[0].passes
    if name == "augmented":  # it repeats the text, which can be looked up
        assert works[1].passes < works[0].passes

    decoder.max_new_tokens = 2
    decoder.predict([gold.text for gold in golds], LABELS)
    assert decoder.cut == sum(text.paths[0].n_targets > 2 for text in texts)


def test_an_unknown_format_is_named():
    with pytest.raises(ValueError, match="structured, augmented"):
        get_answer_format("json")


# What a text may hold: structure, other scripts, several bytes a character.
PARTS = st.sampled_from(["[[", "]]", "[[PER:", ":", "Ada", " ", "\n", "中", "é", "😀", "P"])
ODD = st.lists(PARTS, max_size=8).map("".join)


@pytest.mark.parametrize("name", FORMATS)
@settings(deadline=None)
@given(ODD, st.data())
def test_a_text_is_never_structure_where_structure_is_special(name, compact_tokenizer, text, data):
    encoder = AnswerEncoder(PromptEncoder(compact_tokenizer, get_template("compact")))
    starts, ends = encoder.encoder.encode_text(text).token_places()
    spans = []
    for _ in range(data.draw(st.integers(0, 3)) if starts else 0):
        start = data.draw(st.sampled_from(sorted(starts)))
        after = [end for end in sorted(ends) if end > start]
        if after and not any(s < start < e for s, e, _ in spans):
            end = min(after[0], *(s for s, _, _ in spans if s > start), len(text))
            spans.append((start, end, data.draw(st.sampled_from(LABELS))))
    spans = {span for span in spans if span[1] in ends and span[0] < span[1]}
    spans = tuple({(start, end): (start, end, label) for start, end, label in spans}.values())
    answer = get_answer_format(name)
    made = make_answer_text(encoder, answer, GoldText(text, spans), LABELS)
    (path,) = made.paths
    pieces = encoder.pieces(path.ids[-path.n_targets :], LABELS)
    found = answer.read(text, pieces)
    said = sorted((label, text[start:end].strip()) for start, end, label in spans)
    assert sorted((m.label, m.text.strip()) for m in found) == said
    if name == "augmented":
        assert {(m.start, m.label) for m in found} == {span[::2] for span in spans}


@pytest.mark.parametrize("name", FORMATS)
@settings(deadline=None)
@given(ODD, st.lists(st.one_of(ODD, st.sampled_from([*map(Mark, LABELS), Mark(None)]))))
def test_odd_answers_are_read_as_far_as_they_go(name, text, pieces):
    for mention in get_answer_format(name).read(text, pieces):
        assert mention.label in LABELS and mention.text.strip()
        if mention.start is not None:
            at_place = text[mention.start : mention.end]
            assert "".join(at_place.split()) == "".join(mention.text.split())


@settings(deadline=None)
@given(st.lists(st.integers(0, 400), max_size=30), ODD)
def test_any_ids_are_an_answer(sentencepiece_tokenizer, ids, text):
    encoder = AnswerEncoder(PromptEncoder(sentencepiece_tokenizer, get_template("plain")))
    pieces = encoder.pieces([i % len(sentencepiece_tokenizer) for i in ids], LABELS)
    for name in FORMATS:
        assert {m.label for m in get_answer_format(name).read(text, pieces)} <= set(LABELS)


def test_labels_that_begin_alike_are_told_apart(sentencepiece_tokenizer):
    labels = ("A", "A:B", "A.B", "A B")
    encoder = AnswerEncoder(PromptEncoder(sentencepiece_tokenizer, get_template("plain")))
    spans = tuple((i, i + 1, label) for i, label in zip((0, 2, 4, 6), labels, strict=True))
    for name in FORMATS:
        answer = get_answer_format(name)
        (path,) = make_answer_text(encoder, answer, GoldText("a b c d", spans), labels).paths
        pieces = encoder.pieces(path.ids[-path.n_targets :], labels)
        assert places("a b c d", answer.read("a b c d", pieces)) == set(spans)


def test_a_prompt_begins_as_the_model_has_read_texts_and_says_what_labels_mean(
    sentencepiece_tokenizer,
):
    told = {"PER": "names of people"}
    encoder = PromptEncoder(sentencepiece_tokenizer, get_template("plain"), told)
    prompt = AnswerEncoder(encoder).prompt(TEXT, LABELS)
    ids = [*prompt.trunk, *prompt.branches[0]]
    assert ids[0] == sentencepiece_tokenizer.bos_token_id
    said = sentencepiece_tokenizer.decode(ids)
    assert "PER (names of people), LOC" in " ".join(said.split())


def test_forced_logits_go_by_what_is_written():
    forced = ForcedLogits([[5, 6, 7], [8]], end_id=2)
    for written, expected in ((0, [5, 8]), (2, [7, 2]), (1, [6, 2]), (9, [2, 2])):
        scores = forced(torch.zeros(2, 4 + written, dtype=torch.long), torch.zeros(2, 10))
        assert scores.argmax(dim=1).tolist() == expected


@pytest.mark.parametrize("wrapped", [False, True], ids=["model", "adapter"])
def test_generation_is_greedy_whatever_the_model_asks_for(compact_tokenizer, wrapped):
    lm = new_lm(compact_tokenizer)
    if wrapped:
        lm.model = get_peft_model(lm.model, LoraConfig(target_modules="all-linear"))
    lm.model.eval()
    encoder = PromptEncoder(compact_tokenizer, get_template("compact"))
    golds = [GOLD.text, "No one in London."]

    def written():
        decoder = AutoregressiveDecoder(lm, encoder, max_new_tokens=12)
        (batch,) = decoder.plan(golds, LABELS)
        return decoder._generate([prompt for _, prompt in batch.items])

    plain = written()
    inner = next(of for of in lm.model.modules() if "generation_config" in vars(of))
    own = inner.generation_config = GenerationConfig(
        repetition_penalty=1e6,
        do_sample=True,
        temperature=9.0,
        num_beams=3,
        no_repeat_ngram_size=1,
        min_new_tokens=9,
        suppress_tokens=[plain[0][0]],
        begin_suppress_tokens=[plain[1][0]],
    )
    assert written() == plain and inner.generation_config is own
