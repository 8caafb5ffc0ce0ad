"""The entities of several runtimes, side by side, on a random model."""

import json
from pathlib import Path

import pytest

from .programs import program, refused, write_trips


@pytest.fixture
def agreement():
    return program("agreement")


def test_entities_that_only_one_runtime_finds_are_counted_and_listed(
    agreement, lm_folder, tmp_path, monkeypatch
):
    first = write_trips(tmp_path / "first.jsonl", 3)
    second = write_trips(tmp_path / "second.jsonl", 2, first=3)
    fit = write_trips(tmp_path / "fit.jsonl", 2, first=5)
    find, made = agreement.find, agreement.make
    names = {}

    def make(model):
        nlp = made(model)
        names[id(nlp)] = Path(model["name"]).name if model["runtime"] == "onnx" else "torch"
        return nlp

    def lose_one(nlp, texts, batch_size):
        """What is found, with an entity in its first text; in float32 exports, without."""
        found = find(nlp, texts, batch_size)
        found[0] = {} if names[id(nlp)] == "fp32" else {("LOC", 0, 4): 0.512345}
        return found

    monkeypatch.setattr(agreement, "make", make)
    monkeypatch.setattr(agreement, "find", lose_one)
    words = ["--corpora", first, second, "--model", lm_folder, "--fit", fit]
    agreement.main([str(word) for word in [*words, "--output", tmp_path / "out"]])
    report = json.loads((tmp_path / "out.json").read_text())
    assert list(report["corpora"]) == ["first", "second"] and report["texts_to_fit"] == 2
    for name, n in (("first", 3), ("second", 2)):
        one = report["corpora"][name]
        assert one["texts"] == n
        rows = one["runtimes"]
        assert rows["torch"]["differing"] == 0
        assert rows["onnx fp32"]["differing"] == len(one["differences"]) == 1
        assert rows["onnx fp32"]["found"] == rows["torch"]["found"] - 1
        assert rows["onnx fp32"]["f"] == rows["torch"]["f"]  # what is added is not gold
        (lost,) = one["differences"]
        assert lost["by"] == "torch" and lost["probability"] == 0.5123
        assert lost["text"].startswith(lost["entity"]) and lost["label"] == "LOC"
    page = (tmp_path / "out.md").read_text()
    assert report["command"] in page and "| first | 3 |" in page and "| second | 2 |" in page


def test_texts_that_are_scored_are_not_fitted_to(agreement, lm_folder, tmp_path, capsys):
    corpus = write_trips(tmp_path / "one.jsonl", 2)
    words = ["--corpora", corpus, "--model", lm_folder]
    said = refused(agreement.main, capsys, *words, "--fit", corpus)
    assert "are scored, too: give others with --fit" in said
    (tmp_path / "more").mkdir()
    same = write_trips(tmp_path / "more" / "one.jsonl", 2)
    said = refused(agreement.main, capsys, "--corpora", corpus, same, "--model", lm_folder)
    assert "two corpora have one name" in said
