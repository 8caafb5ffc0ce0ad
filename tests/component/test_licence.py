"""The licence of the model in the box, in all that is made of it, and in what is made of that."""

import json
import shutil
from dataclasses import asdict, replace

import pytest
import spacy
from sample_pipelines import make_examples
from spacy.cli._util import app
from spacy.cli.package import package
from typer.testing import CliRunner

from spacy_padellm import cli  # noqa: F401 - registers the commands
from spacy_padellm.models.licence import MadeOf
from spacy_padellm.models.model_settings import read_settings
from spacy_padellm.models.named.box import IN_THE_BOX
from spacy_padellm.models.place import find_place
from spacy_padellm.pipeline.licence import note_in_folder
from spacy_padellm.pipeline.saving import save_pipeline
from spacy_padellm.tools.publish import CardFacts, make_card

OF_BOX = "CC BY-SA 4.0"
BOX = {"name": "english", "licence": "cc-by-sa-4.0"}
WHERE = "https://creativecommons.org/licenses/by-sa/4.0/"


def blank(name, **settings):
    nlp = spacy.blank("en")
    nlp.add_pipe("padellm_ner", config={"model": {"name": str(name), **settings}})
    return nlp


def made_of(folder):
    return read_settings(find_place(str(folder), "name")).made_of


def weights_say_it(folder):
    """Of a model's folder: its settings, and the notice."""
    assert json.loads((folder / "padellm.json").read_text())["made_of"] == BOX
    return WHERE in (folder / "LICENSE").read_text()


def pipeline_says_it(folder):
    meta = json.loads((folder / "meta.json").read_text())
    return (
        meta["license"] == OF_BOX
        and [source["license"] for source in meta["sources"]] == [OF_BOX]
        and WHERE in (folder / "LICENSE").read_text()
        and weights_say_it(folder / "padellm_ner" / "model")
    )


@pytest.fixture
def tuned_folder(lm_folder, tmp_path):
    """A tiny model, as if it had been tuned from the one in the box."""
    folder = shutil.copytree(lm_folder, tmp_path / "tuned")
    said = json.loads((folder / "padellm.json").read_text())
    (folder / "padellm.json").write_text(json.dumps({**said, "made_of": BOX}))
    return folder


def test_a_package_has_the_licence(tmp_path):
    save_pipeline(blank("english"), tmp_path / "best")
    save_pipeline(spacy.load(tmp_path / "best"), tmp_path / "sure")  # as `calibrate` does
    assert pipeline_says_it(tmp_path / "best") and pipeline_says_it(tmp_path / "sure")
    package(tmp_path / "sure", tmp_path, name="mine", create_sdist=False, create_wheel=False)
    (made,) = tmp_path.glob("en_mine-*")
    assert json.loads((made / "meta.json").read_text())["license"] == OF_BOX
    assert WHERE in (made / "LICENSE").read_text()
    assert weights_say_it(made / "en_mine" / made.name / "padellm_ner" / "model")
    readme = (made / "README.md").read_text()
    assert f"`{OF_BOX}`" in readme and "English model of spacy-padellm" in readme


@pytest.mark.parametrize("box", IN_THE_BOX)
def test_the_box_is_known_by_its_folder_and_by_its_weights(box, tmp_path):
    folder, known = IN_THE_BOX[box], MadeOf(box, BOX["licence"])
    (tmp_path / "link").symlink_to(folder)
    for name in (box, folder, tmp_path / "link"):
        assert made_of(name) == known
    copied = json.loads((shutil.copytree(folder, tmp_path / "copy") / "padellm.json").read_text())
    assert made_of(tmp_path / "copy") == MadeOf(**BOX)  # whose weights both have
    if box == BOX["name"]:  # whatever a copy says
        other = {**copied, "made_of": asdict(MadeOf("minilm", "apache-2.0"))}
        (tmp_path / "copy" / "padellm.json").write_text(json.dumps(other))
        assert made_of(tmp_path / "copy") == known
    nlp = spacy.blank("en")
    config = {"model": {"name": box}, "labels": ["PER", "DISH"], "save_mode": "reference"}
    pipe = nlp.add_pipe("padellm_ner", config=config)
    nlp.to_disk(tmp_path / "reference")
    model = tmp_path / "reference" / "padellm_ner" / "model"
    assert made_of(model) == known and not (model / "LICENSE").exists()
    pipe.settings = replace(pipe.settings, save_mode="auto")
    save_pipeline(nlp, tmp_path / "whole")
    model = tmp_path / "whole" / "padellm_ner" / "model"
    assert (model / "model.safetensors").exists() and WHERE in (model / "LICENSE").read_text()
    assert json.loads((model / "padellm.json").read_text())["made_of"]["name"] == box
    (source,) = json.loads((tmp_path / "whole" / "meta.json").read_text())["sources"]
    assert source["license"] == OF_BOX and source["name"] == known.source


def test_what_is_not_the_box(lm_folder, tmp_path):
    (tmp_path / "english").mkdir()
    assert made_of(lm_folder) is None
    assert read_settings(find_place(str(tmp_path / "english"), "name")) is None


def test_every_step_after_the_first_has_it(tuned_folder, tmp_path):
    """`spacy train` saves with `nlp.to_disk` alone: the notice of the package is then beside the
    weights."""
    nlp = blank(tuned_folder, peft={"rank": 2})
    nlp.initialize(lambda: make_examples(nlp, 2))
    nlp.to_disk(tmp_path / "trained")
    meta = json.loads((tmp_path / "trained" / "meta.json").read_text())
    assert meta["license"] == OF_BOX and weights_say_it(tmp_path / "trained/padellm_ner/model")
    for words in (
        ["merge", tmp_path / "trained", tmp_path / "merged"],
        ["push", tmp_path / "merged", "me/x", "--folder", tmp_path / "pushed"],
    ):
        done = CliRunner().invoke(app, ["padellm", *map(str, words)])
        assert done.exit_code == 0, done.output
    assert pipeline_says_it(tmp_path / "merged") and weights_say_it(tmp_path / "pushed")
    assert "license: cc-by-sa-4.0" in (tmp_path / "pushed" / "README.md").read_text()
    refused = ["padellm", "push", str(tmp_path / "merged"), "me/x", "--licence", "mit"]
    done = CliRunner().invoke(app, [*refused, "--folder", str(tmp_path / "mit")])
    assert done.exit_code == 1 and "leave --licence out" in " ".join(done.output.split())
    nlp = blank(tmp_path / "pushed")  # the second generation, by the folder of the first
    nlp.initialize(lambda: make_examples(nlp, 2))
    nlp.get_pipe("padellm_ner").shim.note_step()  # as training does: its weights are its own
    save_pipeline(nlp, tmp_path / "second")
    assert pipeline_says_it(tmp_path / "second")
    copied = blank(tmp_path / "merged/padellm_ner/model").from_bytes(nlp.to_bytes())
    assert copied.get_pipe("padellm_ner").shim.made_of == MadeOf(**BOX)


def test_a_pipeline_saved_before_weights_said_it_keeps_it(random_nlp, tuned_folder, tmp_path):
    """Its meta says it alone: every command that writes its weights again knows it by that."""
    old, nlp = tmp_path / "old", blank(tuned_folder)
    nlp.get_pipe("padellm_ner").shim.note_step()  # as training does: its weights are its own
    save_pipeline(nlp, old)
    settings = old / "padellm_ner" / "model" / "padellm.json"
    said = json.loads(settings.read_text())
    del said["made_of"]
    for notice in old.rglob("LICENSE"):
        notice.unlink()
    settings.write_text(json.dumps(said))
    nlp = spacy.load(old)
    with pytest.raises(ValueError, match="leave --licence out"):
        make_card(nlp, nlp.get_pipe("padellm_ner"), CardFacts("me/x", licence="mit"))
    save_pipeline(nlp, tmp_path / "again")
    note_in_folder(old, ["padellm_ner"])  # as `export`
    assert pipeline_says_it(tmp_path / "again") and WHERE in (old / "LICENSE").read_text()
    assert made_of(old / "padellm_ner" / "model") == MadeOf(**BOX)
    nlp = random_nlp()  # and of another model beside it nothing is said
    nlp.meta["sources"] = json.loads((old / "meta.json").read_text())["sources"]
    save_pipeline(nlp, tmp_path / "other")
    assert made_of(tmp_path / "other" / "padellm_ner" / "model") is None


def test_a_copied_pipeline_gets_it(tuned_folder, tmp_path):
    """As `padellm export` writes one: its files, with other models."""
    blank(tuned_folder).to_disk(tmp_path / "copied")
    (tmp_path / "copied" / "padellm_ner" / "model" / "LICENSE").unlink(missing_ok=True)
    note_in_folder(tmp_path / "copied", ["padellm_ner"])
    meta = json.loads((tmp_path / "copied" / "meta.json").read_text())
    assert meta["license"] == OF_BOX and (tmp_path / "copied" / "LICENSE").is_file()
    assert spacy.load(tmp_path / "copied").meta["sources"] == meta["sources"]


def test_the_licence_of_another_model_goes_along_where_it_asks_for_that(lm_folder, tmp_path):
    folder = shutil.copytree(lm_folder, tmp_path / "any")
    said = json.loads((folder / "padellm.json").read_text())
    said["made_of"] = {"name": "beasts", "licence": "cc-by-sa-3.0"}
    (folder / "padellm.json").write_text(json.dumps(said))
    nlp = blank(folder)
    save_pipeline(nlp, tmp_path / "saved")
    meta = json.loads((tmp_path / "saved" / "meta.json").read_text())
    (source,) = meta["sources"]
    assert meta["license"] == source["license"] == "CC BY-SA 3.0" and "beasts" in source["name"]
    notice = (tmp_path / "saved" / "LICENSE").read_text()
    assert "'beasts'" in notice and WHERE.replace("4.0", "3.0") in notice
    pipe = nlp.get_pipe("padellm_ner")
    with pytest.raises(ValueError, match=r"'beasts', which is under .*leave --licence"):
        make_card(nlp, pipe, CardFacts("me/x", licence="mit"))
    assert "from the model 'beasts'" in str(make_card(nlp, pipe, CardFacts("me/x")))


def test_what_is_made_of_gemma_has_its_notice(lm_folder, tmp_path):
    folder = shutil.copytree(lm_folder, tmp_path / "tuned")
    said = json.loads((folder / "padellm.json").read_text())
    said["made_of"] = {"name": "gemma3", "licence": "gemma"}
    (folder / "padellm.json").write_text(json.dumps(said))
    save_pipeline(blank(folder), tmp_path / "saved")
    notice = (tmp_path / "saved" / "NOTICE").read_text()
    assert "under and subject to the Gemma Terms of Use found at" in notice
    terms = (tmp_path / "saved" / "GEMMA_TERMS.txt").read_text()
    assert "3.2 Use Restrictions" in terms
    assert not (tmp_path / "saved" / "LICENSE").exists()
    meta = json.loads((tmp_path / "saved" / "meta.json").read_text())
    assert meta["license"] == "Gemma Terms of Use"
    nlp = spacy.load(tmp_path / "saved")
    with pytest.raises(ValueError, match=r"'gemma3', which is under gemma.*leave --licence"):
        make_card(nlp, nlp.get_pipe("padellm_ner"), CardFacts("me/x", licence="mit"))


def test_other_models_and_other_licences_stay(random_nlp, lm_folder, tmp_path, caplog):
    nlp = random_nlp()
    save_pipeline(nlp, tmp_path / "plain")
    assert nlp.meta["license"] == "" and "sources" not in nlp.meta
    assert not list(tmp_path.rglob("LICENSE"))
    nlp = blank("english")
    for licence in ("CC BY-SA 4.0 and more", "cc-by-sa-4.0", "MIT", "MIT"):
        nlp.meta["license"] = licence
        save_pipeline(nlp, tmp_path / "own")
        assert nlp.meta["license"] == licence
    assert [record.getMessage().count("'MIT'") for record in caplog.records] == [1]
    folder = shutil.copytree(lm_folder, tmp_path / "other")
    said = json.loads((folder / "padellm.json").read_text())
    said["made_of"] = {"name": "smollm2", "licence": "apache-2.0"}
    (folder / "padellm.json").write_text(json.dumps(said))
    nlp = blank(folder)
    save_pipeline(nlp, tmp_path / "third")
    assert nlp.meta["license"] == "" and nlp.meta["sources"][0]["license"] == "apache-2.0"
    assert not list((tmp_path / "third").rglob("LICENSE"))
