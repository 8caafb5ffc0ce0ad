"""How a model that points is trained, and what training leaves: gradients, kept queries, scores."""

import copy
import random
import subprocess
import sys
from dataclasses import replace

import pytest
import spacy
import torch
from safetensors.torch import load_file
from sample_pipelines import SCRATCH_MODEL, TEXTS, make_examples, spans_of
from spacy.training import Example
from spacy.util import fix_random_seed
from torch.nn.attention import SDPBackend

from spacy_padellm.learning.pointing import PointingPass
from spacy_padellm.training.from_config import scores as scores_module
from spacy_padellm.training.from_config.scores import ConfigScores

from .pointing import PRETRAINED, pointing_nlp, train


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


@pytest.mark.slow
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


def test_training_begins_with_what_a_model_knows(pointing_folder, lm_folder):
    """Of words it is told nothing before it learns; a further label is no more than its name."""
    folder = str(pointing_folder / "padellm_ner" / "model")
    first = pointing_nlp({**PRETRAINED, "name": str(lm_folder)})
    further = pointing_nlp({**PRETRAINED, "name": folder})
    for nlp in (first, further):
        doc = nlp.make_doc("Tim Lee left Rome today.")
        example = Example.from_dict(doc, {"entities": [(8, 12, "VERB")]})
        nlp.initialize(lambda example=example: [example])
    into, own = (nlp.get_pipe("padellm_ner").shim.loaded.lm.pointers for nlp in (first, further))
    assert not into.into.weight.any() and into.own.weight.any()
    assert own.labels == ("VERB",) and own.into.weight.any() and not own.own.weight.any()


def test_embeddings_stay_as_they_were(plain_lm_folder):
    model = {**PRETRAINED, "name": str(plain_lm_folder), "train_embeddings": False}
    nlp = pointing_nlp(model)
    lm = nlp.get_pipe("padellm_ner").shim.loaded.lm
    before = {name: weight.clone() for name, weight in lm.model.named_parameters()}
    train(nlp, make_examples(nlp, 16), steps=2)
    lm = nlp.get_pipe("padellm_ner").shim.loaded.lm
    embeddings = lm.model.get_input_embeddings().weight
    layers = [
        (weight is embeddings, torch.equal(weight, before[name]))
        for name, weight in lm.model.named_parameters()
        if name in before and "lm_head" not in name
    ]
    assert all(is_embeddings == same for is_embeddings, same in layers) and len(layers) > 2
    with pytest.raises(ValueError, match="train_embeddings"):
        pointing_nlp({**model, "train_embeddings": "no"})
    with pytest.raises(ValueError, match=r"train_embeddings` is false.*'plain'"):
        compact = {"@misc": "spacy_padellm.PromptTemplate.v1", "preset": "compact"}
        unseen = pointing_nlp({**model, "template": compact})
        train(unseen, make_examples(unseen, 16), steps=1)


def test_gradients_do_not_depend_on_the_form_of_attention(pointing, monkeypatch):
    pipe = pointing.get_pipe("padellm_ner")
    examples = make_examples(pointing, 6)
    texts = pipe.training_texts(examples, random.Random(0))
    lm = pipe.shim.loaded.lm
    grads = []
    for form in (SDPBackend.MATH, SDPBackend.FLASH_ATTENTION):
        monkeypatch.setattr("spacy_padellm.lm.attention.PLAIN", form)
        lm.trained.zero_grad()
        PointingPass(texts, True).loss(lm).backward()
        grads.append([w.grad.clone() for w in lm.trained.parameters() if w.grad is not None])
    assert grads[0] and all(torch.allclose(a, b, atol=1e-4) for a, b in zip(*grads, strict=True))


@pytest.mark.slow
def test_gradient_checkpointing_learns(tmp_path):
    nlp = pointing_nlp()
    docs = [example.reference for example in make_examples(nlp, 40)]
    spacy.tokens.DocBin(docs=docs, store_user_data=True).to_disk(tmp_path / "train.spacy")
    run = subprocess.run(
        [
            *(sys.executable, "-m", "spacy", "padellm", "train", "configs/padellm_scratch.cfg"),
            *("--paths.train", str(tmp_path / "train.spacy"), "-o", str(tmp_path / "out")),
            *("--paths.dev", str(tmp_path / "train.spacy"), "--gradient-checkpointing"),
            *("--components.padellm_ner.model.pointers", "true", "--training.dropout", "0.1"),
            *("--training.optimizer.learn_rate.total_steps", "2"),
        ],
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr[-2000:]


def test_training_goes_on_with_further_labels(pointing):
    examples = make_examples(pointing, 40)
    for example in examples:
        doc = example.reference
        doc.ents = [*doc.ents, *(doc.char_span(t.idx, t.idx + len(t), "VERB")
                                 for t in doc if t.text in ("lives", "left", "met"))]  # fmt: skip
    pipe = pointing.get_pipe("padellm_ner")
    pipe.add_label("VERB")
    train(pointing, examples, steps=40)
    scores = pointing.evaluate(examples)
    assert set(pipe.labels) == {"PER", "LOC", "VERB"} and scores["ents_f"] > 0.9


def test_nothing_is_learned_of_labels_that_were_not_looked_for():
    nlp = pointing_nlp()
    examples = make_examples(nlp, 60)
    for example in examples[::2]:  # half of the texts were read for people alone
        doc = example.reference
        doc.ents = [ent for ent in doc.ents if ent.label_ == "PER"]
        doc._.padellm_labels = ["PER"]
    train(nlp, examples, steps=80)
    assert nlp.evaluate(make_examples(nlp, 30, seed=1))["ents_f"] > 0.9


@pytest.mark.slow  # three runs in processes of their own
def test_a_stopped_run_goes_on_to_the_same_weights(tmp_path):
    nlp = pointing_nlp()
    docs = [example.reference for example in make_examples(nlp, 40)]
    spacy.tokens.DocBin(docs=docs, store_user_data=True).to_disk(tmp_path / "train.spacy")
    command = [
        *(sys.executable, "-m", "spacy", "padellm", "train", "configs/padellm_scratch.cfg"),
        *("--paths.train", str(tmp_path / "train.spacy")),
        *("--paths.dev", str(tmp_path / "train.spacy"), "--training.eval_frequency", "3"),
        *("--components.padellm_ner.model.pointers", "true", "--training.dropout", "0.1"),
        *("--training.optimizer.learn_rate.total_steps", "6", "--training.batcher.size", "60"),
    ]
    stopped = [*command, "-o", str(tmp_path / "b")]
    subprocess.run([*command, "-o", str(tmp_path / "a")], check=True, capture_output=True)
    subprocess.run([*stopped, "--training.max_steps", "3"], check=True, capture_output=True)
    subprocess.run([*stopped, "--resume"], check=True, capture_output=True)
    once, twice = (
        load_file(tmp_path / run / "model-last/padellm_ner/model/pointers.safetensors")
        for run in "ab"
    )
    assert once.keys() == twice.keys()
    assert all((once[name] == twice[name]).all() for name in once)
