"""Components that point at mentions: one pass for all of them, trained at every token."""

import json
import random
import subprocess
import sys
from dataclasses import replace

import pytest
import spacy
import torch
from safetensors.torch import load_file, save_file
from sample_pipelines import SCRATCH_MODEL, TEXTS, make_examples, spans_of
from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import fix_random_seed
from torch.nn.attention import SDPBackend

from spacy_padellm.learning.pointing import PointingPass

PRETRAINED = {"@architectures": "spacy_padellm.CausalLM.v1"}


def pointing_nlp(model=None, **settings):
    nlp = spacy.blank("en")
    nlp.add_pipe(
        "padellm_ner", config={"model": {**(model or SCRATCH_MODEL), "pointers": True}, **settings}
    )
    return nlp


def train(nlp, examples, steps=60, rate=0.003, drop=0.1):
    fix_random_seed(0)
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = rate
    draw = random.Random(0)
    for _ in range(steps):
        nlp.update(draw.sample(examples, 16), sgd=optimizer, drop=drop)
    return optimizer


@pytest.fixture(scope="module")
def pointing_folder(tmp_path_factory):
    nlp = pointing_nlp()
    train(nlp, make_examples(nlp, 80))
    folder = tmp_path_factory.mktemp("pointing") / "pipeline"
    nlp.to_disk(folder)
    return folder


@pytest.fixture
def pointing(pointing_folder):
    return spacy.load(pointing_folder)


def found(nlp, texts=TEXTS):
    return [
        [
            (*span, round(ent._.padellm_score, 5))
            for span, ent in zip(spans_of(doc), doc.ents, strict=True)
        ]
        for doc in nlp.pipe(texts)
    ]


def test_it_learns_soon(pointing):
    scores = pointing.evaluate(make_examples(pointing, 30, seed=1))
    assert scores["ents_f"] > 0.95


def test_a_batch_takes_one_pass(pointing):
    decoder = pointing.get_pipe("padellm_ner").doc_decoder
    before = decoder.work
    list(pointing.pipe([text for text in TEXTS if text] * 5))
    assert decoder.work.passes - before.passes == decoder.work.batches - before.batches == 1


def test_texts_are_found_alone_as_in_batches(pointing):
    texts = [*TEXTS, "In Oslo we met Ada Lovelace. Tim Lee left Rome today. Nobody came."]
    assert found(pointing, texts) == [found(pointing, [text])[0] for text in texts]


def test_labels_are_read_once(pointing, monkeypatch):
    pipe = pointing.get_pipe("padellm_ner")
    calls = []
    decoder = pipe.shim.loaded.lm.model.get_decoder()
    decoder.register_forward_pre_hook(lambda *_: calls.append(1))
    for text in ("Tim Lee left Rome today.",) * 4:
        pointing(text)
    assert len(calls) == 5  # four texts, and the labels at the first


def test_a_batch_is_as_large_as_its_padding(pointing):
    decoder = pointing.get_pipe("padellm_ner").doc_decoder.decoder
    texts = ["In Oslo we met Tim Lee. " * 8, *["Nobody came."] * 20]
    budget = replace(decoder.settings, token_budget=200)
    for batch in replace(decoder, settings=budget).plan(texts, ["PER"]):
        longest = max(len(prompt.trunk) for _, prompt in batch.items)
        assert len(batch.items) == 1 or longest * len(batch.items) <= 200


def test_many_texts_on_a_cpu_are_read_in_several_passes(pointing):
    texts = ["In Oslo we met Tim Lee. " * 9, *["Nobody came to Rome."] * 200]
    decoder = pointing.get_pipe("padellm_ner").doc_decoder.decoder
    batches = decoder.plan(texts, ["PER"])
    padded = [len(b.items) * max(len(prompt.trunk) for _, prompt in b.items) for b in batches]
    assert len(batches) > 1 and max(padded) <= 1024 < decoder.settings.token_budget
    assert found(pointing, texts)[1:] == [found(pointing, texts[1:2])[0]] * 200


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


def test_bytes_copies_and_devices_find_the_same(pointing, pointing_folder):
    expected = found(pointing)
    assert any(expected)
    other = spacy.blank("en").from_config(pointing.config).from_bytes(pointing.to_bytes())
    assert found(other) == expected
    config = {"components": {"padellm_ner": {"model": {"devices": ["cpu", "cpu"]}}}}
    shared = spacy.load(pointing_folder, config=config)
    assert found(shared) == expected


def test_an_adapter_is_saved_by_reference_with_its_pointers(plain_lm_folder, tmp_path):
    model = {
        "@architectures": "spacy_padellm.CausalLM.v1",
        "name": str(plain_lm_folder),
        "peft": {"rank": 4, "targets": "all-linear"},
    }
    nlp = pointing_nlp(model)
    train(nlp, make_examples(nlp, 60), steps=80, rate=0.005)
    assert nlp.evaluate(make_examples(nlp, 30, seed=1))["ents_f"] > 0.9
    nlp.to_disk(tmp_path / "saved")
    names = {path.name for path in (tmp_path / "saved" / "padellm_ner" / "model").iterdir()}
    assert {"pointers.safetensors", "adapter_model.safetensors"} <= names
    assert "base" not in names
    assert not nlp.get_pipe("padellm_ner").shim.loaded.template.bidirectional  # as its base reads
    assert found(spacy.load(tmp_path / "saved")) == found(nlp)


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


def test_labels_are_known_by_their_names(tmp_path):
    """A model that met them under several names is asked by any of these."""
    noise = {"names": {"PER": ["person"], "LOC": ["place"]}, "rename": 0.7}
    nlp = pointing_nlp(label_noise=noise)
    train(nlp, make_examples(nlp, 80), steps=120)
    pointers = nlp.get_pipe("padellm_ner").shim.loaded.lm.pointers
    assert pointers.labels == ()
    expected = nlp.evaluate(make_examples(nlp, 30, seed=1))["ents_f"]
    nlp.to_disk(tmp_path)
    model = {**PRETRAINED, "name": str(tmp_path / "padellm_ner" / "model")}
    other = pointing_nlp(model, labels=["place", "person"])
    names = {"PER": "person", "LOC": "place"}
    renamed = [[(s, e, names[label]) for s, e, label, _ in spans] for spans in found(nlp)]
    assert expected > 0.9
    assert [[span[:3] for span in spans] for spans in found(other)] == renamed != [[]] * len(TEXTS)


def test_nothing_is_learned_of_labels_that_were_not_looked_for():
    nlp = pointing_nlp()
    examples = make_examples(nlp, 60)
    for example in examples[::2]:  # half of the texts were read for people alone
        doc = example.reference
        doc.ents = [ent for ent in doc.ents if ent.label_ == "PER"]
        doc._.padellm_labels = ["PER"]
    train(nlp, examples, steps=80)
    assert nlp.evaluate(make_examples(nlp, 30, seed=1))["ents_f"] > 0.9


def test_mentions_begin_and_end_on_tokens_of_the_doc(pointing):
    doc = Doc(pointing.vocab, ["AdaLovelace", "lives", "inParis", "."])
    for ent in pointing(doc).ents:
        assert doc.char_span(ent.start_char, ent.end_char) is not None


@pytest.mark.parametrize("decoder", ["tree", "rows"])
def test_it_does_not_write_mentions(pointing_folder, decoder):
    nlp = spacy.load(pointing_folder, config={"components": {"padellm_ner": {"decoder": decoder}}})
    with pytest.raises(ValueError, match=r"was trained to point.*set decoder = 'auto'"):
        nlp("Ada Lovelace lives in Paris.")


def test_a_joint_template_cannot_point(plain_lm_folder):
    template = {"@misc": "spacy_padellm.PromptTemplate.v1", "preset": "paper_english"}
    nlp = pointing_nlp({"@architectures": "spacy_padellm.CausalLM.v1",
                        "name": str(plain_lm_folder), "template": template})  # fmt: skip
    examples = make_examples(nlp, 4)
    with pytest.raises(ValueError, match=r"set model.pointers to false"):
        nlp.initialize(lambda: examples)


def test_a_setting_of_another_type_is_named():
    nlp = spacy.blank("en")
    with pytest.raises(ValueError, match=r"(?s)pointers.*'yes' is not"):
        nlp.add_pipe("padellm_ner", config={"model": {**SCRATCH_MODEL, "pointers": "yes"}})


def damage(kind, path):
    weights = load_file(path)
    if kind == "cut":
        path.write_bytes(path.read_bytes()[:1000])
    elif kind == "no words about it":
        save_file(weights, path)
    elif kind == "another width":
        about = {"hidden": 32, "labels": ["PER"], "width": 96, "depth": 4}
        save_file(weights, path, {"pointers": json.dumps(about)})
    else:
        del weights["rare"]
        about = {"hidden": 64, "labels": ["PER", "LOC"], "width": 96, "depth": 4}
        save_file(weights, path, {"pointers": json.dumps(about)})


@pytest.mark.parametrize("kind", ["cut", "no words about it", "another width", "a weight less"])
def test_a_damaged_file_is_named(pointing, tmp_path, kind):
    pointing.to_disk(tmp_path / "saved")
    damage(kind, tmp_path / "saved" / "padellm_ner" / "model" / "pointers.safetensors")
    with pytest.raises(ValueError, match=r"pointers\.safetensors"):
        spacy.load(tmp_path / "saved")("Ada Lovelace lives in Paris.")


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


def test_texts_with_labels_of_their_own_take_a_pass_for_each_set(pointing):
    sets = [["PER"], None, ["LOC"], ["LOC", "PER"], [], ["PER"]]
    docs = [pointing.make_doc("Ada Lovelace lives in Paris.") for _ in sets]
    for doc, labels in zip(docs, sets, strict=True):
        doc._.padellm_labels = labels
    decoder = pointing.get_pipe("padellm_ner").doc_decoder
    before = decoder.work
    both = {"PER": (0, 12, "PER"), "LOC": (22, 27, "LOC")}
    for doc, labels in zip(pointing.pipe(docs), sets, strict=True):
        wanted = ["PER", "LOC"] if labels is None else sorted(labels, reverse=True)
        assert spans_of(doc) == [both[label] for label in wanted]
    assert decoder.work.passes - before.passes == 3
