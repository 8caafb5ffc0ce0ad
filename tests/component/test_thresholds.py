"""`threshold`: a number for all labels, or one for each."""

import warnings
from dataclasses import replace

import pytest
import spacy
from spacy.util import load_config_from_str, load_model_from_config

from spacy_padellm.architectures.config_values import write_value
from spacy_padellm.pipeline.settings import Settings
from spacy_padellm.spans.calibration import Calibration
from spacy_padellm.tools.analyze.analysis import analyze
from spacy_padellm.tools.analyze.corpus import analyze_texts
from spacy_padellm.tools.corpora import read_examples
from spacy_padellm.tools.explain.explanation import explain

TEXT = "Ada Lovelace met Charles Babbage in London."
SCRIPT = {
    TEXT: [("PER", "Ada Lovelace", 0.9), ("PER", "Charles Babbage", 0.6), ("LOC", "London", 0.6)]
}


def ents(nlp):
    return [ent.text for ent in nlp(TEXT).ents]


@pytest.mark.parametrize(("threshold", "expected"), [
    ({"PER": 0.75}, ["Ada Lovelace", "London"]),
    ([["PER", 0.75], ["LOC", 0.7]], ["Ada Lovelace"]),
    ({"LOC": 1.0}, ["Ada Lovelace", "Charles Babbage"]),
    ({"LOC": 0.6, "PER": 0}, ["Ada Lovelace", "Charles Babbage", "London"]),
])  # fmt: skip
@pytest.mark.parametrize("annotate", ["ents", "spans"])
def test_each_label_has_its_own(scripted, threshold, expected, annotate):
    nlp, _ = scripted(SCRIPT, threshold=threshold, annotate=annotate)
    doc = nlp(TEXT)
    assert [span.text for span in (doc.ents if annotate == "ents" else doc.spans["sc"])] == expected


def test_it_applies_to_calibrated_probabilities_before_overlaps_are_resolved(scripted):
    script = {"University of Texas": [("ORG", "University of Texas", 0.8), ("LOC", "Texas", 0.7)]}
    nlp, _ = scripted(script, labels=["ORG", "LOC"], threshold={"ORG": 0.75})
    assert [ent.text for ent in nlp("University of Texas").ents] == ["University of Texas"]
    pipe = nlp.get_pipe("padellm_ner")
    pipe.shim.calibrate(Calibration(1.0, 0.0))  # 0.9 of the count: 0.72 and 0.63
    assert [ent.text for ent in nlp("University of Texas").ents] == ["Texas"]


@pytest.mark.parametrize(("threshold", "expected"), [
    (0.0, ["PER"]),
    ({"PER": 0.6}, ["ORG"]),  # which had given way to the likelier one
    ({"PER": 0.6, "ORG": 0.6}, []),
    (0.5, ["PER"]),
])  # fmt: skip
def test_a_weaker_label_wins_where_a_stronger_one_is_below_its_threshold(
    scripted, threshold, expected
):
    script = {"Busan won.": [("PER", "Busan", 0.54), ("ORG", "Busan", 0.47)]}
    nlp, _ = scripted(script, labels=["PER", "ORG"], threshold=threshold)
    assert [ent.label_ for ent in nlp("Busan won.").ents] == expected


@pytest.mark.parametrize("given", [
    0.25, {"PER": 0.5, "LOC": 0.25}, [["PER", 0.5]], [["a:b=c", 0.5], ["*", 0.5], ["US\\u0024", 1]],
])  # fmt: skip
def test_every_trip_keeps_it(random_nlp, given, tmp_path):
    nlp = random_nlp(threshold=given)
    expected = nlp.get_pipe("padellm_ner").settings.threshold
    assert expected == (given if isinstance(given, float) else {
        label.replace("\\u0024", "$"): number for label, number in dict(given).items()
    })  # fmt: skip
    trips = [
        lambda nlp: load_model_from_config(
            load_config_from_str(nlp.config.to_str()), auto_fill=True
        ),
        lambda nlp: [nlp.to_disk(tmp_path / "p"), spacy.load(tmp_path / "p")][1],
        lambda nlp: type(nlp).from_config(nlp.config).from_bytes(nlp.to_bytes()),
    ]
    for trip in trips * 2:
        nlp = trip(nlp)
        assert nlp.get_pipe("padellm_ner").settings.threshold == expected
    again = write_value(nlp.get_pipe("padellm_ner").settings.to_config()["threshold"])
    assert random_nlp(threshold=again).get_pipe("padellm_ner").settings.threshold == expected


def test_loading_changes_it(random_nlp, tmp_path):
    random_nlp(threshold=0.5).to_disk(tmp_path / "p")
    for given, expected in (([["PER", 0.75]], {"PER": 0.75}), (0.25, 0.25)):
        config = {"components": {"padellm_ner": {"threshold": given}}}
        pipe = spacy.load(tmp_path / "p", config=config).get_pipe("padellm_ner")
        assert pipe.settings.threshold == expected
    with pytest.raises(AttributeError, match=r"\[\['PER', 0.5\]\]"):
        pipe.threshold = {"PER": 0.5}


@pytest.mark.parametrize(("given", "words"), [
    ({"PER": 1.5}, "threshold of 'PER' is 1.5: it must be a number, at least 0 and at most 1"),
    ({"PER": True}, "threshold of 'PER' is True"),
    ({"PER": "0.5"}, "threshold of 'PER' is '0.5'"),
    ({"PER": None}, "threshold of 'PER' is None"),
    ([["PER", 0.5], ["PER", 0.6]], "threshold: 'PER' is there twice"),
    ([["PER"]], "threshold is .*pairs"),
    ([[0.5, "PER"]], "threshold is .*pairs"),
    ({}, "threshold is {}: give a number"),
    ("0.5", "threshold is '0.5'"),
    ({"a:b": 0.5}, r"'a:b' cannot be.*pairs, \[\['a:b', 0.5\]\]"),
])  # fmt: skip
def test_what_is_none_is_named(random_nlp, given, words):
    with pytest.raises(ValueError, match=words):
        random_nlp(threshold=given)
    if "a:b" not in str(given):  # a name that only configs mind
        with pytest.raises(ValueError, match=words):
            replace(Settings(), threshold=given)


def test_a_number_that_is_none_is_named_with_its_label():
    for value in (float("nan"), float("inf"), -0.1, 10**400):
        with pytest.raises(ValueError, match="threshold of 'PER' is"):
            Settings(threshold={"LOC": 0.5, "PER": value})


def test_labels_that_the_config_does_not_name_are_refused(random_nlp):
    with pytest.raises(
        ValueError, match=r"threshold names 'PRE' .*, which .*`labels`.*'PER', 'LOC'"
    ):
        random_nlp(labels=["PER", "LOC"], threshold={"PRE": 0.5})
    random_nlp(labels={"PER": "people"}, threshold={"PER": 0.5})


def test_labels_that_may_yet_come_are_warned_of(random_nlp):
    nlp = random_nlp(threshold={"DATE": 0.5, "PER": 0.5})
    with pytest.warns(UserWarning, match="names 'DATE', which is none of the labels 'PER'"):
        nlp(TEXT)
    nlp = random_nlp(threshold={"DATE": 0.5})
    with pytest.warns(UserWarning, match="not trained"):
        nlp.get_pipe("padellm_ner").add_label("DATE")
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        nlp(TEXT)
    assert not [w for w in told if "threshold" in str(w.message)]


def test_the_pages_say_which(scripted):
    nlp, _ = scripted(SCRIPT, threshold={"PER": 0.75, "LOC": 0.5})
    pipe = nlp.get_pipe("padellm_ner")
    found = explain(nlp, pipe, TEXT)
    (below,) = [m for label in found.labels for m in label.mentions if m.fate != "kept"]
    assert below.text == "Charles Babbage" and below.reason.endswith("threshold of PER, 0.75")
    assert found.shown_threshold == "PER 0.75, LOC 0.5"
    assert found.to_dict()["threshold"] == {"PER": 0.75, "LOC": 0.5}
    gold = nlp.make_doc(TEXT)
    gold.ents = [gold.char_span(0, 12, "PER")]
    texts = analyze_texts(nlp, pipe, read_examples(nlp, [gold]))
    analysis = analyze(texts, pipe.settings.threshold)
    assert analysis.spans["tp"] == 1 and analysis.spans["fp"] == 1
    assert analysis.to_dict()["threshold"] == {"PER": 0.75, "LOC": 0.5}
    plots = pytest.importorskip("spacy_padellm.tools.analyze.page")
    assert "threshold PER 0.75, LOC 0.5" in plots.render_analysis(analysis, "p", "c")


def test_a_bar_for_beginnings_is_idle_where_mentions_are_written(random_nlp, caplog):
    random_nlp()(TEXT)
    assert "start_threshold" not in caplog.text
    random_nlp(start_threshold=0.3)(TEXT)
    assert "start_threshold has no effect" in caplog.text
