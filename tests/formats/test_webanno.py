"""WebAnno TSV 3.x, of the shapes that its documents show and INCEpTION writes."""

import pytest

from spacy_padellm.formats import webanno, webanno_writing
from spacy_padellm.formats.annotated_text import AnnotatedText, FormatError, in_order
from spacy_padellm.formats.guess import guess_input

from .samples import mark
from .tool_files import check

ENTITY = "#T_SP=de.tudarmstadt.ukp.dkpro.core.api.ner.type.NamedEntity"
HAAG = "Ms. Haag plays Elianti ."
HEAD = f"#FORMAT=WebAnno TSV 3.3\n{ENTITY}|identifier|value\n\n\n"

FILES = {
    "one token, several tokens": (
        HEAD + f"#Text={HAAG}\n"
        "1-1\t0-3\tMs.\t*[1]\tPER[1]\t\n1-2\t4-8\tHaag\t*[1]\tPER[1]\t\n1-3\t9-14\tplays\t_\t_\t\n"
        "1-4\t15-22\tElianti\t*\tOTH\t\n1-5\t23-24\t.\t_\t_\t\n",
        [(HAAG, [("Ms. Haag", "PER"), ("Elianti", "OTH")])],
        [],
    ),
    "sentences of a document": (
        HEAD + "#Text=Ada came.\n1-1\t0-3\tAda\t*\tPER\t\n1-2\t4-8\tcame\t_\t_\t\n"
        "1-3\t8-9\t.\t_\t_\t\n\n#Text=In Rome.\n2-1\t10-12\tIn\t_\t_\t\n"
        "2-2\t13-17\tRome\t*\tLOC\t\n2-3\t17-18\t.\t_\t_\t\n",
        [("Ada came.", [("Ada", "PER")]), ("In Rome.", [("Rome", "LOC")])],
        [],
    ),
    "stacked": (
        HEAD + "#Text=New York wins\n1-1\t0-3\tNew\t*[1]|*[2]\tLOC[1]|ORG[2]\t\n"
        "1-2\t4-8\tYork\t*[1]|*[2]|*[3]\tLOC[1]|ORG[2]|CITY[3]\t\n1-3\t9-13\twins\t_\t_\t\n",
        [("New York wins", [("New York", "LOC"), ("New York", "ORG"), ("York", "CITY")])],
        [],
    ),
    "parts of a token": (
        HEAD + "#Text=the Rome-based firm\n1-1\t0-3\tthe\t_\t_\t\n1-2\t4-14\tRome-based\t_\t_\t\n"
        "1-2.1\t4-8\tRome\t*\tLOC\t\n1-3\t15-19\tfirm\t_\t_\t\n",
        [("the Rome-based firm", [("Rome", "LOC")])],
        [],
    ),
    "UTF-16": (
        HEAD + "#Text=👩 Ada\n1-1\t0-2\t👩\t_\t_\t\n1-2\t3-6\tAda\t*\tPER\t\n\n"
        "#Text=Bo 👩\n2-1\t7-9\tBo\t*\tPER\t\n2-2\t10-12\t👩\t_\t_\t\n",
        [("👩 Ada", [("Ada", "PER")]), ("Bo 👩", [("Bo", "PER")])],
        [],
    ),
    "characters, by another tool": (
        HEAD + "#Text=👩 Ada\n1-1\t0-1\t👩\t_\t_\t\n1-2\t2-5\tAda\t*\tPER\t\n",
        [("👩 Ada", [("Ada", "PER")])],
        [],
    ),
    "other layers, relations, chains": (
        "#FORMAT=WebAnno TSV 3.2\n"
        "#T_SP=de.tudarmstadt.ukp.dkpro.core.api.lexmorph.type.pos.POS|PosValue\n"
        f"{ENTITY}|identifier|value\n"
        "#T_RL=de.tudarmstadt.ukp.dkpro.core.api.syntax.type.dependency.Dependency|DependencyType|"
        "BT_de.tudarmstadt.ukp.dkpro.core.api.lexmorph.type.pos.POS\n"
        "#T_CH=de.tudarmstadt.ukp.dkpro.core.api.coref.type.CoreferenceLink|referenceRelation|"
        "referenceType\n\n\n#Text=Ada came\n"
        "1-1\t0-3\tAda\tNNP\thttp://www.wikidata.org/entity/Q7259\tPER\tSBJ\t1-2\t*->1-1\tx[1]\t\n"
        "1-2\t4-8\tcame\tVBD\t_\t_\t_\t_\t_\t_\t\n",
        [("Ada came", [("Ada", "PER")])],
        ["not read: de.tudarmstadt.ukp.dkpro.core.api.lexmorph.type.pos.POS (2), "
         "NamedEntity.identifier (1), "],
    ),
    "layers of one's own": (
        "#FORMAT=WebAnno TSV 3.3\n#T_SP=webanno.custom.Drug|kind|note\n#T_SP=webanno.custom.Mark\n"
        "\n\n#Text=take aspirin\n1-1\t0-4\ttake\t_\t_\t*\t\n1-2\t5-12\taspirin\tNSAID\tx\t_\t\n",
        [("take aspirin", [("take", "Mark"), ("aspirin", "NSAID")])],
        ["not read: Drug.note (1)", "spans of 2 layers are read together: Drug (1), Mark (1)"],
    ),
    "escapes": (
        HEAD + "#Text=a\\\\b\\tc [x]\n1-1\t0-3\ta\\\\b\t*\tA\\_B\\|C\\[1\\]\\*\t\n"
        "1-2\t4-5\tc\t_\t_\t\n1-3\t6-9\t[x]\t*\tX\\->Y\\;\\\\\t\n",
        [("a\\b\tc [x]", [("a\\b", "A_B|C[1]*"), ("[x]", "X->Y;\\")])],
        [],
    ),
    "apart, of two sentences, without a value": (
        HEAD + "#Text=a b c\n1-1\t0-1\ta\t*[1]\tX[1]\t\n1-2\t2-3\tb\t*\t*\t\n"
        "1-3\t4-5\tc\t*[1]|*[2]\tX[1]|Y[2]\t\n\n#Text=d\n2-1\t6-7\td\t*[2]\tY[2]\t\n",
        [("a b c", []), ("d", [])],
        ["lost: tokens that are apart", "lost: has no value", "lost: in several sentences",
         "lost: in several sentences"],
    ),
    "sentence ids, a text of two lines, a text without tokens": (
        HEAD + "#Sentence.id=s1\n#Text=New\n#Text=York\n1-1\t0-3\tNew\t*[1]\tLOC[1]\t\n"
        "1-2\t4-8\tYork\t*[1]\tLOC[1]\t\n\n#Text=\n",
        [("New\nYork", [("New\nYork", "LOC")]), ("", [])],
        [],
    ),
    "relations of stacked spans, slots": (
        f"#FORMAT=WebAnno TSV 3.3\n{ENTITY}|value\n"
        "#T_SP=webanno.custom.Event|ROLE_webanno.custom.Event:who_webanno.custom.Link|"
        "de.tudarmstadt.ukp.dkpro.core.api.ner.type.NamedEntity\n"
        "#T_RL=webanno.custom.Knows|kind|"
        "BT_de.tudarmstadt.ukp.dkpro.core.api.ner.type.NamedEntity\n\n\n#Text=Ada met Bo\n"
        "1-1\t0-3\tAda\tPER[1]|ORG[2]\t_\t_\t_\t_\t\n"
        "1-2\t4-7\tmet\t_\tp1;*[5]|_[6]\t1-1[1];1-3|*\t_\t_\t\n"
        "1-3\t8-10\tBo\tPER\t_\t_\tof\\_old|*\t1-1[1_0]|1-1[2_0]\t\n",
        [("Ada met Bo", [("Ada", "ORG"), ("Ada", "PER"), ("Bo", "PER")])],
        ["not read: webanno.custom.Event (1), webanno.custom.Knows (1)"],
    ),
    "a layer of slots alone": (
        "#FORMAT=WebAnno TSV 3.3\n#T_SP=webanno.custom.Thing|\n"
        "#T_SP=webanno.custom.Host|ROLE_webanno.custom.Host:links_webanno.custom.Link|"
        "webanno.custom.Thing\n\n\n#Text=This is a test .\n"
        "1-1\t0-4\tThis\t_\tp1;p2\t1-2[1];1-4\t\n1-2\t5-7\tis\t*[1]\t_\t_\t\n"
        "1-3\t8-9\ta\t*[1]\t_[3]\t*\t\n1-4\t10-14\ttest\t*\t_[3]\t*\t\n"
        "1-5\t15-16\t.\t_\t_\t*\t\n",
        [("This is a test .", [("This", "Host"), ("is a", "Thing"), ("a test", "Host"),
                               ("test", "Thing"), (".", "Host")])],
        ["not read: Host.ROLE_", "spans of 2 layers are read together: Thing (2), Host (3)"],
    ),
    "entities with an identifier alone": (
        f"#FORMAT=WebAnno TSV 3.3\n{ENTITY}|identifier\n\n\n#Text=Ada came\n"
        "1-1\t0-3\tAda\thttp://www.wikidata.org/entity/Q7259\t\n1-2\t4-8\tcame\t_\t\n",
        [("Ada came", [("Ada", "NamedEntity")])],
        ["not read: NamedEntity.identifier (1)"],
    ),
    "a document without entities": (
        "#FORMAT=WebAnno TSV 3.3\n#T_SP=x.lexmorph.type.pos.POS|PosValue\n\n\n#Text=Ada\n"
        "1-1\t0-3\tAda\tNN\t\n",
        [("Ada", [])],
        ["no layer of entities (layers: POS)", "not read: x.lexmorph.type.pos.POS (1)"],
    ),
    "a document without annotations": (
        "#FORMAT=WebAnno TSV 3.3\n\n\n#Text=Ada\n1-1\t0-3\tAda\t\n",
        [("Ada", [])],
        ["no layer of entities (layers: none)"],
    ),
    "tokens as they are": (
        HEAD + "#Text=C:\\\\temp \\\\n x\n1-1\t0-7\tC:\\temp\t*\tPATH\t\n"
        "1-2\t8-10\t\\n\t_\t_\t\n1-3\t11-12\tx\t_\t_\t\n",
        [("C:\\temp \\n x", [("C:\\temp", "PATH")])],
        [],
    ),
    "a sentence that begins with white space": (
        HEAD + "#Text=  a Ada\n1-1\t2-3\ta\t_\t_\t\n1-2\t4-7\tAda\t*\tPER\t\n",
        [("  a Ada", [("Ada", "PER")])],
        [],
    ),
    "version 3.1, escaped as Java does": (
        f"#FORMAT=WebAnno TSV 3.1\n{ENTITY}|identifier|value\n\n\n"
        "#Text=Zo\\u00EB \\uD83D\\uDC69 \\\"x\\\" a\\\\b\n"
        "1-1\t0-3\tZo\xeb\t*\tPER\t\n1-2\t4-6\t👩\t_\t_\t\n1-3\t7-10\t\"x\"\t_\t_\t\n"
        "1-4\t11-14\ta\\b\t*\tX\t\n",
        [('Zo\xeb 👩 "x" a\\b', [("Zo\xeb", "PER"), ("a\\b", "X")])],
        [],
    ),
    "version 3, without escapes": (
        f"#FORMAT=WebAnno TSV 3\n{ENTITY}|value\n\n\n#Text=C:\\temp x\n"
        "1-1\t0-7\tC:\\temp\tPATH\n1-2\t8-9\tx\t_\n",
        [("C:\\temp x", [("C:\\temp", "PATH")])],
        [],
    ),
    "offsets of nothing": (
        HEAD + "#Text=Ada came\n1-1\t5-7\tAda\t*\tPER\t\n1-2\t20-29\tcame\t_\t_\t\n",
        [("Ada came", [("Ada", "PER")])],
        ["the offsets of its tokens are not theirs"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_files(name, tmp_path):
    content, expected, said = FILES[name]
    path = tmp_path / "doc.tsv"
    path.write_bytes(content.encode())
    assert guess_input(path) == "webanno"
    check(path, expected, said)


def test_other_tables_stay_columns(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_text("Ada\tB-PER\n")
    assert guess_input(path) == "columns"


@pytest.mark.parametrize(("content", "what"), [
    ("Ada\tB-PER\n", "the first line is"), (HEAD + "#Text=Ada\n1-1\t0-3\tAda\t_\n", "4 columns"),
    (HEAD + "#Text=Ada\n1-1\t0-3\tEve\t_\t_\t\n", "not in the text"),
    (HEAD + "#Text=Ada\n1-1\t0\tAda\t_\t_\t\n", "is not a token"),
    (HEAD + "#Text=Ada\n1-1\t0-3\tAda\t_\tPER[x]\t\n", "is not a cell"),
])  # fmt: skip
def test_what_is_no_file(content, what, tmp_path):
    path = tmp_path / "a.tsv"
    path.write_text(content)
    with pytest.raises(FormatError, match=rf"(?i){what}"):
        list(webanno.read(path))


def test_what_is_written(tmp_path):
    tokens = ((0, 3), (4, 8), (9, 14), (15, 22), (23, 24))
    text = mark(HAAG, ("Ms. Haag", "PER"), ("Elianti", "OTH"), tokens=tokens)
    webanno_writing.write(tmp_path / "a.tsv", [text])
    assert (tmp_path / "a.tsv").read_text() == FILES["one token, several tokens"][0]
    problems = []
    off = AnnotatedText("a b", in_order([(0, 2, "X"), (1, 2, "Y")]), ((0, 1), (2, 3)))
    webanno_writing.write(tmp_path / "b.tsv", [off], problems)
    assert [(p.label, p.lost) for p in problems] == [("X", True), ("Y", True)]


def test_texts_begin_and_end_with_a_token(tmp_path):
    texts = [
        AnnotatedText("\n Ada\tC:\\x ", in_order([(2, 5, "PER")]), ((0, 2), (2, 5), (6, 10))),
        AnnotatedText("  ", (), ((0, 2),)),
        AnnotatedText("👩 Bo", in_order([(2, 4, "PER")]), ((0, 1), (2, 4))),
    ]
    problems = []
    webanno_writing.write(tmp_path / "a.tsv", texts, problems)
    assert (tmp_path / "a.tsv").read_text() == (
        HEAD + "#Text=Ada\\tC:\\\\x\n1-1\t0-3\tAda\t*\tPER\t\n1-2\t4-8\tC:\\x\t_\t_\t\n"
        "\n#Text=👩 Bo\n2-1\t9-11\t👩\t_\t_\t\n2-2\t12-14\tBo\t*\tPER\t\n"
    )
    assert [(p.of, p.lost) for p in problems] == [("spacing", False), ("text", True)]
    found = list(webanno.read(tmp_path / "a.tsv"))
    assert [(t.text, t.spans) for t in found] == [
        ("Ada\tC:\\x", ((0, 3, "PER"),)), ("👩 Bo", ((2, 4, "PER"),))]  # fmt: skip
