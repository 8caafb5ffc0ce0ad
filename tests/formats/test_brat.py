"""brat standoff, of the shapes that its documents show."""

import pytest
from spacy.cli._util import app
from typer.testing import CliRunner

from spacy_padellm import cli  # noqa: F401 - registers the commands
from spacy_padellm.formats import brat, brat_writing
from spacy_padellm.formats.annotated_text import AnnotatedText, FormatError, in_order
from spacy_padellm.formats.guess import guess_input

from .samples import mark
from .tool_files import check, read_file

SONY = "Sony announced a joint venture with Ericsson."
COMPANIES = [("Sony", "Organization"), ("Ericsson", "Organization")]
T1, T2 = "T1\tOrganization 0 4\tSony\n", "T2\tOrganization 36 44\tEricsson\n"

FILES = {
    "text-bound": (SONY, T1 + T2, [(SONY, COMPANIES)], []),
    "nothing found, or nobody looked": (SONY, "", [(SONY, [])], ["is empty"]),
    "over a line end, as brat writes it": (
        "New\nYork and\n\nRome\t Oslo\n",
        "T1\tLOC 0 3;4 8\tNew York\nT2\tLOC 14 18;20 24\tRome Oslo\n",
        [("New\nYork and\n\nRome\t Oslo\n", [("New\nYork", "LOC"), ("Rome\t Oslo", "LOC")])],
        ["has 2 spans in parts with white space between them"],
    ),
    "parts before brat 1.3, and more behind the string": (
        "New\nYork", "T1\tLOC 0 3;4 8\tNewYork\tby Ada\n", [("New\nYork", [("New\nYork", "LOC")])],
        ["has 1 span in parts"],
    ),
    "a byte order mark, which brat counts": (
        "\ufeff" + SONY, "T1\tOrganization 1 5\tSony\nT2\tOrganization 37 45\tEricsson\n",
        [(SONY, COMPANIES)], [],
    ),
    "a byte order mark, which another tool did not count": (
        "\ufeff" + SONY, T1 + T2, [(SONY, COMPANIES)], []
    ),
    "UTF-16, as INCEpTION exports": (
        "👩 Ada, Ada", "T1\tPER 3 6\tAda\nT2\tX 8 11\tAda\n",
        [("👩 Ada, Ada", [("Ada", "PER"), ("Ada", "X")])], [],
    ),
    "a relation": (
        SONY, T1 + T2 + "R1\tAlliance Arg1:T1 Arg2:T2\n", [(SONY, COMPANIES)], ["has 1 relation"]
    ),
    "an event": (
        SONY,
        T1 + "T2\tMERGE-ORG 17 30\tjoint venture\n" + "E1\tMERGE-ORG:T2 Org1:T1\n",
        [(SONY, [("Sony", "Organization"), ("joint venture", "MERGE-ORG")])],
        ["has 1 event", "is the trigger of an event"],
    ),
    "attributes, notes, normalizations, equivalences": (
        SONY,
        T1 + T2 + "A1\tNegation T1\nM1\tSpeculation T2\nN1\tReference T1 Wikipedia:7980471\tSony\n"
        "#1\tAnnotatorNotes T1\tthis is a note\n*\tEquiv T1 T2\n",
        [(SONY, COMPANIES)],
        ["has 2 attributes, 1 normalization, 1 note, 1 equivalence"],
    ),
    "apart": (
        "North and South America",
        "T1\tLocation 0 5;16 23\tNorth America\nT2\tLocation 10 23\tSouth America\n",
        [("North and South America", [("South America", "Location")])],
        ["lost: has 2 parts that are apart"],
    ),
    "nested, and several labels": (
        "University of Rome",
        "T1\tORG 0 18\tUniversity of Rome\nT2\tLOC 14 18\tRome\nT3\tCITY 14 18\tRome\n",
        [("University of Rome",
          [("University of Rome", "ORG"), ("Rome", "CITY"), ("Rome", "LOC")])],
        [],
    ),
    "lines of Windows, and a span over two of them": (
        "New\r\nYork is big.\r\n",
        "T1\tLOC 0 9\tNew  York\r\n",
        [("New\r\nYork is big.\r\n", [("New\r\nYork", "LOC")])],
        [],
    ),
    "of another text": (
        SONY,
        "T1\tOrganization 0 4\tSega\nT2\tOrganization 36 60\tEricsson\nT3\tX 0 4\tSony\n"
        "T4\tX 0 4\tSony\nT5\tX 1 2\tn\nT6\tX 40 60\nT7\tX 30 40\tjoint  venture\n",
        [(SONY, [("Sony", "X"), ("joint venture", "X"), ("Ericsson", "Organization")])],
        ["lost: is 'Sega' by its own string, which the text has not",
         "is 'Ericsson' by its own string, and read where",
         "lost: is 'n' by its own string, which the text has several times",
         "is 'joint  venture' by its own string", "lost: given twice", "lost: outside the text"],
    ),
    "no English": (
        "小明在北京。👩 Zoë",
        "T1\tPER 0 2\t小明\nT2\tLOC 3 5\t北京\nT3\tPER 8 11\tZoë\n",
        [("小明在北京。👩 Zoë", [("小明", "PER"), ("北京", "LOC"), ("Zoë", "PER")])],
        [],
    ),
    "ids with tails, blank lines": (
        SONY, f"\n{T1}\nT2.b\tOrganization 36 44\tEricsson\n", [(SONY, COMPANIES)], []
    ),
}  # fmt: skip


def run(*arguments):
    result = CliRunner().invoke(app, ["padellm", "convert", *map(str, arguments)])
    return result.exit_code, " ".join(result.output.split())


def put(folder, name, text, annotations):
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.txt").write_bytes(text.encode())
    (folder / f"{name}.ann").write_bytes(annotations.encode())
    return folder / f"{name}.ann"


@pytest.mark.parametrize("name", FILES)
def test_files(name, tmp_path):
    text, annotations, expected, said = FILES[name]
    path = put(tmp_path, "doc", text, annotations)
    assert guess_input(path) == "brat"
    check(path, expected, said)


def test_a_folder(tmp_path):
    put(tmp_path, "b", SONY, T1)
    put(tmp_path, "a", "Nobody.", "")
    (tmp_path / "c.txt").write_text("To be done.")
    assert guess_input(tmp_path) == "brat"
    shown, said = read_file(tmp_path)
    assert shown == [("Nobody.", []), (SONY, COMPANIES[:1])]
    assert said[1:] == [(False, "has no c.ann beside it, and is not read")]
    put(tmp_path / "more", "a", SONY, T1)
    assert [text.meta["id"] for text in brat.read(tmp_path)] == ["a", "b", "more/a"]


@pytest.mark.parametrize(("annotations", "what"), [
    ("T1 PER 0 4\n", "not an annotation"), ("X1\tPER 0 4\tSony\n", "not an id of brat"),
    ("T1\tPER 0\tSony\n", "not a span"), ("T1\tPER a 4\tSony\n", "not a span"),
])  # fmt: skip
def test_what_is_no_annotation(annotations, what, tmp_path):
    path = put(tmp_path, "a", SONY, T1 + annotations)
    with pytest.raises(FormatError, match=rf"a\.ann:2.*{what}"):
        list(brat.read(path))


def test_files_that_are_not_there(tmp_path):
    (tmp_path / "a.ann").write_text(T1)
    with pytest.raises(FormatError, match=r"there is no a\.txt"):
        list(brat.read(tmp_path / "a.ann"))
    (tmp_path / "b.txt").write_text("x")
    with pytest.raises(FormatError, match=r"b\.ann: there is no such file"):
        list(brat.read(tmp_path / "b.txt"))


def test_several_texts_are_several_files(tmp_path):
    texts = [mark(SONY, ("Sony", "ORG"))] + [AnnotatedText(f"text {i}") for i in range(10)]
    brat_writing.write(tmp_path / "x.ann", texts)
    assert (tmp_path / "x-01.ann").read_text() == "T1\tORG 0 4\tSony\n"
    found = list(brat.read(tmp_path))
    assert [(t.text, t.spans) for t in found] == [(t.text, t.spans) for t in texts]
    with pytest.raises(FormatError, match=r"x-01\.ann, of an earlier conversion"):
        brat_writing.write(tmp_path / "x.ann", texts[:3])


def test_what_brat_cannot_say(tmp_path):
    with pytest.raises(FormatError, match=r"holds white space.*--labels-map"):
        brat_writing.write(tmp_path / "x.ann", [mark(SONY, ("Sony", "a b"))])
    with pytest.raises(FormatError, match="byte order mark"):
        brat_writing.write(tmp_path / "x.ann", [AnnotatedText("\ufeffx")])
    assert not list(tmp_path.iterdir())


def test_spans_over_line_ends_are_written_as_brat_does(tmp_path):
    text = "New\r\nYork\tis\u2028big \n"
    spans = [(0, 9, "LOC"), (0, 10, "LOC"), (5, 16, "X"), (18, 19, "X")]
    problems = []
    brat_writing.write(tmp_path / "x.ann", [AnnotatedText(text, in_order(spans))], problems)
    assert (tmp_path / "x.ann").read_text() == (
        "T1\tLOC 0 3;5 9\tNew York\nT2\tLOC 0 3;5 9\tNew York\nT3\tX 5 9;10 12;13 16\tYork is big\n"
    )
    assert [(p.start, p.end, p.lost) for p in problems] == [(0, 10, False), (18, 19, True)]
    (found,) = brat.read(tmp_path)
    assert found.spans == ((0, 9, "LOC"), (5, 16, "X"))


def test_what_is_there_is_not_replaced(tmp_path):
    (tmp_path / "a-1.txt").write_text("mine")
    texts = [AnnotatedText("x"), AnnotatedText("y")]
    with pytest.raises(FormatError, match=r"a-1\.txt is there, without an \.ann"):
        brat_writing.write(tmp_path / "a.ann", texts)
    path = put(tmp_path, "b", SONY, T1)
    with pytest.raises(FormatError, match=r"b\.txt would replace what is read"):
        brat_writing.write(path, brat.read(path))
    assert path.read_text() == T1 and len(list(tmp_path.iterdir())) == 3
    columns = tmp_path / "c.conll"
    columns.write_text("Ada B-PER\n")
    (tmp_path / "c.txt").write_text("mine")
    code, said = run(columns, tmp_path / "c.ann")
    assert code == 1 and "c.txt is there" in said


def test_inputs_whose_outputs_may_meet(tmp_path):
    for name, n in (("a", 2), ("a-1", 1)):
        (tmp_path / "in").mkdir(exist_ok=True)
        (tmp_path / "in" / f"{name}.jsonl").write_text('{"text": "x", "ents": []}\n' * n)
    code, said = run(tmp_path / "in", tmp_path / "out", "--to", "brat")
    assert code == 1 and "would go here" in said and not (tmp_path / "out").exists()
    (tmp_path / "in" / "a-1.jsonl").rename(tmp_path / "in" / "a-b.jsonl")
    assert run(tmp_path / "in", tmp_path / "out", "--to", "brat")[0] == 0
    assert len(list((tmp_path / "out").glob("*.ann"))) == 3
