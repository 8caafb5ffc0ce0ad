"""`padellm train` of texts whose offsets are wrong: it stops, and says why, in any kind of file."""

import csv
import json

import pytest
import spacy
from wrong_offsets import FAULTS, in_documents, right_rows

from spacy_padellm.formats.docbin import write

from .own_data import made


def rows_of_entities(path, rows):
    with path.open("w", newline="", encoding="utf8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "start", "end", "label"])
        for text, places in rows:
            writer.writerows([text, start, end, "PER"] for start, end in places)


def rows_of_texts(path, rows):
    with path.open("w", newline="", encoding="utf8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "entities"])
        for text, places in rows:
            writer.writerow([text, json.dumps([[*place, "PER"] for place in places])])


def records(key):
    def write(path, rows):
        lines = [
            json.dumps({"text": text, key: [[*place, "PER"] for place in places]})
            for text, places in rows
        ]
        path.write_text("\n".join(lines))

    return write


SHAPES = {
    "entities.csv": rows_of_entities,
    "texts.csv": rows_of_texts,
    "ents.jsonl": records("ents"),
    "doccano.jsonl": records("label"),
}
LANGUAGES = ("English", "German", "emoji")
CASES = [
    (fault, LANGUAGES[(i + more) % 3], [*SHAPES][(i + 3 * more) % 4])
    for i, fault in enumerate(FAULTS)
    for more in (0, 1)
]


@pytest.mark.parametrize(("fault", "language", "shape"), CASES)
def test_training_stops_and_says_why(fault, language, shape, tmp_path):
    spoil, words = FAULTS[fault]
    right = right_rows(language)
    rows = spoil(right)
    SHAPES[shape](tmp_path / shape, rows)
    if rows == right:
        assert "Training on" in " ".join(made(tmp_path / shape)[1])
        return
    with pytest.raises(ValueError) as refused:
        made(tmp_path / shape, lang="de" if language == "German" else None)
    assert f"{shape}: your" in str(refused.value) and words in str(refused.value)
    assert "Correct the file" in str(refused.value)


@pytest.mark.parametrize(
    ("language", "name", "mend"),
    [
        ("Japanese", "The texts seem to be Japanese", "Pass --lang ja"),
        ("Chinese", "The texts seem to be Chinese", "Pass --lang zh"),
        ("Korean", "the tokenizer of 'en'", "Pass the language of the texts with --lang"),
    ],
)
def test_the_tokenizer_of_another_language_is_no_fault_of_the_offsets(
    language, name, mend, tmp_path
):
    rows_of_texts(tmp_path / "gold.csv", right_rows(language))
    with pytest.raises(ValueError) as refused:
        made(tmp_path / "gold.csv")
    said = str(refused.value)
    assert "do not begin and end with tokens (PER 60 of 60). They cut no word" in said
    assert "alignment_mode" not in said  # which would lose them all
    assert name in said and mend in said
    assert not any(word in said for word in ("shifted", "add ", "subtract", "Correct"))
    if language == "Chinese":
        assert "Training on" in " ".join(made(tmp_path / "gold.csv", lang="zh")[1])


def test_who_keeps_spans_that_are_off_does_not_keep_those_that_are_lost(tmp_path):
    lenient = {"corpora.train.alignment_mode": "contract"}
    rows_of_texts(tmp_path / "gold.csv", in_documents(right_rows("English")))
    for overrides in ({}, lenient):
        with pytest.raises(ValueError, match=r"of 60 spans are outside their texts") as refused:
            made(tmp_path / "gold.csv", overrides)
        assert "alignment_mode contract" not in str(refused.value)


def test_mentions_that_their_texts_do_not_have_stop_training(tmp_path):
    lines = [f"Ada{i} had soup.,{'SOUP' if i % 3 else 'soup'},DISH" for i in range(30)]
    (tmp_path / "gold.csv").write_text("\n".join(["text,mention,label", *lines]))
    with pytest.raises(ValueError, match="20 of 30 spans are not in their texts") as refused:
        made(tmp_path / "gold.csv")
    assert "'SOUP' is not in the text, which has 'soup'" in str(refused.value)
    assert "Write the mentions as they stand in the texts" in str(refused.value)


def as_spacy(path, rows):
    nlp = spacy.blank("en")
    docs = [nlp.make_doc(text) for text, _ in rows]
    for doc, (_, places) in zip(docs, rows, strict=True):
        doc.set_ents([doc.char_span(*place, label="PER") for place in places])
    write(path, docs)


def as_columns(path, rows):
    lines = []
    for text, places in rows:
        start = places[0][0] if places else -1
        at = 0
        for word in text.split():
            lines.append(f"{word} {'B-PER' if at == start else 'O'}")
            at += len(word) + 1
        lines.append("")
    path.write_text("\n".join(lines))


@pytest.mark.parametrize(
    ("name", "write_file"),
    [
        *((name, SHAPES[name]) for name in ("texts.csv", "ents.jsonl", "doccano.jsonl")),
        ("gold.conll", as_columns),
        ("gold.spacy", as_spacy),
    ],
)
def test_texts_that_contradict_each_other_are_told(name, write_file, tmp_path):
    right = [(f"Then Ada ordered lamb {i}", [(5, 8)]) for i in range(20)]
    write_file(tmp_path / name, [*right, *right])
    assert "contradict" not in " ".join(made(tmp_path / name)[1])
    write_file(tmp_path / name, [*right, *((text, []) for text, _ in right[:8])])
    said = " ".join(made(tmp_path / name)[1])
    assert f"{name}: 8 texts contradict an earlier one" in said and "line " in said
    assert '"Then Ada ordered lamb 0" is the same text as in line 1' in said or name != "gold.spacy"
    with pytest.raises(ValueError, match=r"8 texts contradict.*error with --strict"):
        made(tmp_path / name, strict=True)
