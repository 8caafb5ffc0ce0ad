from dataclasses import replace

import pytest
from sample_pipelines import spans_of
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example

from spacy_padellm.pipeline.annotation import Annotator, entity_scores
from spacy_padellm.pipeline.doc_decoder import DocPrediction
from spacy_padellm.pipeline.settings import Settings
from spacy_padellm.spans.prediction import Mention, Prediction
from spacy_padellm.tools.analyze.corpus import analyze_texts
from spacy_padellm.tools.explain.explanation import explain

TEXT = "Ada Lovelace met Charles Babbage in London."
SCRIPT = {
    TEXT: [("PER", "Ada Lovelace", 0.9), ("PER", "Charles Babbage", 0.8), ("LOC", "London", 0.7)]
}


def test_entities_as_spacy_sets_them(scripted):
    nlp, _ = scripted(SCRIPT)
    doc = nlp(TEXT)
    assert spans_of(doc) == [(0, 12, "PER"), (17, 32, "PER"), (36, 42, "LOC")]
    assert [token.ent_iob_ for token in doc] == ["B", "I", "O", "B", "I", "O", "B", "O"]
    assert doc.has_annotation("ENT_IOB", require_complete=True)


def test_nothing_found_is_annotation_too(scripted):
    nlp, _ = scripted({})
    doc = nlp("Nothing here.")
    assert doc.ents == () and doc.has_annotation("ENT_IOB", require_complete=True)


def test_scores_of_entities(scripted):
    nlp, _ = scripted(SCRIPT)
    doc = nlp(TEXT)
    assert [ent._.padellm_score for ent in doc.ents] == [0.9, 0.8, 0.7]
    assert [score for _, score in entity_scores(doc)] == [0.9, 0.8, 0.7]


def test_scores_of_entities_survive_bytes_docbin_and_joining(scripted):
    nlp, _ = scripted(SCRIPT)
    doc = nlp(TEXT)
    copy = Doc(nlp.vocab).from_bytes(doc.to_bytes())
    packed = DocBin(store_user_data=True, docs=[doc]).to_bytes()
    (binned,) = DocBin().from_bytes(packed).get_docs(nlp.vocab)
    joined = Doc.from_docs([nlp(TEXT), doc])
    for other in (copy, binned):
        assert [score for _, score in entity_scores(other)] == [0.9, 0.8, 0.7]
    assert [score for _, score in entity_scores(joined)] == [0.9, 0.8, 0.7] * 2


def test_threshold(scripted):
    nlp, _ = scripted(SCRIPT, threshold=0.75)
    assert [ent.text for ent in nlp(TEXT).ents] == ["Ada Lovelace", "Charles Babbage"]


def test_overlaps_go_by_probability_in_ents(scripted):
    script = {"University of Texas": [("ORG", "University of Texas", 0.6), ("LOC", "Texas", 0.7)]}
    nlp, _ = scripted(script, labels=["ORG", "LOC"])
    assert [ent.text for ent in nlp("University of Texas").ents] == ["Texas"]


def test_span_group_keeps_nested_with_scores(scripted):
    text = "University of Texas"
    script = {text: [("LOC", "Texas", 0.7), ("ORG", text, 0.6), ("LOC", text, 0.5)]}
    nlp, _ = scripted(script, labels=["ORG", "LOC"], annotate="spans", spans_key="ner")
    doc = nlp(text)
    group = doc.spans["ner"]
    found = [
        (span.text, span.label_, round(float(score), 3))
        for span, score in zip(group, group.attrs["scores"], strict=True)
    ]
    assert sorted(found) == [
        ("Texas", "LOC", 0.7),
        (text, "LOC", 0.5),
        (text, "ORG", 0.6),
    ]
    assert doc.ents == ()
    copy = Doc(nlp.vocab).from_bytes(doc.to_bytes())
    assert len(copy.spans["ner"].attrs["scores"]) == 3


def test_paper_resolution_is_by_string(scripted):
    text = "Paris met Paris."
    script = {text: [("PER", "Paris", 0.6), ("LOC", "Paris", 0.7), ("LOC", "Paris", 0.5)]}
    nlp, _ = scripted(script, resolution="paper_flat")
    assert spans_of(nlp(text)) == [(0, 5, "LOC"), (10, 15, "LOC")]


@pytest.mark.parametrize("overwrite", [False, True])
def test_existing_entities(scripted, overwrite):
    nlp, _ = scripted(SCRIPT, overwrite_ents=overwrite)
    doc = nlp.make_doc(TEXT)
    doc.ents = [Span(doc, 1, 3, label="X", kb_id="Q1"), Span(doc, 7, 8, label="DOT")]
    doc = nlp(doc)
    kept = [(ent.text, ent.label_) for ent in doc.ents]
    others = [("Charles Babbage", "PER"), ("London", "LOC"), (".", "DOT")]
    first = ("Ada Lovelace", "PER") if overwrite else ("Lovelace met", "X")
    assert kept == [first, *others]
    if not overwrite:
        assert doc.ents[0].kb_id_ == "Q1" and doc.ents[0]._.padellm_score is None


@pytest.mark.parametrize("overwrite", [False, True])
def test_blocked_tokens(scripted, overwrite):
    nlp, _ = scripted(SCRIPT, overwrite_ents=overwrite)
    doc = nlp.make_doc(TEXT)
    doc.set_ents([], blocked=[doc[6:7], doc[7:8]])
    doc = nlp(doc)
    assert ("London" in [ent.text for ent in doc.ents]) == overwrite
    assert doc[7].ent_iob == 3 and doc[7].ent_type == 0


def test_running_twice_changes_nothing(scripted):
    for overwrite in (True, False):
        nlp, _ = scripted(SCRIPT, overwrite_ents=overwrite)
        doc = nlp(TEXT)
        first = entity_scores(doc)
        assert entity_scores(nlp(doc)) == first


def test_equal_mentions_take_successive_occurrences(scripted):
    text = "Rome is not Rome"
    nlp, _ = scripted({text: [("LOC", "Rome", 0.9), ("LOC", "Rome", 0.8), ("LOC", "Rome", 0.7)]})
    doc = nlp(text)
    assert spans_of(doc) == [(0, 4, "LOC"), (12, 16, "LOC")]
    assert nlp.get_pipe("padellm_ner").n_unaligned == 1


def test_raw_output_is_complete(scripted):
    text = "Ada in Rome, Romes"
    script = {
        text: [("PER", "Ada", 0.9), ("LOC", "Ada in Rome", 0.5), ("LOC", "Rome", 0.01),
               ("LOC", "Paris", 0.9)]
    }  # fmt: skip
    nlp, _ = scripted(script, keep_raw=True, threshold=0.1, copy_constraint=False)
    doc = nlp(text)
    raw = Doc(nlp.vocab).from_bytes(doc.to_bytes())._.padellm_raw["padellm_ner"]
    assert [ent.text for ent in doc.ents] == ["Ada"]
    assert {c["label"]: c["value"] for c in raw["counts"]} == {"PER": 1, "LOC": 3}
    assert [(d["text"], d["reason"], d["winner"]["text"]) for d in raw["dropped"]] == [
        ("Ada in Rome", "overlap", "Ada")
    ]
    assert [m["text"] for m in raw["below_threshold"]] == ["Rome"]
    assert [m["text"] for m in raw["unaligned"]] == ["Paris"]


@pytest.mark.parametrize(
    "mode, expected", [("strict", []), ("expand", ["NewYork"]), ("contract", [])]
)
def test_alignment_mode(scripted, mode, expected, caplog):
    text = "In NewYork today"
    nlp, _ = scripted({text: [("LOC", "York", 0.9)]}, alignment_mode=mode, copy_constraint=True)
    with caplog.at_level("WARNING"):
        assert [ent.text for ent in nlp(text).ents] == expected
    assert ("alignment_mode" in caplog.text) == (not expected)


RULES = {
    "flat": {},
    "none": {"annotate": "spans", "resolution": "none"},
    "nested": {"annotate": "spans"},
    "over present ones": {"overwrite_ents": True, "alignment_mode": "expand"},
    "likely": {"threshold": 0.75, "alignment_mode": "contract"},
}


@pytest.mark.parametrize("rules", RULES.values(), ids=RULES)
@pytest.mark.parametrize("scored", [True, False])
def test_what_is_placed_is_written_and_nothing_is_lost(rules, scored, trained):
    settings = Settings(**rules)
    told = [(0, 12, 0.9), (4, 12, 0.8), (17, 25, 0.7), (18, 24, 0.7), (36, 42, 0.6), (None,) * 3]
    mentions = [
        Mention("PER", i, "" if start is None else TEXT[start:end], start, end, p or 0.95)
        for i, (start, end, p) in enumerate(told, 1)
    ]
    doc = trained.make_doc(TEXT)
    doc.set_ents([Span(doc, 7, 8, label="DOT")], blocked=[doc[6:7]])
    before = doc.to_bytes()
    annotator = Annotator(settings, "ner", scored)
    placed = annotator.place(doc, DocPrediction(Prediction([], mentions), [], []))
    assert doc.to_bytes() == before
    somewhere = [*placed.mentions, *placed.below, *placed.unaligned, *placed.yielding]
    somewhere += [drop.mention for drop in placed.dropped]
    assert sorted(m.index for m in somewhere) == [m.index for m in mentions]
    assert bool(placed.below) == (scored and settings.threshold > 0)
    annotator.write(doc, placed)
    in_spans = settings.annotate == "spans"
    new = list(doc.spans["sc"]) if in_spans else [e for e in doc.ents if e.label_ == "PER"]
    assert new == placed.spans and new
    assert (len(doc.ents) - (0 if in_spans else len(new))) == 1  # the full stop stays
    if in_spans:
        assert ("scores" in doc.spans["sc"].attrs) == scored
    else:
        scores = [m.probability if scored else None for m in placed.mentions]
        assert [ent._.padellm_score for ent in new] == scores


@pytest.mark.parametrize("rules", RULES.values(), ids=RULES)
def test_every_door_places_alike(scripted, rules):
    """The component, the analysis and the explanation."""
    nlp, _ = scripted(SCRIPT, **rules)
    pipe = nlp.get_pipe("padellm_ner")
    nlp.add_pipe("entity_ruler", first=True).add_patterns([{"label": "X", "pattern": "London"}])
    doc = nlp(TEXT)
    spans = doc.spans["sc"] if pipe.settings.annotate == "spans" else doc.ents
    found = {(s.label_, s.start_char, s.end_char) for s in spans if s.label_ != "X"}
    kept = explain(nlp, pipe, TEXT).kept
    assert {(m.label, m.start, m.end) for m in kept} == found
    gold = nlp.make_doc(TEXT)
    gold.ents, gold.spans["sc"] = [], []
    (text,) = analyze_texts(nlp, pipe, [Example(nlp.make_doc(TEXT), gold)])
    assert set(text.placed(pipe.settings.threshold)) == found


def test_an_answer_without_probabilities_leaves_those_of_others(scripted):
    """Of an entity that is there and that the answer names again."""
    nlp, _ = scripted(SCRIPT)
    doc = nlp(TEXT)
    pipe = nlp.get_pipe("padellm_ner")
    annotator = Annotator(replace(pipe.settings, threshold=0.5), scored=False)
    annotator.write(doc, annotator.place(doc, pipe.predict([doc])[0]))
    assert [score for _, score in entity_scores(doc)] == [0.9, 0.8, 0.7]
