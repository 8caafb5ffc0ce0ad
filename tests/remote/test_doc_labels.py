"""Labels of each Doc, and a threshold for each label, with the model behind a server."""

import pytest
from sample_pipelines import change

from remote.serving import remote

pytest.importorskip("uvicorn")


def test_each_text_is_asked_for_its_own_labels(served):
    nlp = remote(*served, threshold={"PER": 0.001, "LOC": 1.0})
    sets = [None, ["PER"], ["LOC"], [], ["LOC", "PER"]]
    docs = [nlp.make_doc("Ada Lovelace lives in Paris.") for _ in sets]
    for doc, labels in zip(docs, sets, strict=True):
        doc._.padellm_labels = labels
    change(nlp.get_pipe("padellm_ner"), keep_raw=True)
    for doc, labels in zip(nlp.pipe(docs), sets, strict=True):
        asked = {"LOC", "PER"} if labels is None else {*labels}
        assert {count["label"] for count in doc._.padellm_raw["padellm_ner"]["counts"]} == asked
        assert {ent.label_ for ent in doc.ents} == asked - {"LOC"}
