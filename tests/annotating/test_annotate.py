"""`padellm annotate`: all formats in and out, resumed runs, runs that are killed."""

import json
import os
import random
import signal
import subprocess
import sys
import textwrap
import time

import pytest
import spacy
from spacy.tokens import DocBin

from spacy_padellm import cli  # noqa: F401 - registers the commands
from spacy_padellm.tools.annotate.parts import PartReader
from spacy_padellm.tools.annotate.plan import Job
from spacy_padellm.tools.annotate.running import run_job
from spacy_padellm.tools.annotate.sources import count_records, find_files, read_records

from .corpus import TEXTS, records, run, write_input


@pytest.mark.parametrize("name", ["a.txt", "a.jsonl", "a.jsonl.gz", "a.spacy", "a.parquet"])
def test_every_format_is_read_from_any_record_on(tmp_path, name):
    path = str(write_input(tmp_path / name))
    assert count_records(path) == len(TEXTS)
    assert [r.text for r in read_records(path)] == TEXTS
    for skip in (1, 3, len(TEXTS)):
        assert [r.text for r in read_records(path, skip)] == TEXTS[skip:]
    ids = [r.id for r in read_records(path)]
    first = "n0" if name == "a.jsonl" else f"{os.path.relpath(path)}:1"
    assert len(set(ids)) == len(ids) and ids[0] == first


@pytest.mark.parametrize("file_format", ["jsonl", "spacy", "parquet"])
def test_every_format_is_written(trained_folder, trained, tmp_path, file_format):
    source = write_input(tmp_path / "in.jsonl")
    out = tmp_path / "out"
    done = run(trained_folder, source, "-o", out, "-f", file_format, "--part-size", 3)
    assert done.exit_code == 0, done.output
    expected = [[(e.start_char, e.end_char, e.label_) for e in d.ents] for d in trained.pipe(TEXTS)]
    assert any(expected)
    parts = sorted(out.glob(f"part-*.{file_format}"))
    assert len(parts) == -(-len(TEXTS) // 3)
    if file_format == "spacy":
        docs = [d for p in parts for d in DocBin(store_user_data=True).from_disk(p).get_docs(
            spacy.blank("en").vocab)]  # fmt: skip
        found = [[(e.start_char, e.end_char, e.label_) for e in doc.ents] for doc in docs]
        assert [doc.user_data["id"] for doc in docs] == [f"n{i}" for i in range(len(TEXTS))]
        assert docs[1].user_data["meta"] == {"page": 1}
        assert all(0 < e._.padellm_score <= 1 for doc in docs for e in doc.ents)
        texts = [doc.text for doc in docs]
    else:
        if file_format == "parquet":
            parquet = pytest.importorskip("pyarrow.parquet")
            rows = [row for p in parts for row in parquet.read_table(p).to_pylist()]
            assert json.loads(rows[1]["meta"]) == {"page": 1}
            ents = [[tuple(e.values()) for e in row["ents"]] for row in rows]
        else:
            rows = records(out)
            assert rows[1]["page"] == 1
            ents = [row["ents"] for row in rows]
        assert [row["id"] for row in rows] == [f"n{i}" for i in range(len(TEXTS))]
        assert all(0 <= e[3] <= 1 for row in ents for e in row)
        found = [[tuple(e[:3]) for e in row] for row in ents]
        texts = [row["text"] for row in rows]
    assert texts == TEXTS and found == expected


def test_files_folders_patterns_and_standard_input(trained_folder, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    write_input(folder / "b.jsonl", TEXTS[:2])
    write_input(folder / "a.txt", TEXTS[2:4])
    (folder / "readme.md").write_text("not for us")
    assert [p.rsplit("/", 1)[1] for p in find_files([str(folder)])] == ["a.txt", "b.jsonl"]
    assert len(find_files([str(folder / "*.jsonl"), str(folder / "a.txt")])) == 2
    out = tmp_path / "out"
    assert run(trained_folder, folder, "-o", out, "--part-size", 3).exit_code == 0
    assert [r["text"] for r in records(out)] == [*TEXTS[2:4], *TEXTS[:2]]
    lines = "\n".join(TEXTS[:4]) + "\n"
    for size in (3, 4, 100):
        out = tmp_path / f"stdin{size}"
        done = run(trained_folder, "-", "-o", out, "--part-size", size, input=lines)
        assert done.exit_code == 0, done.output
        assert [r["text"] for r in records(out)] == TEXTS[:4]
        again = run(trained_folder, "-", "-o", out, "--part-size", size, input=lines)
        assert again.exit_code == 1 and "standard input" in again.output


def test_names_that_are_taken_and_output_among_the_input(trained_folder, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    row = {"body": "Ada Lovelace lives in Paris.", "text": "mine", "id": 3, "ents": [1]}
    (folder / "a.jsonl").write_text(json.dumps(row) + "\n")
    arguments = [trained_folder, folder, "-o", folder / "out", "--text-field", "body"]
    for _ in range(2):
        assert run(*arguments).exit_code == 0
    (found,) = records(folder / "out")
    assert found["text"] == row["body"] and found["input_text"] == "mine" and found["ents"]
    assert found["input_ents"] == [1]


def test_a_run_goes_on_with_what_is_missing(trained_folder, tmp_path):
    source = write_input(tmp_path / "in.jsonl")
    whole, again = tmp_path / "whole", tmp_path / "again"
    arguments = [trained_folder, source, "--part-size", 2]
    assert run(*arguments, "-o", whole).exit_code == 0
    assert run(*arguments, "-o", again).exit_code == 0
    (again / "part-000001.jsonl").unlink()
    kept = (again / "part-000000.jsonl").stat().st_mtime_ns
    done = run(*arguments, "-o", again)
    assert done.exit_code == 0 and "Wrote 2 texts" in " ".join(done.output.split())
    assert (again / "part-000000.jsonl").stat().st_mtime_ns == kept
    assert records(again) == records(whole)


@pytest.mark.parametrize(("arguments", "message"), [
    (["-f", "csv"], "--format"),
    (["--part-size", 0], "part size"),
    (["-b", 0], "--batch-size"),
    (["--engine", "spark"], "--engine"),
    (["--engine", "ray", "--actors", "x"], "--actors"),
])  # fmt: skip
def test_bad_settings_are_named(trained_folder, tmp_path, arguments, message):
    source = write_input(tmp_path / "in.txt")
    done = run(trained_folder, source, "-o", tmp_path / "out", *arguments)
    assert done.exit_code == 1 and message in done.output


def test_bad_input_and_output_are_named(trained_folder, tmp_path):
    source = write_input(tmp_path / "in.txt")
    out = tmp_path / "out"
    for inputs, message in (
        (["no/such.txt"], "no/such.txt"),
        ([tmp_path / "x.csv"], "x.csv"),
        ([source, source], "twice"),
        ([source, "-"], "alone"),
    ):
        (tmp_path / "x.csv").write_text("a")
        done = run(trained_folder, *inputs, "-o", out)
        assert done.exit_code == 1 and message in done.output, done.output
    assert run(trained_folder, source, "-o", out).exit_code == 0
    other = run(trained_folder, source, "-o", out, "--part-size", 5)
    assert other.exit_code == 1 and "part_size" in other.output
    source.write_text("changed\n")
    assert "(input)" in run(trained_folder, source, "-o", out).output
    done = run(trained_folder, source, "-o", tmp_path)
    assert "not empty" in " ".join(done.output.split())


STUB = textwrap.dedent("""
    import sys, time
    from pathlib import Path
    import spacy
    from spacy.language import Language
    from spacy.tokens import Span
    from spacy_padellm.tools.annotate.plan import Job
    from spacy_padellm.tools.annotate.running import run_job

    @Language.component("stub")
    def stub(doc):
        doc.ents = [Span(doc, 0, 1, "X")] if len(doc) else []
        time.sleep(float(sys.argv[3]))
        return doc

    nlp = spacy.blank("en")
    nlp.add_pipe("stub")
    job = Job((sys.argv[1],), "stub", "", "jsonl", 50)
    for done in run_job(job, Path(sys.argv[2]), nlp, 16):
        print(done.part.number, flush=True)
""")


@pytest.mark.slow
def test_a_run_killed_at_any_moment_repeats_and_loses_nothing(tmp_path):
    source = tmp_path / "in.txt"
    source.write_text("".join(f"text number {i} is here\n" for i in range(1030)))

    def start(folder, pause):
        command = [sys.executable, "-c", STUB, str(source), str(folder), str(pause)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    whole = start(tmp_path / "whole", 0)
    assert whole.communicate(timeout=120) and whole.returncode == 0
    folder = tmp_path / "killed"
    draw = random.Random(0)
    for _ in range(3):
        process = start(folder, 0.002)
        process.stdout.readline()  # past the start
        time.sleep(draw.uniform(0.01, 0.4))
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    assert len(list(folder.glob("part-*.jsonl"))) < 21
    last = start(folder, 0)
    assert last.communicate(timeout=120) and last.returncode == 0
    assert records(folder) == records(tmp_path / "whole")
    assert len(records(folder)) == 1030
    names = {p.name for p in (tmp_path / "whole").iterdir()}
    assert {p.name for p in folder.iterdir()} == names


def test_parts_are_read_in_any_order(tmp_path):
    path = str(write_input(tmp_path / "in.jsonl", [f"text {i}" for i in range(10)]))
    job = Job((path,), "p", "", "jsonl", 3)
    parts = list(job.open(tmp_path / "out").parts(path))
    assert [p.size for p in parts] == [3, 3, 3, 1]
    reader = PartReader()
    for number in (2, 0, 3, 1):
        first = parts[number].first
        assert [r.text for r in reader.read(parts[number])] == [
            f"text {i}" for i in range(first, min(first + 3, 10))
        ]


def test_strings_of_texts_are_forgotten(tmp_path):
    source = tmp_path / "in.txt"
    source.write_text("".join(f"word{i} other{i}\n" for i in range(400)))
    nlp = spacy.blank("en")
    job = Job((str(source),), "p", "", "jsonl", 100)
    before = len(nlp.vocab.strings)
    assert sum(done.records for done in run_job(job, tmp_path / "out", nlp, 32)) == 400
    assert len(nlp.vocab.strings) < before + 100
