"""Which lines of a column file are tokens."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_padellm.formats import columns
from spacy_padellm.formats.annotated_text import FormatError
from spacy_padellm.formats.columns import Columns
from spacy_padellm.formats.sentence_lines import read_sentences

WORDS = ("Ada B-PER", "Lovelace I-PER", "ran O")
NUMBER = st.integers(0, 30).map(str)
IDS = st.builds("{}{}{}".format, NUMBER, st.sampled_from("-._:"), NUMBER)


def read(path, content, **settings):
    path.write_text(content, encoding="utf8")
    problems = []
    return list(columns.read(path, Columns(**settings), problems)), problems


@pytest.mark.parametrize(
    "ids",
    ["1-1 1-2 1-3", "2-1 2-2 2-3", "1.1 1.2 1.3", "1-1 2-1 3-1", "7 8 9", "s1-1 s1-2 s1-3",
     "0-3 4-12 13-16"],
)  # fmt: skip
@pytest.mark.parametrize("gap", [" ", "\t"])
def test_ids_of_any_tool(ids, gap, tmp_path):
    lines = [f"{i} {word}".replace(" ", gap) for i, word in zip(ids.split(), WORDS, strict=True)]
    (text,), problems = read(tmp_path / "a.conll", "\n".join(lines), token=1)
    assert (text.text, text.spans) == ("Ada Lovelace ran", ((0, 12, "PER"),)) and not problems
    apart, _ = read(tmp_path / "a.conll", "\n\n".join(lines), token=1)
    assert [text.text for text in apart] == ["Ada", "Lovelace", "ran"]


@given(st.lists(st.lists(IDS, min_size=1, max_size=4), min_size=1, max_size=4))
def test_no_line_is_dropped_where_no_plain_number_counts_words(sentences):
    lines = [line for ids in sentences for line in (*(f"{i}\tx\tO" for i in ids), "")]
    found = list(read_sentences(enumerate(lines, 1), True))
    assert [len(sentence.lines) for sentence in found] == [len(ids) for ids in sentences]


def test_ranges_and_empty_nodes_of_conllu_are_no_tokens(tmp_path):
    content = "1-2\tdont\tB-X\n1\tdo\tO\n2\tnt\tO\n2.1\tgo\tO\n3\tRome\tB-LOC\n"
    (text,), problems = read(tmp_path / "a.conllu", content, token=1)
    assert (text.text, text.spans) == ("do nt Rome", ((6, 10, "LOC"),))
    assert [(p.line, p.label, p.lost) for p in problems] == [(1, "X", True)]


@pytest.mark.parametrize("ids", ["1 2 3", "1-1 1-2 1-3", "0 1 2", "4.1 4.2 4.3"])
def test_ids_are_not_taken_for_tokens(ids, tmp_path):
    lines = [f"{i} {word}" for i, word in zip(ids.split(), WORDS, strict=True)]
    with pytest.raises(FormatError, match=r"a\.conll:1: this column numbers .*--column-token"):
        read(tmp_path / "a.conll", "\n".join(lines))
    numbers, _ = read(tmp_path / "a.conll", "1 CD O\n2 CD O\n\nten CD O\n")
    assert [text.text for text in numbers] == ["1 2", "ten"]
    assert read(tmp_path / "a.conll", "1 O\n2 O\n")[0][0].text == "1 2"


def test_a_line_of_other_columns_needs_a_look(tmp_path):
    (text,), problems = read(tmp_path / "a.conll", "Ada O\nin New B-LOC\nYork I-LOC\n")
    assert text.text == "Ada in York"
    assert [(p.line, p.lost) for p in problems] == [(2, False), (3, False)]


@pytest.mark.parametrize("lines", [
    "1-1\tAda\tB-PER\n1-2\tmet\tO\n2-1\tBob\tB-PER\n",
    "1-1 Ada B-PER\n2-1 Bob B-PER\n",
    "1.1 Ada B-PER\n1.2 met O\n2.1 Bob B-PER\n",
    "0-0 Ada B-PER\n0-1 met O\n1-0 Bob B-PER\n",
])  # fmt: skip
def test_ids_are_no_words_though_no_line_parts_the_sentences(lines, tmp_path):
    (tmp_path / "a.conll").write_text(lines)
    with pytest.raises(FormatError, match="numbers the words"):
        list(columns.read(tmp_path / "a.conll", Columns()))
