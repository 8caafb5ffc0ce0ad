"""The page of the paper's experiment, of results written here."""

import pytest

from .trips import FORMATS


def row(method, batch, ratio, **more):
    figures = dict.fromkeys(("milliseconds", "milliseconds_p90", "cpu_milliseconds"), 100 / ratio)
    figures |= {"passes_a_batch": 2.0, "tokens_a_text": 9.0, "texts_a_second": 10 * ratio}
    return {"method": method, "batch": batch, "ratio": ratio, **figures, **more}


def results_of(**methods):
    """A record for each seed 0, 1, …: rows of latency."""
    from paper.cells import Cell

    timed = {"timed_texts": 96, "settings": {"rounds": 3}}
    fixed = {"machine": {"cores": 2}, "recipe": {"epochs": 1, "steps": None}, "texts": {}}
    fixed["texts"] = {"train": 9, "test": 1200}
    training = {"steps": 3, "targets_a_text": 2.0, "tokens_a_text": 9.0}
    training["minutes"] = {"wall": 1.0, "cpu": 1.0}
    training |= {"trained_weights": 5, "peak_mib": 7, "unaligned": 0}
    scores = {name: {"p": 0.0, "r": 0.0, "f": 0.0} for name in ("strings", "spans", "flat")}
    scores = dict.fromkeys(("tree-free", "ahead"), scores)
    tuned = {**fixed, "training": training, "scores": scores, "cut": None}
    results = {}
    for seed, rows in enumerate(methods.values()):
        results[Cell("b", "s", "plain", "bare", "padellm", seed)] = tuned
        results[Cell("b", "s", "plain", "bare", "latency", seed)] = {
            **fixed,
            **timed,
            "methods": rows,
        }
    return results


def with_scores(cells):
    """Results with F1 in percent by (format, seed), and of PaDeLLM (free, copying)."""
    from paper.cells import SCORED, Cell

    results = {}
    tuned = next(of for cell, of in results_of(a=[]).items() if cell.format == "padellm")
    for (name, seed), given in cells.items():
        percents = given if isinstance(given, tuple) else (given,)
        scores = {
            method: {score: {"f": percent / 100} for score in ("strings", "spans", "flat")}
            for method, percent in zip(SCORED[name], percents, strict=True)
        }
        results[Cell("b", "s", "plain", "bare", name, seed)] = {**tuned, "scores": scores}
    return results


def heads_of(table):
    return [head.strip() for head in table.partition("\n")[0].split("|")[1:-1]]


def cells_of(table):
    lines = [line for line in table.splitlines()[2:] if line.startswith("|")]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]


def test_ours_is_what_other_methods_are_compared_with_whatever_ran_first():
    from paper.plot import draw_results
    from paper.report import latency_table

    first_ours = [row("ahead", 1, 1.0), row("structured", 1, 0.25)]
    first_other = [row("structured", 1, 1.0), row("ahead", 1, 4.0)]
    for rows in (first_ours, first_other):
        results = results_of(a=rows)
        table = cells_of(latency_table(results))
        assert [(of[4], of[-1]) for of in table] == [
            ("PaDeLLM, our decoder (copies)", "1.0"),
            ("AutoReg-structured", "4.0"),
        ]
        assert "4.0×" in [text.get_text() for text in draw_results(results).axes[1].texts]
    without = results_of(a=[row("structured", 1, 1.0), row("augmented", 1, 0.5)])
    assert [of[-1] for of in cells_of(latency_table(without))] == ["", ""]
    assert not draw_results(without).axes[1].texts
    # Of two seeds, the one that has all methods; at each batch size its own.
    mixed = results_of(
        a=[row("structured", 1, 1.0), row("structured", 32, 1.0), row("ahead", 32, 2.0)],
        b=[row("structured", 1, 1.0), row("ahead", 1, 3.0)],
    )
    times = {(of[4][:7], of[5]): of[-1] for of in cells_of(latency_table(mixed))}
    assert times == {
        **{("PaDeLLM", "1"): "1.0", ("AutoReg", "1"): "3.0"},
        **{("PaDeLLM", "32"): "1.0", ("AutoReg", "32"): "2.0"},
    }


def test_a_figure_that_there_is_not_is_left_blank():
    from paper.report import latency_table

    few = row("ahead", 32, 1.0, milliseconds_p90=None)
    table = latency_table(results_of(a=[row("ahead", 1, 2.0), few], b=[few]))
    at = heads_of(table).index("p90")
    assert [of[at] for of in cells_of(table)] == ["50", ""]


def test_formats_are_compared_over_the_seeds_that_all_have():
    from paper.plot import draw_results
    from paper.report import LESS, f1_table

    some = {("padellm", 0): (50.0, 60.0), ("padellm", 1): (90.0, 95.0), ("padellm", 2): (70, 70)}
    some |= {("structured", 0): 52.0, ("structured", 2): 58.0, ("augmented", 0): 30.0}
    table = f1_table(with_scores(some))
    first = dict(zip(heads_of(table), cells_of(table)[0], strict=True))
    assert (first["seeds"], first["texts"], first[LESS]) == ("1 of 3", "1,200", "-2.0")
    assert first["PaDeLLM, free"] == "50.0" and first["AutoReg-augmented"] == "30.0"
    assert first["PaDeLLM, our decoder (copies)"] == "60.0"
    said = [text.get_text() for text in draw_results(with_scores(some)).axes[0].texts]
    assert {"50.0", "60.0", "52.0", "30.0"} == set(said)

    del some["augmented", 0]  # a format that was not tuned takes no part
    first = dict(zip(heads_of(table), cells_of(f1_table(with_scores(some)))[0], strict=True))
    assert (first["seeds"], first["PaDeLLM, free"], first["AutoReg-augmented"]) == (
        "2 of 3",
        "60.0",
        "",
    )
    assert first["AutoReg-structured"] == "55.0" and first[LESS] == "+5.0"
    some = {("padellm", 0): (50.0, 60.0), ("structured", 1): 10.0}
    first = dict(zip(heads_of(table), cells_of(f1_table(with_scores(some)))[0], strict=True))
    assert (first["seeds"], first["PaDeLLM, free"], first[LESS]) == ("0 of 2", "", "")


def test_latency_says_of_how_many_seeds_texts_and_rounds_it_is():
    from paper.report import latency_table

    both = [row("ahead", 1, 1.0), row("structured", 1, 0.5)]
    table = latency_table(results_of(a=both, b=both, c=both[:1]))
    for of in cells_of(table):
        said = dict(zip(heads_of(table), of, strict=True))
        assert (said["seeds"], said["texts"], said["rounds"]) == ("2 of 3", "96", "3")


@pytest.mark.parametrize("busy", [False, True])
def test_what_ran_beside_other_work_is_marked(busy):
    from paper.report import latency_table, training_table

    results = results_of(a=[row("ahead", 1, 1.0), row("structured", 1, 0.5)])
    for record in results.values():
        for of in record.get("methods", ())[1:]:
            of["cpu_milliseconds"] = 120.0 if busy else 190.0  # of 200 by the clock
        if "training" in record:
            record["training"]["minutes"] = {"wall": 3.0, "cpu": 1.9 if busy else 2.1}
    for table, head in (
        (latency_table(results), "ms per text"),
        (training_table(results), "minutes"),
    ):
        at = heads_of(table).index(head)
        assert cells_of(table)[-1][at].endswith("†") == busy
        assert ("1.5 times as long by the clock" in table) == busy
    assert not cells_of(latency_table(results))[0][
        heads_of(latency_table(results)).index("ms per text")
    ].endswith("†")


def test_each_training_is_a_row_with_its_seed():
    from paper.report import training_table

    table = training_table(results_of(a=[], b=[]))
    at = heads_of(table).index("seed")
    rows = cells_of(table)
    assert [of[at] for of in rows] == ["0", "1"] and len(set(map(tuple, rows))) == 2


def test_methods_run_in_one_order_with_ours_first(monkeypatch, tmp_path):
    from types import SimpleNamespace

    from paper import latency
    from paper.cells import Cell
    from paper.recipe import Recipe
    from paper.sets import Drawn

    from spacy_padellm.formats.gold_text import GoldText

    ran = []

    def measure(decoders, golds, labels, sizes, *_):
        ran.append((sizes, [*decoders]))
        lengths = [len(gold.text) for gold in golds]
        assert lengths == sorted(lengths, reverse=True) and len(golds) == 8
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
    golds = [GoldText("x" * (7 * i % 10 + 1), ()) for i in range(10)]
    latency.measure_latency(cell, Recipe("b"), folders, Drawn([], golds), 8, 1)
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


def test_precision_and_recall_are_beside():
    from paper.report import precision_table

    results = results_of(a=[])
    (tuned,) = (of for cell, of in results.items() if cell.format == "padellm")
    tuned["scores"]["tree-free"]["strings"] = {"p": 0.857, "r": 0.72, "f": 0.783}
    table = precision_table(results)
    found = dict(zip(heads_of(table), cells_of(table)[0], strict=True))
    assert (found["PaDeLLM, free: P"], found["PaDeLLM, free: R"]) == ("85.7", "72.0")
    assert found["AutoReg-structured: P"] == ""
