"""Examples to show a model: records of this package and of spacy-llm, and whole corpora."""

import json

import pytest
import spacy
import srsly

from spacy_padellm.formats.annotated_text import FormatError
from spacy_padellm.formats.conversion import Conversion
from spacy_padellm.formats.example_records import MOST_EXAMPLES, read_examples

TEXT = "Ada met Bo and Ada in Rome."
SPANS = ((0, 3, "PER"), (8, 10, "PER"), (15, 18, "PER"), (22, 26, "LOC"))
REASONED = [
    {"text": "Ada", "is_entity": True, "label": "PER", "reason": "is a person"},
    {"text": "Bo", "is_entity": True, "label": "PER"},
    {"text": "met", "is_entity": False, "label": "==NONE==", "reason": "is a verb"},
    {"text": "Ada", "label": "PER"},
    {"text": "Rome", "is_entity": True, "label": "LOC", "reason": "is a city"},
]
RECORDS = [
    {"text": TEXT, "ents": [list(span) for span in SPANS]},
    {"text": TEXT, "spans": [list(span) for span in SPANS]},
    {"text": TEXT, "spans": [{"start": s, "end": e, "label": label} for s, e, label in SPANS]},
    {"text": TEXT, "spans": REASONED},
    {"text": TEXT, "entities": {"LOC": ["Rome"], "PER": ["Ada", "Bo", "Ada"]}, "meta": 1},
]
NONE = [{"text": "No one.", "ents": []}, {"text": "No one.", "entities": {}}]


def spans(found):
    return [one.spans for one in found]


def test_every_form_says_the_same():
    assert spans(read_examples(RECORDS)) == [SPANS] * len(RECORDS)
    assert spans(read_examples(NONE)) == [(), ()]
    assert spans(read_examples(lambda: RECORDS)) == [SPANS] * len(RECORDS)


@pytest.mark.parametrize("name", ["e.jsonl", "e.json", "e.yml", "e.yaml"])
def test_files_of_records(name, tmp_path):
    path, records = tmp_path / name, RECORDS + NONE
    if name.endswith("l") and name != "e.jsonl":
        srsly.write_yaml(path, records)
    else:
        lines = "\n".join(map(json.dumps, records))
        path.write_text(lines if name == "e.jsonl" else json.dumps(records), encoding="utf8")
    assert spans(read_examples(str(path))) == spans(read_examples(records))
    assert spans(read_examples(path)) == spans(read_examples(records))


@pytest.mark.parametrize("name, kind", [("c.conll", "columns"), ("c.spacy", "spacy")])
def test_corpora(name, kind, tmp_path):
    conversion = Conversion()
    conversion.write(tmp_path / name, kind, read_examples(RECORDS[:1] + NONE[:1]))
    found = read_examples(str(tmp_path / name))
    strings = [[(t.text[s:e], label) for s, e, label in t.spans] for t in found]
    assert strings == [[(TEXT[s:e], label) for s, e, label in SPANS], []]


def test_what_a_tool_says_of_its_texts_is_heeded(tmp_path):
    records = [{**RECORDS[2], "answer": "accept"}, {**RECORDS[2], "answer": "reject"}]
    path = tmp_path / "prodigy.jsonl"
    path.write_text("\n".join(map(json.dumps, records)), encoding="utf8")
    assert spans(read_examples(path)) == [SPANS]


@pytest.mark.parametrize(
    "given, message",
    [
        ([{"text": "Ada", "ents": [[0, 9, "PER"]]}], "examples:1: .*outside the text"),
        ([NONE[0], {"text": "Ada", "entities": {"PER": ["Bo"]}}], "examples:2: .*'Bo' is not in"),
        ([{"text": "Ada", "spans": [{"text": "", "label": "PER"}]}], "is not a mention"),
        ([{"text": "Ada", "spans": [{"text": "Ada"}]}], "is not a span"),
        ([{"text": "Ada", "ents": "PER"}], "is not a list"),
        ([{"text": "Ada", "ents": [["Ada", "PER"]]}], "is not a span"),
        ([{"text": "Ada", "entities": {"PER": "Ada"}}], "no list of strings"),
        ([{"text": "Ada"}], "no mentions, not even"),
        ([{"text": " ", "ents": []}], "empty"),
        (
            [{"text": "Ada.", "entities": {"PER": ["Ada", "Ada"]}}],
            "'Ada' is listed more often than it is in its text",
        ),
        (["Ada"], 'no object with "text"'),
        ({"text": "Ada", "ents": []}, "is not a list"),
        (7, "is not a list"),
        ("nowhere.jsonl", "nowhere.jsonl: there is no such file"),
        (NONE * MOST_EXAMPLES, "more than 1,000 texts"),
    ],
)
def test_what_is_no_example_is_named(given, message):
    with pytest.raises(FormatError, match=message):
        read_examples(given)


@pytest.mark.parametrize("content", ["a: 1", "[a", "- 1", "", "[]"])
@pytest.mark.parametrize("name", ["e.yml", "e.jsonl"])
def test_files_without_examples(name, content, tmp_path):
    path = tmp_path / name
    path.write_text(content, encoding="utf8")
    with pytest.raises(FormatError, match=name):
        read_examples(path)


def test_texts_of_which_something_is_unknown(tmp_path):
    nlp = spacy.blank("en")
    doc = nlp(TEXT)
    doc.set_ents([doc[0:1]], missing=[doc[2:3]], default="outside")
    with pytest.raises(FormatError, match="only in part"):
        path = tmp_path / "part.spacy"
        spacy.tokens.DocBin(docs=[doc]).to_disk(path)
        read_examples(path)


def test_a_string_takes_its_own_first_place():
    """Whatever is listed before it."""
    text = "Ada met Bo. Ada left."
    (found,) = read_examples([{"text": text, "entities": {"PER": ["Bo", "Ada"]}}])
    assert sorted(span[:2] for span in found.spans) == [(0, 3), (8, 10)]
