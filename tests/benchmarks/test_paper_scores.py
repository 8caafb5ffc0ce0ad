"""Scores of what tuned models find, under labels in words."""

import pytest

from spacy_padellm.formats.gold_text import GoldText
from spacy_padellm.formats.json_records import write_records
from spacy_padellm.spans.prediction import Mention


def mention(label, text, p=0.5, start=None, end=None):
    return Mention(label, 1, text, start, end, p)


def test_strings_and_spans_are_scored_as_the_paper_and_as_docs_have_them():
    from paper.scoring import score

    golds = [GoldText("Rome and Rome saw Ada", ((0, 4, "LOC"), (9, 13, "LOC"), (18, 21, "PER")))]
    found = [[mention("LOC", "Rome"), mention("PER", "Ada"), mention("LOC", "Ada", 0.4)]]
    scores = score("padellm", golds, found)
    assert scores["strings"] == {"p": 1.0, "r": 1.0, "f": 1.0}  # Ada is likelier a person
    assert (scores["spans"]["p"], scores["spans"]["r"]) == (1.0, round(2 / 3, 5))
    scores = score("structured", golds, [[*found[0], mention("PER", "Eva")]])
    assert (scores["strings"]["p"], scores["strings"]["r"]) == (0.5, 1.0)
    assert (scores["spans"]["p"], scores["spans"]["r"]) == (round(2 / 3, 5), round(2 / 3, 5))
    nested = [[mention("LOC", "Rome and Rome", 0.9), mention("LOC", "Rome", 0.5, 0, 4)]]
    assert score("padellm", golds, nested)["flat"]["p"] == 0


def test_labels_are_called_by_their_words(tmp_path):
    from paper.recipe import Recipe
    from paper.sets import SETS, draw

    ents = [[0, 2, "NAME"], [3, 5, "X"]]
    for split in ("train", "test"):
        write_records(
            tmp_path / "resume" / f"{split}.jsonl", [{"text": "小明在北京", "ents": ents}]
        )
    drawn = draw(tmp_path, "resume", Recipe("b"), 0)
    assert drawn.labels == ("X", "名称") and drawn.test[0].spans == ((0, 2, "名称"), (3, 5, "X"))
    assert all(len(set(of.names.values())) == len(of.names) for of in SETS.values())
    write_records(tmp_path / "none" / "train.jsonl", [{"text": "a", "ents": []}])
    write_records(tmp_path / "none" / "test.jsonl", [{"text": "a", "ents": []}])
    with pytest.raises(ValueError, match="none have no entity"):
        draw(tmp_path, "none", Recipe("b"), 0)
