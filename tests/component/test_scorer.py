import pytest
import spacy
from sample_pipelines import change, make_examples
from spacy.scorer import get_ner_prf
from spacy.tokens import Span
from spacy.training import Example

from spacy_padellm.pipeline.scorer import make_ner_scorer, score_ner
from spacy_padellm.spans.scoring import string_set_scores


@pytest.fixture
def example():
    """Gold: Rome twice, Ada. Predicted: Rome once, Ada under another label."""
    nlp = spacy.blank("en")
    gold, predicted = nlp.make_doc("Ada left Rome for Rome"), nlp.make_doc("Ada left Rome for Rome")
    gold.ents = [Span(gold, 0, 1, "PER"), Span(gold, 2, 3, "LOC"), Span(gold, 4, 5, "LOC")]
    predicted.ents = [Span(predicted, 0, 1, "LOC"), Span(predicted, 2, 3, "LOC")]
    gold.spans["ner"] = list(gold.ents)
    predicted.spans["ner"] = list(predicted.ents)
    return Example(predicted, gold)


def test_spans_are_scored_as_spacy_does(example):
    scores = score_ner([example])
    assert {**scores, **get_ner_prf([example])} == scores
    assert scores["ents_f"] == pytest.approx(0.4)


def test_strings_are_scored_as_the_paper_does(example):
    scores = score_ner([example])
    assert (scores["strings_p"], scores["strings_r"]) == (0.5, 0.5)
    gold = [[("PER", "Ada"), ("LOC", "Rome"), ("LOC", "Rome")]]
    assert scores["strings_f"] == string_set_scores(gold, [[("LOC", "Ada"), ("LOC", "Rome")]])["f"]


def test_span_groups(example):
    scores = score_ner([example], annotate="spans", spans_key="ner")
    assert scores["spans_ner_f"] == pytest.approx(0.4) and scores["strings_f"] == 0.5


def test_nothing_annotated_is_no_score():
    nlp = spacy.blank("en")
    bare = Example(nlp.make_doc("Ada"), nlp.make_doc("Ada"))
    assert score_ner([bare])["ents_f"] is None and score_ner([bare])["strings_f"] is None


def test_the_component_uses_it(trained):
    examples = make_examples(trained, 20, seed=3)
    scores = trained.evaluate(examples)
    assert scores["ents_f"] > 0.9 and scores["strings_f"] > 0.9
    pipe = trained.get_pipe("padellm_ner")
    assert pipe.scorer is make_ner_scorer() is score_ner
    change(pipe, annotate="spans", spans_key="ner")
    for example in examples:
        example.reference.spans["ner"] = list(example.reference.ents)
    assert trained.evaluate(examples)["spans_ner_f"] > 0.9
