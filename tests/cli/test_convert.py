import gzip
import json
import os
import subprocess
import sys
from itertools import pairwise

import pytest
import spacy
from spacy.cli._util import app
from spacy.tokens import DocBin
from typer.testing import CliRunner

from spacy_padellm import cli
from spacy_padellm.formats.guess import EXTENSIONS, FORMATS

RECORDS = [
    {"text": "Ada Lovelace lived in London .", "ents": [[0, 12, "PER"], [22, 28, "LOC"]]},
    {"text": "小明 saw 👩‍👩‍👧 in Zu\u0308rich", "ents": [[0, 2, "PER"], [16, 23, "LOC"]]},
    {"text": "Nobody came", "ents": []},
]
NESTED = {"text": "University of Rome", "ents": [[0, 18, "ORG"], [14, 18, "LOC"]]}


def run(*args):
    result = CliRunner().invoke(app, ["padellm", "convert", *map(str, args)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, " ".join(result.output.split())


def write(path, records, opener=open):
    path.parent.mkdir(parents=True, exist_ok=True)
    with opener(path, "wt", encoding="utf8") as file:
        file.writelines(json.dumps(record) + "\n" for record in records)
    return path


def read(path):
    return [json.loads(line) for line in path.read_text(encoding="utf8").splitlines()]


def docs(path):
    return list(DocBin().from_disk(path).get_docs(spacy.blank("en").vocab))


def test_spacy_finds_the_command():
    assert cli.padellm_app.registered_commands
    code, output = run("--help")
    assert code == 0 and "--alignment-mode" in output


def test_json_lines_to_spacy_and_back(tmp_path):
    source = write(tmp_path / "a.jsonl.gz", RECORDS, gzip.open)
    code, output = run(source, tmp_path / "a.spacy", "--strict")
    assert code == 0, output
    assert "3 texts, 4 spans" in output
    assert [ent.label_ for ent in docs(tmp_path / "a.spacy")[0].ents] == ["PER", "LOC"]
    assert run(tmp_path / "a.spacy", tmp_path / "b.jsonl")[0] == 0
    assert read(tmp_path / "b.jsonl") == RECORDS


def test_through_every_format_and_back(tmp_path):
    """Along a chain in which each format is written and read; tokens come with .spacy."""
    last = write(tmp_path / "0.jsonl", RECORDS)
    chain = ["jsonl", "table", "spacy", "prodigy", "columns", "spacy", "doccano", "paper"]
    chain += ["labelstudio", "gliner", "webanno", "datasets", "jsonl"]
    assert {*chain} == {*FORMATS} - {"brat"}  # which has a file for each text
    for i, (source, target) in enumerate(pairwise(chain), 1):
        path = tmp_path / f"{i}{EXTENSIONS[target]}"
        columns = ["--text-comments", "--strict"]
        code, output = run(last, path, "--from", source, "--to", target, *columns)
        assert code == 0, output
        last = path
    assert read(last) == RECORDS


@pytest.mark.parametrize("target", FORMATS)
def test_spacy_to_every_format_and_back(target, tmp_path):
    source = write(tmp_path / "a.jsonl", [*RECORDS, NESTED, {"text": "", "ents": []}])
    binary, middle = tmp_path / "a.spacy", tmp_path / "b" / f"b{EXTENSIONS[target]}"
    assert run(source, binary)[0] == 0
    assert run(binary, middle, "--to", target, "--text-comments")[0] == 0
    tags = ["--column-tag", "1,2"] if target == "columns" else []
    middle = middle.parent if target == "brat" else middle
    code, output = run(middle, tmp_path / "c.spacy", "--from", target, *tags)
    assert code == 0, output
    code, output = run(tmp_path / "c.spacy", tmp_path / "d.jsonl")
    expected = read(source)
    found = [{"text": one["text"], "ents": one["ents"]} for one in read(tmp_path / "d.jsonl")]
    assert found == expected[: -1 if target in ("columns", "webanno") else None]


def test_overlaps_put_the_whole_corpus_in_the_span_group(tmp_path):
    source = write(tmp_path / "a.jsonl", [*RECORDS, NESTED])
    code, output = run(source, tmp_path / "a.spacy", "--spans-key", "gold")
    assert code == 0 and "1 of 4 texts has overlapping spans" in output
    converted = docs(tmp_path / "a.spacy")
    assert [len(doc.spans["gold"]) for doc in converted] == [2, 2, 0, 2]
    assert [len(doc.ents) for doc in converted] == [2, 2, 0, 0]
    assert not converted[3].has_annotation("ENT_IOB")


def test_report_of_what_is_off_the_tokens(tmp_path):
    source = write(tmp_path / "a.jsonl", [{"text": "In Romeland", "ents": [[3, 7, "LOC"]]}])
    report = tmp_path / "report.jsonl"
    code, output = run(source, tmp_path / "a.spacy", "--report", report)
    assert code == 0 and "1 text, 0 spans" in output
    assert "1 span is lost" in output and "a.jsonl:1" in output
    (problem,) = read(report)
    assert (problem["line"], problem["label"], problem["string"]) == (1, "LOC", "Rome")
    assert (problem["start"], problem["end"], problem["lost"]) == (3, 7, True)
    assert problem["excerpt"] == "In Romeland"
    assert "With --alignment-mode contract" in " ".join(output.split())
    assert run(source, tmp_path / "a.spacy", "--strict")[0] == 1
    outside = write(tmp_path / "outside.jsonl", [{"text": "In Rome", "ents": [[3, 70, "LOC"]]}])
    for name in ("b.spacy", "b.csv"):
        code, output = run(outside, tmp_path / name)
        assert code == 0 and "outside its text" in output and "contract" not in output
    mode = ("--alignment-mode", "expand", "--strict")
    assert run(source, tmp_path / "b.spacy", *mode)[0] == 0
    assert docs(tmp_path / "b.spacy")[0].ents[0].text == "Romeland"


def test_labels_map(tmp_path):
    source = write(tmp_path / "a.jsonl", RECORDS)
    code, output = run(source, tmp_path / "b.jsonl", "--labels-map", "PER=person,LOC=,X=y")
    assert code == 0 and "no text has: X" in output
    assert [record["ents"] for record in read(tmp_path / "b.jsonl")] == [
        [[0, 12, "person"]],
        [[0, 2, "person"]],
        [],
    ]


def test_detokenize_columns_and_texts(tmp_path):
    conll = tmp_path / "a.conll"
    conll.write_text("@ O\nada B-PER\n, O\nRome B-LOC\n! O\n")
    assert run(conll, tmp_path / "a.jsonl")[0] == 0
    assert read(tmp_path / "a.jsonl") == [
        {"text": "@ ada , Rome !", "ents": [[2, 5, "PER"], [8, 12, "LOC"]]}
    ]
    expected = [{"text": "@ada, Rome!", "ents": [[1, 4, "PER"], [6, 10, "LOC"]]}]
    for source in (conll, tmp_path / "a.jsonl"):
        assert run(source, tmp_path / "b.jsonl", "--detokenize", "--join-sigils")[0] == 0
        assert read(tmp_path / "b.jsonl") == expected


def test_columns_by_their_options(tmp_path):
    source = tmp_path / "a.txt"
    source.write_text("1;B-LOC;Rome\n2;O;!\n")
    options = ("--separator", ";", "--column-token", "2", "--column-tag", "1")
    assert run(source, tmp_path / "a.jsonl", *options)[0] == 0
    assert read(tmp_path / "a.jsonl") == [{"text": "Rome !", "ents": [[0, 4, "LOC"]]}]


def test_texts_without_tokens_are_tokenised_for_columns(tmp_path):
    source = write(tmp_path / "a.jsonl", [{"text": "In Rome!", "ents": [[3, 7, "LOC"]]}])
    assert run(source, tmp_path / "a.conll", "--separator", " ")[0] == 0
    assert (tmp_path / "a.conll").read_text() == "In O\nRome B-LOC\n! O\n\n"


def test_folders(tmp_path):
    write(tmp_path / "in" / "train.jsonl", RECORDS)
    write(tmp_path / "in" / "more" / "dev.jsonl.gz", RECORDS[:1], gzip.open)
    (tmp_path / "in" / "README.txt").write_text("x")
    assert run(tmp_path / "in", tmp_path / "out")[0] == 0
    assert len(docs(tmp_path / "out" / "train.spacy")) == 3
    assert len(docs(tmp_path / "out" / "more" / "dev.spacy")) == 1
    assert run(tmp_path / "in", tmp_path / "all.spacy")[0] == 0
    assert len(docs(tmp_path / "all.spacy")) == 4
    write(tmp_path / "in" / "train.json", RECORDS)
    code, output = run(tmp_path / "in", tmp_path / "out")
    assert code == 1 and "would go here" in output


def test_links_that_form_a_circle_repeat_no_text(tmp_path):
    write(tmp_path / "in" / "a" / "train.jsonl", RECORDS)
    (tmp_path / "in" / "a" / "self").symlink_to(tmp_path / "in" / "a")
    assert run(tmp_path / "in", tmp_path / "all.spacy")[0] == 0
    assert len(docs(tmp_path / "all.spacy")) == 3
    assert run(tmp_path / "in", tmp_path / "out")[0] == 0
    assert [*(tmp_path / "out").rglob("*.spacy")] == [tmp_path / "out" / "a" / "train.spacy"]


def test_a_file_into_a_folder(tmp_path):
    source = write(tmp_path / "a.b.jsonl.gz", RECORDS, gzip.open)
    (tmp_path / "out").mkdir()
    assert run(source, tmp_path / "out")[0] == 0
    assert (tmp_path / "out" / "a.b.spacy").exists()


def test_chinese_tokenizer(tmp_path):
    source = write(tmp_path / "a.jsonl", [{"text": "我在北京。", "ents": [[2, 4, "LOC"]]}])
    assert run(source, tmp_path / "a.spacy", "--lang", "zh", "--strict")[0] == 0
    assert docs(tmp_path / "a.spacy")[0].ents[0].text == "北京"


@pytest.mark.parametrize(
    "options, message",
    [
        ((), "a.jsonl:2: not JSON"),
        (("--labels-map", "a"), "--labels-map"),
        (("--column-tag", "x"), "--column-tag"),
        (("--separator", ""), "--separator"),
        (("--from", "paper"), "a.jsonl:1:"),
    ],
)
def test_errors_name_the_mend_and_write_nothing(options, message, tmp_path):
    source = tmp_path / "a.jsonl"
    source.write_text('{"text": "a", "ents": []}\n{"text": \n')
    code, output = run(source, tmp_path / "a.spacy", *options)
    assert code == 1 and message in output
    assert not (tmp_path / "a.spacy").exists()


def test_wrong_paths(tmp_path):
    source = write(tmp_path / "a.jsonl", RECORDS)
    code, output = run(source, source)
    assert code == 1 and "same file" in output
    code, output = run(source, tmp_path / "a.xyz")
    assert code == 1 and "--to" in output
    (tmp_path / "empty").mkdir()
    code, output = run(tmp_path / "empty", tmp_path / "out")
    assert code == 1 and "in this folder" in output
    code, output = run(source, tmp_path / "a.spacy", "--lang", "qqq")
    assert code == 1 and "qqq" in output


@pytest.mark.parametrize("name", ["out.jsonl", "out.jsonl.gz", "out.jsonl.xz"])
def test_a_conversion_that_ends_in_an_error_leaves_what_was_there(tmp_path, name):
    deep = 1
    for _ in range(300):
        deep = [deep]
    nlp = spacy.blank("en")
    made = [nlp("Ada came."), nlp("Bo came.")]
    made[0].ents = made[1].ents = []
    made[1].user_data["meta"] = {"x": deep}
    DocBin(docs=made, store_user_data=True).to_disk(tmp_path / "in.spacy")
    (tmp_path / name).write_bytes(b"old")
    code, output = run(tmp_path / "in.spacy", tmp_path / name)
    assert code == 1 and ":2: lists and objects are nested" in output
    assert (tmp_path / name).read_bytes() == b"old" and len(list(tmp_path.iterdir())) == 2
    write(tmp_path / "in.jsonl", RECORDS)
    assert run(tmp_path / "in.jsonl", tmp_path / name)[0] == 0
    assert run(tmp_path / name, tmp_path / "again.jsonl")[0] == 0
    assert read(tmp_path / "again.jsonl") == RECORDS


def test_a_terminal_that_knows_few_characters_is_no_failure(tmp_path):
    (tmp_path / "in.csv").write_text("text,start,end,label\n\U0001f600 Zo\xeb,0,99,PER\n", "utf8")
    command = [sys.executable, "-m", "spacy", "padellm", "convert", "in.csv", "out.jsonl"]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "\\xeb" in done.stdout and (tmp_path / "out.jsonl").exists()
