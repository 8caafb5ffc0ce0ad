import gzip
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_padellm.spans.prediction import Mention
from spacy_padellm.spans.resolution import drop_duplicate_strings
from spacy_padellm.spans.scoring import span_scores, string_set_scores

RELEASED = Path(
    os.environ.get(
        "PADELLM_RELEASED",
        Path(__file__).resolve().parents[1] / "../shared/data/padellm_released",
    )
)
RUN = "conll03_7b_bs128_e4_greedy_theory_run1"
has_released = pytest.mark.skipif(
    not (RELEASED / f"{RUN}.json.gz").exists(),
    reason="released predictions not found (set PADELLM_RELEASED to their folder)",
)

PAIRS = st.lists(st.tuples(st.sampled_from("AB"), st.sampled_from(["x", "y", "z"])), max_size=5)
TEXTS = st.lists(st.tuples(PAIRS, PAIRS), max_size=5)


def test_strings_count_once_a_text_and_places_do_not_matter():
    golds = [[("PER", "Ada"), ("PER", "Ada"), ("LOC", "London")], [("PER", "Ada")]]
    preds = [[("PER", "Ada"), ("LOC", "Paris"), ("LOC", "Paris")], []]
    scores = string_set_scores(golds, preds)
    assert (scores["tp"], scores["fp"], scores["fn"]) == (1, 1, 2)
    assert scores["p"] == 1 / 2
    assert scores["r"] == 1 / 3
    assert scores["f"] == pytest.approx(0.4)
    assert scores["per_type"]["PER"] == {
        "p": 1.0,
        "r": 0.5,
        "f": pytest.approx(2 / 3),
        "tp": 1,
        "fp": 0,
        "fn": 1,
    }
    assert scores["per_type"]["LOC"]["f"] == 0.0
    assert scores["macro_p"] == pytest.approx(0.5)
    assert scores["macro_r"] == pytest.approx(0.25)
    assert scores["macro_f"] == pytest.approx(1 / 3)


def test_spans_need_the_exact_place_and_label():
    golds = [[("PER", 0, 3), ("PER", 10, 13), ("LOC", 20, 26)]]
    preds = [[("PER", 0, 3), ("PER", 10, 14), ("ORG", 20, 26)]]
    scores = span_scores(golds, preds)
    assert (scores["tp"], scores["fp"], scores["fn"]) == (1, 2, 2)
    assert set(scores["per_type"]) == {"PER", "LOC", "ORG"}


def test_span_scores_are_those_of_spacy():
    spacy = pytest.importorskip("spacy")
    from spacy.scorer import Scorer
    from spacy.tokens import Doc, Span
    from spacy.training import Example

    vocab = spacy.blank("en").vocab
    words = list("abcdefgh")
    golds = [[("PER", 0, 2), ("LOC", 3, 4)], [("PER", 1, 2)], [("ORG", 5, 8)]]
    preds = [[("PER", 0, 2), ("ORG", 3, 4)], [("PER", 1, 3)], [("ORG", 5, 8), ("PER", 0, 1)]]

    def doc(spans):
        made = Doc(vocab, words=words)
        made.set_ents([Span(made, start, end, label=label) for label, start, end in spans])
        return made

    theirs = Scorer.score_spans(
        [Example(doc(p), doc(g)) for p, g in zip(preds, golds, strict=True)], "ents"
    )
    ours = span_scores(golds, preds)
    for name in "prf":
        assert ours[name] == pytest.approx(theirs[f"ents_{name}"])
        for label, scores in theirs["ents_per_type"].items():
            assert ours["per_type"][label][name] == pytest.approx(scores[name])


@pytest.mark.parametrize("golds, preds", [([], []), ([[]], [[]])])
def test_nothing_to_score_gives_zeros(golds, preds):
    scores = string_set_scores(golds, preds)
    assert (scores["p"], scores["r"], scores["f"], scores["macro_f"]) == (0, 0, 0, 0)
    assert scores["per_type"] == {}


def test_different_numbers_of_texts_are_refused():
    with pytest.raises(ValueError, match="golds has 2 texts and preds 1"):
        span_scores([[], []], [[]])


@given(TEXTS)
def test_counts_add_up_and_swapping_the_sides_swaps_p_and_r(texts):
    golds, preds = [gold for gold, _ in texts], [pred for _, pred in texts]
    scores, swapped = string_set_scores(golds, preds), string_set_scores(preds, golds)
    assert scores["tp"] + scores["fn"] == sum(len(set(gold)) for gold in golds)
    assert scores["tp"] + scores["fp"] == sum(len(set(pred)) for pred in preds)
    assert (scores["p"], scores["r"]) == (swapped["r"], swapped["p"])
    for name in ("tp", "fp", "fn"):
        assert scores[name] == sum(each[name] for each in scores["per_type"].values())


def _load(name):
    with gzip.open(RELEASED / f"{name}.json.gz", "rt", encoding="utf8") as file:
        return json.load(file)


def _mentions(row):
    return [
        Mention(label, index, text, None, None, probability)
        for label, found in row["pred"].items()
        for index, (text, probability) in enumerate(found, 1)
    ]


def _pairs(texts):
    return [[(mention.label, mention.text) for mention in mentions] for mentions in texts]


@has_released
def test_the_released_predictions_get_the_released_scores():
    rows = _load(RUN)
    golds = [
        [(label, text) for label, texts in row["gt"].items() for text in texts] for row in rows
    ]
    before = [_mentions(row) for row in rows]
    after = [drop_duplicate_strings(mentions)[0] for mentions in before]

    scores = string_set_scores(golds, _pairs(before))
    assert scores["f"] == 0.9244468429573665
    assert (scores["tp"], scores["fp"], scores["fn"]) == (5139, 395, 445)
    assert scores["macro_f"] == pytest.approx(0.9093506151126228, abs=1e-14)

    scores = string_set_scores(golds, _pairs(after))
    assert scores["f"] == 0.9251577998196573
    assert (scores["tp"], scores["fp"], scores["fn"]) == (5130, 376, 454)
    assert scores["macro_f"] == pytest.approx(0.9101623420324172, abs=1e-14)
    assert scores["macro_p"] == pytest.approx(0.9150340934618857, abs=1e-14)
    assert scores["macro_r"] == pytest.approx(0.9055647383967443, abs=1e-14)


@has_released
def test_the_paper_rule_keeps_what_the_released_one_kept():
    for row, row_after in zip(_load(RUN), _load(f"{RUN}_dedu"), strict=True):
        kept, dropped = drop_duplicate_strings(_mentions(row))
        wanted = [(m.label, m.text, m.probability) for m in _mentions(row_after)]
        assert [(m.label, m.text, m.probability) for m in kept] == wanted
        assert len(kept) + len(dropped) == len(_mentions(row))


def test_the_paper_rule_and_score_on_a_small_case():
    golds = [[("ORG", "Orion"), ("PER", "Mira Holt")], [("LOC", "Senna")]]
    found = [
        [
            Mention("ORG", 1, "Orion", 0, 5, 0.9),
            Mention("PER", 1, "Orion", 0, 5, 0.6),
            Mention("PER", 2, "Mira Holt", 8, 17, 0.99),
        ],
        [Mention("LOC", 1, "Senna", 0, 5, 0.4), Mention("PER", 1, "Senna", 0, 5, 0.7)],
    ]
    before = string_set_scores(golds, _pairs(found))
    after = string_set_scores(golds, _pairs([drop_duplicate_strings(each)[0] for each in found]))
    assert (before["tp"], before["fp"], before["fn"]) == (3, 2, 0)
    assert (after["tp"], after["fp"], after["fn"]) == (2, 1, 1)
    assert before["f"] == pytest.approx(0.75)
    assert after["f"] == pytest.approx(2 / 3)
