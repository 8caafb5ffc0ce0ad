"""Cells of the paper's experiment: trained, scored, measured, gone on with, tidied up."""

import pytest

from spacy_padellm.atomic import alone_in

from .trips import FORMATS, records


@pytest.mark.slow
def test_all_formats_are_trained_scored_and_measured_and_go_on_where_they_were_stopped(
    data, run, monkeypatch
):
    from paper import training
    from paper.cells import SCORED

    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", 0.0)
    seen = []
    passes = training.PrecisionTask.passes

    def stopping(task, step):
        seen.append((step.number, [text.prompt.encoded.text for text in step.texts]))
        if len(seen) == 3:
            raise RuntimeError("killed")
        return passes(task, step)

    monkeypatch.setattr(training.PrecisionTask, "passes", stopping)
    place = data.parent
    status, said = run("--formats", "padellm", "--skip-latency", "--keep-models")
    assert status == 1 and "plain/bare/padellm/0: failed with status 1" in said
    assert not (place / "out.jsonl").exists()

    status, said = run("--keep-models")
    assert status == 0, said
    found = records(place)
    assert [*found] == [*FORMATS, "latency"]
    # The steps of padellm go on behind the last checkpoint, and those of all formats are the same.
    n = found["padellm"]["training"]["steps"]
    assert n > 4 and [number for number, _ in seen[:4]] == [0, 1, 2, 2]
    assert seen[3:][: n - 2] == seen[-n + 2 :] and len(seen) == 3 + n - 2 + 2 * n
    assert len({*(text for _, texts in seen[-n:] for text in texts)}) == 12
    for name in FORMATS:
        record = found[name]
        assert record["training"]["steps"] == n and record["training"]["unaligned"] == 0
        assert set(record["scores"]) == set(SCORED[name])
        for scores in record["scores"].values():
            assert set(scores) == {"strings", "spans", "flat"}
        assert (record["cut"] is None) == (name == "padellm")
        minutes = record["training"]["minutes"]
        assert minutes["cpu"] > 0 and minutes["wall"] < 5
        assert record["texts"] == {"train": 12, "test": 5} and record["labels"] == 2
        assert record["recipe"]["base"] == "plain"
        folder = place / "out_cells" / f"plain-trips-plain-bare-{name}-0"
        assert (folder / "model" / "adapter_config.json").exists()
        assert not (folder / "train").exists() and not (folder / "found.jsonl").exists()
    assert found["latency"]["settings"] == {"latency-texts": 2, "rounds": 1, "threads": 1}
    methods = [(of["method"], of["batch"]) for of in found["latency"]["methods"]]
    alone = [("ahead", 1), ("paper", 1), ("structured", 1), ("augmented", 1)]
    assert methods[:5] == [*alone, ("augmented-lookup", 1)]
    assert methods[5:] == [(name, 32) for name, _ in alone]

    lines = (place / "out.jsonl").read_text()
    status, said = run()
    assert status == 0 and (place / "out.jsonl").read_text() == lines
    status, said = run("--rank", 3)
    assert status == 2 and "with rank 2: give another --output" in said

    status, said = run("--again")  # measures, and removes what it has measured
    assert status == 0 and len((place / "out.jsonl").read_text().splitlines()) == 5
    assert not [*(place / "out_cells").glob("*/model")]

    status, page = run("--report")
    assert status == 0 and (place / "out.md").read_text() in page
    assert (place / "out.png").read_bytes().startswith(b"\x89PNG")
    assert "| plain | trips | plain | bare | string sets |" in page
    assert "| PaDeLLM, the paper's algorithm (free) | 32 | 2 | 1 | 1 |" in page
    assert "| PaDeLLM-NER | 92.52 |" in page and "arXiv 2402.04838" in page


def test_latency_waits_for_formats_that_others_train(data, run):
    place = data.parent
    folder = place / "out_cells" / "plain-trips-plain-bare-structured-0"
    with alone_in(folder):
        status, said = run("--formats", "structured", "--steps", 2)
    assert status == 0 and said.count("another run is at it") == 2
    assert not (place / "out.jsonl").exists()


def test_a_cell_that_another_run_has_done_meanwhile_is_left(data, run, tmp_path):
    from grid.processes import Status
    from paper.cells import Cell
    from paper.plan import Plan
    from paper.recipe import Recipe
    from paper.results import append_result
    from paper.running import run_cell

    cell, plan = Cell("b", "trips", "plain", "bare", "padellm", 0), Plan(data, tmp_path / "o.jsonl")
    append_result(plan.output, cell, {"done": True})
    assert run_cell(cell, Recipe("nowhere"), plan) is Status.DONE
    assert len(plan.output.read_text().splitlines()) == 1


def test_a_budget_that_is_spent_starts_nothing(data, run):
    status, said = run("--budget", 0)
    assert status == 0 and "plain/trips/plain/bare/padellm/0: the time is up" in said
    assert not (data.parent / "out_cells").exists()


def test_no_weights_stay_where_they_are_not_asked_for(data, run):
    status, said = run("--formats", "structured", "--templates", "compact", "--skip-latency")
    assert status == 0, said
    left = {path.name for path in (data.parent / "out_cells").rglob("*") if path.is_file()}
    assert left <= {".lock", "train.log"}
    status, said = run("--formats", "structured", "--templates", "compact")
    assert status == 2 and "structured/0 has no model any more" in said
