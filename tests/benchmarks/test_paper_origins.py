"""What results, and what is half done, come from: none is gone on with by another recipe."""

import json
import shutil
from pathlib import Path

import pytest

from spacy_padellm.formats.json_records import write_records

from .trips import cell_of, records, sentence

SCORED = ("--formats", "structured", "--skip-latency")


def change_recipe(data, base):
    return ["--rank", 3]


def change_texts(data, base):
    write_records(data / "trips" / "train.jsonl.gz", [*map(sentence, range(12))])
    return []


def change_weights(data, base):
    path = base / "config.json"
    path.write_text(path.read_text() + "\n")
    return []


def change_folder(data, base):
    """Another base, of the same name."""
    other = data.parent / "others" / base.name
    shutil.copytree(base, other)
    change_weights(data, other)
    return ["--base", other]


CHANGES = {
    change_recipe: "rank 2",
    change_texts: "data ",
    change_weights: "weights ",
    change_folder: "weights ",
}


@pytest.fixture
def base(data, plain_lm_folder):
    folder = data.parent / "bases" / plain_lm_folder.name
    shutil.copytree(plain_lm_folder, folder)
    return folder


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_neither_results_nor_what_is_half_done_are_mixed(data, base, run, scripted, change):
    place = data.parent
    scripted.fails = ("score structured",)
    status, _ = run("--base", base, *SCORED)
    assert status == 1 and scripted == ["tune structured"]
    assert (cell_of(place, "structured") / "model").is_dir()
    shutil.copytree(data, place / "before")
    shutil.copytree(base, place / "base_before")

    scripted.fails = ()
    more = change(data, base)
    status, said = run("--base", base, *SCORED, *more)
    assert status == 2 and f"was begun with {CHANGES[change]}" in said
    assert "give another --output" in said and scripted == ["tune structured"]
    assert not (place / "out.jsonl").exists()

    for now, before in ((data, "before"), (base, "base_before")):
        shutil.rmtree(now)
        shutil.copytree(place / before, now)
    status, said = run("--base", base, *SCORED)
    assert status == 0 and scripted == ["tune structured", "score structured"]

    shutil.rmtree(place / "others", ignore_errors=True)
    status, said = run("--base", base, *SCORED, *change(data, base))
    assert status == 2 and f"with {CHANGES[change]}" in said and "give another --output" in said


def test_a_cell_itself_refuses_what_is_of_another_recipe(
    data, plain_lm_folder, scripted, monkeypatch
):
    """Between the command's look and the cell's, another command may have begun."""
    from paper import running
    from paper.cells import Cell
    from paper.plan import Plan
    from paper.recipe import Recipe

    monkeypatch.setattr(running, "print_to", lambda *_: None)
    cell = Cell("plain", "trips", "plain", "bare", "padellm", 0)
    plan = Plan(data, data.parent / "o.jsonl", keep_models=True)
    recipe = Recipe(str(plain_lm_folder))
    scripted.fails = ("score padellm",)
    with pytest.raises(RuntimeError, match="killed"):
        running.run_cell(cell, recipe, plan)
    with pytest.raises(ValueError, match="was begun with epochs 2"):
        running.run_cell(cell, Recipe(str(plain_lm_folder), epochs=3), plan)
    (plan.folder(cell) / "request.json").unlink()
    with pytest.raises(ValueError, match="was begun with nothing that says how"):
        running.run_cell(cell, recipe, plan)
    shutil.rmtree(plan.folder(cell) / "model")
    (plan.folder(cell) / "found.jsonl").unlink()
    scripted.fails = ()
    running.run_cell(cell, Recipe(str(plain_lm_folder), epochs=3), plan)  # nothing is left
    assert scripted == ["tune padellm", "tune padellm", "score padellm"]


def test_models_that_were_kept_are_measured_by_the_recipe_that_made_them(data, run, scripted):
    place = data.parent
    assert run("--keep-models")[0] == 0
    claim = cell_of(place, "augmented") / "request.json"
    begun = json.loads(claim.read_text())
    claim.write_text(json.dumps({**begun, "origin": {**begun["origin"], "epochs": 9}}))
    status, said = run("--again")
    assert status == 2 and "augmented/0 was begun with epochs 9" in said
    claim.write_text(json.dumps(begun))
    assert run("--again")[0] == 0 and scripted[-1] == "measure latency"
    assert not [*(place / "out_cells").glob("*/model"), *(place / "out_cells").glob("*/*.json")]


def test_data_and_base_may_move(data, base, run, scripted):
    place = data.parent
    assert run("--base", base, *SCORED)[0] == 0
    found = records(place)["structured"]["recipe"]
    assert found["base"] == "plain" and len(found["weights"]) == 8 and len(found["data"]) == 12
    (place / "moved").mkdir()
    shutil.move(data / "trips", place / "moved" / "trips")
    shutil.move(base, place / "moved" / base.name)
    moved = ["--data", place / "moved", "--base", place / "moved" / base.name]
    assert run(*moved, *SCORED)[0] == 0 and scripted == ["tune structured", "score structured"]


def test_a_base_on_the_hub_is_recorded_by_its_whole_name(data):
    from paper.origin import find_origin
    from paper.recipe import Recipe

    found = [find_origin(Recipe(f"{of}/small"), Path(data), "trips") for of in ("a", "b")]
    assert [of["base"] for of in found] == ["a/small", "b/small"]
    assert found[0]["data"] == found[1]["data"] and found[0]["weights"] is None


def test_another_edition_of_a_packaged_base_is_another_base(data, plain_lm_folder, monkeypatch):
    from grid import bases
    from paper.origin import find_origin
    from paper.recipe import Recipe

    from spacy_padellm.models.named.named_model import NamedModel

    parts = (data / "one.gguf", data / "two.gguf")
    for edition in ("a", "b"):
        (data / edition).mkdir()
        shutil.copytree(plain_lm_folder, data / edition / "model")
        (data / edition / "model" / "generation_config.json").write_text(f'{{"_": "{edition}"}}')

    def weights(made):
        monkeypatch.setattr(bases, "find_named", lambda name: made() if name == "known" else None)
        return find_origin(Recipe("known"), Path(data), "trips")["weights"]

    folders = [weights(lambda e=e: NamedModel(data / e / "model")) for e in ("a", "b", "a")]
    files = []
    for edition in (b"a", b"b", b"a"):
        for path in parts:
            path.write_bytes(edition)
        files.append(weights(lambda: NamedModel(parts)))
    for found in (folders, files):
        assert found[0] == found[2] != found[1] and len(found[0]) == 8


def test_a_base_whose_package_is_missing_is_said_before_anything_runs(
    data, run, scripted, monkeypatch
):
    from grid import bases

    from spacy_padellm.extras import NotInstalledError

    def find_named(name):
        raise NotInstalledError("pip install it")

    monkeypatch.setattr(bases, "find_named", find_named)
    status, said = run("--base", "gemma3")
    assert status == 2 and "pip install it" in said and not scripted


def test_an_output_takes_one_recipe_a_set_but_several_bases(data, base, run, scripted):
    other = data.parent / "bases" / "other"
    shutil.copytree(base, other)
    change_weights(data, other)
    assert run("--base", base, *SCORED)[0] == 0
    assert run("--base", other, *SCORED)[0] == 0 and len(scripted) == 4
    for more in (["--base", other], ["--templates", "compact"], ["--formats", "padellm"]):
        status, said = run("--base", base, *SCORED, "--rank", 3, *more)
        assert status == 2 and "with rank 2: give another --output" in said
    assert len(scripted) == 4
