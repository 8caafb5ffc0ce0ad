import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_padellm.formats.gold_text import GoldText
from spacy_padellm.learning.mixture import Mixture
from spacy_padellm.prompts.encoding import PromptEncoder
from spacy_padellm.prompts.template import get_template
from spacy_padellm.tools.benchmark.autoregressive import (
    AutoregressiveDecoder,
    get_answer_format,
    make_answer_text,
)
from spacy_padellm.tools.benchmark.autoregressive.answers import Mark
from spacy_padellm.tools.benchmark.autoregressive.prompt import AnswerEncoder
from spacy_padellm.training.budget import Budget
from spacy_padellm.training.from_text.finetuning import finetune

from .test_training import LABELS, new_lm

TEXT = "Ada Lovelace met Charles Babbage in New York, near Oslo."
GOLD = GoldText(
    TEXT, ((0, 12, "PER"), (17, 32, "PER"), (36, 44, "LOC"), (40, 44, "WORK"), (51, 55, "LOC"))
)
FORMATS = ["structured", "augmented"]


def places(mentions):
    return {(m.start, m.end, m.label) for m in mentions}


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
    assert places(answer.read(text, said)) == spans


def test_an_augmented_answer_that_strays_is_searched():
    answer = get_answer_format("augmented")
    pieces = [Mark("PER"), "Ada Lovelace", Mark(None), " saw ", Mark("LOC"), "Mars", Mark(None)]
    found = answer.read(TEXT, pieces)
    assert places(found) == {(0, 12, "PER"), (None, None, "LOC")}


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
    assert places(answer.read(TEXT, pieces)) == set(GOLD.spans)


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
    assert [places(p.mentions) for p in found] == [set(gold.spans) for gold in golds]
    assert [[c.value for c in p.counts] for p in found][1] == [0, 1, 0]
    assert decoder.work.texts == 3 and decoder.work.passes > 5


def test_an_unknown_format_is_named():
    with pytest.raises(ValueError, match="structured, augmented"):
        get_answer_format("json")
