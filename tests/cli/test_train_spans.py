"""`padellm train` of a file of texts: spans that overlap, and where they go."""

import json

import pytest
import spacy
from spacy.tokens import DocBin
from spacy.util import load_model_from_config

from spacy_padellm.formats.doc_gold import GoldSource
from spacy_padellm.pipeline.corpora import make_corpus

from .own_data import NAMES, examples_of, made, overlapping, train, write_csv


@pytest.mark.parametrize("nested", [1, 20, 40])
@pytest.mark.parametrize("asked", [None, "ents", "spans"])
@pytest.mark.parametrize("form", ["csv", "spacy"])
def test_texts_with_overlapping_spans_stay_whole(nested, asked, form, tmp_path):
    path = write_csv(tmp_path / "nested.csv", overlapping(nested))
    if form == "spacy":
        docs = [eg.reference for eg in make_corpus(path)(spacy.blank("en"))]
        path = tmp_path / "nested.spacy"
        DocBin(docs=docs).to_disk(path)
    overrides = {"components.padellm_ner.annotate": asked} if asked else {}
    config, said = made(path, overrides)
    place = asked or "spans"
    assert config["components"]["padellm_ner"]["annotate"] == place
    assert f"{nested} of 40 texts ha" in said[1] and "overlapping" in said[1]
    weights = load_model_from_config(config).config["training"]["score_weights"]
    given = {name: weight for name, weight in weights.items() if weight}
    assert given == {"spans_sc_f" if place == "spans" else "ents_f": 1.0}

    n_dev = len(examples_of(config, "dev"))
    assert f"Training on {40 - n_dev} texts" in said[2] and f"{n_dev} held-out" in said[2]
    read = [*examples_of(config, "train"), *examples_of(config, "dev")]
    source = GoldSource(place, "sc")
    found = [source.read(doc) for doc in read]
    assert len(found) == 40 and None not in found
    spans = [span for gold in found for span in gold.spans]
    assert len(spans) == (80 + nested if place == "spans" else 80)
    if place == "ents":
        assert f"{nested} span" in said[1] and "left out" in said[1]
        with pytest.raises(ValueError, match=r"left out\. That is an error with --strict"):
            made(path, overrides, strict=True)
    elif nested == 1:
        assert made(path, overrides, strict=True)[1] == said


def test_a_span_group_has_one_name_in_component_reader_and_scores(tmp_path):
    path = write_csv(tmp_path / "nested.csv", overlapping(3))
    for name in ("components.padellm_ner", "corpora.train"):
        config, said = made(path, {f"{name}.spans_key": "mine"})
        config = config.interpolate()
        assert "doc.spans['mine']" in said[1]
        assert config["training"]["score_weights"]["spans_mine_f"] == 1.0
        blocks = [config["components"]["padellm_ner"], *config["corpora"].values()]
        assert {block["spans_key"] for block in blocks} == {"mine"}
        assert all("mine" in doc.spans for doc in examples_of(config, "dev"))


def test_overlaps_in_texts_to_score_on_count_too(data, tmp_path):
    dev = write_csv(tmp_path / "nested.csv", overlapping(2, n=4))
    config, said = made(data, dev=dev)
    assert config["components"]["padellm_ner"]["annotate"] == "spans"
    assert "2 of 124 texts have overlapping spans" in said[1]
    assert all("sc" in doc.spans for part in ("train", "dev") for doc in examples_of(config, part))


def test_texts_that_nobody_annotated_are_refused(tmp_path):
    nlp = spacy.blank("en")
    DocBin(docs=[nlp(f"{name} ran.") for name in NAMES]).to_disk(tmp_path / "none.spacy")
    for given in ({}, {"dev": tmp_path / "none.spacy"}):
        with pytest.raises(ValueError, match=r"none\.spacy: none of its 10 texts is annotated"):
            made(tmp_path / "none.spacy", **given)


def test_a_pipeline_of_overlapping_spans(lm_folder, tmp_path):
    path = write_csv(tmp_path / "nested.csv", overlapping(20))
    options = ["--training.max_steps", 1, "--training.batcher.size", "20"]
    code, told = train(path, "-o", tmp_path / "out", "--base", lm_folder, *options)
    assert code == 0 and "left out" not in told, told
    nlp = spacy.load(tmp_path / "out" / "model-best")
    assert set(nlp.get_pipe("padellm_ner").labels) == {"PER", "ORG", "LOC"}
    assert "sc" in nlp("Ada saw Bank of Rome.").spans
    assert (
        "spans_sc_f" in json.loads((tmp_path / "out" / "report.json").read_text())["evaluations"][0]
    )
