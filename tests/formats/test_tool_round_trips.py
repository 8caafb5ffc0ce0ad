"""Whatever a format can say comes back as it was."""

import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spacy_padellm.formats.annotated_text import AnnotatedText, in_order
from spacy_padellm.formats.conversion import Conversion

from .samples import FLAT, NESTED

LETTERS = "aB1 ,.\n\t\r\\|[]_*;#\"'<>=é漢👩\u0301\u2028\u00a0"
LABELS = st.text("aZ_|[]*;\\->:é漢#.", min_size=1, max_size=6)
_TOKENS = re.compile(r"\w+|[^\w\s]")
FORMATS = {
    "labelstudio": ["x.json", "x.jsonl"],
    "brat": ["x.ann"],
    "webanno": ["x.tsv"],
    "gliner": ["x.json", "x.jsonl"],
    "datasets": ["x.parquet", "folder"],
    "prodigy": ["x.jsonl"],
    "doccano": ["x.jsonl"],
}
CASES = [(name, file) for name, files in FORMATS.items() for file in files]
KNOW_MISSING = [(name, file) for name, file in CASES if name in ("labelstudio", "datasets")]


@st.composite
def annotated(draw, on_tokens, trimmed):
    """A text with tokens and spans: on_tokens of whole tokens, trimmed without blanks around."""
    text = draw(st.text(LETTERS, max_size=24))
    tokens = tuple(match.span() for match in _TOKENS.finditer(text))
    places = [(i, j) for i in range(len(text)) for j in range(i + 1, len(text) + 1)]
    if on_tokens:
        places = [(s, e) for s, _ in tokens for _, e in tokens if s < e]
    elif trimmed:
        inside = {i for start, end in tokens for i in range(start, end)}
        places = [(s, e) for s, e in places if s in inside and e - 1 in inside]
    spans = set()
    if places:
        picked = draw(st.lists(st.tuples(st.sampled_from(places), LABELS), max_size=5))
        spans = {(*place, label) for place, label in picked}
    return AnnotatedText(text, in_order(spans), tokens)


def go_round(texts, name, file):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / file
        out, back = Conversion(), Conversion()
        out.write(path, name, texts)
        several = name == "brat" and len(texts) != 1
        found = list(back.read(path.parent if several else path, name))
        lost = [p for p in (*out.problems, *back.problems) if p.lost and p.of != "file"]
        return found, lost


def said(texts):
    return [(text.text, text.spans, text.annotated) for text in texts]


def trimmed(text):
    """From the first to the last token, which is what WebAnno has of it."""
    first, last = text.tokens[0][0], text.tokens[-1][1]
    spans = [(start - first, end - first, label) for start, end, label in text.spans]
    return AnnotatedText(text.text[first:last], in_order(spans))


@pytest.mark.parametrize(("name", "file"), CASES)
@settings(
    deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_any_text(name, file, data):
    kind = annotated(name == "gliner", name in ("webanno", "brat"))
    texts = data.draw(st.lists(kind, min_size=1, max_size=3))
    found, lost = go_round(texts, name, file)
    if name == "webanno":
        cut = [text for text in texts if text.tokens and trimmed(text).text != text.text.strip()]
        gone = [text for text in texts if not text.tokens]
        assert sorted(p.of for p in lost) == ["spacing"] * len(cut) + ["text"] * len(gone)
        texts, lost = [trimmed(text) for text in texts if text.tokens], []
    assert said(found) == said(texts) and not lost


@pytest.mark.parametrize(("name", "file"), CASES)
def test_samples(name, file):
    texts = [*FLAT, NESTED]
    found, lost = go_round(texts, name, file)
    assert said(found) == said(texts) and not lost


@pytest.mark.parametrize(
    ("name", "file"), [c for c in CASES if c[0] in ("labelstudio", "datasets")]
)
def test_texts_that_nobody_annotated(name, file):
    texts = [AnnotatedText("to do", (), ((0, 2), (3, 5))).without_annotation(), *FLAT]
    found, lost = go_round(texts, name, file)
    assert said(found) == said(texts) and not lost


@pytest.mark.parametrize("name", ["brat", "webanno", "gliner"])
def test_others_leave_them_out_and_say_so(name, tmp_path):
    out = Conversion()
    text = AnnotatedText("to do", (), ((0, 2), (3, 5))).without_annotation()
    out.write(tmp_path / FORMATS[name][0], name, [text, FLAT[0]])
    assert [(p.of, p.lost) for p in out.problems] == [("text", True)]
    assert "cannot say" in out.problems[0].reason
