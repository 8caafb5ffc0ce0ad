"""The benchmark of the paper's experiment, on a set and models made here."""

from pathlib import Path

import pytest
from transformers import AutoTokenizer

from spacy_padellm.formats.json_records import write_records

from .trips import sentence

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(autouse=True)
def _importable(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data" / "trips"
    empty = {"text": "Nobody came.", "ents": []}
    write_records(folder / "train.jsonl.gz", [*map(sentence, range(11)), empty])
    write_records(folder / "test.jsonl.gz", [*map(sentence, range(4)), empty])
    return tmp_path / "data"


@pytest.fixture(scope="session")
def plain_tokenizer(plain_lm_folder):
    return AutoTokenizer.from_pretrained(plain_lm_folder)


@pytest.fixture
def run(data, plain_lm_folder, capsys, monkeypatch):
    """The command, with its cells in this process. Returns its status and what it said."""
    from grid import processes
    from grid.sets import read_split
    from paper import running
    from paper.command import main

    def in_this_process(program, cell, seconds=None):
        try:
            return main([*program.given, "--cell", str(cell)])
        except RuntimeError as error:
            assert "killed" in str(error)
            return 1

    monkeypatch.setattr(processes.Program, "run", in_this_process)
    monkeypatch.setattr(running, "print_to", lambda *_: None)
    place = data.parent
    fixed = ["--data", data, "--sets", "trips", "--output", place / "out.jsonl"]
    fixed += ["--base", plain_lm_folder, "--epochs", 1, "--batch-tokens", 24, "--rank", 2]
    fixed += ["--latency-texts", 2, "--rounds", 1, "--test-texts", 5]

    def call(*more):
        read_split.cache_clear()  # as in a new process
        try:
            status = main([str(word) for word in (*fixed, *more)])
        except SystemExit as error:
            status = error.code
        return status, "".join(capsys.readouterr())

    return call


@pytest.fixture
def scripted(monkeypatch):
    """Cells that train and measure nothing, but leave what they otherwise leave. Returns what they
    did, as words; one that is put into its `fails` ends in an error."""
    from paper import running
    from paper.cells import SCORED

    class Done(list):
        fails = ()

    done = Done()

    def do(what, cell):
        if f"{what} {cell.format}" in done.fails:
            raise RuntimeError("killed")
        done.append(f"{what} {cell.format}")

    def tune(cell, recipe, drawn, folder):
        (folder / "train").mkdir(exist_ok=True)
        do("tune", cell)
        (folder / "model").mkdir()
        return {"steps": 1, "minutes": {"wall": 0.0, "cpu": 0.0}}

    def score(cell, recipe, drawn, folder):
        (folder / "found.jsonl").touch()
        do("score", cell)
        strings = {"strings": {"p": 1.0, "r": 1.0, "f": 1.0}}
        return {"scores": dict.fromkeys(SCORED[cell.format], strings), "cut": None}

    def measure(cell, recipe, folders, *_):
        do("measure", cell)
        assert all((folder / "model").is_dir() for folder in folders.values())
        return {"methods": [], "formats": sorted(folders)}

    monkeypatch.setattr(running, "tune", tune)
    monkeypatch.setattr(running, "score_tuned", score)
    monkeypatch.setattr(running, "measure_latency", measure)
    return done
