"""Tables and curves of systems that were tuned, of results written here."""

import pytest


def record(f, budget=None, stopped=False):
    of = {"f": f, "by_label": {"X": {"f": f, "n": 3}}}
    return {
        **{"test": None if f is None else of, "minutes": {"cpu": 1.0}, "texts": {"train": 9}},
        **{"texts_a_second": None if f is None else {"cpu": 10.0}, "machine": {}, "made_of": "m"},
        **{"budget": budget, "stopped": stopped},
    }


def test_a_larger_budget_runs_what_a_smaller_one_stopped():
    from tuning.results import is_finished

    assert not is_finished(None, None)
    assert is_finished(record(0.5), None) and is_finished(record(0.5, 3.0), None)
    stopped = record(None, 3.0, True)
    assert [is_finished(stopped, budget) for budget in (2.0, 3.0, 4.0, None)] == [1, 1, 0, 0]


def test_results_are_medians_and_means_over_common_sets(tmp_path):
    from tuning.cells import Cell
    from tuning.report import write_report
    from tuning.results import append_result, read_results

    path = tmp_path / "out.jsonl"
    scores = {"a": (0.2, 0.9, 0.5), "b": (0.7,)}
    for name, of in scores.items():
        for seed, f in enumerate(of):
            append_result(path, Cell(name, 50, "s", seed), record(f))
    append_result(path, Cell("a", 50, "t", 0), record(0.1))
    append_result(path, Cell("a", 50, "t", 0), record(0.4))  # run again
    append_result(path, Cell("b", None, "s", 0), record(0.8))
    append_result(path, Cell("b", None, "t", 0), record(None))
    with path.open("a") as file:
        file.write('{"set": "a", "si')  # cut off
    assert len(read_results(path)) == 7
    page = write_report(path, tmp_path / "page.md", read_results(path))
    table = [line for line in page.partition("## Minutes")[0].splitlines() if "|" in line]
    assert table[2:] == [
        "| a | 50 | 50.0 (20.0–90.0) | 40.0 |",
        "| b | 50 | 70.0 |  |",
        "| b | all (9) | 80.0 | – |",
        "| mean of 1 sets | 50 | 50.0 | 40.0 |",
        "| mean of 1 sets | all | 80.0 |  |",
    ]
    assert "| b | X | 3 | 80.0 |  |" in page and "(page.png)" in page
    append_result(path, Cell("b", 200, "s", 0), record(0.8))
    assert len(read_results(path)) == 8


def test_a_panel_a_set_has_a_line_a_system():
    from tuning.cells import Cell
    from tuning.curves import draw_curves

    results = {
        Cell(name, size, system, 0): {**record(f), "texts": {"train": size or 900}}
        for name in "abcde"
        for system in ("s", "t")
        for size, f in ((50, 0.2), (None, 0.6))
    }
    results[Cell("a", 50, "s", 1)] = {**record(0.4), "texts": {"train": 50}}
    figure = draw_curves(results)
    assert [axes.get_title() for axes in figure.axes] == [*"abcde"]
    lines = [*map(drawn, figure.axes[0].containers)]
    assert [xs for xs, _ in lines] == [[50, 900]] * 2
    assert [ys for _, ys in lines] == [pytest.approx([30, 60]), pytest.approx([20, 60])]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["s", "t"]


def drawn(container):
    xs, ys = container[0].get_data()
    return [*xs], [*ys]
