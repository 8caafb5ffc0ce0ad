"""JSON formats: the plain one, the paper's, Prodigy's, Doccano's."""

import gzip
import json
import subprocess
import sys

import pytest

from spacy_padellm.formats import annotation_tools, jsonl, paper
from spacy_padellm.formats.annotated_text import AnnotatedText, FormatError
from spacy_padellm.formats.conversion import Conversion
from spacy_padellm.formats.guess import EXTENSIONS, guess_input

from .samples import EMPTY, FLAT, NESTED, mark, places

RECORDS = {
    "jsonl": (jsonl.read, jsonl.write),
    "paper": (paper.read, paper.write),
    "prodigy": (annotation_tools.read, annotation_tools.write_prodigy),
    "doccano": (annotation_tools.read, annotation_tools.write_doccano),
}
UNTOKENISED = mark("Rome,Italy \t\u2028 and\u00a0Oslo\r\n", ("Rome", "LOC"), ("Oslo", "LOC"))


def write(path, *lines):
    path.write_text("\n".join(json.dumps(line) for line in lines), encoding="utf8")
    return path


@pytest.mark.parametrize("name", RECORDS)
@pytest.mark.parametrize("ending", ["", ".gz"])
@pytest.mark.parametrize("texts", [FLAT, [*FLAT, NESTED, EMPTY], [UNTOKENISED, EMPTY], [EMPTY], []])
def test_round_trip(name, ending, texts, tmp_path):
    read, write_to = RECORDS[name]
    path = tmp_path / f"corpus.jsonl{ending}"
    write_to(path, texts)
    assert list(read(path)) == texts
    assert path.read_bytes()[:2] == b"\x1f\x8b" or not ending
    if texts:
        assert guess_input(path) == name


@pytest.mark.parametrize("name", ["jsonl", "prodigy", "doccano"])
def test_meta_survives(name, tmp_path):
    read, write_to = RECORDS[name]
    texts = [mark("In Rome", ("Rome", "LOC"), meta={"id": 7, "source": {"url": "x"}})]
    write_to(tmp_path / "a.jsonl", texts)
    assert list(read(tmp_path / "a.jsonl")) == texts


def test_crlf_byte_order_mark_blank_lines(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(
        b'\xef\xbb\xbf{"text": "In Rome", "ents": [[3, 7, "LOC"]]}\r\n\r\n{"text":"","ents":[]}\r\n'
    )
    assert list(jsonl.read(path)) == [mark("In Rome", ("Rome", "LOC")), EMPTY]
    assert [text.line for text in jsonl.read(path)] == [1, 3]


def test_span_spellings(tmp_path):
    rome = mark("In Rome", ("Rome", "LOC"))
    displacy = write(
        tmp_path / "a", {"text": "In Rome", "ents": [{"start": 3, "end": 7, "label": "LOC"}]}
    )
    assert places(jsonl.read(displacy)) == places([rome])
    entity = {"id": 1, "label": "LOC", "start_offset": 3, "end_offset": 7}
    for record in (
        {"text": "In Rome", "labels": [[3, 7, "LOC"]]},
        {"id": 4, "text": "In Rome", "entities": [entity], "relations": []},
        {"text": "In Rome", "spans": [{"start": 3, "end": 7, "label": "LOC"}]},
    ):
        assert places(annotation_tools.read(write(tmp_path / "b", record))) == places([rome])


def test_one_json_array(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps([{"text": "In Rome", "label": [[3, 7, "LOC"]]}] * 2, indent=2))
    assert guess_input(path) == "doccano"
    assert places(annotation_tools.read(path)) == places([mark("In Rome", ("Rome", "LOC"))] * 2)
    path.write_text(json.dumps([{"text": "In Rome", "label": [[3, 7, "LOC"]]}]))
    assert len(list(annotation_tools.read(path))) == 1


@pytest.mark.parametrize("record", [
    {"text": "In Rome", "label": [[3, 7, "LOC"]]}, {"text": "In Rome", "ents": [[3, 7, "LOC"]]},
    {"text": "In Rome", "spans": [{"start": 3, "end": 7, "label": "LOC"}]},
])  # fmt: skip
def test_one_object_over_several_lines(record, tmp_path):
    path = tmp_path / "a.json"
    path.write_text("\n" + json.dumps(record, indent=2))
    found = Conversion().read(path, guess_input(path))
    assert places(found) == places([mark("In Rome", ("Rome", "LOC"))])
    path.write_text(json.dumps(record, indent=2) + json.dumps(record))
    with pytest.raises(FormatError, match=r"a\.json:1: not JSON"):
        guess_input(path)


TAKEN = {"text": 1, "ents": [1], "spans": [], "entities": [[0, 2, "X"]], "labels": 3, "id": 4,
         "answer": "reject", "label": "news", "document": 0, "source": "s"}  # fmt: skip
KEPT = {
    "brat": (), "webanno": (), "paper": (), "columns": ("document",), "table": ("id",),
    "jsonl": {*TAKEN} - {"text", "ents"}, "labelstudio": {*TAKEN} - {"text"},
    "doccano": ("ents", "id", "document", "source"),
    "prodigy": TAKEN, "gliner": TAKEN, "datasets": TAKEN,
}  # fmt: skip


@pytest.mark.parametrize("name", KEPT)
def test_meta_comes_back_or_is_named(name, tmp_path):
    text = mark("In Rome", ("Rome", "LOC"), tokens=((0, 2), (3, 7)), meta=TAKEN)
    conversion = Conversion()
    path = tmp_path / f"a{EXTENSIONS[name]}"
    conversion.write(path, name, [text])
    (found,) = conversion.read(path, name)
    assert places([found]) == places([text])
    kept = {key for key in TAKEN if str(found.meta.get(key)) == str(TAKEN[key])}
    assert kept == {*KEPT[name]}
    said = " ".join(conversion.unsaid.messages())
    assert {key for key in TAKEN if f"the field {key!r} " in said} == {*TAKEN} - kept


def test_what_a_record_of_spans_has_beside_them_is_kept(tmp_path):
    """Of Prodigy's own fields nothing: they are about the task, not about the text."""
    record = {"text": "Ada", "spans": [{"start": 0, "end": 3, "label": "PER"}], "id": 7, "by": "x"}
    own = {"_task_hash": 1, "answer": "accept", "meta": {"page": 4}}
    path = write(
        tmp_path / "a.jsonl", record, {**record, **own}, {**record, "labels": [[0, 2, "X"]]}
    )
    problems = []
    first, second, third = annotation_tools.read(path, problems)
    assert first.meta == {"id": 7, "by": "x"} and second.meta == {"id": 7, "by": "x", "page": 4}
    assert [*third.spans] == [(0, 3, "PER")]
    assert [(p.line, p.reason, p.lost) for p in problems] == [
        (3, 'its "labels" is not read, as "spans" has its spans', True)
    ]


def test_prodigy_tokens_and_answers(tmp_path):
    text = mark("In Rome!", ("Rome", "LOC"), tokens=((0, 2), (3, 7), (7, 8)))
    annotation_tools.write_prodigy(tmp_path / "a.jsonl", [text])
    record = json.loads((tmp_path / "a.jsonl").read_text())
    assert record["spans"] == [
        {"start": 3, "end": 7, "label": "LOC", "token_start": 1, "token_end": 1}
    ]
    assert [token["ws"] for token in record["tokens"]] == [True, False, False]
    path = write(tmp_path / "b.jsonl", record, {**record, "answer": "reject"})
    problems = []
    assert list(annotation_tools.read(path, problems)) == [text]
    assert [(p.line, p.lost) for p in problems] == [(2, False)]
    assert "'reject'" in problems[0].reason


def test_two_annotators_and_binary_answers(tmp_path):
    rome = {"text": "Ada in Rome", "spans": [{"start": 7, "end": 11, "label": "LOC"}]}
    ada = {"text": "Ada in Rome", "spans": [{"start": 0, "end": 3, "label": "PER"}]}
    both = write(tmp_path / "a.jsonl", rome, rome, {**ada, "answer": "accept"})
    conversion = Conversion()
    assert len(list(conversion.read(both, "prodigy"))) == 3
    assert [(p.line, p.lost) for p in conversion.problems] == [(3, False)]
    assert "the same text as in line 1 with other spans" in conversion.problems[0].reason
    problems = []
    binary = {**rome, "_view_id": "ner", "_is_binary": True}
    path = write(
        tmp_path / "b.jsonl",
        {**binary, "answer": "accept"},
        {**binary, "answer": "reject"},
        {**binary, "spans": [], "answer": "accept"},
        {"text": "x", "spans": [], "relations": [{"head": 0, "child": 1}], "answer": "accept"},
    )
    known, empty, _ = annotation_tools.read(path, problems)
    assert known.unknown == ((0, 7),) and known.spans == ((7, 11, "LOC"),)
    assert not empty.annotated
    assert problems.pop().reason == "its relations are not read"
    assert [("binary" in p.reason, "'reject'" in p.reason) for p in problems] == [
        (True, False), (False, True), (True, False)]  # fmt: skip


@pytest.mark.parametrize(
    "indices, mentions",
    [
        ("tokens", [[1, 2, "New York", "LOC"], [4, 4, "b", "X"]]),
        ("tokens_exclusive", [[1, 3, "New York", "LOC"], [4, 5, "b", "X"]]),
        ("characters", [[3, 10, "New York", "LOC"], [14, 14, "b", "X"]]),
    ],
)
def test_the_papers_ways_to_count_are_told_from_the_file(indices, mentions, tmp_path):
    path = write(tmp_path / "a.json", ["in New York b b", *mentions], ["b b"])
    expected = AnnotatedText("in New York b b", ((3, 11, "LOC"), (14, 15, "X")))
    assert list(paper.read(path)) == [expected, AnnotatedText("b b")]
    assert next(paper.read(path, indices=indices)) == expected
    paper.write(tmp_path / "b.json", [expected, AnnotatedText("b b")], indices)
    assert (tmp_path / "b.json").read_text().splitlines() == path.read_text().splitlines()


def test_paper_mention_off_its_indices(tmp_path):
    path = write(
        tmp_path / "a.json",
        ["in Rome b b", [1, 1, "Rome", "LOC"]],
        ["in Rome b b", [0, 0, "Rome", "LOC"], [0, 0, "b", "X"], [0, 0, "Oslo", "LOC"]],
    )
    problems = []
    first, second = paper.read(path, problems)
    assert first.spans == second.spans == ((3, 7, "LOC"),)
    assert [(p.line, p.string, p.label, p.lost) for p in problems] == [
        (2, "b", "X", True),
        (2, "Oslo", "LOC", True),
    ]


def test_paper_tokens_refuse_what_is_off_them(tmp_path):
    with pytest.raises(FormatError, match="characters"):
        paper.write(tmp_path / "a.json", [mark("Rome!", ("Rome", "LOC"))], "tokens")


def test_unusable_spans_are_reported(tmp_path):
    ents = [[3, 7, "LOC"], [3, 7, "LOC"], [3, 3, "LOC"], [3, 99, "LOC"], [-1, 2, "LOC"]]
    problems = []
    (text,) = jsonl.read(write(tmp_path / "a.jsonl", {"text": "In Rome", "ents": ents}), problems)
    assert text.spans == ((3, 7, "LOC"),)
    reasons = " | ".join(problem.reason for problem in problems)
    assert len(problems) == 4
    assert "twice" in reasons and "empty" in reasons and "outside the text of 7" in reasons
    assert all(problem.file.endswith("a.jsonl") and problem.line == 1 for problem in problems)


GOOD = '{"text": "a", "ents": []}'


@pytest.mark.parametrize(
    "read, line, message",
    [
        (jsonl.read, '{"text": "a", "ents": [', "not JSON"),
        (jsonl.read, '["a"]', '"text" and "ents"'),
        (jsonl.read, '{"text": "a"}', '"ents"'),
        (jsonl.read, '{"text": 3, "ents": []}', "type int"),
        (jsonl.read, '{"text": null, "ents": []}', "missing"),
        (jsonl.read, '{"text": "a", "ents": null}', "not a list"),
        (jsonl.read, '{"text": "a", "ents": [[0, 1]]}', "not a span"),
        (jsonl.read, '{"text": "a", "ents": [["0", 1, "X"]]}', "not a span"),
        (jsonl.read, '{"text": "a", "ents": [[0, 1, ""]]}', "not a span"),
        (jsonl.read, '{"text": "\\ud83d", "ents": []}', "surrogate"),
    ],
)
def test_bad_line_is_named(read, line, message, tmp_path):
    path = tmp_path / "bad.jsonl"
    path.write_text(f"{GOOD}\n{line}\n")
    with pytest.raises(FormatError, match=message) as error:
        list(read(path))
    assert "bad.jsonl:2: " in str(error.value)


@pytest.mark.parametrize(
    "read, line",
    [
        (annotation_tools.read, '{"text": "a"}'),
        (annotation_tools.read, "3"),
        (annotation_tools.read, '{"text": "a", "spans": 3}'),
        (annotation_tools.read, '{"text": "a", "tokens": [{"start": 0, "end": 9}], "spans": []}'),
        (annotation_tools.read, '{"text": "a", "tokens": [{"start": 1, "end": 0}], "spans": []}'),
        (paper.read, '{"text": "a"}'),
        (paper.read, '["a", 3]'),
        (paper.read, '["a", [0, 0, "a"]]'),
    ],
)
def test_bad_record_is_named(read, line, tmp_path):
    path = tmp_path / "bad.json"
    path.write_text(line)
    with pytest.raises(FormatError, match=r"bad\.json:1: "):
        list(read(path))


def test_unreadable_files(tmp_path):
    latin = tmp_path / "latin.jsonl"
    latin.write_bytes('{"text": "Zürich", "ents": []}'.encode("latin1"))
    with pytest.raises(FormatError, match="Save the file as UTF-8"):
        list(jsonl.read(latin))
    plain = tmp_path / "plain.jsonl.gz"
    plain.write_text(GOOD)
    with pytest.raises(FormatError, match="no gzip file"):
        list(jsonl.read(plain))
    cut = tmp_path / "cut.jsonl.gz"
    cut.write_bytes(gzip.compress((GOOD + "\n").encode() * 5000)[:-20])
    with pytest.raises(FormatError, match="gzip"):
        list(jsonl.read(cut))
    unknown = write(tmp_path / "unknown.jsonl", {"sentence": "a"})
    with pytest.raises(FormatError, match="--from"):
        guess_input(unknown)


def test_json_formats_need_no_spacy():
    modules = "annotated_text, annotation_tools, brat, detokenize, files, gliner, guess, jsonl, "
    modules += "label_studio, paper, webanno, webanno_writing"
    code = f"import sys; sys.modules['spacy'] = None; from spacy_padellm.formats import {modules}"
    subprocess.run([sys.executable, "-c", code], check=True)
