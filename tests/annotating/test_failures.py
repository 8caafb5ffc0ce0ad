"""What fails in `padellm annotate`: a text, a model, a file."""

import datetime
import json

import pytest
import spacy
from spacy.language import Language

from spacy_padellm import cli  # noqa: F401 - registers the commands
from spacy_padellm.models.named.box import IN_THE_BOX
from spacy_padellm.tools.annotate.plan import Job
from spacy_padellm.tools.annotate.running import FailingError, Failures, annotate_records, run_job
from spacy_padellm.tools.annotate.sources import read_records

from .corpus import TEXTS, records, run, write_input


def test_a_text_that_fails_is_there_with_its_error(trained, trained_folder, tmp_path):
    source = tmp_path / "in.jsonl"
    source.write_text(
        '{"text": "Ada Lovelace lives in Paris.", "ents": [], "error": "old"}\nno json\n[1]\n'
        '{"id": 7}\n{"text": "\\ud800 hi", "x": "\\udfff"}\n'
    )
    out = tmp_path / "out"
    done = run(trained_folder, source, "-o", out)
    assert done.exit_code == 0 and "4 of 5 texts failed" in " ".join(done.output.split())
    found = records(out)
    assert [bool(r["ents"]) for r in found] == [True, *[False] * 4]
    errors = [r.get("error", "") for r in found]
    assert errors[0] == "" and "not JSON" in errors[1] and "object" in errors[2]
    assert "'text'" in errors[3] and found[3]["id"] == "7" and found[1]["line"] == "no json"
    assert "Unicode" in errors[4] and found[4]["text"] == "\\ud800 hi"

    pipe, good = trained.get_pipe("padellm_ner"), type(trained.get_pipe("padellm_ner")).predict

    def predict(docs):
        docs = list(docs)
        if any("Paris" in doc.text for doc in docs):
            raise RuntimeError("out of luck")
        return good(pipe, docs)

    prepare = pipe.prepare

    def prepare_one(docs):
        if len(docs) > 1:
            raise RuntimeError("a batch is too much")
        return prepare(docs)

    pipe.predict, pipe.prepare = predict, prepare_one
    trained.max_length = 60
    made = list(read_records(str(write_input(tmp_path / "x.txt", [*TEXTS, "long " * 20]))))
    annotated, docs = annotate_records(trained, made, 4, Failures())
    assert [a.record.text for a in annotated] == [r.text for r in made]
    assert "nlp.max_length" in annotated[-1].error and docs[-1] is None
    for one in annotated[:-1]:
        assert ("out of luck" in one.error) == ("Paris" in one.record.text)
    with pytest.raises(RuntimeError, match="out of luck"):
        list(trained.pipe(["Paris", "Paris."]))  # the pipeline's own handler is back


def test_a_model_that_fails_stops_the_run_and_nothing_is_written(trained, tmp_path):
    def predict(docs):
        raise RuntimeError("the server is down")

    trained.get_pipe("padellm_ner").prepare = trained.get_pipe("padellm_ner").predict = predict
    source = write_input(tmp_path / "in.txt", ["Ada."] * 200)
    job = Job.of([str(source)], "p", "", "jsonl", 100)
    with pytest.raises(FailingError, match="50 texts in a row"):
        list(run_job(job, tmp_path / "out", trained, 8))
    assert not list((tmp_path / "out").glob("*part*"))
    with pytest.raises(FailingError, match="all of 3 texts"):
        annotate_records(trained, list(read_records(str(source)))[:3], 8, Failures())


@Language.component("fails_on_bad")
def fails_on_bad(doc):
    if "bad" in doc.text:
        raise RuntimeError("out of luck")
    return doc


def test_a_part_of_bad_texts_behind_good_ones_is_written(tmp_path):
    nlp = spacy.blank("en")
    nlp.add_pipe("fails_on_bad")
    source = write_input(tmp_path / "in.txt", ["good"] * 4 + ["bad", "bad too"])
    job = Job.of([str(source)], "p", "", "jsonl", 4)
    first = list(run_job(job, tmp_path / "out", nlp, 8))
    assert [(done.records, done.failed) for done in first] == [(4, 0), (2, 2)]
    (tmp_path / "out" / "part-000001.jsonl").unlink()
    again = list(run_job(job, tmp_path / "out", nlp, 8))
    assert [(done.failed, done.skipped) for done in again] == [(0, True), (2, False)]


def test_bytes_that_are_no_text_cost_one_record(trained_folder, tmp_path):
    source = tmp_path / "in.txt"
    source.write_bytes(b"Ada Lovelace lives in Paris.\ncaf\xe9\nNobody came.\n")
    done = run(trained_folder, source, "-o", tmp_path / "out")
    assert done.exit_code == 0, done.output
    found = records(tmp_path / "out")
    assert [bool(r.get("error")) for r in found] == [False, True, False]
    assert "Unicode" in found[1]["error"] and found[0]["ents"]


def test_dates_in_parquet_go_into_docs(trained_folder, tmp_path):
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    when = [datetime.datetime(2020, 1, 2)]
    parquet.write_table(arrow.table({"text": [TEXTS[0]], "when": when}), tmp_path / "in.parquet")
    done = run(trained_folder, tmp_path / "in.parquet", "-o", tmp_path / "out", "-f", "spacy")
    assert done.exit_code == 0, done.output


def test_another_model_under_the_same_name_is_refused(tmp_path, monkeypatch):
    source = write_input(tmp_path / "in.txt", ["Ada."])
    box = tmp_path / "box"
    box.mkdir()
    (box / "model.safetensors").write_text("one")
    monkeypatch.setitem(IN_THE_BOX, "english", box)
    job = Job.of([str(source)], "english", "", "jsonl", 4)
    job.open(tmp_path / "out")
    job.open(tmp_path / "out")
    (box / "model.safetensors").write_text("another")
    with pytest.raises(ValueError, match="other settings"):
        job.open(tmp_path / "out")


def test_a_field_that_no_record_has_stops_the_run(trained_folder, tmp_path):
    source = write_input(tmp_path / "in.jsonl")
    arguments = [trained_folder, source, "-o", tmp_path / "out", "--text-field", "body"]
    done = run(*arguments)
    said = " ".join(done.output.split())
    assert done.exit_code == 1 and "'body'" in said and "'text'" in said and "--text-field" in said
    assert not list((tmp_path / "out").glob("part-*"))


def test_an_output_that_is_a_file_is_refused(trained_folder, tmp_path):
    source = write_input(tmp_path / "in.jsonl")
    done = run(trained_folder, source, "-o", source)
    assert done.exit_code == 1 and "is a file" in " ".join(done.output.split())


def test_a_mark_on_standard_input_and_input_without_texts(trained_folder, tmp_path, caplog):
    rows = ({"id": 7, "text": TEXTS[0]}, {"id": 8, "text": "Oslo."})
    lines = "\r\n".join("\ufeff" + json.dumps(row) for row in rows)
    done = run(trained_folder, "-", "-o", tmp_path / "out", input=lines.encode())
    assert done.exit_code == 0, done.output
    found = records(tmp_path / "out")
    assert [(r["id"], r["text"]) for r in found] == [("7", TEXTS[0]), ("8", "Oslo.")]
    (tmp_path / "blank.txt").write_text(" \n\n")
    for source, given in (("-", b"\n"), (tmp_path / "blank.txt", b"")):
        done = run(trained_folder, source, "-o", tmp_path / f"none{len(given)}", input=given)
        assert done.exit_code == 0 and "Wrote 0 texts" in done.output and "✔" not in done.output
    assert "blank.txt holds no texts" in caplog.text
