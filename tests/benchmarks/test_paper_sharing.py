"""Several commands at one output: each leaves alone what the others are at."""

from spacy_padellm.atomic import alone_in

from .trips import FORMATS, cell_of, records


def half_done(folder):
    """What another command has of a cell that it trains, or whose latency it is yet to measure."""
    for name in ("train", "model"):
        (folder / name).mkdir(parents=True)
        (folder / name / "weights").touch()
    for name in ("tuned.json", "found.jsonl", "request.json"):
        (folder / name).touch()
    return sorted(path for path in folder.rglob("*") if path.name != ".lock")


def test_formats_that_were_not_asked_for_are_left_alone(data, run, scripted):
    place = data.parent
    other = cell_of(place, "augmented")
    before = half_done(other)
    status, said = run("--formats", "structured", "padellm")
    assert status == 0 and scripted[-1] == "measure latency", said
    assert sorted(path for path in other.rglob("*") if path.name != ".lock") == before
    for name in ("padellm", "structured"):
        assert not (cell_of(place, name) / "model").exists()


def test_latency_is_not_measured_nor_weights_removed_where_another_run_is_at_a_format(
    data, run, scripted
):
    place = data.parent
    scripted.fails = ("measure latency",)
    assert run()[0] == 1
    scripted.fails = ()
    with alone_in(cell_of(place, "augmented")):
        status, said = run()
    assert status == 0 and "latency/0: another run is at it" in said
    assert len([*(place / "out_cells").glob("*/model")]) == 3 and "latency" not in records(place)
    assert run()[0] == 0 and not [*(place / "out_cells").glob("*/model")]


def test_models_stay_as_they_are_while_they_are_measured(data, run, scripted, monkeypatch):
    from grid.processes import Status
    from paper import running
    from paper.cells import read_cell
    from paper.plan import Plan
    from paper.recipe import Recipe

    place, seen = data.parent, []
    measure = running.measure_latency

    def measuring(*given):
        plan = Plan(data, place / "out.jsonl", formats=())
        (place / "out.jsonl").rename(place / "aside")  # as if they were not there yet
        for name in FORMATS:
            cell = read_cell(f"plain/trips/plain/bare/{name}/0")
            seen.append(running.run_cell(cell, Recipe("plain"), plan))
        (place / "aside").rename(place / "out.jsonl")
        return measure(*given)

    monkeypatch.setattr(running, "measure_latency", measuring)
    assert run()[0] == 0 and seen == [Status.BUSY] * 3


def test_a_format_that_failed_is_said_to_have_failed_not_to_be_busy(data, run, scripted):
    place = data.parent
    for failing in ("tune structured", "score structured"):
        scripted.fails = (failing,)
        status, said = run()
        assert status == 1 and said.count("failed with status 1") == 1
        assert "structured/0: failed" in said and "another run" not in said
        assert "latency/0: it needs other cells, which have no result yet" in said
        assert [*records(place)] == ["padellm", "augmented"]
    scripted.fails = ()
    status, said = run()
    assert status == 0 and [*records(place)] == ["padellm", "augmented", "structured", "latency"]
    assert scripted.count("tune padellm") == scripted.count("tune structured") == 1


def test_a_kill_while_weights_are_removed_leaves_no_model_that_passes_for_whole(data, monkeypatch):
    from paper import folder

    half_done(place := data / "cell")
    assert folder.has_model(place)

    def killed(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(folder.shutil, "rmtree", killed)
    try:
        folder.remove_model(place)
    except KeyboardInterrupt:
        assert (place / "model").is_dir() and not folder.has_model(place)


def test_what_was_found_stays_until_the_result_is_written(data, run, scripted, monkeypatch):
    from paper import running

    place = data.parent
    append = running.append_result

    def appending(path, cell, record):
        if cell.format != "latency":
            assert (cell_of(place, cell.format) / "found.jsonl").exists()
        append(path, cell, record)

    monkeypatch.setattr(running, "append_result", appending)
    assert run("--keep-models")[0] == 0
    assert not [*(place / "out_cells").glob("*/found.jsonl")]
