"""JSON of others that is hostile, and ours that any reader takes."""

import json
import math

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import DocBin

from spacy_padellm.formats import annotation_tools, docbin, jsonl, paper
from spacy_padellm.formats.annotated_text import AnnotatedText, FormatError
from spacy_padellm.formats.conversion import Conversion
from spacy_padellm.formats.docbin import read_docs, to_doc
from spacy_padellm.formats.guess import EXTENSIONS
from spacy_padellm.formats.json_records import read_records, write_records
from spacy_padellm.formats.json_text import DEPTH, plain, read_json, write_json

HOSTILE = {
    "deep lists": "[" * 100_000 + "]" * 100_000,
    "deep objects": '{"a":' * 100_000 + "1" + "}" * 100_000,
    "open": "[" * 100_000,
    "digits": "9" * 5000,
    "just too deep": "[" * (DEPTH + 1) + "]" * (DEPTH + 1),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_whatever_is_wrong_is_one_error(kind):
    with pytest.raises(ValueError, match=r"deep|digits") as raised:
        read_json(HOSTILE[kind])
    assert len(str(raised.value)) < 100


def test_as_deep_as_that_is_read_and_written():
    text = "[" * DEPTH + "]" * DEPTH
    assert write_json(read_json(text)) == text
    assert read_json(json.dumps("[" * 1000)) == "[" * 1000  # a string is no nesting
    assert read_json(b'\xef\xbb\xbf["\xc3\xa4"]') == ["ä"]
    with pytest.raises(ValueError, match="not UTF-8"):
        read_json(b'["\xe4"]')


@pytest.mark.parametrize("reader", [jsonl.read, annotation_tools.read, paper.read, read_records])
@pytest.mark.parametrize("kind", HOSTILE)
def test_readers_name_file_and_line(tmp_path, reader, kind):
    path = tmp_path / "in.jsonl"
    path.write_text('{"text": "a", "ents": [], "x": ' + HOSTILE[kind] + "}\n")
    with pytest.raises(FormatError, match=r"in\.jsonl:1: .*(deep|digits|JSON)"):
        list(reader(path))
    path.write_text('[\n{"text": "a", "ents": [], "x": ' + HOSTILE[kind] + "}\n]\n")
    with pytest.raises(FormatError, match=r"in\.jsonl:[123]: .*(deep|digits|JSON)"):
        list(reader(path))


LINES = [
    "[",
    '{"text": "a", "ents": [], "x": "[[[ \\" 9"},',
    "",
    '{"text": "b", "ents": [], "x": %s}',
    "]",
]
LATE = {
    "digits": "9" * 5000,
    "negative": "-" + "9" * 5000,
    "deeper than Python": "[" * 600 + "]" * 600,
    "deeper than msgpack": '{"a":' * 400 + "{}" + "}" * 400,
    "cut": '"',
}


@pytest.mark.parametrize("kind", LATE)
def test_the_line_is_that_of_the_fault(tmp_path, kind):
    """In an array over several lines, and in JSON lines."""
    path = tmp_path / "in.json"
    path.write_text("\n".join(LINES) % LATE[kind])
    with pytest.raises(FormatError, match=r"in\.json:4: "):
        list(read_records(path))
    path.write_text("\n".join(line.rstrip(",") for line in LINES[1:4]) % LATE[kind])
    with pytest.raises(FormatError, match=r"in\.json:3: "):
        list(read_records(path))


@pytest.mark.parametrize("depth", [DEPTH - 2, DEPTH - 1, DEPTH, 300, 400])
@pytest.mark.parametrize("target", ["jsonl", "prodigy", "doccano", "table", "columns", "spacy"])
def test_what_a_conversion_writes_can_be_read(tmp_path, target, depth):
    """A .spacy file may hold what is deeper than JSON of any reader."""
    value: object = 1
    for _ in range(depth):
        value = [value]
    nlp = spacy.blank("en")
    doc = to_doc(AnnotatedText("Ada.", ((0, 3, "PER"),)), nlp)
    doc.user_data["meta"] = {"x": value}
    docbin.write(tmp_path / "in.spacy", [doc])
    conversion = Conversion()
    out = tmp_path / f"out{EXTENSIONS[target]}"
    try:
        conversion.write(out, target, conversion.read(tmp_path / "in.spacy", "spacy"))
    except FormatError as error:
        assert "deep" in str(error) and depth >= DEPTH - 1
    else:
        assert len(list(conversion.read(out, target))) == 1
        assert target in ("table", "columns", "spacy") or depth < DEPTH


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner),
    max_leaves=10,
)


@given(value=values)
def test_what_is_written_is_json(value):
    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    text = write_json(value)
    text.encode("utf8")
    assert json.loads(text, parse_constant=refuse) == plain(value)


def test_fields_that_json_or_spacy_files_lack_do_not_stop_a_conversion(tmp_path):
    meta = {"nan": math.nan, "large": 10**30, "half": "\ud800", "\udfff": [1, {"x": -(10**20)}]}
    text = AnnotatedText("Ada.", meta=meta)
    write_records(tmp_path / "out.jsonl", [{"text": text.text, **text.meta}])
    line = (tmp_path / "out.jsonl").read_text("utf8")
    assert '"nan": null' in line and json.loads(line)["large"] == 10**30
    nlp = spacy.blank("en")
    DocBin(docs=[to_doc(text, nlp)], store_user_data=True).to_disk(tmp_path / "out.spacy")
    (doc,) = read_docs(tmp_path / "out.spacy", nlp.vocab)
    found = doc.user_data["meta"]
    assert found["large"] == str(10**30) and found["half"] == "\\ud800" and math.isnan(found["nan"])
