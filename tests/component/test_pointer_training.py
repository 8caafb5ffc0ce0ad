"""What training leaves of a model that points: gradients, kept queries, scores."""

import copy
from dataclasses import replace

import pytest
import spacy
import torch
from sample_pipelines import SCRATCH_MODEL, TEXTS, make_examples, spans_of
from spacy.training import Example
from spacy.util import fix_random_seed

from spacy_padellm.learning.pointing import PointingPass
from spacy_padellm.training.from_config import scores as scores_module
from spacy_padellm.training.from_config.scores import ConfigScores


def initialized(model=None):
    fix_random_seed(0)
    nlp = spacy.blank("en")
    block = {**(model or SCRATCH_MODEL), "pointers": True}
    nlp.add_pipe("padellm_ner", config={"model": block, "labels": ["PER", "LOC"]})
    examples = make_examples(nlp, 40)
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.003
    return nlp, examples, optimizer


@pytest.mark.parametrize(
    "model",
    [None, {"@architectures": "spacy_padellm.CausalLM.v1", "name": "english"}],
    ids=["llama", "english"],
)
def test_all_that_is_trained_gets_gradients(model):
    """Several processes wait for the gradient of each weight that is said to be trained."""
    nlp, examples, _ = initialized(model)
    nlp.update(examples[:8], sgd=False)
    trained = nlp.get_pipe("padellm_ner").shim.loaded.lm.trained
    without = [name for name, p in trained.named_parameters() if p.requires_grad and p.grad is None]
    assert without == []


def test_a_prediction_between_gradients_and_their_step_is_not_kept():
    nlp, examples, optimizer = initialized()
    pipe = nlp.get_pipe("padellm_ner")
    for _ in range(30):
        nlp.update(examples[:16], sgd=False)
        nlp(TEXTS[0])
        pipe.finish_update(optimizer)
    other = copy.deepcopy(nlp)
    other.get_pipe("padellm_ner").shim.loaded.lm.forget()
    kept, anew = ([spans_of(doc) for doc in one.pipe(TEXTS)] for one in (nlp, other))
    assert kept == anew
    assert any(anew)


def test_scores_of_two_processes_are_of_the_present_weights(monkeypatch):
    nlp, examples, optimizer = initialized()
    for _ in range(60):
        nlp.update(examples[:16], sgd=optimizer)
    parts = []
    monkeypatch.setattr(scores_module, "gather_object", lambda part: parts.extend(part) or parts)
    monkeypatch.setattr(scores_module, "broadcast_object_list", lambda found: found)
    second, first = (
        ConfigScores(nlp, lambda _: examples, {"ents_f": 1.0}, process, 2) for process in (1, 0)
    )

    def both():
        parts.clear()
        second()
        parts.reverse()
        monkeypatch.setattr(scores_module, "gather_object", lambda part: [*part, *parts])
        found = first()
        monkeypatch.setattr(
            scores_module, "gather_object", lambda part: parts.extend(part) or parts
        )
        return found

    assert both()["ents_f"] == nlp.evaluate(examples)["ents_f"] > 0.5
    lm = nlp.get_pipe("padellm_ner").shim.loaded.lm
    lm.pointers.rare.data -= 100.0
    lm.forget()
    assert both().get("ents_f", 0.0) == 0.0


def crowded(nlp):
    """A text with three people, of two tokens each for spaCy."""
    people = ["Ada Lovelace", "Charles Babbage", "Tim Lee"]
    text = f"{people[0]} met {people[1]} and {people[2]} in Rome."
    spans = [(text.index(name), text.index(name) + len(name), "PER") for name in people]
    return Example.from_dict(nlp.make_doc(text), {"entities": spans})


def test_a_model_that_points_learns_more_mentions_than_it_could_count(caplog):
    nlp, _, _ = initialized()
    pipe = nlp.get_pipe("padellm_ner")
    lm = pipe.shim.loaded.lm
    losses = []
    for most in (None, 1):
        pipe.settings = replace(pipe.settings, max_count=most)
        (text,) = pipe.training_texts([crowded(nlp)])
        with torch.no_grad():
            losses.append(float(PointingPass([text], True).loss(lm)))
    assert len(text.mentions) == 1 and len(text.beyond) == 2
    assert losses[0] == losses[1]


@pytest.mark.parametrize("points", [True, False])
def test_what_is_over_the_caps_is_told_with_number_and_setting(points, caplog):
    nlp = spacy.blank("en")
    config = {"model": {**SCRATCH_MODEL, "pointers": points}, "max_count": 2}
    nlp.add_pipe("padellm_ner", config={**config, "max_mention_tokens": 1})
    nlp.initialize(lambda: [crowded(nlp)] * 2)
    counted, long = "2 of 6 gold mentions are not learned", "gold mentions are longer than 1 token"
    assert (counted in caplog.text) == (not points)
    assert long in caplog.text and "set max_mention_tokens" in caplog.text
    assert "do not begin and end" not in caplog.text


def test_a_loss_of_the_text_is_refused():
    nlp = spacy.blank("en")
    block = {**SCRATCH_MODEL, "pointers": True}
    nlp.add_pipe("padellm_ner", config={"model": block, "text_loss": 0.5})
    examples = make_examples(nlp, 8)
    optimizer = nlp.initialize(lambda: examples)
    with pytest.raises(ValueError, match="set text_loss to 0"):
        nlp.update(examples, sgd=optimizer)
