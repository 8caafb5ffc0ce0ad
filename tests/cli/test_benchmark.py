import importlib.util
import json

import pytest
import spacy
from sample_pipelines import TEXTS
from spacy.cli._util import app
from spacy.tokens import DocBin
from typer.testing import CliRunner

from spacy_padellm import cli  # noqa: F401 - registers the commands
from spacy_padellm.tools.benchmark.method_names import METHODS


@pytest.fixture
def corpus(tmp_path):
    nlp = spacy.blank("en")
    docs = []
    for text, spans in (
        (TEXTS[0], [(0, 12, "PER"), (22, 27, "LOC")]),
        ("No one came.", []),
        ("Ada saw Rome and Oslo.", [(0, 3, "PER"), (8, 12, "LOC"), (17, 21, "LOC")]),
    ):
        doc = nlp.make_doc(text)
        doc.ents = [doc.char_span(*span[:2], label=span[2]) for span in spans]
        docs.append(doc)
    path = tmp_path / "test.spacy"
    DocBin(docs=docs).to_disk(path)
    return path


def run(*arguments):
    return CliRunner().invoke(app, ["padellm", "benchmark", *map(str, arguments)])


WRITING = [method for method in METHODS if method != "pointers"]


def test_all_methods_find_the_forced_gold(lm_folder, corpus, tmp_path):
    output = tmp_path / "out" / "speed"
    done = run(
        *(lm_folder, corpus, "--forced", "-m", ",".join(WRITING), "-b", "2", "-r", 1),
        *("-o", output),
    )
    assert done.exit_code == 0, done.output
    rows = json.loads(output.with_suffix(".json").read_text())["rows"]
    assert [row["method"] for row in rows] == WRITING
    assert {(row["method"], round(row["f"], 6)) for row in rows} == {(m, 1.0) for m in WRITING}
    by_method = {row["method"]: row for row in rows if row["batch"] == 2}
    assert by_method["tree"]["tokens_a_text"] < by_method["paper"]["tokens_a_text"]
    assert by_method["ahead"]["passes_a_batch"] <= by_method["tree"]["passes_a_batch"]
    assert by_method["paper"]["passes_a_batch"] < by_method["augmented"]["passes_a_batch"]
    assert "| augmented | 2 |" in output.with_suffix(".md").read_text()
    assert output.with_suffix(".png").exists() == bool(importlib.util.find_spec("matplotlib"))


def test_a_pipeline_is_measured_with_its_labels(trained_folder, corpus):
    done = run(trained_folder, corpus, "-m", "tree,ahead", "-b", "1,2", "-r", 2)
    assert done.exit_code == 0, done.output
    rows = [f"| {method} | {size} |" for method in ("tree", "ahead") for size in (1, 2)]
    assert all(row in done.output for row in rows)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-m", "fastest"], "choose from paper"),
        (["-m", "structured", "-b", "x"], "batch-sizes"),
        (["-m", ","], "--methods is empty"),
        (["-r", "0"], "--rounds is 0"),
        (["-n", "-3"], "--limit is -3"),
    ],
)
def test_bad_settings_are_named(arguments, message, lm_folder, corpus):
    done = run(lm_folder, corpus, *arguments)
    assert done.exit_code == 1 and message in " ".join(done.output.split())


def test_a_pipeline_without_the_component_is_named(corpus, tmp_path):
    spacy.blank("en").to_disk(tmp_path / "blank")
    done = run(tmp_path / "blank", corpus)
    assert done.exit_code == 1 and "no padellm_ner" in " ".join(done.output.split())


def test_a_file_that_is_no_corpus_is_named(lm_folder, tmp_path):
    (tmp_path / "dev.spacy").write_text('{"text": "Ada", "ents": []}')
    done = run(lm_folder, tmp_path / "dev.spacy")
    assert done.exit_code == 1 and "not a .spacy file" in " ".join(done.output.split())
