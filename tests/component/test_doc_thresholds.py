"""`doc._.padellm_threshold`: a stream that has a threshold for each text."""

import pytest
from spacy.tokens import DocBin

from spacy_padellm.tools.explain.explanation import explain

TEXT = "Ada Lovelace met Ada in Rome."
# Without the first, which overlaps them, two others stay: thresholds come before overlaps.
SCRIPT = {
    TEXT: [
        ("PER", "Ada Lovelace met", 0.8),
        ("LOC", "Ada", 0.6),
        ("PER", "Lovelace", 0.5),
        ("LOC", "Rome", 0.4),
    ]
}
THRESHOLDS = [0.0, 0.45, 1.0, {"PER": 0.9}, {"LOC": 0.5}, {"PER": 0.55, "LOC": 0.55}, {"PER": 1}]
WHERE = [{}, {"resolution": "paper_flat"}, {"annotate": "spans"}, {"annotate": "spans",
         "resolution": "paper"}, {"annotate": "spans", "resolution": "none"}]  # fmt: skip


def found(doc):
    return [(s.start_char, s.end_char, s.label_) for s in [*doc.ents, *doc.spans.get("sc", [])]]


@pytest.mark.parametrize("settings", WHERE, ids=str)
@pytest.mark.parametrize("of_component", [0.0, 0.7, {"PER": 0.55}], ids=str)
def test_it_is_that_of_a_component_with_this_threshold(scripted, settings, of_component):
    nlp, _ = scripted(SCRIPT, threshold=of_component, **settings)
    docs = [nlp.make_doc(TEXT) for _ in range(len(THRESHOLDS) + 1)]
    for doc, threshold in zip(docs, THRESHOLDS, strict=False):
        doc._.padellm_threshold = threshold
    mine = [found(doc) for doc in nlp.pipe(docs)]
    theirs = [
        found(scripted(SCRIPT, threshold=threshold, **settings)[0](TEXT))
        for threshold in [*THRESHOLDS, of_component]
    ]
    assert mine == theirs and mine[0] != mine[2] == []


@pytest.mark.parametrize("bad", ["0.5", 2, -1, float("nan"), {"PER": None}, {}, True, [1]])
def test_what_is_no_threshold_loses_no_other_doc(scripted, bad):
    nlp, _ = scripted(SCRIPT)
    failed = []
    nlp.set_error_handler(lambda name, proc, docs, e: failed.append((docs, str(e))))
    docs = [nlp.make_doc(TEXT) for _ in range(3)]
    docs[1]._.padellm_threshold = bad
    assert [doc for doc in nlp.pipe(docs)] == [docs[0], docs[2]]
    (((lost,), said),) = failed
    assert lost is docs[1] and said.startswith("doc._.padellm_threshold")


@pytest.mark.parametrize(
    ("labels", "threshold", "name"),
    [
        (None, {"PRE": 0.9}, "PRE"),
        (None, {"PER": 0.9, "DATE": 0.5}, "DATE"),
        (["LOC"], {"PER": 0.5}, "PER"),
        ({"LOC": "towns"}, {"PER": 0.5, "LOC": 0.5}, "PER"),
    ],
)
def test_a_threshold_of_a_label_that_is_not_asked_for_is_an_error(
    scripted, labels, threshold, name
):
    """Before anything is decoded, and of this Doc alone."""
    nlp, asked = scripted(SCRIPT)
    failed = []
    nlp.set_error_handler(lambda name, proc, docs, e: failed.append((docs, str(e))))
    docs = [nlp.make_doc(TEXT) for _ in range(3)]
    docs[1]._.padellm_labels, docs[1]._.padellm_threshold = labels, threshold
    assert [doc for doc in nlp.pipe(docs)] == [docs[0], docs[2]]
    (((lost,), said),) = failed
    assert lost is docs[1] and said.startswith("doc._.padellm_threshold") and repr(name) in said
    assert asked == [[TEXT], [TEXT]]


@pytest.mark.parametrize(
    ("labels", "threshold"),
    [(["WORK"], {"WORK": 0.5}), ([], {"PER": 0.5}), (["PER"], 0.5), (("PER", "LOC"), {"LOC": 1})],
)
@pytest.mark.filterwarnings("ignore:.*was not trained with")
def test_a_threshold_of_a_label_that_is_asked_for_is_none(scripted, labels, threshold):
    nlp, _ = scripted(SCRIPT)
    doc = nlp.make_doc(TEXT)
    doc._.padellm_labels, doc._.padellm_threshold = labels, threshold
    assert nlp(doc) is doc


def test_it_is_kept_and_explained(scripted):
    nlp, _ = scripted(SCRIPT)
    doc = nlp.make_doc(TEXT)
    doc._.padellm_threshold = {"PER": 0.9}
    box = DocBin(store_user_data=True, docs=[doc])
    (kept,) = DocBin().from_bytes(box.to_bytes()).get_docs(nlp.vocab)
    assert [ent.text for ent in nlp(kept).ents] == ["Ada", "Rome"]

    @nlp.component("set_threshold")
    def set_threshold(doc):
        doc._.padellm_threshold = 0.45
        return doc

    nlp.add_pipe("set_threshold", first=True)
    said = explain(nlp, nlp.get_pipe("padellm_ner"), TEXT)
    (rome,) = [m for label in said.labels for m in label.mentions if m.text == "Rome"]
    assert said.threshold == 0.45 and rome.fate == "below threshold" and "0.45" in rome.reason
