"""What `padellm convert` tells, and how it looks in a terminal."""

import pytest
from spacy.cli._util import app
from typer.testing import CliRunner

from spacy_padellm import cli  # noqa: F401 - registers the commands
from spacy_padellm.formats import hf_files


def run(*args):
    return CliRunner().invoke(app, ["padellm", "convert", *map(str, args)])


def test_long_paths_and_strings_leave_the_table_straight(tmp_path):
    """Each column begins where its head begins."""
    folder = tmp_path / "a_folder_of_annotators_with_a_long_name" / "one_of_the_annotators"
    folder.mkdir(parents=True)
    text = "Ada Lovelace, Countess of Lovelace and mathematician, left for Rome in the spring."
    for name in ("a", "a_much_longer_name_of_a_document_than_others"):
        (folder / f"{name}.txt").write_text(text)
        spans = f"T1\tPER 0 12\tAda\nT2\tPER 500 620\tMary\nT3\tLOC 63 67\t{text[63:67]}\n"
        (folder / f"{name}.ann").write_text(spans + "R1\tin Arg1:T1 Arg2:T3\n")
    lines = run(folder, tmp_path / "b.conll").output.splitlines()
    (head,) = [i for i, line in enumerate(lines) if line.startswith("Where")]
    starts = [lines[head].index(name) for name in ("Label", "Span", "Text", "What")]
    rows = lines[head + 1 : lines.index("", head)]
    assert len(rows) > 3
    for row in rows:
        assert all(row[at - 3 : at] == "   " and row[at - 4 : at] for at in starts)
        assert row[starts[-1] :].strip() and row[starts[-1]] != " "
    assert all(".ann:" in row[: starts[0]] for row in rows[1:])


@pytest.mark.parametrize(("source", "target", "does"), [
    ("a.jsonl", "b.parquet", "b.parquet: pyarrow, which writes it, is not installed"),
    ("a.parquet", "b.jsonl", "a.parquet: pyarrow, which reads it, is not installed"),
])  # fmt: skip
def test_what_pyarrow_is_needed_for(source, target, does, monkeypatch, tmp_path):
    (tmp_path / source).write_text('{"text": "Ada left", "ents": []}')
    monkeypatch.setattr(hf_files, "has", lambda extra: False)
    done = run(tmp_path / source, tmp_path / target)
    said = " ".join(done.output.split())
    assert done.exit_code == 1 and does in said and "pip install 'spacy-padellm[parquet]'" in said
    assert not (tmp_path / target).exists()
