"""`padellm calibrate` where there is nothing to calibrate by, or nothing to promise."""

import json

import pytest
import spacy
from spacy.cli._util import app
from spacy.tokens import DocBin, Span
from typer.testing import CliRunner

from spacy_padellm import cli  # noqa: F401 - registers the commands

AIMS = [(), ("--precision", 0.9), ("--recall", 0.9)]


def run(*arguments):
    return CliRunner().invoke(app, ["padellm", "calibrate", *map(str, arguments)])


def said(result):
    return " ".join(result.output.split())


@pytest.fixture
def pipeline(random_nlp, tmp_path):
    random_nlp(threshold=0.125).to_disk(tmp_path / "pipeline")
    return tmp_path / "pipeline"


def corpus(path, n, sure):
    """People are found in each text; those of which the model is surest are right, of the others
    every second one. Gives a script."""
    nlp, docs, script = spacy.blank("en"), [], {}
    for i in range(n):
        doc = nlp.make_doc(f"Number {i} is Ada Byron.")
        right = i < sure or i % 2 > 0
        doc.set_ents([Span(doc, 3, 5, label="PER")] if right else [], default="outside")
        docs.append(doc)
        script[doc.text] = [("PER", "Ada Byron", 0.99 - 0.9 * i / n)]
    DocBin(docs=docs).to_disk(path)
    return script


@pytest.mark.parametrize("aim", AIMS)
@pytest.mark.parametrize("kind", ["empty", "missing"])
def test_texts_in_which_nobody_found_an_entity(aim, kind, scripted, pipeline, tmp_path):
    texts = [f"Number {i} is Ada Byron." for i in range(80)]
    scripted({text: [("PER", "Ada Byron", 0.9)] for text in texts})
    path = tmp_path / "dev.jsonl"
    path.write_text("".join(json.dumps({"text": text, "ents": []}) + "\n" for text in texts))
    words = "none of the 80 texts of .*dev.jsonl has an entity".split(".*")
    if kind == "missing":
        path = tmp_path / "dev.spacy"
        DocBin(docs=map(spacy.blank("en").make_doc, texts)).to_disk(path)
        words = ["none of the 80 texts of", "dev.spacy is annotated in doc.ents"]
    done = run(pipeline, path, tmp_path / "out", *aim)
    assert done.exit_code == 1 and not (tmp_path / "out").exists()
    assert all(word in said(done) for word in words), said(done)
    assert "threshold" not in said(done)  # no table of zeros


@pytest.mark.parametrize("option", ["precision", "recall"])
def test_an_aim_that_no_label_reaches_writes_nothing(option, scripted, pipeline, tmp_path):
    scripted(corpus(tmp_path / "dev.spacy", 120, 40))
    done = run(pipeline, tmp_path / "dev.spacy", tmp_path / "out", f"--{option}", 0.999)
    assert done.exit_code == 1 and not (tmp_path / "out").exists()
    told = f"no label keeps a {option} of 0.999 with a confidence of 0.9, and nothing was written"
    assert told in said(done) and "not reached" in said(done)
    assert f"Without --{option}, the command saves the curve without thresholds" in said(done)
    assert "to keep the same mentions" not in said(done)
    assert run(pipeline, tmp_path / "dev.spacy", tmp_path / "out").exit_code == 0


def test_how_many_texts_would_be_enough(scripted, pipeline, tmp_path):
    """What is said to be enough is, in texts in which mentions come out alike."""
    script = corpus(tmp_path / "dev.spacy", 100, 35)
    scripted(script)
    few = run(pipeline, tmp_path / "dev.spacy", tmp_path / "few", "--precision", 0.9)
    assert few.exit_code == 1
    assert "35 of 35 are right, but that may be chance; about 2 times as many texts" in said(few)
    assert "cannot be promised" in said(few) and "cannot be reached" not in said(few)
    script.update(corpus(tmp_path / "more.spacy", 200, 70))
    more = run(pipeline, tmp_path / "more.spacy", tmp_path / "more", "--precision", 0.9)
    assert more.exit_code == 0, more.output
    kept = spacy.load(tmp_path / "more").get_pipe("padellm_ner").settings.threshold
    assert 0 < kept["PER"] < 1
