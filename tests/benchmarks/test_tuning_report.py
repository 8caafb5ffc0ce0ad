"""Tables and curves of systems that were tuned, of results written here."""

import pytest


def record(f, budget=None, stopped=False, made_of="m", wall=1.0):
    of = {"f": f, "by_label": {"X": {"f": f, "n": 3}}}
    return {
        **{"test": None if f is None else of, "minutes": {"cpu": 1.0, "wall": wall}},
        **{"texts_a_second": None if f is None else {"cpu": 10.0}, "machine": {}},
        **{"budget": budget, "stopped": stopped, "made_of": made_of, "texts": {"train": 9}},
    }


def page_of(tmp_path, results):
    from tuning.report import write_report

    return write_report(tmp_path / "out.jsonl", tmp_path / "page.md", results)


def rows_of(page, title="F1"):
    """Rows of a table, without its heads."""
    table = page.partition(f"## {title}\n")[2].partition("\n## ")[0]
    return [line for line in table.splitlines() if line.startswith("| ")][1:]


def test_a_larger_budget_runs_what_a_smaller_one_stopped():
    from tuning.results import is_finished

    assert not is_finished(None, None)
    assert is_finished(record(0.5), None) and is_finished(record(0.5, 3.0), None)
    stopped = record(None, 3.0, True)
    assert [is_finished(stopped, budget) for budget in (2.0, 3.0, 4.0, None)] == [1, 1, 0, 0]


def test_results_are_medians_and_means_over_common_sets(tmp_path):
    from tuning.cells import Cell
    from tuning.results import append_result, read_results

    path = tmp_path / "out.jsonl"
    scores = {"a": (0.2, 0.9, 0.5), "b": (0.7,)}
    for name, of in scores.items():
        for seed, f in enumerate(of):
            append_result(path, Cell(name, 50, "s", seed), record(f))
    append_result(path, Cell("a", 50, "t", 0), record(0.1))
    append_result(path, Cell("a", 50, "t", 0), record(0.4))  # run again
    append_result(path, Cell("b", None, "s", 0), record(0.8))
    append_result(path, Cell("b", None, "t", 0), record(None, 3.0, True))
    with path.open("a") as file:
        file.write('{"set": "a", "si')  # cut off
    assert len(read_results(path)) == 7
    page = page_of(tmp_path, read_results(path))
    assert rows_of(page) == [
        "| a | 50 | 3 | 50.0 (20.0–90.0) | 40.0 (1 of 3) |",
        "| b | 50 | 1 | 70.0 |  |",
        "| b | all (9) | 1 | 80.0 | – |",
        "| mean of 1 set | 50 |  | 20.0 | 40.0 |",  # of the seed that both have
    ]
    assert rows_of(page, "F1 by label, most texts")[1:] == ["| b | X | 3 | 80.0 | – |"]
    assert "(page.png)" in page and "beside other work" not in page and "\\*" not in page
    append_result(path, Cell("b", 200, "s", 0), record(0.8))
    assert len(read_results(path)) == 8


def test_what_has_no_figure_is_named_with_its_reason(tmp_path):
    from grid.folders import LOG, cell_folder
    from tuning.cells import Cell

    results = {Cell("a", 50, "s", seed): record(0.5) for seed in range(3)}
    results[Cell("a", 50, "t", 0)] = record(0.4, 3.0, True)
    results[Cell("a", 50, "t", 1)] = record(None, 3.0, True)
    begun = cell_folder(tmp_path / "out.jsonl", Cell("a", 50, "t", 2))
    begun.mkdir(parents=True)
    results[Cell("b", 50, "s", 0)] = record(0.5)
    page = page_of(tmp_path, results)
    named = ["- a/50/t/1: no model in 3 minutes", "- a/50/t/2: not run yet"]
    named += ["- b/50/t/0: not run yet"]
    assert all(line in page for line in named)
    assert rows_of(page)[0] == "| a | 50 | 3 | 50.0 (50.0–50.0) | 40.0‡ (1 of 3) |"
    assert rows_of(page, "Minutes of training")[0].endswith("1.0‡ (1.0–1.0; 2 of 3) |")
    assert page.count("‡ A budget has stopped a training") == 2
    (begun / LOG).touch()
    assert "- a/50/t/2: failed, or still running" in page_of(tmp_path, results)
    whole = {cell: of for cell, of in results.items() if cell.system == "s"}
    assert "## Without a figure" not in page_of(tmp_path, whole)


def test_systems_are_above_the_rival_by_what_both_have(tmp_path):
    from tuning.cells import Cell

    scores = {
        ("a", "spacy_ner"): (0.2, 0.4, 0.9),
        ("a", "box"): (0.4, 0.5),  # median 45 beside 30 of the same seeds
        ("b", "spacy_ner"): (0.5,),
        ("b", "box"): (0.6,),
        ("b", "other"): (0.4,),
        ("c", "box"): (0.9,),  # the rival has none
    }
    results = {
        Cell(name, 50, system, seed): record(f)
        for (name, system), of in scores.items()
        for seed, f in enumerate(of)
    }
    rows = [row for row in rows_of(page_of(tmp_path, results)) if not row.startswith("| c")]
    assert rows[-3:] == [
        "| mean of 2 sets | 50 |  | 40.0 | 52.5 |  |",
        "| mean of 1 set | 50 |  | 50.0 |  | 40.0 |",
        "| above spacy_ner | 50 |  |  | +12.5 (2 sets) | -10.0 (1 set) |",
    ]


BOX = "padellm train TRAIN --dev DEV --base english@0123abcd, recipe 1"


def with_a_set_seen():
    from tuning.cells import Cell

    scores = {"tasteset": (0.5, 0.6), "uner_ewt": (0.5, 0.9)}
    return {
        Cell(name, size, system, 0): {**record(f, made_of=made_of), "texts": {"train": size or 9}}
        for name, of in scores.items()
        for size in (3, None)
        for (system, made_of), f in zip({"spacy_ner": "ner", "box": BOX}.items(), of, strict=True)
    }


def test_sets_that_a_base_has_seen_are_marked_and_left_out_of_further_means(tmp_path):
    page = page_of(tmp_path, with_a_set_seen())
    rows = rows_of(page)
    assert rows[0] == "| tasteset | 3 | 1 | 50.0 | 60.0 |"
    assert rows[2] == "| uner_ewt | 3 | 1 | 50.0 | 90.0\\* |"
    assert rows[4:8] == [
        "| mean of 2 sets | 3 |  | 50.0 | 75.0 |",
        "| above spacy_ner | 3 |  |  | +25.0 (2 sets) |",
        "| mean of 1 set, none seen before | 3 |  | 50.0 | 60.0 |",
        "| above spacy_ner, none seen before | 3 |  |  | +10.0 (1 set) |",
    ]
    assert "\\* The base has learned from all training texts" in page
    assert len(rows_of(page, "Minutes of training")) == 6  # times are what they are
    assert "§" not in page


def test_figures_of_several_processors_are_marked(tmp_path):
    results = with_a_set_seen()
    for cell, of in results.items():
        of["machine"] = {"processor": "A" if cell.system == "box" or cell.size else "B"}
    page = page_of(tmp_path, results)
    rows = rows_of(page, "Texts per second, batch 32")
    assert rows[:2] == ["| tasteset | 3 | 1 | 10 | 10 |", "| tasteset | all (9) | 1 | 10§ | 10§ |"]
    assert page.count("§ Figures of this row are of several processors") == 2


def test_what_the_base_of_a_system_has_seen(tmp_path):
    from tuning.seen import has_seen
    from tuning.systems import get_systems, read_system

    (tmp_path / "own.cfg").touch()
    own = read_system(f"own={tmp_path / 'own.cfg'},paths.base=english,system.seed=1")
    systems = [*get_systems([]).values(), own]
    seen = {one.name for one in systems if has_seen({"made_of": one.made_of}, "uner_ewt")}
    assert seen == {"padellm_box", "own"}
    assert not any(has_seen({"made_of": one.made_of}, "bc5cdr") for one in systems)


@pytest.mark.parametrize("beside", [1, 3])
def test_trainings_beside_other_work_are_told(tmp_path, beside):
    from tuning.cells import Cell

    results = {
        Cell("a", 50, "s", seed): record(0.5, wall=1.2 + 5 * (seed < beside)) for seed in range(4)
    }
    page = page_of(tmp_path, results)
    (row,) = rows_of(page, "Minutes of training")[:1]
    assert ("†" in row) == (beside == 1)  # where nearly all are, a note says it
    assert f"{beside} of 4 trainings ran beside other work" in page


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
    assert figure.legends[0].get_title().get_text() == ""
    assert [axes.get_title() for axes in figure.axes] == [*"abcde"]
    lines = [*map(drawn, figure.axes[0].containers)]
    assert [xs for xs, _ in lines] == [[50, 900]] * 2
    assert [ys for _, ys in lines] == [pytest.approx([30, 60]), pytest.approx([20, 60])]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["s", "t"]


def test_lines_of_sets_that_were_seen_are_dashed():
    from tuning.curves import draw_curves

    figure = draw_curves(with_a_set_seen())
    styles = [[line[0].get_linestyle() for line in axes.containers] for axes in figure.axes]
    assert styles == [["-", "-"], ["-", "--"]]
    assert "dashed" in figure.legends[0].get_title().get_text()
    assert {line.get_linestyle() for line in figure.legends[0].get_lines()} <= {"-", "None"}


def drawn(container):
    xs, ys = container[0].get_data()
    return [*xs], [*ys]
