"""What others in the process have set does not decide what a model is taken to be able to."""

import pytest
import spacy
import torch
from sample_pipelines import TEXTS, make_examples, spans_of


@pytest.fixture
def expected(random_nlp):
    return [spans_of(doc) for doc in random_nlp().pipe(TEXTS)]


@pytest.mark.parametrize("around", [
    lambda: torch.autocast("cpu", dtype=torch.bfloat16), torch.no_grad, torch.inference_mode,
], ids=["autocast", "no_grad", "inference_mode"])  # fmt: skip
def test_a_first_text_in_any_mode_of_torch_leaves_the_pipeline_sound(around, random_nlp, expected):
    nlp = random_nlp()
    with around():
        list(nlp.pipe(TEXTS))
    assert [spans_of(doc) for doc in nlp.pipe(TEXTS)] == expected


def test_under_autocast_a_model_that_reads_both_ways_is_none_the_less_one():
    nlp = spacy.blank("en")
    nlp.add_pipe("padellm_ner")
    with torch.autocast("cpu", dtype=torch.bfloat16):
        nlp("Angela Merkel visited Paris.")
    assert [e.text for e in nlp("Angela Merkel visited Paris.").ents] == ["Angela Merkel", "Paris"]


@pytest.mark.parametrize("around", [torch.no_grad, torch.inference_mode])
def test_training_computes_gradients_itself(around, random_nlp):
    nlp = random_nlp()
    examples = make_examples(nlp, 8)
    optimizer = nlp.initialize(lambda: examples)
    with around():
        losses = nlp.update(examples, sgd=optimizer)
    assert losses["padellm_ner"] > 0


def test_a_template_that_is_a_mapping_is_told_what_makes_one(random_nlp):
    with pytest.raises(ValueError, match=r"PromptTemplate\.v1"):
        random_nlp(model={"template": {"copies": True}})
