"""`padellm calibrate --precision`: a threshold for each label, written into the pipeline."""

import random
import warnings

import pytest
import spacy
from spacy.cli._util import app
from spacy.tokens import DocBin, Span
from typer.testing import CliRunner

from spacy_padellm import cli  # noqa: F401 - registers the commands
from spacy_padellm.spans.calibration import Calibration
from spacy_padellm.spans.choosing import Aim
from spacy_padellm.spans.thresholds import threshold_of
from spacy_padellm.tools.analyze.corpus import AnalyzedText
from spacy_padellm.tools.analyze.thresholds import choose_thresholds


def run(*arguments):
    return CliRunner().invoke(app, ["padellm", "calibrate", *map(str, arguments)])


def said(result):
    return " ".join(result.output.split())


def corpus(n, path, seed=0):
    """Docs, and a script: people are right as often as they are likely, places nearly always; no
    company is there to be found, and none is found."""
    nlp, rng = spacy.blank("en"), random.Random(seed)
    docs, script = [], {}
    for i in range(n):
        doc = nlp.make_doc(f"Number {i} is Ada Byron of Rome.")
        person, place = rng.random(), rng.random()
        gold = [Span(doc, 3, 5, label="PER")] if rng.random() < 0.4 + 0.6 * person else []
        gold += [Span(doc, 6, 7, label="LOC")] if rng.random() < 0.98 else []
        doc.set_ents(gold, default="outside")
        docs.append(doc)
        script[doc.text] = [("PER", "Ada Byron", person), ("LOC", "Rome", place)]
    DocBin(docs=docs).to_disk(path)
    return docs, script


@pytest.fixture
def pipeline(random_nlp, tmp_path):
    random_nlp(threshold=0.125).to_disk(tmp_path / "pipeline")
    return tmp_path / "pipeline"


def share_right(docs, script, nlp, label):
    found = [{(e.start, e.end) for e in d.ents if e.label_ == label} for d in nlp.pipe(script)]
    gold = [{(e.start, e.end) for e in doc.ents if e.label_ == label} for doc in docs]
    right = sum(len(a & b) for a, b in zip(found, gold, strict=True))
    return right / sum(map(len, found)), right / sum(map(len, gold))


def test_a_precision_for_each_label(scripted, pipeline, tmp_path):
    docs, script = corpus(400, tmp_path / "dev.spacy")
    scripted(script)
    done = run(pipeline, tmp_path / "dev.spacy", tmp_path / "out", "--precision", 0.85)
    assert done.exit_code == 0, done.output
    nlp = spacy.load(tmp_path / "out")
    pipe = nlp.get_pipe("padellm_ner")
    threshold = pipe.settings.threshold
    assert 0.5 < threshold["PER"] < 1 and threshold["LOC"] == 0
    assert dict(nlp.config["components"]["padellm_ner"]["threshold"]) == threshold
    assert pipe.shim.loaded.settings.calibration is not None
    precision, _ = share_right(docs, script, nlp, "PER")
    assert precision >= 0.85
    assert f"PER {threshold['PER']:g} {precision:.3f}" in said(done)
    assert "with a confidence of 0.9 for each label" in said(done)
    new_docs, new_script = corpus(400, tmp_path / "test.spacy", seed=1)
    script.clear()
    script.update(new_script)
    assert share_right(new_docs, script, nlp, "PER")[0] > 0.82


@pytest.mark.parametrize("is_precision", [True, False])
def test_probabilities_that_a_curve_makes_the_same_are_not_told_apart(is_precision):
    """As 1 and the number in 32 bits before it: a threshold between them would let both pass."""
    curve = Calibration(1.2, -0.5)
    item = ("PER", 0, 4)

    def text(probability, is_right):
        def placed(threshold):
            return {item: probability} if probability >= threshold_of(threshold, "PER") else {}

        return AnalyzedText("Anna", {item} if is_right else set(), {}, placed)

    texts = [text(1.0, True)] * 60 + [text(0.99999994, False)] * 60 + [text(0.2, True)]
    calibrated = lambda p: curve.probability(1.0, p)  # noqa: E731
    aim = Aim(is_precision, 0.9)
    (found,) = choose_thresholds(texts, ["PER"], aim, calibrated)
    if is_precision:
        assert found.threshold is None and found.nearest[1:] in ((120, 60), (121, 61))
    else:
        kept = [calibrated(p) >= found.threshold for p in (1.0, 0.99999994, 0.2)]
        assert kept == [True, True, False] and found.n == 120 and found.precision == 0.5


def test_a_recall_for_each_label(scripted, pipeline, tmp_path):
    docs, script = corpus(200, tmp_path / "dev.spacy")
    scripted(script)
    options = ("--recall", 0.8, "--confidence", 0.95)
    done = run(pipeline, tmp_path / "dev.spacy", tmp_path / "out", *options)
    assert done.exit_code == 0, done.output
    nlp = spacy.load(tmp_path / "out")
    for label in ("PER", "LOC"):
        assert nlp.get_pipe("padellm_ner").settings.threshold[label] > 0
        assert 0.8 <= share_right(docs, script, nlp, label)[1] < 0.95


def test_what_is_not_reached_is_said(scripted, pipeline, tmp_path):
    _, script = corpus(15, tmp_path / "few.spacy")
    scripted(script)
    done = run(pipeline, tmp_path / "few.spacy", tmp_path / "few", "--precision", 0.9)
    assert done.exit_code == 1 and not (tmp_path / "few").exists()
    assert "No curve was fitted" in said(done) and "30 mentions were found" in said(done)
    assert "PER: a precision of 0.9 cannot be promised with so few mentions: it is" in said(done)
    assert "that takes 22 mentions, all of them right, and there are 15" in said(done)
    assert "stays as it was" not in said(done) and "Wrote" not in said(done)
    assert "no label keeps a precision of 0.9 with a confidence of 0.9" in said(done)
    assert "saves the curve" not in said(done)


@pytest.mark.parametrize("aim", ["precision", "recall"])
def test_what_cannot_be_reached_is_said_with_what_is(aim, scripted, pipeline, tmp_path):
    """Half of the people are right, as often of the likely ones as of others, and half are found;
    of the places a tenth."""
    nlp, docs, script = spacy.blank("en"), [], {}
    for i in range(160):
        doc = nlp.make_doc(f"Number {i} is Ada Byron of Rome.")
        right = [Span(doc, 3, 5, label="PER")] if i % 4 < 2 else []
        doc.set_ents([*right, *([Span(doc, 6, 7, label="LOC")] if i % 10 == 0 else [])])
        docs.append(doc)
        found = [("PER", "Ada Byron", 0.5 + (i % 40) / 100)] if i % 2 else []
        script[doc.text] = [*found, ("LOC", "Rome", 0.5 + 0.4 * (i % 10 == 0))]
    DocBin(docs=docs).to_disk(tmp_path / "dev.spacy")
    scripted(script)
    done = run(pipeline, tmp_path / "dev.spacy", tmp_path / "out", f"--{aim}", 0.8)
    assert done.exit_code == 0, done.output
    if aim == "precision":
        told = "no threshold does better than to keep all, and it is 0.500 in these texts"
        kept = spacy.load(tmp_path / "out").get_pipe("padellm_ner").settings.threshold
        assert f"LOC {kept['LOC']:g} 1.000 1.000 16 16" in said(done)  # the likely ones, all right
        assert f"The threshold 0.125 is {kept['PER']:g} on their scale" in said(done)
    else:
        told = "it is 0.500 in these texts, without any threshold"
        assert "LOC:" not in said(done)
    assert f"PER: a {aim} of 0.8 cannot be reached: {told}" in said(done)
    assert "nearest" not in said(done)


def test_a_threshold_that_is_kept_keeps_the_same_mentions(random_nlp, scripted, tmp_path):
    """The new curve puts them on another scale; and what is told is what the pipeline then has."""
    docs, script = corpus(400, tmp_path / "dev.spacy")
    for found in script.values():  # people are never sure enough for what is asked
        found[0] = (*found[0][:2], 0.3 + 0.4 * found[0][2])
    scripted(script)
    made = random_nlp(threshold={"PER": 0.5})
    made.get_pipe("padellm_ner").shim.calibrate(Calibration(0.8, 0.1))
    made.to_disk(tmp_path / "pipeline")
    before = spacy.load(tmp_path / "pipeline")
    wanted = share_right(docs, script, before, "PER")
    for name, options in (("curve", ()), ("precise", ("--precision", 0.96))):
        done = run(tmp_path / "pipeline", tmp_path / "dev.spacy", tmp_path / name, *options)
        assert done.exit_code == 0, done.output
        nlp = spacy.load(tmp_path / name)
        threshold = nlp.get_pipe("padellm_ner").settings.threshold["PER"]
        assert threshold != 0.5 and f"PER 0.5 is PER {threshold:g}" in said(done)
        assert share_right(docs, script, nlp, "PER") == wanted
    precision, recall = wanted
    assert f"PER as it was {precision:.3f} {recall:.3f}" in said(done)


def test_a_label_that_is_nowhere_keeps_what_it_has(random_nlp, scripted, tmp_path):
    _, script = corpus(100, tmp_path / "dev.spacy")
    scripted(script)
    with warnings.catch_warnings(action="ignore"):
        nlp = random_nlp(labels=["PER", "LOC"], threshold={"PER": 0.25})
        nlp.get_pipe("padellm_ner").add_label("ORG")
        nlp.to_disk(tmp_path / "pipeline")
        done = run(tmp_path / "pipeline", tmp_path / "dev.spacy", tmp_path / "out", "--recall", 0.7)
        assert done.exit_code == 0, done.output
        pipe = spacy.load(tmp_path / "out").get_pipe("padellm_ner")
    assert "ORG as it was" in said(done) and "no text has one" in said(done)
    assert pipe.labels == ("PER", "LOC", "ORG")
    assert set(pipe.settings.threshold) == {"PER", "LOC"}


def test_added_labels_get_theirs(random_nlp, scripted, tmp_path):
    _, script = corpus(100, tmp_path / "dev.spacy")
    scripted(script)
    with warnings.catch_warnings(action="ignore"):
        nlp = random_nlp(labels=["PER"])
        nlp.get_pipe("padellm_ner").add_label("LOC", "places")
        nlp.to_disk(tmp_path / "pipeline")
        done = run(tmp_path / "pipeline", tmp_path / "dev.spacy", tmp_path / "out", "--recall", 0.7)
        assert done.exit_code == 0, done.output
        pipe = spacy.load(tmp_path / "out").get_pipe("padellm_ner")
    assert pipe.described == {"PER": "", "LOC": "places"}
    assert set(pipe.settings.threshold) == {"PER", "LOC"}


@pytest.mark.parametrize(("options", "words"), [
    (("--precision", 0.9, "--recall", 0.9), "not both"),
    (("--precision", 1.5), "--precision is 1.5: it must be below 1"),
    (("--recall", 0), "--recall is 0.0: it must be a number above 0"),
    (("--precision", 0.9, "--confidence", 1), "--confidence is 1.0"),
])  # fmt: skip
def test_options_that_make_no_aim(pipeline, tmp_path, options, words):
    DocBin().to_disk(tmp_path / "dev.spacy")
    done = run(pipeline, tmp_path / "dev.spacy", tmp_path / "out", *options)
    assert done.exit_code == 1 and words in said(done)
