import pytest

from spacy_padellm.formats import columns
from spacy_padellm.formats.annotated_text import AnnotatedText, FormatError
from spacy_padellm.formats.columns import Columns

from .samples import EMPTY, FLAT, NESTED, mark, places


def read(tmp_path, content, **settings):
    path = tmp_path / "a.conll"
    path.write_bytes(content.encode("utf8"))
    return list(columns.read(path, Columns(**settings)))


def tokenise(text):
    """Tokens between blanks."""
    places_, end = [], 0
    for token in text.text.split(" "):
        places_.append((end, end + len(token)))
        end += len(token) + 1
    return AnnotatedText(text.text, text.spans, tuple(places_) if text.text else ())


@pytest.mark.parametrize("separator", [None, " ", "\t", "~~"])
def test_round_trip(separator, tmp_path):
    texts = [tokenise(text) for text in FLAT]
    path = tmp_path / "a.conll"
    assert columns.write(path, texts, Columns(separator=separator)) == 1
    assert list(columns.read(path, Columns(separator=separator))) == texts


def test_overlapping_spans_take_columns(tmp_path):
    path = tmp_path / "a.conll"
    texts = [tokenise(text) for text in (*FLAT, NESTED)]
    assert columns.write(path, texts) == 2
    assert list(columns.read(path, Columns(tags=(1, 2)))) == texts


def test_spacing_is_kept_by_comments(tmp_path):
    text = mark("Rome,  Italy!", ("Italy", "LOC"), tokens=((0, 4), (4, 5), (7, 12), (12, 13)))
    path = tmp_path / "a.conll"
    columns.write(path, [text], comments=True)
    assert list(columns.read(path)) == [text]
    columns.write(path, [text])
    assert [t.text for t in columns.read(path)] == ["Rome , Italy !"]
    assert [t.text for t in columns.read(path, Columns(spacing=True))] == ["Rome, Italy!"]


@pytest.mark.parametrize(
    "tags",
    [
        "B-PER I-PER O B-LOC B-LOC",
        "I-PER I-PER O I-LOC B-LOC",
        "B-PER E-PER O S-LOC S-LOC",
        "B-PER L-PER O U-LOC U-LOC",
        "B-PER E-PER O W-LOC S-LOC",
        "B_PER I_PER O B_LOC B_LOC",
        "B-PER E-PER O B-LOC E-LOC",
        "B-PER E-PER O S-LOC I-LOC",
        "B-PER E-PER O S-LOC E-LOC",
    ],
)
def test_tag_schemes(tags, tmp_path):
    rows = zip(["Ada", "Byron", "in", "Rome", "Oslo"], tags.split(), strict=True)
    content = "\n".join(f"{token} x {tag}" for token, tag in rows)
    (text,) = read(tmp_path, content)
    assert text.text == "Ada Byron in Rome Oslo"
    last = ((13, 22, "LOC"),) if tags.endswith("B-LOC E-LOC") else ()
    assert text.spans == ((0, 9, "PER"), *(last or ((13, 17, "LOC"), (18, 22, "LOC"))))


def test_bmes_of_characters(tmp_path):
    content = "大 B-ORG\n众 M-ORG\n报 E-ORG\n好 O\n"
    (text,) = read(tmp_path, content, spacing=True)
    assert (text.text, text.spans) == ("大众报好", ((0, 3, "ORG"),))


def test_a_longer_label_with_hyphens(tmp_path):
    (text,) = read(tmp_path, "a B-creative-work\nb I-creative-work\n")
    assert text.spans == ((0, 3, "creative-work"),)


def test_documents_comments_crlf_and_blank_tokens(tmp_path):
    content = (
        "-DOCSTART- -X- -X- O\r\n\r\n# sent_id = 1\r\nEU NNP B-NP B-ORG\r\n# : O O\r\n \r\n\r\n"
        "-DOCSTART- O\n\nOslo NNP B-NP B-LOC\n\u3000 x x O\n\u00a0 x x O"
    )
    texts = read(tmp_path, content)
    assert places(texts) == [("EU #", ((0, 2, "ORG"),)), ("Oslo \u3000 \u00a0", ((0, 4, "LOC"),))]
    assert [text.meta for text in texts] == [{"document": 0}, {"document": 1}]
    assert [text.line for text in texts] == [4, 10]
    columns.write(tmp_path / "b.conll", texts)
    assert list(columns.read(tmp_path / "b.conll")) == texts


def test_text_comments_of_universal_ner(tmp_path):
    content = (
        "# sent_id = x-1\n# text = It's Rome.\n"
        "1\tIt\tO\t-\t-\n2\t's\tO\t-\t-\n3\tRome\tB-LOC\t-\t-\n4\t.\tO\t-\t-\n\n"
        "# text = something else\n1\tOslo\tB-LOC\t-\t-\n"
    )
    texts = read(tmp_path, content, token=1, tags=(2,))
    assert places(texts) == [("It's Rome.", ((5, 9, "LOC"),)), ("Oslo", ((0, 4, "LOC"),))]
    problems = []
    list(columns.read(tmp_path / "a.conll", Columns(token=1, tags=(2,)), problems))
    assert [(problem.line, problem.lost) for problem in problems] == [(9, False)]


def test_numbered_words_are_not_taken_for_tokens(tmp_path):
    content = "# text = John left\n1\tJohn\tB-PER\n2\tleft\tO\n"
    with pytest.raises(FormatError, match="--column-token"):
        read(tmp_path, content)
    (text,) = read(tmp_path, content.replace("2\t", "1-2\tx\tO\n2\t"), token=1)
    assert (text.text, text.spans) == ("John left", ((0, 4, "PER"),))


@pytest.mark.parametrize(
    "line, settings, message",
    [
        ("Rome", {}, "1 column"),
        ("Rome LOC", {}, "'LOC' is not a tag"),
        ("Rome B-", {}, "'B-' is not a tag"),
        ("Rome -", {}, "not a tag"),
        ("Rome O", {"tags": (1, 2)}, "expected the columns 0, 1, 2"),
        ("Rome O", {"separator": ","}, "--separator"),
        ("\tO", {}, "no token"),
    ],
)
def test_bad_line_is_named(line, settings, message, tmp_path):
    good = "a,O" if settings.get("separator") else "a O O"
    with pytest.raises(FormatError, match=message) as error:
        read(tmp_path, f"{good}\n{line}\n", **settings)
    assert "a.conll:2: " in str(error.value)


def test_what_columns_cannot_hold(tmp_path):
    path = tmp_path / "a.conll"
    problems = []
    off = mark("In Rome", ("Rom", "LOC"), tokens=((0, 2), (3, 7)))
    blank = AnnotatedText(" \n", (), ((0, 2),))
    columns.write(path, [off, blank, tokenise(EMPTY)], None, problems)
    assert [(problem.label, problem.lost) for problem in problems] == [
        ("LOC", True),
        ("", True),
        ("", True),
    ]
    assert places(columns.read(path)) == [("In Rome", ())]
    with pytest.raises(FormatError, match="--separator"):
        columns.write(path, [AnnotatedText("a b", (), ((0, 3),))], Columns(separator=" "))
    with pytest.raises(FormatError, match="no tokens"):
        columns.write(path, [AnnotatedText("a b")])
