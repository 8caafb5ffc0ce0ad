"""The model in the package for labels that a user names."""

import json
import warnings

import pytest
import spacy
from spacy.cli._util import app
from typer.testing import CliRunner

from spacy_padellm import cli  # noqa: F401 - registers the commands
from spacy_padellm.models.named.box import IN_THE_BOX
from spacy_padellm.tools.pipelines import open_pipeline
from spacy_padellm.tools.serve.extraction import Extractor

FOLDER = IN_THE_BOX["english-any"]
LABELS = {"DISH": "food that is cooked and served", "RESTAURANT": "names of restaurants"}
TEXT = "Book a table for four at Chez Panisse on Friday at 8 pm."


def blank(labels=LABELS, **settings):
    nlp = spacy.blank("en")
    config = {"model": {"name": "english-any"}, "labels": labels, **settings}
    nlp.add_pipe("padellm_ner", config=config)
    return nlp


def found(nlp, text=TEXT):
    return [(ent.text, ent.label_) for ent in nlp(text).ents]


def test_the_folder_says_what_it_is():
    said = json.loads((FOLDER / "padellm.json").read_text(encoding="utf8"))
    assert said["labels"] == [] and said["descriptions"] == {} and said["calibration"]
    assert (
        said["base"]["name"] == said["made_of"]["name"] == "english"
        and said["start_threshold"] < 0.5
    )
    assert "CC BY-SA 4.0" in (FOLDER / "LICENSE.md").read_text(encoding="utf8")


def test_it_finds_what_it_is_asked_for_and_warns_of_nothing(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nlp = blank()
        assert ("Chez Panisse", "RESTAURANT") in found(nlp)
        nlp.to_disk(tmp_path / "saved")
        again = spacy.load(tmp_path / "saved")
        assert found(again) == found(nlp) and again.get_pipe("padellm_ner").labels == (*LABELS,)
        doc = again.make_doc("Angela Merkel met Emmanuel Macron in Berlin.")
        doc._.padellm_labels = ["person", "city"]
        assert ("Angela Merkel", "person") in [(e.text, e.label_) for e in again(doc).ents]
    assert Extractor(again, again.get_pipe("padellm_ner")).takes_others
    assert found(blank().from_bytes(nlp.to_bytes())) == found(nlp)


def test_what_it_is_trained_on_is_what_it_knows(tmp_path):
    nlp = blank()
    example = spacy.training.Example.from_dict(
        nlp.make_doc(TEXT), {"entities": [(25, 37, "RESTAURANT")]}
    )
    nlp.initialize(lambda: [example])
    nlp.update([example], sgd=nlp.create_optimizer())
    nlp.to_disk(tmp_path)
    said = json.loads((tmp_path / "padellm_ner" / "model" / "padellm.json").read_text())
    assert (
        said["labels"] == [*LABELS] and "start_threshold" not in said and "calibration" not in said
    )


def test_the_bar_for_beginnings(tmp_path):
    said = json.loads((FOLDER / "padellm.json").read_text(encoding="utf8"))
    counts = []
    text = "Does Noma serve ramen? We shared a mushroom risotto."
    for bar in (0.05, 0.5, 0.999):
        folder = tmp_path / str(bar)
        folder.mkdir()
        (folder / "padellm.json").write_text(json.dumps({**said, "start_threshold": bar}))
        by_folder, by_setting = spacy.blank("en"), blank(start_threshold=bar)
        config = {"model": {"name": str(folder)}, "labels": LABELS}
        by_folder.add_pipe("padellm_ner", config=config)
        counts.append(len(found(by_folder, text)))
        assert found(by_setting, text) == found(by_folder, text)
        by_folder.to_disk(tmp_path / f"saved-{bar}")
        assert found(spacy.load(tmp_path / f"saved-{bar}"), text) == found(by_setting, text)
    assert counts[0] > counts[1] > counts[2] == 0


def test_commands_want_labels(tmp_path):
    with pytest.raises(ValueError, match=r"'english-any' looks for the labels.*--labels"):
        open_pipeline("english-any")
    (tmp_path / "in.txt").write_text(TEXT)
    (tmp_path / "gold.jsonl").write_text(
        json.dumps({"text": TEXT, "ents": [[25, 37, "RESTAURANT"]]}) + "\n"
    )
    texts = ["annotate", "english-any", tmp_path / "in.txt", "-o", tmp_path / "out"]
    gold = ["evaluate", "english-any", tmp_path / "gold.jsonl"]
    for words in (texts, gold):
        run = [*map(str, ["padellm", *words])]
        done = CliRunner().invoke(app, run)
        assert done.exit_code == 1 and "give --labels" in " ".join(done.output.split())
        done = CliRunner().invoke(app, [*run, "--labels", "RESTAURANT"])
        assert done.exit_code == 0, done.output
