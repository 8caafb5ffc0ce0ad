"""Labels of each Doc, and a threshold for each label, in spacy-llm's component."""

import warnings

import pytest
from sample_pipelines import spans_of

pytest.importorskip("spacy_llm")

from .inside import hits, pipe_of
from .pipelines import CALLS, TWO_STEPS, make

TEXT = "Ada Lovelace lives in Paris."
PER, LOC = (0, 12, "PER"), (22, 27, "LOC")
SETS = [None, ["PER"], [], ["LOC", "PER"], ["LOC"], None]


def asking(nlp, labels, text=TEXT):
    doc = nlp.make_doc(text)
    doc._.padellm_labels = labels
    return doc


@pytest.mark.parametrize("labels", [["PER", "LOC"], []])
def test_each_doc_is_asked_for_its_own(model_folder, labels):
    nlp = make(model_folder, task={"labels": labels}, save_io=True)
    docs = list(nlp.pipe([asking(nlp, own) for own in SETS]))
    for doc, own in zip(docs, SETS, strict=True):
        assert spans_of(doc) == [s for s in (PER, LOC) if own is None or s[2] in own]
        if own:
            assert f"Labels: {'; '.join(own)}" in doc.user_data["llm_io"]["llm"]["prompt"]
    assert pipe_of(nlp).doc_decoder.work.batches == 1  # one question, whatever the labels


def test_a_text_model_is_asked_for_them(model_folder):
    CALLS.clear()
    nlp = make(None, model=TWO_STEPS)
    text = "Ada Lovelace met Ada Lovelace."
    docs = list(nlp.pipe([asking(nlp, own, text) for own in (["PER"], [], ["RIVER"], None)]))
    assert [len(of_doc) for of_doc in CALLS[0]] == [1, 1, 2]
    assert "Mentions of RIVER:" in CALLS[0][1][0]
    assert [len(doc.ents) for doc in docs] == [2, 0, 0, 2]
    without = make(None, model=TWO_STEPS, task={"labels": []})
    assert len(without(asking(without, ["PER"], text)).ents) == 2


def test_a_cache_tells_them_apart(model_folder, tmp_path):
    cache = {"@llm_misc": "spacy_padellm.BatchCache.v1", "path": str(tmp_path / "c"),
             "batch_size": 2, "max_batches_in_mem": 4, "model": "m"}  # fmt: skip
    nlp = make(model_folder, cache=cache)
    for _ in range(2):
        found = [spans_of(nlp(asking(nlp, own))) for own in (None, ["PER"], ["LOC"], [])]
        assert found == [[PER, LOC], [PER], [LOC], []]
    assert hits(nlp) == 4


def test_what_are_no_labels_is_said(model_folder):
    nlp = make(model_folder)
    with pytest.raises(ValueError, match=r"doc\._\.padellm_labels is 'PER': set it to a list"):
        nlp(asking(nlp, "PER"))


def test_a_threshold_for_each_label(model_folder):
    for threshold in ({"PER": 1.0}, [["PER", 1.0], ["LOC", 0.001]]):
        nlp = make(model_folder, task={"threshold": threshold})
        assert spans_of(nlp(TEXT)) == [LOC]
    with pytest.raises(ValueError, match=r"names 'PRE' .*, which is not in the setting `labels`"):
        make(model_folder, task={"threshold": {"PRE": 0.5}})
    nlp = make(model_folder, task={"labels": [], "threshold": {"PRE": 0.5}})
    with pytest.warns(UserWarning, match=r"threshold names 'PRE'.*, which is none of the labels"):
        nlp(asking(nlp, None))
    with warnings.catch_warnings(action="error", category=UserWarning):
        nlp(TEXT)
