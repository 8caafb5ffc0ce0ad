"""`padellm evaluate` and `calibrate` read what training reads."""

import json

import pytest
from spacy.cli._util import app
from spacy.tokens import DocBin
from typer.testing import CliRunner

from spacy_padellm import cli  # noqa: F401 - registers the commands

from .own_data import write_csv

# Of three places one is found, of three persons two, and one that is none.
TEXTS = {
    "Ada Byron saw Rome.": [[0, 9, "PER"], [14, 18, "LOC"]],
    "Bob Miles saw Oslo.": [[0, 9, "PER"], [14, 18, "LOC"]],
    "Cy Young saw Bern.": [[0, 8, "PER"], [13, 17, "LOC"]],
    "No one came.": [],
}
FOUND = {
    "Ada Byron saw Rome.": [("PER", "Ada Byron", 0.9), ("LOC", "Rome", 0.9)],
    "Bob Miles saw Oslo.": [("PER", "Bob Miles", 0.8)],
    "Cy Young saw Bern.": [],
    "No one came.": [("PER", "one", 0.4)],
}


def run(*words):
    done = CliRunner().invoke(app, ["padellm", *map(str, words)])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, " ".join(done.output.split())


@pytest.fixture
def pipeline(scripted, random_nlp, tmp_path):
    scripted(FOUND)
    random_nlp().to_disk(tmp_path / "pipeline")
    return tmp_path / "pipeline"


def write(folder, suffix):
    rows = list(TEXTS.items())
    source = write_csv(folder / "gold.csv", rows)
    if suffix == ".jsonl":
        lines = [json.dumps({"text": text, "ents": spans}) for text, spans in rows]
        (folder / "gold.jsonl").write_text("\n".join(lines))
    elif suffix != ".csv":
        assert run("convert", source, folder / f"gold{suffix}")[0] == 0
    return folder / f"gold{suffix}"


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".spacy"])
def test_all_formats_give_the_same_scores(suffix, pipeline, tmp_path):
    source = write(tmp_path, suffix)
    code, said = run("evaluate", pipeline, source, "-o", tmp_path / "scores.json")
    assert code == 0, said
    assert "LOC 100.0 33.3 50.0 PER 66.7 66.7 66.7 all 75.0 50.0 60.0" in said
    scores = json.loads((tmp_path / "scores.json").read_text())
    assert scores["ents_f"] == pytest.approx(0.6)
    code, said = run("evaluate", pipeline, source)
    assert code == 0 and "Wrote" not in said


@pytest.mark.parametrize("suffix", [".csv", ".spacy"])
def test_calibrate_finds_thresholds_in_all_formats(suffix, pipeline, tmp_path):
    source = write(tmp_path, suffix)
    code, said = run("calibrate", pipeline, source, tmp_path / "out", "--precision", 0.9)
    assert code == 0 and "PER 0.6 1.000 0.667 2 3" in said, said


def test_what_cannot_be_evaluated_is_named(pipeline, tmp_path):
    (tmp_path / "empty.csv").write_text("")
    code, said = run("evaluate", pipeline, tmp_path / "empty.csv")
    assert code == 1 and "empty.csv: no text was read from it: it is empty" in said
    nlp_docs = DocBin()
    nlp_docs.to_disk(tmp_path / "none.spacy")
    code, said = run("evaluate", pipeline, tmp_path / "none.spacy")
    assert code == 1 and "none.spacy: no text was read" in said
    code, said = run("evaluate", pipeline, write(tmp_path, ".csv"), "--batch-size", 0)
    assert code == 1 and "--batch-size is 0" in said
