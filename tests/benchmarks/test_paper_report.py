"""The page of the paper's experiment, of results written here."""

import pytest

from .trips import FORMATS


def row(method, batch, ratio, f=0.5):
    figures = dict.fromkeys(("milliseconds", "milliseconds_p90"), 100 / ratio)
    figures |= {"passes_a_batch": 2.0, "tokens_a_text": 9.0}
    return {"method": method, "batch": batch, "ratio": ratio, "f": f, **figures}


def results_of(**methods):
    """A record for each seed 0, 1, …: rows of latency."""
    from paper.cells import Cell

    fixed = {"machine": {"cores": 2}, "recipe": {"epochs": 1, "steps": None}, "texts": {"train": 9}}
    training = {"steps": 3, "minutes": 1.0, "targets_a_text": 2.0, "tokens_a_text": 9.0}
    training |= {"trained_weights": 5, "peak_mib": 7, "unaligned": 0}
    scores = {name: {"p": 0.0, "r": 0.0, "f": 0.0} for name in ("strings", "spans", "flat")}
    tuned = {**fixed, "training": training, "scores": scores, "cut": 0}
    results = {}
    for seed, rows in enumerate(methods.values()):
        results[Cell("b", "s", "plain", "bare", "padellm", seed)] = tuned
        results[Cell("b", "s", "plain", "bare", "latency", seed)] = {**fixed, "methods": rows}
    return results


def cells_of(table):
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()[2:]]


def test_ours_is_what_other_methods_are_compared_with_whatever_ran_first():
    from paper.plot import draw_results
    from paper.report import latency_table

    first_ours = [row("ahead", 1, 1.0), row("structured", 1, 0.25)]
    first_other = [row("structured", 1, 1.0), row("ahead", 1, 4.0)]
    for rows in (first_ours, first_other):
        results = results_of(a=rows)
        table = cells_of(latency_table(results))
        assert [(of[4], of[-1]) for of in table] == [
            ("PaDeLLM, our decoder", "1.0"),
            ("AutoReg-structured", "4.0"),
        ]
        assert "4.0×" in [text.get_text() for text in draw_results(results).axes[1].texts]
    without = results_of(a=[row("structured", 1, 1.0), row("augmented", 1, 0.5)])
    assert [of[-1] for of in cells_of(latency_table(without))] == ["", ""]
    assert not draw_results(without).axes[1].texts
    # Of two seeds, the one that has ours; at each batch size its own.
    mixed = results_of(
        a=[row("structured", 1, 1.0), row("structured", 32, 1.0), row("ahead", 32, 2.0)],
        b=[row("structured", 1, 1.0), row("ahead", 1, 3.0)],
    )
    times = {(of[4][:7], of[5]): of[-1] for of in cells_of(latency_table(mixed))}
    assert times == {
        **{("PaDeLLM", "1"): "1.0", ("AutoReg", "1"): "3.0"},
        **{("PaDeLLM", "32"): "1.0", ("AutoReg", "32"): "2.0"},
    }


def test_a_score_that_there_is_not_is_left_blank():
    from paper.report import latency_table

    for f, said in ((None, ""), (0.0, "0.0"), (0.5, "50.0")):
        table = cells_of(latency_table(results_of(a=[row("ahead", 1, 1.0, f)])))
        assert table[0][-2] == said
    table = latency_table(results_of(a=[row("ahead", 1, 1, None)], b=[row("ahead", 1, 1, 0.5)]))
    assert cells_of(table)[0][-2] == "50.0"


def test_each_training_is_a_row_with_its_seed():
    from paper.report import training_table

    table = training_table(results_of(a=[], b=[]))
    at = [head.strip() for head in table.partition("\n")[0].split("|")[1:-1]].index("seed")
    rows = cells_of(table)
    assert [of[at] for of in rows] == ["0", "1"] and len(set(map(tuple, rows))) == 2


def test_methods_run_in_one_order_with_ours_first(monkeypatch, tmp_path):
    from types import SimpleNamespace

    from paper import latency
    from paper.cells import Cell
    from paper.recipe import Recipe
    from paper.sets import Drawn

    ran = []

    def measure(decoders, golds, labels, sizes, *_):
        ran.append((sizes, [*decoders]))
        return []

    monkeypatch.setattr(latency, "measure", measure)
    monkeypatch.setattr(latency, "load_tuned", lambda *_: None)
    lm = SimpleNamespace(lm=SimpleNamespace(device="cpu"))
    monkeypatch.setattr(latency, "decoder_for", lambda *_: lm)
    folders = {name: tmp_path / name for name in reversed(FORMATS)}
    for folder in folders.values():
        (folder / "model").mkdir(parents=True)
        (folder / "tuned.json").touch()
    cell = Cell("b", "s", "plain", "bare", "latency", 0)
    latency.measure_latency(cell, Recipe("b"), folders, Drawn([], []), 1, 1)
    assert ran[0] == ((1,), ["ahead", "paper", "structured", "augmented", "augmented-lookup"])
    assert ran[1] == ((32,), ["ahead", "paper", "structured", "augmented"])


def test_cells_are_planned_set_by_set_with_latency_behind_its_formats():
    from paper.cells import plan, read_cell

    cells = [*map(str, plan({"a": "x", "b": "y"}, ["plain"], ["bare"], FORMATS, [0]))]
    assert cells[3:5] == ["x/a/plain/bare/latency/0", "y/b/plain/bare/padellm/0"]
    assert len(cells) == 8 and all(str(read_cell(cell)) == cell for cell in cells)
    assert len([*plan({"a": "x"}, ["plain"], ["bare"], FORMATS, [0, 1], latency=False)]) == 6


def test_published_means_are_those_of_their_rows():
    from paper import published

    for name in (published.PADELLM, published.STRUCTURED, published.AUGMENTED):
        for sets, mean in zip(
            (published.ENGLISH, published.CHINESE), published.MEANS[name], strict=True
        ):
            of = [published.F1[name][column] for column in sets]
            assert sum(of) / len(of) == pytest.approx(mean, abs=0.012)
