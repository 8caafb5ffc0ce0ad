"""Files of annotation tools by `padellm convert`, and read directly where models learn."""

import json

import pytest
import spacy
from spacy.cli._util import app
from spacy.tokens import DocBin
from typer.testing import CliRunner

from spacy_padellm.cli.train import _check_data
from spacy_padellm.formats.annotated_text import FormatError
from spacy_padellm.formats.guess import EXTENSIONS
from spacy_padellm.pipeline.corpora import make_corpus

pytest.importorskip("pyarrow")

RECORDS = [
    {"text": "Ada Lovelace lived in London.", "ents": [[0, 12, "PER"], [22, 28, "LOC"]]},
    {"text": "小明 saw 👩‍👩‍👧 in Zu\u0308rich", "ents": [[0, 2, "PER"], [16, 23, "LOC"]]},
    {"text": "Nobody came", "ents": []},
]
TOOLS = ["labelstudio", "brat", "webanno", "gliner", "datasets"]


def run(*args):
    result = CliRunner().invoke(app, ["padellm", "convert", *map(str, args)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, " ".join(result.output.split())


@pytest.fixture
def plain(tmp_path):
    path = tmp_path / "plain.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in RECORDS), encoding="utf8")
    return path


def records(path):
    found = [json.loads(line) for line in path.read_text(encoding="utf8").splitlines()]
    return [{"text": one["text"], "ents": one["ents"]} for one in found]


@pytest.mark.parametrize("tool", TOOLS)
def test_there_and_back_and_into_training(tool, plain, tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    code, output = run(plain, folder, "--to", tool)
    assert code == 0 and "lost" not in output
    path = folder if tool == "brat" else folder / f"plain{EXTENSIONS[tool]}"
    code, output = run(path, tmp_path / "back.jsonl", "--strict")  # its format is told
    assert code == 0, output
    assert records(tmp_path / "back.jsonl") == RECORDS
    nlp = spacy.blank("en")
    learned = [
        {"text": eg.reference.text,
         "ents": [[e.start_char, e.end_char, e.label_] for e in eg.reference.ents]}
        for eg in make_corpus(path)(nlp)
    ]  # fmt: skip
    assert learned == RECORDS
    _check_data(path, path, {})  # `padellm train` takes it


def test_a_folder_of_brat_file_by_file(plain, tmp_path):
    assert run(plain, tmp_path / "ann" / "a.ann")[0] == 0
    (tmp_path / "ann" / "notes.txt").write_text("no text to learn from")
    code, output = run(tmp_path / "ann", tmp_path / "docs")
    assert code == 0 and "1 .txt file is not read, such as notes.txt" in output
    names = sorted(path.name for path in (tmp_path / "docs").iterdir())
    assert names == ["a-1.spacy", "a-2.spacy", "a-3.spacy"]
    code, output = run(plain, tmp_path / "ann" / "a.ann", "--labels-map", "PER=a person")
    assert code == 1 and "holds white space" in output


def test_datasets_of_several_splits(plain, tmp_path):
    for split in ("train", "test"):
        code, output = run(plain, tmp_path / "data" / split, "--to", "datasets")
        assert code == 0, output
    (tmp_path / "data" / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')
    code, output = run(tmp_path / "data", tmp_path / "out")
    assert code == 0, output
    vocab = spacy.blank("en").vocab
    for split in ("train", "test"):
        docs = list(DocBin().from_disk(tmp_path / "out" / f"{split}.spacy").get_docs(vocab))
        assert [doc.text for doc in docs] == [record["text"] for record in RECORDS]
    code, _ = run(tmp_path / "data", tmp_path / "all.jsonl")
    assert code == 0 and records(tmp_path / "all.jsonl") == RECORDS * 2
    with pytest.raises(FormatError, match="splits train, test"):
        list(make_corpus(tmp_path / "data")(spacy.blank("en")))
    assert run(plain, tmp_path / "data" / "train", "--to", "datasets")[0] == 0  # anew
    assert not list((tmp_path / "data" / "train").glob("*.parquet"))


def test_what_is_contradictory_is_said_where_models_learn(tmp_path, caplog):
    def of(start, end, by):
        value = {"start": start, "end": end, "labels": ["PER"]}
        return {"completed_by": by, "result": [{"type": "labels", "value": value}]}

    tasks = [{"data": {"text": "Ada met Bo"}, "annotations": [of(0, 3, 1), of(8, 10, 2)]},
             {"data": {"text": "Cy ran"}, "annotations": [of(0, 2, 1)]}]  # fmt: skip
    path = tmp_path / "a.json"
    path.write_text(json.dumps(tasks))
    (example,) = make_corpus(path)(spacy.blank("en"))
    assert example.reference.text == "Cy ran"
    assert "its 2 annotations differ (annotators 1, 2)" in caplog.text
    code, output = run(path, tmp_path / "a.jsonl", "--strict")
    assert code == 1 and "1 text is lost" in output


def test_a_folder_that_is_no_corpus(tmp_path):
    (tmp_path / "x").mkdir()
    with pytest.raises(ValueError, match="its name does not show its format"):
        _check_data(tmp_path / "x", None, {})
    with pytest.raises(FormatError, match="a folder of no known format"):
        list(make_corpus(tmp_path / "x")(spacy.blank("en")))
