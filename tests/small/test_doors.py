"""What needs torch says with which command it comes, once and in one sentence."""

import contextlib
import io

import pytest
import spacy
from spacy.training import Example

from spacy_padellm.extras import NotInstalledError
from spacy_padellm.models.adapter_settings import AdapterSettings
from spacy_padellm.training.__main__ import main

INSTALL = "pip install 'spacy-padellm[{}]'"


def told(extra="torch"):
    """Within it the command of the extra is said, and no other."""
    return pytest.raises(NotInstalledError, match=rf"pip install 'spacy-padellm\[{extra}\]'")


def blank(**model):
    nlp = spacy.blank("en")
    nlp.add_pipe("padellm_ner", config={"model": model, "labels": ["PER", "LOC"]})
    return nlp


def examples(nlp):
    entities = {"entities": [(0, 3, "PER")]}
    return [Example.from_dict(nlp.make_doc("Ada left."), entities)]


@pytest.fixture
def exported(models):
    return str(models / "points" / "padellm_ner" / "model")


@pytest.fixture
def plain(models):
    return str(models / "plain" / "padellm_ner" / "model")


def test_a_model_that_was_not_exported(models, plain):
    for use in (lambda: blank(name=plain)("Ada left."), lambda: spacy.load(models / "plain")):
        with told() as error:
            use()
        assert "needs torch, transformers, peft, accelerate (not installed)" in str(error.value)
        assert "padellm export" in str(error.value)


@pytest.mark.parametrize(
    "setting",
    [
        {"runtime": "torch"},
        {"device": "cuda"},
        {"devices": ["cpu", "cpu"]},
        {"device_map": "auto"},
        {"dtype": "bfloat16"},
        {"quantize": "int8"},
        {"quantize": "4bit"},
        {"compile": True},
    ],
    ids=str,
)
def test_a_setting_of_torch(exported, setting):
    with told() as error:
        blank(name=exported, **setting)("Ada left.")
    (name,) = setting
    assert str(error.value).startswith(f"the model setting `{name}`, which is ")


def test_an_adapter(exported, plain):
    with told() as error:
        blank(name=exported, adapter=plain)("Ada left.")
    assert f"with the adapter {plain!r}" in str(error.value)
    with told():
        AdapterSettings().peft_config()


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("nothing", "holds no model: it has no config.json"),
        ("plain", "is a spaCy pipeline: load it with spacy.load"),
        ("run", "is the output of a training run.*model-best"),
    ],
)
def test_torch_is_not_asked_for_where_no_model_is(path, words, models, tmp_path):
    for name in ("nothing", "run/model-best"):
        (tmp_path / name).mkdir(parents=True)
    folder = models / "plain" if path == "plain" else tmp_path / path
    with pytest.raises(ValueError, match=words) as error:
        blank(name=str(folder))("Ada left.")
    assert not isinstance(error.value, NotInstalledError)


def test_training(models, exported):
    nlp = spacy.load(models / "points")
    for peft in ({}, {"peft": {"rank": 2}}):
        begun = blank(name=exported, **peft)
        with told() as error:
            begun.initialize(lambda begun=begun: examples(begun))
        assert str(error.value).startswith("training needs torch")
    with told():
        nlp.update(examples(nlp), sgd=nlp.resume_training())
    assert nlp("Ada left.").text == "Ada left."  # as before
    with told() as error:
        nlp.get_pipe("padellm_ner").shim.merge()
    assert str(error.value).startswith("merging an adapter needs torch")
    made = blank(**{"@architectures": "spacy_padellm.CausalLMFromScratch.v1"})
    with told():
        made.initialize(lambda: examples(made))


def test_models_that_are_made_ready_first(tmp_path):
    file = tmp_path / "model.gguf"
    file.write_bytes(b"GGUF")
    with told("gguf"):
        blank(name=str(file))("Ada left.")
    server = {"@architectures": "spacy_padellm.Server.v1", "url": "http://x/v1", "model": "m"}
    with told("gguf"):
        blank(**server, tokenizer=str(file))("Ada left.")
    (tmp_path / "config.json").write_text("{}")
    with told():
        blank(**server, tokenizer=str(tmp_path))("Ada left.")


@pytest.mark.parametrize("command", ["pretrain TEXTS -o OUT", "finetune MODEL TEXTS -o OUT"])
def test_the_command_without_spacy(command, plain, tmp_path):
    texts = tmp_path / "texts.jsonl"
    texts.write_text('{"text": "Ada left.", "ents": [[0, 3, "PER"]]}\n')
    places = {"TEXTS": str(texts), "MODEL": plain, "OUT": str(tmp_path / "out")}
    with contextlib.redirect_stderr(io.StringIO()) as said:
        assert main([places.get(word, word) for word in command.split()]) == 1
    assert said.getvalue().count(INSTALL.format("torch")) == 1


COMMANDS = {
    "train GOLD -o OUT": "torch",
    "train CONFIG -o OUT": "torch",
    "export PLAIN -o OUT": "export",
    "merge POINTS OUT": "torch",
    "annotate PLAIN TEXTS -o OUT": "torch",
    "explain Ada -p PLAIN -o OUT": "torch",
    "calibrate PLAIN GOLD OUT": "torch",
    "benchmark PLAIN GOLD": "torch",
    "push PLAIN me/model --folder OUT": "torch",
}


@pytest.mark.parametrize("command", COMMANDS)
def test_commands(command, run, models, tmp_path):
    (tmp_path / "config.cfg").write_text("[nlp]\nlang = en\n")
    (tmp_path / "texts.txt").write_text("Ada left.\n")
    places = {
        "GOLD": models / "gold.spacy",
        "CONFIG": tmp_path / "config.cfg",
        "TEXTS": tmp_path / "texts.txt",
        "PLAIN": models / "plain",
        "POINTS": models / "points",
        "OUT": tmp_path / "out",
    }
    said, code = run(*(places.get(word, word) for word in command.split()))
    assert code == 1 and said.count("pip install") == 1, said
    assert INSTALL.format(COMMANDS[command]) in said, said
