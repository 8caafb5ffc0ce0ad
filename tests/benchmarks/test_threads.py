"""Threads and processes side by side, with the model in the box."""

import json

import pytest

from .programs import program, refused, write_trips


def test_processes_run_at_once_with_so_many_threads(tmp_path, capsys):
    module = program("threads")
    corpus = write_trips(tmp_path / "trips.jsonl", 3)
    words = ["--corpus", corpus, "--rounds", 1, "--threads", 1, "--output", tmp_path / "out"]
    module.main([str(word) for word in words])
    report = json.loads((tmp_path / "out.json").read_text())
    kinds = [(row["processes"], row["threads"], row["spins"]) for row in report["rows"]]
    assert kinds == [(1, 1, False), (2, 1, False)]
    for row in report["rows"]:
        assert all(len(rates) == 1 and rates[0] > 0 for rates in row["speed"].values())
    page = (tmp_path / "out.md").read_text()
    assert report["command"] in page and "| 2 | 1 | – |" in page and report["texts"] == 3
    assert "no such" in refused(module.main, capsys, "--corpus", tmp_path / "no.jsonl").lower()


def test_waiting_threads_sleep_or_spin(tmp_path):
    module = program("threads")
    found = [(one.threads, one.spins) for one in module.variants(2) if one.processes == 1]
    assert found == [(1, False), (2, False), (2, True)]
    (tmp_path / "texts.json").write_text('["Ada Lovelace lives in London."]')
    spinning = module.Variant(1, 2, True)
    assert module.measure(spinning, "english", tmp_path / "texts.json", 1) > 0


def test_a_process_that_fails_is_told(tmp_path):
    module = program("threads")
    (tmp_path / "texts.json").write_text('["One."]')
    with pytest.raises(RuntimeError, match="failed: what it said is above"):
        module.measure(module.Variant(1, 1, False), "no-such-model", tmp_path / "texts.json", 1)
