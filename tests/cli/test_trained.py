"""`padellm merge` and `push`: adapters into weights, models into repositories."""

import json
import shutil

import pytest
import spacy
from sample_pipelines import TEXTS, make_examples
from spacy.cli._util import app
from typer.testing import CliRunner

from spacy_padellm import cli  # noqa: F401 - registers the commands
from spacy_padellm.tools import publish as hub


def run(*arguments):
    return CliRunner().invoke(app, ["padellm", *map(str, arguments)])


def said(result):
    return " ".join(result.output.split())


def entities(nlp):
    return [
        [(ent.text, ent.label_, round(ent._.padellm_score, 4)) for ent in doc.ents]
        for doc in nlp.pipe(TEXTS)
    ]


@pytest.fixture
def tuned(random_nlp, tmp_path):
    """A saved pipeline with a trained adapter."""
    nlp = random_nlp(model={"peft": {"rank": 2, "alpha": 64}})
    examples = make_examples(nlp, 6)
    sgd = nlp.initialize(lambda: examples)
    sgd.learn_rate = 0.05
    for _ in range(3):
        nlp.update(examples, sgd=sgd)
    nlp.to_disk(tmp_path / "tuned")
    return tmp_path / "tuned"


def test_a_merged_pipeline_says_the_same(tuned, tmp_path):
    expected = entities(spacy.load(tuned))
    done = run("merge", tuned, tmp_path / "merged")
    assert done.exit_code == 0, done.output
    model = tmp_path / "merged" / "padellm_ner" / "model"
    assert not (model / "adapter_config.json").exists() and (model / "config.json").exists()
    assert [[e[:2] for e in doc] for doc in entities(spacy.load(tmp_path / "merged"))] == [
        [e[:2] for e in doc] for doc in expected
    ]
    assert any(expected)
    again = run("merge", tmp_path / "merged", tmp_path / "twice")
    assert again.exit_code == 1 and "no adapter" in said(again)
    assert run("merge", tuned, tuned).exit_code == 1


def test_training_goes_on_from_a_saved_adapter(tuned):
    """Its base is shared with another pipeline, which does not notice."""
    bystander, nlp = spacy.load(tuned), spacy.load(tuned)
    before = entities(bystander)
    models = [p.get_pipe("padellm_ner").shim.loaded.lm.model for p in (bystander, nlp)]
    assert models[0] is models[1]
    assert entities(nlp) == before
    sgd = nlp.create_optimizer()
    sgd.learn_rate = 0.05
    for _ in range(5):
        nlp.update(make_examples(nlp, 6), sgd=sgd)
    assert entities(bystander) == before != entities(nlp)


COMMIT = "abc" * 13 + "d"  # as the Hub has them: 40 hexadecimal digits


def as_downloaded(folder, repo, cache, monkeypatch):
    """A folder as the Hub's cache has it, with no network, as revisions main and v1."""
    snapshot = cache / f"models--{repo.replace('/', '--')}" / "snapshots" / COMMIT
    shutil.copytree(folder, snapshot)
    (snapshot.parents[1] / "refs").mkdir()
    for revision in ("main", "v1"):
        (snapshot.parents[1] / "refs" / revision).write_text(COMMIT)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


def test_a_repository_is_loaded_by_folder_and_by_id(trained_folder, tmp_path, monkeypatch):
    nlp = spacy.load(trained_folder)
    expected = entities(nlp)
    folder = tmp_path / "repository"
    done = run("push", trained_folder, "me/names", "--folder", folder, "--data", "120 sentences")
    assert done.exit_code == 0, done.output
    card = (folder / "README.md").read_text()
    assert card.startswith("---\n") and "spacy-padellm" in card and "120 sentences" in card
    assert all(f"- `{label}`" in card for label in nlp.get_pipe("padellm_ner").labels)
    assert '{"name": "me/names"}' in card and str(tmp_path) not in card

    def load(name):
        fresh = spacy.blank("en")
        fresh.add_pipe("padellm_ner", config={"model": {"name": str(name)}})
        return fresh

    assert entities(load(folder)) == expected
    as_downloaded(folder, "me/names", tmp_path / "cache", monkeypatch)
    assert entities(load("me/names")) == expected


def test_the_card_has_scores_and_settings(trained_folder, tmp_path):
    config = {"components.padellm_ner.threshold": 0.25}
    nlp = spacy.load(trained_folder, config=config)
    nlp.meta["performance"] = {
        "ents_f": 0.875,
        "ents_p": 0.9,
        "ents_r": 0.85,
        "strings_f": 0.5,
        "ents_per_type": {"PER": {"p": 1.0, "r": 0.5, "f": 0.667}},
    }
    facts = hub.CardFacts("me/names", "names of {{ title }} & <b>", licence="mit")
    made = hub.make_card(nlp, nlp.get_pipe("padellm_ner"), facts)
    card = str(made)
    assert "| all | 90.0 | 85.0 | 87.5 |" in card and "| `PER` | 100.0 | 50.0 | 66.7 |" in card
    assert '"threshold": 0.25' in card and "license: mit" in card
    assert "names of {{ title }} & <b>" in card  # text is data
    results = {result.metric_type: result.metric_value for result in made.data.eval_results}
    assert results == {"precision": 0.9, "recall": 0.85, "f1": 0.875}


def test_what_comes_from_the_box_has_its_licence(tmp_path):
    nlp = spacy.blank("en")
    nlp.add_pipe("padellm_ner")
    nlp.to_disk(tmp_path / "pipeline")
    folder = tmp_path / "repository"
    assert run("push", tmp_path / "pipeline", "me/names", "--folder", folder).exit_code == 0
    assert "license: cc-by-sa-4.0" in (folder / "README.md").read_text()
    done = run("push", tmp_path / "pipeline", "me/x", "--folder", folder, "--licence", "mit")
    assert done.exit_code == 1 and "--licence" in said(done)


def test_a_folder_of_something_else_is_left_alone(trained_folder, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    done = run("push", trained_folder, "me/names", "--folder", tmp_path)
    assert done.exit_code == 1 and "is not empty" in said(done)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_an_adapter_of_a_local_base_is_not_pushed(tuned, tmp_path):
    done = run("push", tuned, "me/names", "--folder", tmp_path / "repository")
    assert done.exit_code == 1 and "padellm merge" in said(done)


def test_an_adapter_of_a_public_base_goes_alone(random_nlp, lm_folder, tmp_path, monkeypatch):
    as_downloaded(lm_folder, "org/base", tmp_path / "cache", monkeypatch)
    nlp = random_nlp(model={"name": "org/base", "revision": "v1", "peft": {"rank": 2}})
    nlp.initialize(lambda: make_examples(nlp, 2))
    pipe = nlp.get_pipe("padellm_ner")
    hub.write_repository(nlp, pipe, tmp_path / "repository", hub.CardFacts("me/names"))
    settings = json.loads((tmp_path / "repository" / "padellm.json").read_text())
    assert settings["base"] == {"name": "org/base", "revision": "v1"}
    assert "base_model: org/base" in (tmp_path / "repository" / "README.md").read_text()
    adapter = json.loads((tmp_path / "repository" / "adapter_config.json").read_text())
    assert adapter["base_model_name_or_path"] == "org/base"
    assert not (tmp_path / "repository" / "model.safetensors").exists()


def test_no_network_is_told(trained_folder, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    done = run("push", trained_folder, "me/names")
    assert done.exit_code == 1 and "--folder" in said(done)
    with pytest.raises(ValueError, match="not a name of a repository"):
        hub.push(trained_folder, "a/b/c")


@pytest.mark.parametrize("command", [["merge", "out"], ["push", "me/names"]])
def test_what_is_no_pipeline(command, tmp_path):
    spacy.blank("en").to_disk(tmp_path / "blank")
    done = run(command[0], tmp_path / "blank", *command[1:])
    assert done.exit_code == 1 and "no component at all" in said(done)
    (tmp_path / "empty").mkdir()
    assert "no meta.json" in said(run(command[0], tmp_path / "empty", *command[1:]))
