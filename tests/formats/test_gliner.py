"""Training data of GLiNER, of the shapes that its documents show."""

import json

import pytest

from spacy_padellm.formats import gliner
from spacy_padellm.formats.annotated_text import AnnotatedText, FormatError
from spacy_padellm.formats.conversion import Conversion
from spacy_padellm.formats.docbin import from_doc, to_doc
from spacy_padellm.formats.guess import guess_input

from .samples import mark
from .tool_files import check

APPLE = ["Apple", "Inc.", "is", "in", "Cupertino"]
TEXT = "Apple Inc. is in Cupertino"
ORG, LOC = [0, 1, "organization"], [4, 4, "location"]
BOTH = [("Apple Inc.", "organization"), ("Cupertino", "location")]


def record(*ner, tokens=APPLE, **more):
    return {"tokenized_text": tokens, "ner": list(ner), **more}


FILES = {
    "two entities": ([record(ORG, LOC)], [(TEXT, BOTH)], []),
    "no entities": ([record()], [(TEXT, [])], []),
    "several": (
        [record(ORG), record(LOC)],
        [(TEXT, BOTH[:1]), (TEXT, BOTH[1:])],
        ["the same text as in line"],
    ),
    "labels that were asked for": (
        [record(ORG, ner_labels=["organization", "person"], ner_negatives=["date"])],
        [(TEXT, BOTH[:1])],
        [],
    ),
    "nested, and two labels of one place": (
        [record([0, 0, "name"], ORG, [0, 1, "company"])],
        [(TEXT, [("Apple Inc.", "company"), ("Apple Inc.", "organization"), ("Apple", "name")])],
        [],
    ),
    "labels in words": (
        [record([4, 4, "city or town"])], [(TEXT, [("Cupertino", "city or town")])], []
    ),
    "beyond the tokens": (
        [record([4, 5, "location"], [-1, 0, "x"], [3, 2, "y"], LOC)],
        [(TEXT, BOTH[1:])],
        ["lost: [4, 5] is outside of the 5 tokens", "lost: [-1, 0] is outside",
         "lost: ends before it begins"],
    ),
    "given twice": ([record(LOC, LOC)], [(TEXT, BOTH[1:])], ["lost: given twice"]),
    "with its text": (
        [record([0, 0, "PER"], tokens=["Ada", ",", "Bo"], text="Ada, Bo")],
        [("Ada, Bo", [("Ada", "PER")])],
        [],
    ),
    "with a text of other tokens": (
        [record([0, 0, "PER"], tokens=["Ada", ",", "Bo"], text="Eve")],
        [("Ada , Bo", [("Ada", "PER")])],
        ['its "text" is not made of its tokens'],
    ),
    "no tokens": ([record(tokens=[])], [("", [])], []),
    "no English": (
        [record([0, 0, "人"], [2, 2, "地"], tokens=["小明", "在", "北京"])],
        [("小明 在 北京", [("小明", "人"), ("北京", "地")])],
        [],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("suffix", [".json", ".jsonl"])
def test_files(name, suffix, tmp_path):
    records, expected, said = FILES[name]
    path = tmp_path / f"train{suffix}"
    lines = [json.dumps(one, ensure_ascii=False) for one in records]
    path.write_text(json.dumps(records) if suffix == ".json" else "\n".join(lines), "utf8")
    assert guess_input(path) == "gliner"
    check(path, expected, said)


def test_what_is_written(tmp_path):
    texts = [
        mark("Ada, Bo", ("Ada", "PER"), tokens=((0, 3), (3, 4), (5, 7)), meta={"ner_labels": []}),
        mark("a b", ("a", "X"), tokens=((0, 1), (2, 3))),
    ]
    for name in ("a.json", "a.jsonl"):
        gliner.write(tmp_path / name, texts)
        assert list(gliner.read(tmp_path / name)) == texts
    records = json.loads((tmp_path / "a.json").read_text())
    assert records[0]["tokenized_text"] == ["Ada", ",", "Bo"] and records[0]["ner"] == [
        [0, 0, "PER"]
    ]
    assert "text" not in records[1]
    problems = []
    inside = AnnotatedText("Rome-based", ((0, 4, "LOC"),), ((0, 10),))
    gliner.write(tmp_path / "b.json", [inside], problems)
    assert [(p.string, p.reason) for p in problems] == [("Rome", "is not on token boundaries")]


@pytest.mark.parametrize(("more", "labels", "meta"), [
    ({}, None, {}),
    ({"ner_labels": ["organization", "person"], "ner_negatives": ["date"]},
     ("organization", "person", "date"), {}),
    ({"ner_negatives": ["date"]}, ("date", "organization"), {}),
    ({"label": ["organization"], "negatives": ["date"]}, ("organization", "date"), {}),
    ({"label": "news", "source": "x"}, None, {"label": "news", "source": "x"}),
    ({"ner_labels": []}, None, {}),
])  # fmt: skip
@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
def test_labels_that_were_looked_for(name, more, labels, meta, tmp_path):
    (tmp_path / "in.jsonl").write_text(json.dumps(record(ORG, **more)))
    texts = list(gliner.read(tmp_path / "in.jsonl"))
    assert [(text.labels, text.meta) for text in texts] == [(labels, meta)]
    gliner.write(tmp_path / name, texts)
    assert list(gliner.read(tmp_path / name)) == texts


def test_labels_that_were_looked_for_go_to_docs_and_come_back(tmp_path):
    (tmp_path / "a.jsonl").write_text(json.dumps(record(ORG, ner_labels=["person"])))
    conversion = Conversion(labels_map={"person": "PER"})
    (text,) = conversion.read(tmp_path / "a.jsonl", "gliner")
    doc = to_doc(text, conversion.nlp)
    assert doc._.padellm_labels == ["PER", "organization"]
    assert from_doc(doc).labels == ("PER", "organization")
    conversion.write(tmp_path / "b.jsonl", "jsonl", [text])
    assert "padellm_labels" in " ".join(conversion.unsaid.messages())
    conversion.write(tmp_path / "b.json", "gliner", [text])
    assert not conversion.unsaid.messages()


@pytest.mark.parametrize("key", ["label", "negatives", "ner_labels", "ner_negatives", "ner"])
def test_no_meta_is_an_order_to_gliner(key, tmp_path):
    text = mark("a b", ("a", "X"), tokens=((0, 1), (2, 3)), meta={key: ["Y"], "id": 3})
    gliner.write(tmp_path / "a.jsonl", [text])
    assert {*json.loads((tmp_path / "a.jsonl").read_text())} == {"tokenized_text", "ner", "meta"}
    assert list(gliner.read(tmp_path / "a.jsonl")) == [text]


@pytest.mark.parametrize("bad", [
    [1], {"tokenized_text": "a b", "ner": []}, {"tokenized_text": ["a"], "ner": 3},
    {"tokenized_text": ["a"], "ner": [[0, "PER"]]}, {"tokenized_text": ["a", ""], "ner": []},
    {"tokenized_text": ["a"], "ner": [[0, 0, ""]]}, {"tokenized_text": ["a"]},
])  # fmt: skip
def test_what_is_no_record(bad, tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps(bad))
    with pytest.raises(FormatError, match=r"a\.jsonl:1"):
        list(gliner.read(path))
