"""Models asked for labels by their names, and which sets those in the box have seen."""

import json
import shutil

import pytest
import srsly
from english_corpora import JOINED, NATURAL
from english_data import TRAIN_SETS

from spacy_padellm.formats.json_records import write_records
from spacy_padellm.models.named.box import IN_THE_BOX

from .programs import program, refused


def test_the_models_have_seen_what_their_corpora_are_written_of():
    from grid.seen import SEEN

    assert SEEN["english"] == SEEN["english-any"] == {*TRAIN_SETS, *JOINED, *NATURAL}


def test_sets_of_the_benchmark_that_a_model_has_seen(lm_folder, tmp_path):
    module = program("zero_shot")
    about = set(srsly.read_yaml(module.ABOUT))
    shutil.copytree(IN_THE_BOX["english"], tmp_path / "copy")
    for box in ("english", str(IN_THE_BOX["english"]), str(tmp_path / "copy")):
        assert "snips" in module.seen_by(box)
    for box in ("english", "english-any"):
        assert about & module.seen_by(box) == set()
    assert module.seen_by(str(lm_folder)) is None


@pytest.fixture
def zero_shot(tmp_path):
    """The program, and two sets of its own."""
    module = program("zero_shot")
    indicator = {"text": "Ada ran evil.exe .", "ents": [[8, 16, "Indicator"]]}
    disease = {"text": "Aspirin helps.", "ents": [[0, 7, "Chemical"]]}
    for name, record in (("cyner", indicator), ("bc5cdr", disease)):
        write_records(tmp_path / "data" / "ner2" / name / "test.jsonl.gz", [record])
    return module


def test_seen_sets_are_marked_and_left_out_of_a_mean(
    zero_shot, lm_folder, tmp_path, capsys, monkeypatch
):
    scores = {"cyner": 0.8, "bc5cdr": 0.2}
    monkeypatch.setattr(zero_shot, "seen_by", lambda _: frozenset({"cyner"}))
    monkeypatch.setattr(
        zero_shot,
        "score",
        lambda golds, _: {"f": scores["bc5cdr" if "As" in golds[0].text else "cyner"]},
    )
    fixed = [str(lm_folder), "--data", str(tmp_path / "data"), "--output"]
    fixed.append(str(tmp_path / "new" / "out.json"))
    zero_shot.main([*fixed, "--sets", "bc5cdr", "cyner"])
    report = json.loads((tmp_path / "new" / "out.json").read_text())
    (found,) = report["models"].values()
    assert (found["mean_unseen"], found["mean"]) == (0.2, 0.5) and report["split"] == "test"
    assert found["seen"] == ["cyner"] and report["machine"]["processor"]
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["bc5cdr", "20.0"] in rows and ["cyner*", "80.0"] in rows
    assert ["mean", "of", "the", "unseen", "20.0"] in rows and ["mean", "of", "all", "50.0"] in rows
    zero_shot.main([*fixed, "--sets", "cyner"])
    (found,) = json.loads((tmp_path / "new" / "out.json").read_text())["models"].values()
    assert found["mean"] == 0.8 and "mean_unseen" not in found
    monkeypatch.setattr(zero_shot, "seen_by", lambda _: None)
    zero_shot.main([*fixed, "--sets", "cyner"])
    (found,) = json.loads((tmp_path / "new" / "out.json").read_text())["models"].values()
    assert found["seen"] is None and "mean_unseen" not in found
    assert "not known here" in capsys.readouterr().out
    assert "no set trips" in refused(zero_shot.main, capsys, *fixed, "--sets", "trips")
    assert "no set tasteset below" in refused(zero_shot.main, capsys, *fixed)


def test_what_is_found_is_scored_under_the_labels_of_the_data(zero_shot, lm_folder, tmp_path):
    output = tmp_path / "out.json"
    words = [lm_folder, "--data", tmp_path / "data", "--sets", "bc5cdr", "--output", output]
    zero_shot.main([*map(str, words), "--described"])
    report = json.loads(output.read_text())
    scores = report["models"][str(lm_folder)]["sets"]["bc5cdr"]
    assert report["described"] and scores["by_label"]["Chemical"]["n"] == 1
    assert scores["by_label"].keys() <= {"Chemical", "Disease"}
