"""What others in the process have set does not decide what a model is taken to be able to."""

import pytest
import spacy
import torch
from sample_pipelines import TEXTS, add_scratch_pipe, make_examples, spans_of


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


MADE = {
    "from scratch": None,
    "all weights": {},
    "adapter": {"peft": {"rank": 2, "dropout": 0.0}},
}


@pytest.mark.parametrize("around", [torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("made", MADE)
def test_what_is_trained_in_any_mode_is_trained_on_in_another(made, around, random_nlp):
    if MADE[made] is None:
        nlp = spacy.blank("en")
        add_scratch_pipe(nlp)
    else:
        nlp = random_nlp(model=MADE[made])
    examples = make_examples(nlp, 8)
    with around():
        optimizer = nlp.initialize(lambda: examples)
        optimizer.learn_rate = 0.01
        losses = [nlp.update(examples, sgd=optimizer) for _ in range(3)]
    losses += [nlp.update(examples, sgd=optimizer) for _ in range(3)]
    with around():
        losses += [nlp.update(examples, sgd=optimizer)]
        list(nlp.pipe(TEXTS))
    found = [loss["padellm_ner"] for loss in losses]
    assert found[-1] < found[0] and all(found)


def test_a_template_that_is_a_mapping_is_told_what_makes_one(random_nlp):
    with pytest.raises(ValueError, match=r"PromptTemplate\.v1"):
        random_nlp(model={"template": {"copies": True}})
