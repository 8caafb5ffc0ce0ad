"""torch and onnxruntime side by side, on a random model."""

import json

import pytest

from .programs import program, refused, write_trips

NAMES = ["torch", "torch bfloat16", "onnx fp32", "onnx int8"]


@pytest.fixture
def runtimes(monkeypatch):
    """The program, whose processes for the first entity are code that runs here."""
    module = program("runtimes")

    def run_here(command, **_):
        exec(command[-1], {})

    monkeypatch.setattr(module.subprocess, "run", run_here)
    return module


def test_runtimes_are_scored_on_texts_that_none_was_fitted_to(
    runtimes, lm_folder, tmp_path, monkeypatch, capsys
):
    fitted = []
    export = runtimes.export

    def noted(name, folder, precision, texts):
        fitted.append((precision, list(texts)))
        return export(name, folder, precision, texts)

    monkeypatch.setattr(runtimes, "export", noted)
    scored = write_trips(tmp_path / "test.jsonl", 4)
    dev = write_trips(tmp_path / "dev.jsonl", 4, first=2)  # two of them are scored
    fixed = ["--corpus", str(scored), "--model", str(lm_folder), "--rounds", "1"]
    runtimes.main([*fixed, "--fit", str(dev), "--output", str(tmp_path / "out")])
    last = [json.loads(line)["text"] for line in dev.read_text().splitlines()][2:]
    assert fitted == [("fp32", last), ("int8", last)]
    report = json.loads((tmp_path / "out.json").read_text())
    assert (report["texts"], report["texts_to_fit"]) == (4, 2)
    assert list(report["runtimes"]) == NAMES
    rows = report["runtimes"]
    assert rows["torch"]["differing"] == rows["onnx fp32"]["differing"] == 0
    assert rows["torch"]["f"] == rows["onnx fp32"]["f"]
    for row in rows.values():
        assert {size: len(rates) for size, rates in row["speed"].items()} == {"1": 1, "32": 1}
        assert len(row["first"]) == 1
    options = "--corpus test.jsonl --fit dev.jsonl --model random --texts 192 --rounds 1"
    assert report["command"] == f"python benchmarks/runtimes.py {options}"
    assert report["date"] and {"processor", "commit"} <= report["machine"].keys()
    page = (tmp_path / "out.md").read_text()
    assert report["command"] in page and "4 texts, 8 bits fitted to 2 others" in page
    assert page.count("\n| ") == 1 + len(NAMES) and "| torch | " in page
    said = refused(runtimes.main, capsys, *fixed, "--fit", scored)
    assert "are scored, too: give others with --fit" in said


def test_without_a_corpus_to_fit_to_it_is_the_sample(runtimes):
    from spacy_padellm.formats.gold_text import GoldText
    from spacy_padellm.tools.export.texts import SAMPLE_TEXTS

    golds = [GoldText(SAMPLE_TEXTS[0], ())]
    assert runtimes.texts_to_fit(None, golds) == list(SAMPLE_TEXTS[1:])
