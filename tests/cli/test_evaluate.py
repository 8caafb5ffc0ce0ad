"""`padellm evaluate` and `calibrate` read what training reads."""

import json
import logging
import os

import pytest
from spacy.cli._util import app
from spacy.tokens import DocBin
from typer.testing import CliRunner

from spacy_padellm import cli  # noqa: F401 - registers the commands
from spacy_padellm.tools.corpora import read_examples, read_gold

from .own_data import write_csv

# Of three places one is found, of three persons two, and one that is none.
TEXTS = {
    "Ada Byron saw Rome.": [[0, 9, "PER"], [14, 18, "LOC"]],
    "Bob Miles saw Oslo.": [[0, 9, "PER"], [14, 18, "LOC"]],
    "Cy Young saw Bern.": [[0, 8, "PER"], [13, 17, "LOC"]],
    "No one came.": [],
}
NESTED = [[0, 3, "PER"], [8, 20, "ORG"], [16, 20, "LOC"]]
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
def test_calibrate_reads_all_formats(suffix, pipeline, tmp_path):
    source = write(tmp_path, suffix)
    code, said = run("calibrate", pipeline, source, tmp_path / "out", "--precision", 0.9)
    assert code == 1 and "PER as it was 0.667 0.667 3 3" in said, said  # too few for a promise
    assert not (tmp_path / "out").exists()


def test_a_pipeline_that_writes_spans(scripted, random_nlp, tmp_path):
    source = write_csv(tmp_path / "nested.csv", [("Ada saw Bank of Rome.", NESTED)])
    scripted({"Ada saw Bank of Rome.": [("ORG", "Bank of Rome", 0.9), ("LOC", "Rome", 0.8)]})
    nlp = random_nlp(labels=["PER", "LOC", "ORG"], annotate="spans", spans_key="found")
    nlp.to_disk(tmp_path / "pipeline")
    code, said = run("evaluate", tmp_path / "pipeline", source)
    assert code == 0, said
    rows = "LOC 100.0 100.0 100.0 ORG 100.0 100.0 100.0 PER 0.0 0.0 0.0 all 100.0 66.7 80.0"
    assert rows in said


@pytest.mark.parametrize("command", ["evaluate", "calibrate", "analyze"])
def test_labels_that_only_one_side_has_are_told(command, random_nlp, scripted, tmp_path, caplog):
    if command == "analyze":
        pytest.importorskip("matplotlib")
    scripted(FOUND)
    random_nlp(labels=["PER", "LOC"], threshold=0.25).to_disk(tmp_path / "pipeline")

    def with_labels(**names):
        out = tmp_path / f"out{len(names)}"
        output = [out, "--precision", 0.9] if command == "calibrate" else ["-o", f"{out}.html"]
        rows = [(text, [[*span[:2], names.get(span[2], span[2])] for span in spans])
                for text, spans in TEXTS.items()]  # fmt: skip
        path = write_csv(tmp_path / "renamed.csv", rows)
        caplog.clear()
        code, said = run(command, tmp_path / "pipeline", path, *output)
        return code, said + caplog.text

    with caplog.at_level(logging.WARNING):
        code, said = with_labels(LOC="PLACE")
        assert code == (command == "calibrate"), said  # which can promise nothing of so few
        assert "does not look for: PLACE (3). If a label has another name" in said
        assert "renamed.csv has no entity of LOC: whatever the pipeline finds of it counts" in said
        assert "save them as a .spacy file" in said
        code, said = with_labels(LOC="PLACE", PER="PERSON")
    assert code == 1 and "the texts have PERSON (3), PLACE (3), and" in said
    assert "looks for PER, LOC" in said and "--labels-map OLD=NEW" in said


@pytest.mark.parametrize("command", ["evaluate", "calibrate", "analyze", "benchmark"])
def test_gold_that_was_moved_is_no_gold(command, pipeline, tmp_path, caplog):
    if command == "analyze":
        pytest.importorskip("matplotlib")
    rows = [(f"{i} {text}", [[s + 3, e + 3, x] for s, e, x in spans])
            for i in range(9) for text, spans in TEXTS.items()]  # fmt: skip
    path = write_csv(tmp_path / "shifted.csv", rows)
    output = {"calibrate": [tmp_path / "out"], "analyze": ["-o", tmp_path / "a.html"]}
    words = [command, pipeline, path, *output.get(command, [])]
    code, said = run(*words)
    assert code == 1 and "your offsets seem to be shifted: 54 of 54" in said
    assert "subtract 1 from their starts and ends" in said and not (tmp_path / "out").exists()
    if command == "evaluate":
        code, said = run(*words, "--alignment-mode", "contract")
        assert code == 0 and "all" in said
        assert "your offsets seem to be shifted" in caplog.text


def test_only_labels_that_were_looked_for_are_asked_for(random_nlp, tmp_path):
    """Those of others would take mentions from them, and are not scored."""
    nlp = random_nlp(labels=["PER", "LOC"])
    docs = [nlp.make_doc("Washington is rainy."), nlp.make_doc("Ada came.")]
    for doc, labels in zip(docs, (["LOC"], None), strict=True):
        doc.set_ents([], default="outside")
        doc._.padellm_labels = labels
    DocBin(docs=docs, store_user_data=True).to_disk(tmp_path / "gold.spacy")
    pipe = nlp.get_pipe("padellm_ner")
    read = read_gold(tmp_path / "gold.spacy", nlp, pipe), read_examples(nlp, docs)
    for examples in read:
        given, every = (eg.predicted._.padellm_labels for eg in examples)
        assert list(given) == ["LOC"] and every is None
        found = pipe.predict([eg.predicted for eg in examples])
        asked = [{count.label for count in one.prediction.counts} for one in found]
        assert asked == [{"LOC"}, {"PER", "LOC"}]


def test_an_output_that_cannot_be_written_costs_no_scores(pipeline, tmp_path):
    source, folder, file = write(tmp_path, ".csv"), tmp_path / "results", tmp_path / "file"
    folder.mkdir()
    file.write_text("")
    for output, words in (
        (folder, "is a folder: name a file"),
        (file / "x.json", "cannot be written"),
    ):
        code, said = run("evaluate", pipeline, source, "-o", output)
        assert code == 1 and f"--output {output} {words}" in said and "F1" not in said
        code, said = run("calibrate", pipeline, source, file / "x")
        assert code == 1 and f"OUTPUT {file / 'x'} cannot be written" in said
        code, said = run("benchmark", pipeline, source, "-o", file / "x")
        assert code == 1 and "x.json cannot be written" in said
        page = output if output == folder else file / "x.html"
        code, said = run("analyze", pipeline, source, "-o", page)
        assert code == 1 and words in said
    new, corpus = tmp_path / "new", [tmp_path / "no-model", source]
    for words in (
        ["calibrate", *corpus, new / "out"],
        *([name, *corpus, "-o", new / "x"] for name in ("evaluate", "benchmark")),
    ):
        code, said = run(*words)  # what fails leaves no folder
        assert code == 1 and "no-model" in said and not new.exists(), said
    code, said = run("evaluate", pipeline, source, "-o", new / ("x" * 999) / "x")
    assert code == 1 and "cannot be written" in said and not new.exists()
    code, said = run("evaluate", pipeline, source, "-o", new / "in" / "x.json")
    assert code == 0 and (new / "in" / "x.json").is_file()
    if os.path.exists("/dev/full"):  # it is found out only when all is done
        code, said = run("evaluate", pipeline, source, "-o", "/dev/full")
        assert code == 1 and "all 75.0 50.0 60.0" in said and "/dev/full was not written" in said
        assert "Wrote" not in said


@pytest.mark.parametrize(("name", "option"), [("gold.data", "--format"), ("gold.tsv", "")])
def test_a_format_is_given_or_told_from_the_head(name, option, pipeline, tmp_path):
    table = write(tmp_path, ".csv").read_text()
    (tmp_path / name).write_text(table if option else f"sep=,\n{table}")
    words = ("evaluate", pipeline, tmp_path / name)
    if option:
        code, said = run(*words)
        assert code == 1 and f"with {option}" in said
    code, said = run(*words, *([option, "table"] if option else []))
    assert code == 0 and "all 75.0 50.0 60.0" in said, said


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
