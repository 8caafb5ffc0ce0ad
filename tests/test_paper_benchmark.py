"""The benchmark of the paper's experiment, on a set and models made here."""

import json
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_pipelines import CITIES, NAMES
from transformers import AutoTokenizer

from spacy_padellm.atomic import alone_in
from spacy_padellm.formats.gold_text import GoldText
from spacy_padellm.formats.json_records import write_records
from spacy_padellm.learning.batch import batch_loss, make_batch_for
from spacy_padellm.models.save import save_model
from spacy_padellm.prompts.template import PLAIN
from spacy_padellm.spans.prediction import Mention

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
FORMATS = ("padellm", "structured", "augmented")


@pytest.fixture(autouse=True)
def _importable(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))


def sentence(i):
    name, city = NAMES[i % len(NAMES)], CITIES[i % 5]
    text = f"{name} left {city} today."
    at = len(name) + 6
    return {"text": text, "ents": [[0, len(name), "PER"], [at, at + len(city), "LOC"]]}


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
        try:
            status = main([str(word) for word in (*fixed, *more)])
        except SystemExit as error:
            status = error.code
        return status, "".join(capsys.readouterr())

    return call


def records(place):
    lines = (place / "out.jsonl").read_text().splitlines()
    return {of["format"]: of for of in map(json.loads, lines)}


def test_all_formats_are_trained_scored_and_measured_and_go_on_where_they_were_stopped(
    data, run, monkeypatch
):
    from paper import training

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
        assert set(record["scores"]) == {"strings", "spans", "flat"}
        assert record["texts"] == {"train": 12, "test": 5} and record["labels"] == 2
        assert record["recipe"]["base"] == "plain"
        folder = place / "out_cells" / f"plain-trips-plain-bare-{name}-0"
        assert (folder / "model" / "adapter_config.json").exists()
        assert not (folder / "train").exists() and not (folder / "found.jsonl").exists()
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
    assert "| PaDeLLM, the paper's algorithm | 32 |" in page
    assert "| PaDeLLM-NER | 92.52 |" in page and "arXiv 2402.04838" in page


def test_latency_waits_for_formats_that_others_train(data, run):
    place = data.parent
    folder = place / "out_cells" / "plain-trips-plain-bare-structured-0"
    with alone_in(folder):
        status, said = run("--formats", "structured", "--steps", 2)
    assert status == 0 and said.count("another run is at it") == 2
    assert not (place / "out.jsonl").exists()


def test_a_cell_that_another_run_has_done_meanwhile_is_left(data, run, tmp_path):
    from paper.cells import Cell
    from paper.recipe import Recipe
    from paper.results import append_result
    from paper.running import Plan, run_cell

    cell, plan = Cell("b", "trips", "plain", "bare", "padellm", 0), Plan(data, tmp_path / "o.jsonl")
    append_result(plan.output, cell, {"done": True})
    assert run_cell(cell, Recipe("nowhere"), plan)
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
    assert status and "structured/0 has no model any more" in said


def test_what_was_learned_is_in_the_model_that_is_measured(
    data, plain_lm_folder, tmp_path, monkeypatch
):
    """New tokens, too: after saving, loading and merging."""
    from paper import training
    from paper.cells import Cell
    from paper.encoding import make_encoder, make_texts
    from paper.recipe import Recipe
    from paper.scoring import load_tuned
    from paper.sets import draw

    def loss_of(loaded):
        texts = make_texts(name, make_encoder(loaded, False), drawn.train, drawn.labels)
        batch = make_batch_for(loaded.lm, loaded.template, texts)
        with torch.inference_mode():
            return batch_loss(loaded.lm, batch).item() / batch.weight

    def save(loaded, *more):
        losses.append(loss_of(loaded))
        save_model(loaded, *more)

    monkeypatch.setattr(training, "save_model", save)

    for name, template in (("padellm", "compact"), ("augmented", "plain")):
        cell = Cell("plain", "trips", template, "bare", name, 0)
        recipe = Recipe(str(plain_lm_folder), batch_tokens=64, epochs=2, rank=4, learn_rate=1e-2)
        drawn = draw(data, "trips", recipe, 0)
        losses = [loss_of(training.load_for(cell, recipe, drawn.labels))]
        training.tune(cell, recipe, drawn, tmp_path / name)
        losses.append(loss_of(load_tuned(tmp_path / name, recipe)))
        before, trained, loaded = losses
        assert trained < before and loaded == pytest.approx(trained, rel=1e-4)


def test_guided_prompts_say_what_labels_mean(data, run, plain_lm_folder):
    from paper.cells import Cell
    from paper.guidelines import guidelines
    from paper.recipe import Recipe
    from paper.training import load_for

    status, said = run("--prompts", "bare", "guided")
    assert status == 2 and "no guidelines for trips, only for conll03" in said
    status, said = run("--sets", "conll03", "--prompts", "guided", "--templates", "compact")
    assert status == 2 and "no set conll03" in said
    (data / "trips").rename(data / "conll03")
    status, said = run("--sets", "conll03", "--prompts", "guided", "--templates", "compact")
    assert status == 2 and "give --templates plain" in said
    cell = Cell("b", "conll03", "plain", "guided", "padellm", 0)
    loaded = load_for(cell, Recipe(str(plain_lm_folder)), ("LOC", "PER"))
    assert loaded.settings.descriptions == {k: guidelines("conll03")[k] for k in ("LOC", "PER")}
    assert cell.group == ("b", "conll03", "plain", "guided")


def mention(label, text, p=0.5, start=None, end=None):
    return Mention(label, 1, text, start, end, p)


def test_strings_and_spans_are_scored_as_the_paper_and_as_docs_have_them():
    from paper.scoring import score

    golds = [GoldText("Rome and Rome saw Ada", ((0, 4, "LOC"), (9, 13, "LOC"), (18, 21, "PER")))]
    found = [[mention("LOC", "Rome"), mention("PER", "Ada"), mention("LOC", "Ada", 0.4)]]
    scores = score("padellm", golds, found)
    assert scores["strings"] == {"p": 1.0, "r": 1.0, "f": 1.0}  # Ada is likelier a person
    assert (scores["spans"]["p"], scores["spans"]["r"]) == (1.0, round(2 / 3, 5))
    scores = score("structured", golds, [[*found[0], mention("PER", "Eva")]])
    assert (scores["strings"]["p"], scores["strings"]["r"]) == (0.5, 1.0)
    assert (scores["spans"]["p"], scores["spans"]["r"]) == (round(2 / 3, 5), round(2 / 3, 5))
    nested = [[mention("LOC", "Rome and Rome", 0.9), mention("LOC", "Rome", 0.5, 0, 4)]]
    assert score("padellm", golds, nested)["flat"]["p"] == 0


def test_labels_are_called_by_their_words(tmp_path):
    from paper.recipe import Recipe
    from paper.sets import SETS, draw

    ents = [[0, 2, "NAME"], [3, 5, "X"]]
    for split in ("train", "test"):
        write_records(
            tmp_path / "resume" / f"{split}.jsonl", [{"text": "小明在北京", "ents": ents}]
        )
    drawn = draw(tmp_path, "resume", Recipe("b"), 0)
    assert drawn.labels == ("X", "名称") and drawn.test[0].spans == ((0, 2, "名称"), (3, 5, "X"))
    assert all(len(set(of.names.values())) == len(of.names) for of in SETS.values())
    write_records(tmp_path / "none" / "train.jsonl", [{"text": "a", "ents": []}])
    write_records(tmp_path / "none" / "test.jsonl", [{"text": "a", "ents": []}])
    with pytest.raises(ValueError, match="none have no entity"):
        draw(tmp_path, "none", Recipe("b"), 0)


@settings(deadline=None)
@given(st.text(st.sampled_from("中文の a1é,😀\n")))
def test_characters_of_scripts_without_blanks_are_read_apart(plain_tokenizer, text):
    from paper.encoding import CharacterEncoder

    encoded = CharacterEncoder(plain_tokenizer, PLAIN).encode_text(text)
    starts, ends = encoded.token_places()
    for i, char in enumerate(text):
        if char in "中文の":
            assert i in starts and i + 1 in ends
    assert all(0 <= start <= end <= len(text) for start, end in encoded.offsets)
    black = [i for i, char in enumerate(text) if not char.isspace()]
    covered = {i for start, end in encoded.offsets for i in range(start, end)}
    assert set(black) <= covered


@given(
    st.lists(st.integers(1, 40), min_size=1, max_size=30),
    st.integers(1, 3),
    st.one_of(st.none(), st.integers(1, 9)),
)
def test_every_epoch_has_every_text_once_in_steps_of_like_size(sizes, epochs, steps):
    from paper.recipe import Recipe
    from paper.training import Schedule

    recipe = Recipe("b", epochs=epochs, steps=steps, batch_tokens=50)
    batches = Schedule(sizes, recipe, 0).batches()
    assert batches == Schedule(sizes, recipe, 0).batches()
    assert all(len(plan) == 1 or sum(sizes[i] for i in plan) <= 50 for _, plan in batches)
    if steps is None:
        read = sorted(i for _, plan in batches for i in plan)
        assert read == sorted([*range(len(sizes))] * epochs) and batches[-1][0] == epochs
    else:
        assert len(batches) <= steps


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
