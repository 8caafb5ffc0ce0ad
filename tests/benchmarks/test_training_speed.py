"""Fine-tuning on packed trees against rows of their own, side by side."""

import pytest

from spacy_padellm.formats.json_records import write_records

from .programs import program
from .trips import sentence

TINY = {"hidden_size": 32, "num_hidden_layers": 1, "intermediate_size": 64, "heads": 2}


@pytest.fixture
def benchmark(monkeypatch, tmp_path):
    """Runs it on trips; returns the cells of the table's rows."""
    module = program("training")
    monkeypatch.setitem(module.SIZES, "30M", TINY)
    trips = [sentence(i) for i in range(24)]
    for i in range(0, 24, 3):  # among short texts, some that others would be padded to
        trips[i]["text"] += " It was a long way, and it rained" * 9
    write_records(tmp_path / "ner" / "conll03" / "test.jsonl.gz", trips)

    def run(*words):
        output = tmp_path / "new" / "training.md"
        given = ["--data", tmp_path, "--texts", 24, "--rounds", 1, "--output", output, *words]
        module.main([str(word) for word in given])
        rows = [line for line in output.read_text().splitlines() if line.startswith("| ")]
        cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
        return [dict(zip(cells[0], of, strict=True)) for of in cells[1:]]

    return run


@pytest.mark.parametrize("lora", [[], ["--lora"]], ids=["all weights", "lora"])
def test_rows_are_padded_little_and_learn_the_same(benchmark, lora):
    found = benchmark("--skip-memory", "--token-budget", 300, "--labels", 2, 6, *lora)
    assert [row["labels"] for row in found] == ["2", "6"]
    for row in found:
        assert float(row["ratio"]) > 0 and float(row["gradients differ by"]) < 1e-4
        real, padded = row["tokens per text, rows (with padding)"].strip(")").split(" (")
        assert int(real) <= int(padded) < 1.3 * int(real)
        packed, _ = row["packed (with padding)"].split(" (")
        assert int(packed) < int(real)
