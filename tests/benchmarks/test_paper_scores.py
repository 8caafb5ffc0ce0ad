"""Scores of what tuned models find, under labels in words."""

from dataclasses import replace

import pytest

from spacy_padellm.formats.gold_text import GoldText
from spacy_padellm.formats.json_records import write_records
from spacy_padellm.pipeline.settings import Settings
from spacy_padellm.spans.prediction import Mention
from spacy_padellm.tools.benchmark.methods import NO_BUDGET


def mention(label, text, p=0.5, start=None, end=None):
    return Mention(label, 1, text, start, end, p)


def test_strings_and_spans_are_scored_as_the_paper_and_as_docs_have_them():
    from paper.scoring import score

    golds = [GoldText("Rome and Rome saw Ada", ((0, 4, "LOC"), (9, 13, "LOC"), (18, 21, "PER")))]
    found = [[mention("LOC", "Rome"), mention("PER", "Ada"), mention("LOC", "Ada", 0.4)]]
    scores = score("padellm", golds, found)
    assert scores["strings"] == {"p": 1.0, "r": 1.0, "f": 1.0}  # Ada is likelier a person
    assert (scores["spans"]["p"], scores["spans"]["r"]) == (round(2 / 3, 5), round(2 / 3, 5))
    assert (scores["flat"]["p"], scores["flat"]["r"]) == (1.0, round(2 / 3, 5))
    scores = score("structured", golds, [[*found[0], mention("PER", "Eva")]])
    assert (scores["strings"]["p"], scores["strings"]["r"]) == (0.5, 1.0)
    assert (scores["spans"]["p"], scores["spans"]["r"]) == (round(2 / 3, 5), round(2 / 3, 5))
    nested = [[mention("LOC", "Rome and Rome", 0.9), mention("LOC", "Rome", 0.5, 0, 4)]]
    assert score("padellm", golds, nested)["flat"]["p"] == 0


def test_where_no_two_overlap_repeats_are_looked_for_outside_of_longer_mentions():
    """As the component aligns them for `doc.ents`."""
    from paper.scoring import score

    golds = [GoldText("University of Texas in Texas", ((0, 19, "ORG"), (23, 28, "LOC")))]
    found = [[mention("ORG", "University of Texas"), mention("LOC", "Texas")]]
    scores = score("augmented", golds, found)
    assert scores["flat"]["f"] == 1.0 and scores["spans"]["f"] == 0.5


def test_strings_are_scored_as_they_were_written():
    from paper.scoring import score

    golds = [GoldText("Ada left ROME", ((0, 3, "PER"), (9, 13, "LOC")))]
    for name in ("padellm", "structured"):
        scores = score(name, golds, [[mention("PER", " Ada "), mention("LOC", "Rome")]])
        assert scores["strings"]["f"] == 0.5 and scores["spans"]["f"] == 1.0


def test_padellm_is_scored_free_and_copying(data, plain_lm_folder, tmp_path, monkeypatch):
    from paper import scoring
    from paper.cells import Cell
    from paper.recipe import Recipe
    from paper.sets import draw
    from paper.training import load_for

    recipe = Recipe(str(plain_lm_folder), rank=2)
    cell = Cell("plain", "trips", "plain", "bare", "padellm", 0)
    drawn = draw(data, "trips", recipe, 0)
    loaded = load_for(cell, recipe, drawn.labels)
    monkeypatch.setattr(scoring, "load_tuned", lambda *_: loaded)
    made = []
    decoder_for = scoring.decoder_for

    def deciding(*given):
        made.append(decoder_for(*given))
        return made[-1]

    monkeypatch.setattr(scoring, "decoder_for", deciding)
    monkeypatch.setattr(scoring, "BATCH", 2)
    done = scoring.score_tuned(cell, recipe, drawn, tmp_path)
    assert set(done["scores"]) == {"tree-free", "ahead"} and done["cut"] is None
    assert [of.settings.copy for of in made] == [False, True]
    component = Settings().decoding  # which writes to doc.ents
    assert made[1].settings == replace(component, method="tree", token_budget=NO_BUDGET)

    # What was found is not found again.
    path = tmp_path / "found.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    assert len(lines) == 6
    path.write_text("".join(lines[:4]))
    assert scoring.score_tuned(cell, recipe, drawn, tmp_path) == done and len(made) == 3
    again = path.read_text().splitlines(keepends=True)
    assert again[:4] == lines[:4] and len(again) == 6


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
