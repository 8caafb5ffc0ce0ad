"""Offsets that count UTF-16 units or bytes, in every format that has offsets."""

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_padellm.formats import annotation_tools, jsonl, paper, tables
from spacy_padellm.formats.offset_units import fit_other_units

TEXT = "🎉🎉 Ada met Bob in Rome"
MENTIONS = (("Ada", "PER"), ("Rome", "LOC"))
SIZES = {
    "UTF-16 units": lambda text: len(text.encode("utf-16-le")) // 2,
    "UTF-8 bytes": lambda text: len(text.encode("utf8")),
    "": len,
}


def rows(*lines):
    file = io.StringIO()
    csv.writer(file).writerows(lines)
    return file.getvalue()


FORMATS = {
    "jsonl": (jsonl.read, lambda ents: json.dumps({"text": TEXT, "ents": ents})),
    "jsonl, objects": (
        jsonl.read,
        lambda ents: json.dumps(
            {"text": TEXT, "ents": [dict(start=s, end=e, label=x) for s, e, x in ents]}
        ),
    ),
    "prodigy": (
        annotation_tools.read,
        lambda ents: json.dumps(
            {"text": TEXT, "spans": [dict(start=s, end=e, label=x) for s, e, x in ents]}
        ),
    ),
    "doccano": (annotation_tools.read, lambda ents: json.dumps({"text": TEXT, "label": ents})),
    "row an entity": (
        tables.read,
        lambda ents: rows(["text", "start", "end", "label"], *([TEXT, *ent] for ent in ents)),
    ),
    "row a text": (
        tables.read,
        lambda ents: rows(["text", "entities"], [TEXT, json.dumps(ents)]),
    ),
}


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("unit", SIZES)
def test_every_format_says_so(name, unit, tmp_path):
    read, make = FORMATS[name]
    size = SIZES[unit]
    before = [TEXT[: TEXT.index(string)] for string, _ in MENTIONS]
    ents = [
        [size(first), size(first) + len(string), label]
        for first, (string, label) in zip(before, MENTIONS, strict=True)
    ]
    path = tmp_path / "a.x"
    path.write_text(make(ents), encoding="utf8")
    problems = []
    list(read(path, problems))
    if not unit:
        assert not problems
        return
    assert len(problems) == 2
    for problem, (string, label) in zip(problems, MENTIONS, strict=True):
        assert unit in problem.reason and repr(string) in problem.reason and problem.label == label
        assert problem.lost == (problem.end > len(TEXT))


@pytest.mark.parametrize("unit", ["UTF-16 units", "UTF-8 bytes"])
def test_the_papers_format_says_so(unit, tmp_path):
    text = "🎉 b b"  # twice, so that it is not searched
    start = SIZES[unit](text[:4])
    path = tmp_path / "a.json"
    path.write_text(json.dumps([text, [start, start, "b", "X"]]), encoding="utf8")
    problems = []
    list(paper.read(path, problems, "characters"))
    assert [unit in problem.reason for problem in problems] == [True]


@given(
    st.lists(st.sampled_from(["Ada", "é", "🎉", "北京", "x1", "Ünï", "-"]), min_size=1), st.data()
)
def test_whole_words_in_characters_are_never_doubted(words, data):
    text = " ".join(words)
    places, end = [], 0
    for word in words:
        places.append((end, end + len(word)))
        end += len(word) + 1
    chosen = data.draw(st.lists(st.sampled_from(places), min_size=1, unique=True))
    assert fit_other_units(text, chosen) is None
    for unit, size in SIZES.items():
        other = [(size(text[:start]), size(text[:end])) for start, end in chosen]
        fit = fit_other_units(text, other)
        if fit and fit[0] == unit:
            assert all(place is None or place in places for place in fit[1])
    assert fit_other_units(text, [(0, len(text) + 999)]) is None
