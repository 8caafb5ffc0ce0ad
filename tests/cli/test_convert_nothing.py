"""`padellm convert` of what gives nothing, or less than is there."""

import json

import pytest
from spacy.cli._util import app
from spacy.tokens import DocBin
from typer.testing import CliRunner

from spacy_padellm import cli  # noqa: F401 - registers the commands

REJECTED = json.dumps({"text": "Rome", "spans": [], "answer": "reject"})
# Nothing comes out of these, though something is in them.
NOTHING = {
    "a.jsonl": "[]",
    "a.json": "\n[\n]\n",
    "prodigy.jsonl": REJECTED,
    "a.conll": "-DOCSTART- O\n\n# newdoc id = 1\n",
    "a.csv": "text,start,end,label\n",
    "a.spacy": DocBin().to_bytes(),
}
OUTPUTS = ["b.jsonl", "b.spacy", "b.conll", "b.csv", "b.json"]


def run(*args):
    result = CliRunner().invoke(app, ["padellm", "convert", *map(str, args)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, " ".join(result.output.split())


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("name", NOTHING)
def test_nothing_from_something(name, tmp_path):
    source = write(tmp_path / name, NOTHING[name])
    for output in OUTPUTS:
        if source.suffix != ".spacy" or output != "b.json":
            code, said = run(source, tmp_path / output)
            assert code == 0 and "0 texts" in said and "1 file is lost" in said, said
            assert "no text that can be kept" in said and "✔" not in said
    report = tmp_path / "report.jsonl"
    code, said = run(source, tmp_path / "c.jsonl", "--strict", "--report", report)
    assert code == 1 and "1 file is lost, which --strict forbids" in said
    last = json.loads(report.read_text().splitlines()[-1])
    assert (last["of"], last["lost"], last["file"]) == ("file", True, str(source))


@pytest.mark.parametrize("name", [name for name in NOTHING if name != "a.spacy"])
@pytest.mark.parametrize("content", ["", " \n\n"])
def test_nothing_from_nothing_is_an_error_if_strict(name, content, tmp_path):
    source = write(tmp_path / name, content)
    code, said = run(source, tmp_path / "b.spacy")
    assert code == 0 and "is empty" in said and "✔" not in said, said
    code, said = run(source, tmp_path / "c.spacy", "--strict")
    assert code == 1 and "1 file gives no text, which --strict forbids" in said, said


@pytest.mark.parametrize("empty", [name for name in NOTHING if name != "a.spacy"])
@pytest.mark.parametrize("output", ["all.spacy", "out"])
def test_a_folder_with_files_that_give_no_text(empty, output, tmp_path):
    """Whether all go to one file or each to its own."""
    (tmp_path / "in").mkdir()
    write(tmp_path / "in" / "more.jsonl", '{"text": "Rome", "ents": []}')
    assert run(tmp_path / "in", tmp_path / output, "--strict")[0] == 0
    write(tmp_path / "in" / empty, "")
    write(tmp_path / "in" / "b.jsonl", "\n")
    assert run(tmp_path / "in", tmp_path / output)[0] == 0
    code, said = run(tmp_path / "in", tmp_path / output, "--strict")
    assert code == 1 and "2 files give no text, which --strict forbids" in said, said


def test_ids_of_annotation_tools(tmp_path):
    lines = ["1-1 Ada B-PER", "1-2 ran O", "", "2-1 Rome B-LOC", "2-2 fell O", ""]
    source = write(tmp_path / "a.conll", "\n".join(lines))
    code, said = run(source, tmp_path / "b.jsonl", "--column-token", 1, "--strict")
    assert code == 0 and "2 texts, 2 spans" in said
    code, said = run(source, tmp_path / "b.jsonl", "--strict")
    assert code == 1 and "a.conll:1: this column numbers the words" in said


def test_a_text_that_a_format_cannot_hold_is_lost(tmp_path):
    source = write(tmp_path / "a.jsonl", '{"text": "Rome", "ents": []}\n{"text": " ", "ents": []}')
    code, said = run(source, tmp_path / "b.conll", "--strict")
    assert (
        code == 1
        and "1 text is lost, which --strict forbids" in said
        and ": 1 text, 0 spans" in said
    )


def test_a_text_that_would_mark_a_document_is_lost(tmp_path):
    texts = ["Rome is it", "-DOCSTART- Rome", "Oslo"]
    spans = [[], [[11, 15, "LOC"]], [[0, 4, "LOC"]]]
    records = [{"text": t, "ents": ents} for t, ents in zip(texts, spans, strict=True)]
    source = write(tmp_path / "a.jsonl", "\n".join(map(json.dumps, records)))
    code, said = run(source, tmp_path / "b.conll", "--strict")
    assert code == 1 and "1 span and 1 text are lost" in said and "-DOCSTART-" in said
    assert run(tmp_path / "b.conll", tmp_path / "c.jsonl")[0] == 0
    back = [json.loads(line) for line in (tmp_path / "c.jsonl").read_text().splitlines()]
    assert back == [records[0], records[2]]


def test_a_folder_says_what_it_leaves(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    write(folder / "a.jsonl", '{"text": "Rome", "ents": []}')
    write(folder / "b.jsonl", "[]")
    write(folder / "train.txt", "Rome B-LOC\n")
    code, said = run(folder, tmp_path / "all.spacy", "--strict")
    assert code == 1 and "1 .txt file is not read, such as train.txt" in said
    assert "b.jsonl" in said and "1 file is lost" in said
