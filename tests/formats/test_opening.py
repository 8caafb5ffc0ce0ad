"""Every reader of text and every shape in which text comes: what each gives."""

import gzip
import io
import json
import lzma
import sys

import pytest
import spacy

from spacy_padellm.cli.explain import read_argument
from spacy_padellm.formats import annotation_tools, columns, jsonl, paper, tables
from spacy_padellm.formats.annotated_text import FormatError
from spacy_padellm.formats.files import STDIN
from spacy_padellm.pipeline.corpora import make_corpus
from spacy_padellm.tools.annotate.sources import UnreadableError, count_records, read_records
from spacy_padellm.training.from_text.pretraining import read_lines
from spacy_padellm.training.from_text.stages import read_gold

FIRST, SECOND = "In Zürich", "Nobody came"
BOTH = [FIRST, SECOND]
BROKEN = (FormatError, UnreadableError)
BOM = "\ufeff"


def json_lines(records):
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


RECORDS = json_lines([{"text": FIRST, "ents": [[3, 9, "LOC"]]}, {"text": SECOND, "ents": []}])
PRODIGY = json_lines({"text": text, "spans": []} for text in BOTH)
DOCCANO = json_lines({"text": text, "label": []} for text in BOTH)
PAPER = json_lines([[FIRST, [1, 1, "Zürich", "LOC"]], [SECOND]])
ARRAY = json.dumps([{"text": text, "ents": []} for text in BOTH], indent=1, ensure_ascii=False)
COLUMNS = "In O\nZürich B-LOC\n\nNobody O\ncame O\n\n"
ENTITIES = f"text,start,end,label\n{FIRST},3,9,LOC\n{SECOND},,,\n"
TOKENS = "sentence,token,tag\n1,In,O\n1,Zürich,B-LOC\n2,Nobody,O\n2,came,O\n"
LINES = f"{FIRST}\n{SECOND}\n"


def texts(read):
    return lambda path: [text.text for text in read(path)]


def annotate(path):
    """As `annotate` reads a file; a record with an error as None."""
    found = list(read_records(str(path)))
    assert count_records(str(path)) == len(found)
    return [None if record.error else record.text for record in found]


def annotate_stdin(path):
    found = on_stdin(path, lambda: list(read_records(STDIN)))
    return [None if record.error else record.text for record in found]


def on_stdin(path, read):
    before = sys.stdin
    with path.open("rb") as file:
        sys.stdin = io.TextIOWrapper(file, encoding="latin-1")  # whatever the locale says
        try:
            return read()
        finally:
            sys.stdin.detach()
            sys.stdin = before


def explain(path):
    return on_stdin(path, lambda: read_argument(STDIN)).split("\n")


def finetune(path):
    """As fine-tuning reads its files, without the training behind it, which is no matter here."""
    if not path.read_bytes().strip(b" \t\r\n"):
        with pytest.raises(ValueError, match="holds no text"):
            read_gold(path, ["LOC"])
        return []
    return [gold.text for gold in read_gold(path, ["LOC"])]


def corpus(path):
    if not path.read_bytes().strip(b" \t\r\n"):
        with pytest.raises(ValueError, match="no text was read"):
            list(make_corpus(path)(spacy.blank("en")))
        return []
    return [eg.reference.text for eg in make_corpus(path)(spacy.blank("en"))]


# Reader: its file's name, its content, what reads it.
READERS = {
    "jsonl": ("a.jsonl", RECORDS, texts(jsonl.read)),
    "array": ("a.json", ARRAY, texts(jsonl.read)),
    "prodigy": ("a.jsonl", PRODIGY, texts(annotation_tools.read)),
    "doccano": ("a.jsonl", DOCCANO, texts(annotation_tools.read)),
    "paper": ("a.json", PAPER, texts(paper.read)),
    "columns": ("a.conll", COLUMNS, texts(columns.read)),
    "entities": ("a.csv", ENTITIES, texts(tables.read)),
    "tokens": ("a.csv", TOKENS, texts(tables.read)),
    "corpus": ("a.jsonl", RECORDS, corpus),
    "finetune": ("a.jsonl", RECORDS, finetune),
    "pretrain": ("a.txt", LINES, lambda path: list(read_lines(path))),
    "annotate txt": ("a.txt", LINES, annotate),
    "annotate jsonl": ("a.jsonl", RECORDS, annotate),
    "annotate -, text": ("a.txt", LINES, annotate_stdin),
    "annotate -, JSON": ("a.jsonl", RECORDS, annotate_stdin),
    "explain -": ("a.txt", LINES, explain),
}
JSON = ("jsonl", "prodigy", "doccano", "paper", "corpus", "finetune")
ANNOTATE = tuple(name for name in READERS if name.startswith("annotate"))
TEXT = ("pretrain", "annotate txt", "annotate -, text", "explain -")


RECORDS_IN_LINES = ("annotate jsonl", "annotate -, JSON")


def every(readers, result):
    return {reader: result for reader in readers}


def encoded(change, encoding="utf8"):
    return lambda content: change(content).encode(encoding)


# Shape: what it makes of a content; the texts that readers find, or the error that they raise, by
# reader; "" is all others.
SHAPES = {
    "as written": (encoded(str), {"": BOTH}),
    "byte order mark": (encoded(lambda c: BOM + c), {"": BOTH}),
    "CRLF": (encoded(lambda c: c.replace("\n", "\r\n")), {"": BOTH}),
    "lone CR": (encoded(lambda c: c.replace("\n", "\r")), {"": BOTH}),
    "byte order mark, CRLF": (encoded(lambda c: BOM + c.replace("\n", "\r\n")), {"": BOTH}),
    "no final line end": (encoded(lambda c: c.rstrip("\n")), {"": BOTH}),
    "blank lines around": (
        encoded(lambda c: f"\n \n{c}\n\n"),
        {"": BOTH, "explain -": ["", " ", *BOTH, "", ""]},
    ),
    "empty": (lambda c: b"", {"": [], "explain -": [""]}),
    "white space": (lambda c: b" \n\t\r\n\n", {"": [], "explain -": [" ", "\t", ""]}),
    "Latin-1": (
        encoded(str, "latin-1"),
        {"": "not UTF-8", **every(ANNOTATE, [None, SECOND])},
    ),
    "UTF-16": (encoded(str, "utf-16"), {"": "UTF-16"}),
    "UTF-16 without mark": (encoded(str, "utf-16-le"), {"": "UTF-16"}),
    "NUL": (
        encoded(lambda c: c.replace("Nobody", "No\0body")),
        {
            "": [FIRST, "No\0body came"],
            **every((*JSON, "array"), "not JSON"),
            **every(RECORDS_IN_LINES, [FIRST, None]),
        },
    ),
    "a line of 900,000": (
        encoded(lambda c: c.replace("Nobody", "Nobody" * 150_000)),
        {"": [FIRST, "Nobody" * 150_000 + " came"]},
    ),
    "joined": (
        encoded(lambda c: BOM + c + BOM + c),
        {"": BOTH * 2, "entities": BOTH, "array": "files were joined"},
    ),
    "joined, no final line end": (
        encoded(lambda c: c.rstrip("\n") + BOM + c),
        {
            **every((*JSON, "array"), "files were joined"),
            **every(RECORDS_IN_LINES, [FIRST, None, SECOND]),
            **every(TEXT, [FIRST, f"{SECOND}{BOM}{FIRST}", SECOND]),
            "columns": "files were joined",
            "entities": "7 values under 4 names",
            "tokens": "5 values under 3 names",
        },
    ),
    "gzip": (lambda c: gzip.compress(c.encode()), {"": BOTH}),
    "xz": (lambda c: lzma.compress((BOM + c).encode()), {"": BOTH}),
    "gzip, joined": (lambda c: 2 * gzip.compress((BOM + c).encode()), {
        "": BOTH * 2, "entities": BOTH, "array": "files were joined",
    }),
    "gzip, cut": (lambda c: gzip.compress(c.encode())[:-9], {"": "broken gzip file"}),
    "gzip, damaged": (lambda c: gzip.compress(b"x" * 99 + c.encode())[:12] + b"x" * 99, {
        "": "broken gzip file",
    }),
}  # fmt: skip


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("shape", SHAPES)
def test_every_reader_opens_text_alike(reader, shape, tmp_path):
    name, content, read = READERS[reader]
    change, expected = SHAPES[shape]
    wanted = expected[reader] if reader in expected else expected[""]
    packed = {"gzip": ".gz", "xz": ".xz"}.get(shape.split(",")[0], "")
    for ending in {packed, ""}:  # what is compressed is known by its content, too
        path = tmp_path / f"{name}{ending}"
        path.write_bytes(change(content))
        if isinstance(wanted, str):
            with pytest.raises(BROKEN, match=wanted):
                read(path)
        else:
            assert read(path) == wanted


@pytest.mark.parametrize("reader", [name for name in READERS if "-" not in name])
@pytest.mark.parametrize("ending", [".gz", ".XZ"])
def test_a_name_that_promises_compression(reader, ending, tmp_path):
    name, content, read = READERS[reader]
    path = tmp_path / f"{name}{ending}"
    path.write_bytes(content.encode())
    with pytest.raises(BROKEN, match=f"no {'gzip' if ending == '.gz' else 'xz'} file"):
        read(path)


def test_a_mark_that_is_a_token_stays(tmp_path):
    path = tmp_path / "a.conll"
    path.write_text(f"Rome\tB-LOC\n{BOM}\tO\n", encoding="utf8")
    (text,) = columns.read(path)
    assert text.text == f"Rome {BOM}"
    path = tmp_path / "a.csv"
    path.write_text(f'text,start,end,label\n"{BOM}a\n{BOM}b",1,2,X\n', encoding="utf8")
    (text,) = tables.read(path)
    assert text.text == f"{BOM}a\n{BOM}b" and text.spans == ((1, 2, "X"),)


@pytest.mark.parametrize(
    "line", ["[" * 100_000, '{"text": "a", "ents": [], "n": ' + "1" * 5000 + "}"]
)
def test_json_that_python_cannot_read_has_its_line(line, tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "a", "ents": []}\n' + line)
    with pytest.raises(FormatError, match=r"a\.jsonl:2: .*(nested|digits)"):
        list(jsonl.read(path))


def test_standard_input_that_is_closed(monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(FormatError, match="standard input is closed"):
        read_argument(STDIN)
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{BOM}Rome\r\n"))
    assert read_argument(STDIN) == "Rome"


def test_half_a_character_in_further_fields_is_written_as_an_escape(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "a", "ents": [], "x": "\\ud800"}')
    found = list(jsonl.read(path))
    jsonl.write(tmp_path / "b.jsonl", found)
    assert list(jsonl.read(tmp_path / "b.jsonl")) == found
