"""The benchmark of the server, on a random model, with a server of its own."""

import json

import pytest

from .programs import program, refused, write_trips


@pytest.fixture
def serving(monkeypatch):
    module = program("serving")
    monkeypatch.setattr(module, "LEAST_SECONDS", 0.05)
    return module


@pytest.mark.slow
def test_lost_requests_are_told(serving, lm_folder, tmp_path, capsys):
    texts = write_trips(tmp_path / "trips.jsonl", 4)
    fixed = ["--pipeline", lm_folder, "--texts", texts, "--requests", 20, "--connections", 1, 8]
    fixed += ["--batch-size", 1, "--output", tmp_path / "new" / "out.json"]
    room = ["--", "--queue", "1", "--max-texts", "1"]
    serving.main([str(word) for word in (*fixed, *room)])
    report = json.loads((tmp_path / "new" / "out.json").read_text())
    one, many = report["served"]["1"], report["served"]["8"]
    assert "lost" not in one and one["requests"] >= 20
    assert many["lost"] > 0 and many["lost"] + many["requests"] >= 20
    options = "--pipeline random --texts trips.jsonl --requests 20 --connections 1 8 --batch-size 1"
    assert report["command"] == f"python benchmarks/serving.py {options} {' '.join(room)}"
    said = capsys.readouterr().out
    assert "| texts per batch | load alone, requests per second | lost |\n" in said
    sent = f"{many['lost'] + many['requests']:,}"
    assert said.rstrip().endswith(f"| {many['lost']:,} of {sent} |")
    assert "– |" in next(line for line in said.splitlines() if line.startswith("| 1 connection |"))


def test_the_table_has_no_column_for_what_was_not_lost(serving):
    row = {"requests": 2, "per_second": 1.0, "p50_ms": 1.0, "p99_ms": 2.0}
    report = {"in_process": row, "in_batches": {"per_second": 2.0}, "served": {"1": row}}
    assert "lost" not in serving.show(report)


def test_a_server_that_answers_nothing_is_an_error(serving, tmp_path, monkeypatch, capsys):
    class Refusing:
        port = 0

        def __init__(self, *_):
            pass

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def batches(self):
            return 0.0, 0.0

    fast = serving.summary([1.0], 1.0)
    monkeypatch.setattr(serving, "Server", Refusing)
    monkeypatch.setattr(serving, "send_load", lambda *_: serving.Answers(wall=1.0, lost=5))
    monkeypatch.setattr(serving, "in_process", lambda *_: {"in_process": fast})
    texts = write_trips(tmp_path / "trips.jsonl", 1)
    said = refused(serving.main, capsys, "--texts", texts, "--output", tmp_path / "out.json")
    assert "none of 5 requests was answered 200" in said and "--queue" in said
    assert not (tmp_path / "out.json").exists()
    texts.write_text('{"text": " "}\n')
    assert "holds no text" in refused(serving.main, capsys, "--texts", texts)
