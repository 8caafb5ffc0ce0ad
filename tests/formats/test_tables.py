"""CSV in the shapes that people keep annotations in."""

import csv
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_padellm.formats import tables
from spacy_padellm.formats.annotated_text import AnnotatedText, FormatError
from spacy_padellm.formats.conversion import Conversion
from spacy_padellm.formats.guess import guess_input

from .samples import EMPTY, FLAT, NESTED, mark

ADA = mark("Ada met Babbage in London.", ("Ada", "PER"), ("Babbage", "PER"), ("London", "LOC"))
SHAPES = {
    "entities": (
        "text,start,end,label\n"
        '"Ada met Babbage in London.",0,3,PER\n'
        '"Ada met Babbage in London.",8,15,PER\n'
        '"Ada met Babbage in London.",19,25,LOC\n'
        "No one came.,,,\n"
    ),
    "mentions, semicolons": (
        "Entity;Sentence;Type\n"
        "Ada;Ada met Babbage in London.;PER\nBabbage;Ada met Babbage in London.;PER\n"
        "London;Ada met Babbage in London.;LOC\n;No one came.;\n"
    ),
    "a text a row, JSON": (
        "id,text,entities\n"
        '1,Ada met Babbage in London.,"[[0, 3, ""PER""], [8, 15, ""PER""], [19, 25, ""LOC""]]"\n'
        "2,No one came.,[]\n"
    ),
    "a text a row, Python": (
        "text\tents\nAda met Babbage in London.\t"
        "[(0, 3, 'PER'), (8, 15, 'PER'), (19, 25, 'LOC')]\nNo one came.\t\n"
    ),
    "a token a row": (
        "Sentence #,Word,POS,Tag\n"
        "Sentence: 1,Ada,NNP,B-PER\n,met,VBD,O\n,Babbage,NNP,B-PER\n,in,IN,O\n"
        ",London.,NNP,B-LOC\nSentence: 2,No,DT,O\n,one,NN,O\n,came.,VBD,O\n"
    ),
}


def spans(path):
    return [
        (text.text, {(text.text[s:e].strip("."), label) for s, e, label in text.spans})
        for text in tables.read(path)
    ]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_every_shape_says_the_same(shape, end, tmp_path):
    path = tmp_path / "gold.csv"
    path.write_bytes(SHAPES[shape].replace("\n", end).encode())
    assert guess_input(path) == "table"
    wanted = {("Ada", "PER"), ("Babbage", "PER"), ("London", "LOC")}
    assert spans(path) == [(ADA.text, wanted), ("No one came.", set())]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("marked", [False, True])
def test_tables_are_known_by_their_heads(shape, delimiter, marked, tmp_path):
    """Whatever divides values, and with the line "sep=;" that is written for Excel."""
    given = "\t" if "Python" in shape else ";" if "semicolons" in shape else ","
    rows = csv.reader(SHAPES[shape].splitlines(), delimiter=given)
    for name in ("gold.csv", "gold.tsv", "gold.txt"):
        with (tmp_path / name).open("w", newline="") as file:
            file.write(f"\ufeffsep={delimiter}\r\n" if marked else "")
            csv.writer(file, delimiter=delimiter).writerows(rows := list(rows))
        assert guess_input(tmp_path / name) == "table"
        wanted = {("Ada", "PER"), ("Babbage", "PER"), ("London", "LOC")}
        assert spans(tmp_path / name) == [(ADA.text, wanted), ("No one came.", set())]
        assert next(tables.read(tmp_path / name)).line == (3 if marked else 2)


@pytest.mark.parametrize("content", [
    "Ada\tB-PER\nsaw\tO\n", "token\ttag\nAda\tB-PER\n\nBo\tB-PER\n", "Ada B-PER\n", "\n", "",
    "-DOCSTART- O\n\nAda B-PER\n", "# text = Ada, start, end\nAda\tB-PER\n", '"\t\tO\nAda\tO\n',
])  # fmt: skip
@pytest.mark.parametrize("name", ["gold.tsv", "gold.txt"])
def test_columns_stay_columns(name, content, tmp_path):
    (tmp_path / name).write_text(content)
    assert guess_input(tmp_path / name) == "columns"


@pytest.mark.parametrize("name", ["gold.csv", "gold.tsv"])
@pytest.mark.parametrize("texts", [FLAT, [NESTED, EMPTY], []])
def test_round_trip(name, texts, tmp_path):
    path = tmp_path / name
    tables.write(path, texts)
    assert guess_input(path) == "table" and ("\t" in path.read_text()) == (name == "gold.tsv")
    seen = {text.text: text for text in texts}
    again = list(tables.read(path))
    assert [text.text for text in again] == list(seen)
    assert [text.spans for text in again] == [text.spans for text in seen.values()]


@pytest.mark.parametrize(
    "content, words",
    [
        ("name,colour\na,b\n", r"gold\.csv:1: .*head line.*text,start,end,label"),
        ("text,start,end,label\nAda,0,three,PER\n", r"gold\.csv:2: .*not a place"),
        ("text,start,end,label\nAda,0,3\n", r"gold\.csv:2: 3 values under 4"),
        ('text,entities\n"a\nb",[]\nAda,PER\n', r"gold\.csv:4: .*not a list of entities"),
        ("sentence,token,tag\n1,Ada,PER-SON?\n", r"gold\.csv:2: .*not a tag"),
        ("token,tag\nAda,O\n", "where a sentence ends"),
        ('text,start,end,label\n"Ada,0,3,PER\n', r"gold\.csv:2: no row"),
    ],
)
def test_what_is_wrong_has_its_line(content, words, tmp_path):
    path = tmp_path / "gold.csv"
    path.write_text(content, encoding="utf8")
    with pytest.raises(FormatError, match=words):
        list(tables.read(path))


def test_a_mention_that_is_not_there_is_reported(tmp_path):
    path = tmp_path / "gold.csv"
    path.write_text(
        "text,mention,label\nAda met Ada.,Ada,PER\nAda met Ada.,Ada,PER\nAda met Ada.,Bob,PER\n"
    )
    problems = []
    (text,) = tables.read(path, problems)
    assert text.spans == ((0, 3, "PER"), (8, 11, "PER"))
    assert [(p.line, p.label) for p in problems] == [(4, "PER")] and "'Bob'" in problems[0].reason


def test_a_mention_that_is_there_no_more_often_is_told_so(tmp_path):
    path = tmp_path / "gold.csv"
    path.write_text(
        "text,mention,label\nAda met Ada,Ada,PER\nAda met Ada,Ada,PER\nAda met Ada,Ada,PER\n"
    )
    problems = []
    (text,) = tables.read(path, problems)
    assert text.spans == ((0, 3, "PER"), (8, 11, "PER"))
    (problem,) = problems
    assert "all 2 places of 'Ada' in the text have this label already" in problem.reason
    assert problem.lost and not problem.fault


def test_a_label_that_pandas_did_not_have_is_none(tmp_path):
    path = tmp_path / "gold.csv"
    path.write_text("text,start,end,label\nAda in Rome,0,3,nan\nAda in Rome,7,11,NA\n")
    problems = []
    (text,) = tables.read(path, problems)
    assert text.spans == ((7, 11, "NA"),)
    assert [problem.reason for problem in problems] == ["has no label"]


def test_line_ends_in_a_text_count_as_they_are(tmp_path):
    path = tmp_path / "gold.csv"
    path.write_bytes(b'text,start,end,label\r\n"Hi,\r\nAda ran",5,8,PER\r\n')
    (text,) = tables.read(path)
    assert [text.text[s:e] for s, e, _ in text.spans] == ["Ada"]
    tables.write(tmp_path / "again.csv", [text])
    assert next(iter(tables.read(tmp_path / "again.csv"))).text == text.text


def test_a_long_text(tmp_path):
    path = tmp_path / "gold.csv"
    path.write_text("text,start,end,label\n" + "a" * 200_000 + ",0,1,X\n")
    assert len(next(tables.read(path)).text) == 200_000


@pytest.mark.parametrize("name", ["gold.csv", "gold.tsv", "gold.txt"])
@pytest.mark.parametrize("head", ["id,word,tag", "ID,TOKEN,NER"])
def test_numbers_of_words_are_no_sentences(name, head, tmp_path):
    """Nor where they begin anew after a blank line; an id of a sentence is one."""

    def texts(*lines):
        rows = "\n".join([head, *lines]).replace(",", "," if name == "gold.csv" else "\t")
        (tmp_path / name).write_text(rows)
        return [text.text for text in tables.read(tmp_path / name)]

    assert texts("1,Ada,B-PER", "1,ran,O", "2,No,O", ",one,O", "3,Go,O") == [
        "Ada ran",
        "No one",
        "Go",
    ]
    first = "1,Ada,B-PER", "2,Lovelace,I-PER", "3,ran,O"
    for lines in (first, (*first, "", "1,So,O", "2,Bo,B-PER", "3,did,O", "", "1,Oh,O")):
        with pytest.raises(
            FormatError, match=f"'{head[:2]}' has another value in almost every row"
        ):
            texts(*lines)
    assert guess_input(tmp_path / name) == "table"


def test_a_wrong_row_is_reported_with_its_own_line(tmp_path):
    path = tmp_path / "gold.csv"
    rows = ["Ada met Bob.,0,3,PER", "Ada met Bob.,8,99,PER", "Ada met Bob.,11,8,PER"]
    rows += ["Ada met Bob.,8,11,"]
    path.write_text("\n".join(["text,start,end,label", *rows]))
    problems = []
    (text,) = tables.read(path, problems)
    assert text.spans == ((0, 3, "PER"),)
    assert sorted((p.line, p.reason.split()[0]) for p in problems) == [
        (3, "is"),
        (4, "ends"),
        (5, "has"),
    ]


def test_offsets_as_pandas_writes_them(tmp_path):
    path = tmp_path / "gold.csv"
    rows = ["Rome won.,0.0,4.0,LOC", "No one came.,,,", "Nor here.,nan,NaN,", "Oslo,0,4.,LOC"]
    path.write_text("\n".join(["text,start,end,label", *rows]))
    found = [(text.text, text.spans) for text in tables.read(path)]
    loc = ((0, 4, "LOC"),)
    assert found == [("Rome won.", loc), ("No one came.", ()), ("Nor here.", ()), ("Oslo", loc)]
    path.write_text('text,entities\nRome won.,"[[0.0, 4.0, ""LOC""]]"\n')
    assert next(tables.read(path)).spans == loc
    for wrong in ("0.5,4", "0,four", ",4"):
        path.write_text(f"text,start,end,label\nRome won.,{wrong},LOC\n")
        with pytest.raises(FormatError, match=r"gold\.csv:2: .*is not a place"):
            list(tables.read(path))


@pytest.mark.parametrize("name", ["id", "doc_id", "Text ID", "uuid"])
@pytest.mark.parametrize("head, rows", [
    ("text,start,end,label", ["Rome won.,0,4,LOC", "Rome won.,,,"]),
    ("text,mention,label", ["Rome won.,Rome,LOC", "Rome won.,,"]),
    ("text,entities", ['Rome won.,"[[0,4,""LOC""]]"', "Rome won.,[]"]),
])  # fmt: skip
def test_equal_texts_under_other_ids_stay_apart(name, head, rows, tmp_path):
    path = tmp_path / "gold.csv"
    lines = [f"{name},{head}", *(f"{i},{row}" for i, row in enumerate(rows, 7))]
    path.write_text("\n".join([*lines, lines[1]]) + "\n")
    conversion = Conversion()
    found = list(conversion.read(path, "table"))
    assert [text.text for text in found][:2] == ["Rome won."] * 2
    assert [text.meta for text in found][:2] == [{"id": "7"}, {"id": "8"}]
    assert [text.spans for text in found][:2] == [((0, 4, "LOC"),), ()]
    assert any("line 2 with other spans and another id" in p.reason for p in conversion.problems)
    assert "If the ids number the rows, remove them" in conversion.reading.say_repeated()


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["Rome won.", "Rome", "", "a\r\nb", "\ufeffx", "nan", '"', "é;|\t,"]),
            st.booleans(),
            st.sampled_from([None, 1, 2, "x", " "]),
        ),
        max_size=6,
    )
)
def test_every_text_comes_through(rows):
    texts = [
        AnnotatedText(
            text,
            ((0, 1, "X"),) if marked and text else (),
            meta={} if name is None else {"id": name},
        )
        for text, marked, name in rows
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "gold.csv"
        tables.write(path, texts)
        problems = []
        again = list(tables.read(path, problems))
    assert [(text.text, text.spans) for text in again] == [(t.text, t.spans) for t in texts]
    assert not [problem for problem in problems if problem.lost]
