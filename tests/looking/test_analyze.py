"""`padellm analyze`: errors, counts and calibration of a pipeline on a corpus."""

import json
import re

import pytest
import spacy
from spacy.cli._util import app
from spacy.tokens import Doc, DocBin
from typer.testing import CliRunner

from spacy_padellm import cli  # noqa: F401 - registers the commands
from spacy_padellm.tools.analyze.analysis import analyze
from spacy_padellm.tools.analyze.corpus import analyze_texts
from spacy_padellm.tools.corpora import read_examples


def gold(text, *spans):
    nlp = spacy.blank("en")
    doc = nlp.make_doc(text)
    doc.ents = [doc.char_span(text.find(s), text.find(s) + len(s), label=x) for x, s in spans]
    return doc


def run(*arguments):
    return CliRunner().invoke(app, ["padellm", "analyze", *map(str, arguments)])


@pytest.fixture
def analyzed(scripted):
    texts = [
        gold("Ada Byron met Bo in Rome.", ("PER", "Ada Byron"), ("PER", "Bo"), ("LOC", "Rome")),
        gold("No one came to <Paris>.", ("LOC", "Paris")),
    ]
    nlp, _ = scripted(
        {
            texts[0].text: [("PER", "Ada", 0.9), ("PER", "Bo", 0.8), ("LOC", "Rome", 0.9)],
            texts[1].text: [("PER", "Paris", 0.6), ("LOC", "one", 0.1)],
        },
        threshold=0.2,
    )
    pipe = nlp.get_pipe("padellm_ner")
    done = []
    found = analyze_texts(nlp, pipe, read_examples(nlp, texts), 1, done.append)
    assert done == [1, 1]
    return analyze(found, pipe.settings.threshold)


def test_figures(analyzed):
    assert analyzed.errors == {
        "boundary": {"PER": 1}, "label": {"LOC": 1}, "label and boundary": {}, "missed": {},
        "invented": {},
    }  # fmt: skip
    assert analyzed.counts == {"LOC": {0: 2}, "PER": {0: 1, 1: 1}}
    assert (analyzed.spans["tp"], analyzed.spans["fp"], analyzed.spans["fn"]) == (2, 2, 2)
    assert [(row.threshold, row.n) for row in analyzed.sweep][:4] == [
        (0, 5), (0.05, 5), (0.1, 5), (0.15, 4)
    ]  # fmt: skip
    assert sum(b.n for b in analyzed.bins) == 5  # with those that the threshold leaves out
    (example,) = analyzed.examples["boundary"]
    assert (example.before, example.inside, example.after) == ("", "Ada Byron", " met Bo in Rome.")
    assert example.gold == "PER “Ada Byron”" and example.predicted == "PER “Ada”"
    json.dumps(analyzed.to_dict())


def test_the_page_escapes_texts(analyzed):
    pytest.importorskip("matplotlib")
    from spacy_padellm.tools.analyze.page import render_analysis

    page = render_analysis(analyzed, "<me>", "corpus")
    assert "<me>" not in page and "<Paris>" not in page and "&lt;" in page
    assert page.count("data:image/png;base64,") == 2
    assert not re.search(r"https?://", page)


def test_the_command(trained_folder, tmp_path):
    pytest.importorskip("matplotlib")
    corpus = tmp_path / "corpus.spacy"
    blank, unknown = gold(" "), Doc(spacy.blank("en").vocab, words=["Ada", "sleeps"])
    text = gold("Ada Lovelace lives in Paris.", ("PER", "Ada Lovelace"), ("LOC", "Paris"))
    DocBin(docs=[text, blank, unknown]).to_disk(corpus)
    page = tmp_path / "out" / "page.html"
    done = run(trained_folder, corpus, "-o", page)
    assert done.exit_code == 0, done.output
    assert "F1 100.0" in done.output
    figures = json.loads(page.with_suffix(".json").read_text())
    assert figures["texts"] == 1 and figures["spans"]["f"] == 1.0
    again = run(trained_folder, corpus, "-o", page, "-n", "1", "-b", "1")
    assert again.exit_code == 0


def test_what_cannot_be_analyzed_is_said(trained_folder, tmp_path):
    corpus = tmp_path / "corpus.spacy"
    DocBin(docs=[gold(" ")]).to_disk(corpus)
    done = run(trained_folder, corpus)
    assert done.exit_code == 1 and "no text" in done.output
    DocBin(docs=[Doc(spacy.blank("en").vocab, words=["Ada"])]).to_disk(corpus)
    done = run(trained_folder, corpus, "-o", tmp_path / "x.html")
    assert done.exit_code == 1 and "no annotated text" in done.output


def test_the_page_is_not_written_over_by_its_figures(lm_folder, tmp_path):
    DocBin(docs=[gold("Ada is in Rome.", ("PER", "Ada"))]).to_disk(tmp_path / "dev.spacy")
    wrong = run(lm_folder, tmp_path / "dev.spacy", "-o", tmp_path / "report.json")
    assert wrong.exit_code == 1 and "name it .html" in " ".join(wrong.output.split())
    low = run(lm_folder, tmp_path / "dev.spacy", "-b", 0)
    assert low.exit_code == 1 and "--batch-size is 0" in " ".join(low.output.split())
    assert not list(tmp_path.glob("report*"))
