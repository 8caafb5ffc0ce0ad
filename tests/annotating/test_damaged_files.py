"""A damaged file in mid-corpus costs itself alone; runs in one folder; a full disk."""

import gzip
import json
import os
import resource

import pytest
import spacy
from spacy.tokens import DocBin

from spacy_padellm.atomic import BusyError, alone_in
from spacy_padellm.tools.annotate.plan import Job
from spacy_padellm.tools.annotate.running import Done, Unread, run_job
from spacy_padellm.tools.annotate.sources import read_records

from .corpus import records, run, write_input

NLP = spacy.blank("en")
DAMAGED = ["b.jsonl.gz", "b.txt.gz", "b.spacy", "b.parquet"]


def annotate(folder, files, out, part_size=2):
    """Numbers of the parts that were written, and the damaged files."""
    job = Job.of([str(folder / name) for name in files], "p", "", "jsonl", part_size)
    told = list(run_job(job, out, NLP, 16))
    parts = [one.part.number for one in told if isinstance(one, Done) and not one.skipped]
    return parts, [one for one in told if isinstance(one, Unread)]


def texts(out):
    return sorted(record["text"] for record in records(out))


def whole(path):
    """A file of four texts of any format, and its bytes."""
    kind = path.with_suffix("") if path.suffix == ".gz" else path
    made = [f"Text {i} of b." for i in range(4)]
    if path.suffix == ".gz":
        lines = made if kind.suffix == ".txt" else [json.dumps({"text": t}) for t in made]
        path.write_bytes(gzip.compress("".join(line + "\n" for line in lines).encode()))
    else:
        write_input(path, made)
    return path.read_bytes()


@pytest.mark.parametrize("damage", ["cut", "empty", "noise", "bits", "gone"])
@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_file_costs_itself_alone_until_it_is_mended(tmp_path, name, damage):
    source = tmp_path / name
    good = whole(source)
    for other in "ac":
        write_input(tmp_path / f"{other}.txt", [f"Text {i} of {other}." for i in range(3)])
    half = len(good) // 2
    bad = {
        "cut": good[:half],
        "empty": b"",
        "noise": b"no such thing" * 9,
        "bits": good[:half] + bytes(b ^ 255 for b in good[half : half + 9]) + good[half + 9 :],
        "gone": b"",
    }[damage]
    source.write_bytes(bad)
    if damage == "gone":
        source.unlink()
    files, out = ["a.txt", name, "c.txt"], tmp_path / "out"
    parts, unread = annotate(tmp_path, files, out)
    (told,) = unread
    assert name in told.error and parts[:2] == [0, 1]
    assert set(texts(out)) >= {f"Text {i} of {other}." for i in range(3) for other in "ac"}
    source.write_bytes(good)
    before = {path.name: path.stat().st_mtime_ns for path in out.glob("part-*")}
    assert annotate(tmp_path, files, out)[1] == []
    assert texts(out) == sorted(
        [f"Text {i} of {other}." for i in range(3) for other in "ac"]
        + [f"Text {i} of b." for i in range(4)]
    )
    assert all((out / name).stat().st_mtime_ns == time for name, time in before.items())
    assert annotate(tmp_path, files, out) == ([], [])


def damaged_parquet(path, made, groups=200):
    """Rows in groups, the second of which is damaged; returns what it was."""
    arrow = pytest.importorskip("pyarrow")
    import pyarrow.parquet as parquet

    parquet.write_table(arrow.table({"text": made}), path, row_group_size=groups)
    good = path.read_bytes()
    column = parquet.ParquetFile(path).metadata.row_group(1).column(0)
    start = column.dictionary_page_offset or column.data_page_offset
    end = start + column.total_compressed_size
    path.write_bytes(good[:start] + b"\xff" * (end - start) + good[end:])
    return good


def test_all_before_the_damage_is_read_and_stays(tmp_path, caplog):
    """Of a file whose damage shows behind its first parts; mended, removed, and another."""
    source, out = tmp_path / "b.parquet", tmp_path / "out"
    made = [f"Text {i} of b." for i in range(600)]
    good = damaged_parquet(source, made)
    write_input(tmp_path / "a.txt", ["Text of a."])
    files = ["b.parquet", "a.txt"]
    parts, (told,) = annotate(tmp_path, files, out, 50)
    assert parts == [0, 1, 2, 3, 12] and "b.parquet" in told.error
    before = {path.name: path.stat().st_mtime_ns for path in out.glob("part-*")}
    assert annotate(tmp_path, files, out, 50)[0] == []  # not mended yet
    assert annotate(tmp_path, files[1:], out, 50) == ([], [])  # removed: what could be read stays
    source.write_bytes(good)
    assert annotate(tmp_path, files, out, 50) == ([*range(4, 12)], [])
    assert texts(out) == sorted([*made, "Text of a."]) and not caplog.records
    assert all((out / name).stat().st_mtime_ns == time for name, time in before.items())
    source.write_bytes(good[:-1])
    with pytest.raises(ValueError, match=r"b\.parquet has changed"):  # was read to its end
        annotate(tmp_path, files, out, 50)


@pytest.mark.parametrize("file_format", ["jsonl", "spacy", "parquet"])
@pytest.mark.parametrize("n", [25, 60, 90])
def test_a_mended_file_with_other_texts_is_annotated_anew(tmp_path, n, file_format, caplog):
    """Parts that are not made of it do not stay among the others, whatever their format."""
    source, out = tmp_path / "b.parquet", tmp_path / "out"
    damaged_parquet(source, [f"Text {i} of b." for i in range(60)], groups=20)
    job = Job.of([str(source)], "p", "", file_format, 10)
    list(run_job(job, out, NLP, 16))
    assert len(list(out.glob("part-*"))) == 2
    new = [f"Text {i} of b{'!' * (i == 12)}." for i in range(n)]
    write_input(source, new)
    told = list(run_job(job, out, NLP, 16))
    assert all(isinstance(one, Done) for one in told)
    found = [
        record.text
        for path in sorted(out.glob("part-*"))
        for record in read_records(str(path))
    ]  # fmt: skip
    assert found == new
    fits = n < 90
    aside = sorted(path.name for path in out.glob("damaged-*"))
    assert aside == [f"damaged-part-00000{i}.{file_format}.old" for i in ([1] if fits else [0, 1])]
    assert len(caplog.records) == len(aside)
    assert all(one.skipped for one in run_job(job, out, NLP, 16))


def test_the_command_names_it_and_goes_on(trained_folder, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    good = whole(folder / "b.jsonl.gz")
    (folder / "b.jsonl.gz").write_bytes(good[:40])
    write_input(folder / "a.txt", ["Ada Lovelace lives in Paris."])
    write_input(folder / "c.spacy", ["No one came."])
    arguments = [trained_folder, folder, "-o", tmp_path / "out"]
    done = run(*arguments)
    said = " ".join(done.output.split())
    assert done.exit_code == 1 and "b.jsonl.gz" in said and "1 of 3 files" in said, said
    assert texts(tmp_path / "out") == ["Ada Lovelace lives in Paris.", "No one came."]
    (folder / "b.jsonl.gz").unlink()  # removed is as good as mended
    done = run(*arguments)
    assert done.exit_code == 0, done.output
    (folder / "b.jsonl.gz").write_bytes(good)
    assert run(*arguments).exit_code == 0
    assert len(texts(tmp_path / "out")) == 6


def test_what_parts_were_made_of_stays_as_it_was(tmp_path):
    write_input(tmp_path / "a.txt", ["one", "two", "three"])
    write_input(tmp_path / "b.txt", ["four"])
    out = tmp_path / "out"
    assert annotate(tmp_path, ["a.txt"], out)[0] == [0, 1]
    assert annotate(tmp_path, ["a.txt", "b.txt"], out)[0] == [2]
    with pytest.raises(ValueError, match=r"a\.txt is not named this time, and part-000000"):
        annotate(tmp_path, ["b.txt"], out)
    write_input(tmp_path / "b.txt", ["changed"])
    with pytest.raises(ValueError, match=r"b\.txt has changed, and part-000002\.jsonl hold"):
        annotate(tmp_path, ["a.txt", "b.txt"], out)
    (out / "part-000002.jsonl").unlink()
    assert annotate(tmp_path, ["a.txt", "b.txt"], out)[0] == [2]
    assert texts(out) == ["changed", "one", "three", "two"]


DEEP = "[" * 100_000 + "]" * 100_000
WRONG = {"file": 5, "mark": "5", "first": "0", "records": "4"}


@pytest.mark.parametrize(
    "damage",
    ["", "{", "[]", "{}", "null", DEEP, '{"file": "a", "n": ' + "9" * 5000 + "}", "\udcff"]
    + [json.dumps({"file": "a", "mark": [1, 1], "first": 0, "records": 4} | {k: v})
       for name, value in WRONG.items() for k, v in ((name, value), (name, [None]))]
    + [json.dumps({"file": "a", "mark": None, "first": -1, "records": None})],
)  # fmt: skip
def test_a_damaged_plan_is_named(tmp_path, damage):
    write_input(tmp_path / "a.txt", ["one", "two", "three"])
    out = tmp_path / "out"
    annotate(tmp_path, ["a.txt"], out)
    for name in ("annotate.json", "annotate.files"):
        path = out / name
        good = path.read_text()
        path.write_bytes((damage + "\n").encode("utf8", "surrogateescape"))
        with pytest.raises(ValueError, match="out"):
            annotate(tmp_path, ["a.txt"], out)
        path.write_text(good + '{"file": "cut' * (name == "annotate.files"))
        assert annotate(tmp_path, ["a.txt"], out) == ([], [])
    (out / "annotate.files").unlink()
    with pytest.raises(ValueError, match="is missing"):
        annotate(tmp_path, ["a.txt"], out)


def test_two_runs_in_one_folder_are_refused(trained_folder, tmp_path):
    write_input(tmp_path / "a.txt", ["one", "two", "three"])
    out = tmp_path / "out"
    job = Job.of([str(tmp_path / "a.txt")], "p", "", "jsonl", 1)
    first = run_job(job, out, NLP, 16)
    assert next(first).records == 1
    with pytest.raises(BusyError, match="another run"):
        list(run_job(job, out, NLP, 16))
    assert len(list(first)) == 2
    with alone_in(out):
        done = run(trained_folder, tmp_path / "a.txt", "-o", out)
        assert done.exit_code == 1 and "another run" in " ".join(done.output.split())


def test_a_folder_of_something_else_gets_no_lock(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "x").touch()
    write_input(tmp_path / "a.txt", ["one"])
    with pytest.raises(ValueError, match="not empty"):
        annotate(tmp_path, ["a.txt"], tmp_path / "mine")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["x"]


@pytest.mark.parametrize("limit", [10, 400])
def test_a_full_disk_leaves_whole_parts(tmp_path, limit):
    """Files above a limit fail to be written, as on a full disk."""
    write_input(tmp_path / "a.txt", ["short", "long " * 200, "short too"])
    out = tmp_path / "out"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            annotate(tmp_path, ["a.txt"], out, part_size=1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert len(list(out.glob("part-*"))) == (limit == 400)
    assert not list(out.glob(".*.half"))
    annotate(tmp_path, ["a.txt"], out, part_size=1)
    assert len(records(out)) == 3 and not [name for name in os.listdir(out) if "half" in name]


def test_a_doc_that_is_damaged_behind_good_ones(tmp_path, monkeypatch):
    """What could be read is there, and the run says what was not."""
    docs = write_input(tmp_path / "b.spacy", ["one", "two", "three", "four"])
    made = list(DocBin().from_disk(docs).get_docs(NLP.vocab))

    def get_docs(self, vocab):
        yield from made[:3]
        raise KeyError("E018")

    monkeypatch.setattr(DocBin, "get_docs", get_docs)
    parts, (told,) = annotate(tmp_path, ["b.spacy"], tmp_path / "out")
    assert parts == [0] and "b.spacy" in told.error and texts(tmp_path / "out") == ["one", "two"]
