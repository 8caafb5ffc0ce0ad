"""Whatever a record holds, it is in the output, valid in every format, with what it had."""

import json
import math

import pytest
import spacy
from hypothesis import example, given, settings
from hypothesis import strategies as st
from spacy.tokens import DocBin

from spacy_padellm.tools.annotate import sources
from spacy_padellm.tools.annotate.plan import Job
from spacy_padellm.tools.annotate.records import Annotated, Record, of_fields, of_line, to_record
from spacy_padellm.tools.annotate.running import run_job
from spacy_padellm.tools.annotate.sources import read_records

NLP = spacy.blank("en")
strings = st.text(st.characters(codec=None), max_size=8)  # lone surrogates among them
names = st.sampled_from(["id", "text", "ents", "error", "input_ents", "input_id", "meta"]) | strings
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | strings | st.just(10**400),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)
DEEP = '{"text": "Ada.", "x": ' + "[" * 100_000 + "]" * 100_000 + "}"
BROKEN = [
    DEEP,
    '{"text": "Ada.", "n": ' + "9" * 5000 + "}",
    '{"text": "Ada.", "x": ' + '{"a":' * 250 + "1" + "}" * 251,
    "[" * 100_000,
    "nonsense",
    "[1]",
    '{"text": 7}',
    '{"text": "\\ud800"}',
    '{"text": "Ada.", ',
]


@pytest.mark.parametrize("key", ["text", "x", "id", "meta"])
def test_a_doc_whose_user_data_no_json_holds_is_a_record_with_an_error(tmp_path, key):
    deep: object = "a"
    for _ in range(300):
        deep = [deep]
    docs = [NLP.make_doc(f"Text {i}.") for i in range(3)]
    docs[1].user_data[key] = {"y": deep} if key == "meta" else deep
    docs[2].user_data["text"] = "of before"
    DocBin(docs=docs, store_user_data=True).to_disk(tmp_path / "in.spacy")
    (done,) = annotate(tmp_path / "in.spacy", tmp_path / "out")
    assert (done.records, done.failed) == (3, 1)
    rows = [strict(x) for x in (tmp_path / "out/part-000000.jsonl").read_text("utf8").splitlines()]
    assert [row["text"] for row in rows] == ["Text 0.", "Text 1.", "Text 2."]
    assert "deep" in rows[1]["error"] and rows[2]["input_text"] == "of before"


def test_a_fault_of_our_own_is_no_damaged_file(tmp_path, monkeypatch):
    (tmp_path / "in.txt").write_text("one\n")
    monkeypatch.setattr(sources, "of_text", lambda place, text: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        annotate(tmp_path / "in.txt", tmp_path / "out")


def test_rows_from_any_place_are_those_of_the_file(tmp_path):
    """Whatever the groups of a Parquet file and the rows read at a time, 1000 now."""
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "in.parquet"
    made = [str(i) for i in range(2300)]
    for size in (70, 1000, 1100, 2300):
        parquet.write_table(arrow.table({"text": made}), path, row_group_size=size)
        for skip in (0, 1, 69, 70, 999, 1000, 1001, 1100, 2298, 2300, 2302):
            found = list(read_records(str(path), skip))
            assert [record.text for record in found] == made[skip:]
            assert [record.id.split(":")[-1] for record in found] == [
                str(i + 1) for i in range(skip, 2300)
            ]


def strict(line):
    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(line, parse_constant=refuse)


def annotate(source, out, file_format="jsonl", nlp=NLP, part_size=100):
    job = Job.of([str(source)], "p", "", file_format, part_size)
    return list(run_job(job, out, nlp, 16))


def as_written(value):
    """What becomes of a value: NaN and infinities, which JSON lacks, are null."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: as_written(item) for key, item in value.items()}
    return [as_written(item) for item in value] if isinstance(value, list) else value


@settings(max_examples=150, deadline=None)
@given(fields=st.dictionaries(names, values, max_size=6))
@example(fields={"text": "x", "ents": [1], "input_ents": [2], "input_input_ents": 3})
@example(fields={"text": 5})
@example(fields={"text": None, "id": math.nan, "n": [math.inf]})
def test_no_value_of_a_record_is_lost(fields):
    """Each under its own name, or behind as many "input_" as it takes."""
    record = of_line("place:1", json.dumps(fields))
    made = to_record(Annotated(record, ((0, 1, "X", 0.5),), record.error))
    assert made["ents"] == [[0, 1, "X", 0.5]] and isinstance(made["text"], str)
    rest = {k: v for k, v in made.items() if k not in ("id", "text", "ents", "error")}
    expected = dict(fields)
    expected.pop("id", None)
    if isinstance(fields.get("text"), str):
        expected.pop("text")
    assert len(rest) == len(expected)
    for key, value in expected.items():
        name = key
        if key in ("text", "ents", "error"):
            name = f"input_{key}"
            while name in expected:
                name = f"input_{name}"
        assert rest[name] == as_written(value)


@settings(max_examples=25, deadline=None)
@given(rows=st.lists(st.dictionaries(names, values, max_size=4), min_size=2, max_size=12))
def test_every_record_is_in_every_format(rows, tmp_path_factory):
    folder = tmp_path_factory.mktemp("records")
    rows = [{"text": "Ada met Bo."}, *rows]
    source = folder / "in.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    for file_format in ("jsonl", "spacy", "parquet"):
        (done,) = annotate(source, folder / file_format, file_format)
        path = folder / file_format / f"part-000000.{file_format}"
        if file_format == "jsonl":
            found = [strict(line) for line in path.read_text("utf8").split("\n")[:-1]]
            errors = [bool(row.get("error")) for row in found]
        elif file_format == "spacy":
            found = list(DocBin().from_disk(path).get_docs(NLP.vocab))
            errors = [bool(doc.user_data.get("error")) for doc in found]
        else:
            parquet = pytest.importorskip("pyarrow.parquet")
            found = parquet.read_table(path).to_pylist()
            assert all(isinstance(strict(row["meta"]), dict) for row in found)
            errors = [bool(row["error"]) for row in found]
        assert len(found) == len(rows) == done.records and sum(errors) == done.failed
        good = [isinstance(row.get("text"), str) and row["text"].isprintable() for row in rows]
        assert not any(e and g for e, g in zip(errors, good, strict=True))


@pytest.mark.parametrize("file_format", ["jsonl", "spacy", "parquet"])
def test_records_that_cannot_be_read_are_records_with_an_error(tmp_path, file_format):
    source = tmp_path / "in.jsonl"
    source.write_text("".join(f'{{"text": "Ada."}}\n{line}\n' for line in BROKEN))
    (done,) = annotate(source, tmp_path / "out", file_format)
    assert (done.records, done.failed) == (2 * len(BROKEN), len(BROKEN))
    if file_format == "jsonl":
        lines = (tmp_path / "out" / "part-000000.jsonl").read_text("utf8").splitlines()
        found = [strict(line) for line in lines]
        assert [bool(row.get("error")) for row in found] == [False, True] * len(BROKEN)
        assert found[1]["line"] == DEEP and "200 deep" in found[1]["error"]
        assert "digits" in found[3]["error"] and found[13]["input_text"] == 7


def test_fields_of_tables_of_all_kinds(tmp_path):
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    far = arrow.array([2**50, 0], arrow.timestamp("s"))  # no date of Python's
    table = arrow.table(
        {
            "text": arrow.array([b"Ada.", b"Bo."], arrow.binary()),
            "nan": [math.nan, 1.0],
            "when": far,
            "blob": [b"\xff", b"a"],
            "map": arrow.array([[("a", 1)], []], arrow.map_(arrow.string(), arrow.int64())),
        }
    )
    parquet.write_table(table, tmp_path / "in.parquet")
    first, second = read_records(str(tmp_path / "in.parquet"))
    assert "'when'" in first.error and first.text == "Ada." and first.meta["nan"] is None
    assert not second.error and second.text == "Bo." and second.meta["blob"] == "a"
    json.dumps([first.meta, second.meta], allow_nan=False)


def test_user_data_of_docs_is_read_whatever_it_is(tmp_path):
    docs = [NLP.make_doc(f"Text {i}.") for i in range(4)]
    docs[0].user_data["meta"] = 5
    docs[1].user_data |= {"meta": {"page": 1, "text": "mine"}, "source": "x", "error": "old"}
    docs[2].user_data["meta"] = {1: {"a": math.nan}}
    deep: list = []
    for _ in range(300):
        deep = [deep]
    docs[3].user_data["meta"] = {"deep": deep}
    DocBin(docs=docs, store_user_data=True).to_disk(tmp_path / "in.spacy")
    made = list(read_records(str(tmp_path / "in.spacy")))
    assert [record.text for record in made] == [f"Text {i}." for i in range(4)]
    assert made[0].meta == {"meta": 5} and made[2].meta == {"1": {"a": None}}
    assert made[1].meta == {"page": 1, "text": "mine", "source": "x", "error": "old"}
    assert "deep" in made[3].error and not any(record.error for record in made[:3])


def test_what_components_leave_in_a_doc_stops_nothing(tmp_path):
    """User data that no file can hold; a tokenizer that raises."""
    nlp = spacy.blank("en")

    @spacy.Language.component("leaves_an_object")
    def leaves_an_object(doc):
        if "Bo" in doc.text:
            doc.user_data["mine"] = object()
        return doc

    nlp.add_pipe("leaves_an_object")
    make = nlp.tokenizer

    def tokenize(text):
        if "bad" in text:
            raise KeyError("no such word")
        return make(text)

    nlp.tokenizer = tokenize
    (tmp_path / "in.txt").write_text("Ada.\nBo.\nbad\n")
    (done,) = annotate(tmp_path / "in.txt", tmp_path / "out", "spacy", nlp)
    assert (done.records, done.failed) == (3, 2)
    path = tmp_path / "out" / "part-000000.spacy"
    errors = [
        doc.user_data.get("error", "") for doc in DocBin().from_disk(path).get_docs(nlp.vocab)
    ]
    assert errors[0] == "" and "'mine'" in errors[1] and "KeyError" in errors[2]


def test_ids_are_kept():
    for given_id, name in (("a", "a"), (7, "7"), (None, "place"), ({"a": [1.5]}, '{"a": [1.5]}')):
        assert of_fields("place", {"id": given_id, "text": "x"}).id == name
    assert to_record(Annotated(Record("1", "x"))) == {"id": "1", "text": "x", "ents": []}
