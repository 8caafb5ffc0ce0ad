"""Pipelines that an earlier layout of this package saved: they load, and find the same."""

import json
import tarfile
from pathlib import Path

import pytest
import spacy

from spacy_padellm.pipeline.annotation import entity_scores

ARCHIVE = Path(__file__).parent.parent / "fixtures" / "layout_before.tar.xz"


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """`scratch`, a pipeline whose model was made from nothing, `adapter`, one with a LoRA adapter
    and its base, and what both found when they were saved."""
    folder = tmp_path_factory.mktemp("before")
    with tarfile.open(ARCHIVE) as archive:
        safely = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
        archive.extractall(folder, **safely)
    return folder


def load_pipeline(folder):
    return spacy.load(folder)


def load_model_in(folder):
    nlp = spacy.blank("en")
    model = {"name": str(folder / "padellm_ner" / "model")}
    nlp.add_pipe("padellm_ner", config={"model": model})
    return nlp


def resave(folder):
    spacy.load(folder).to_disk(folder.parent / f"{folder.name}-again")
    return spacy.load(folder.parent / f"{folder.name}-again")


@pytest.mark.parametrize("load", [load_pipeline, load_model_in, resave])
@pytest.mark.parametrize("name", ["scratch", "adapter"])
def test_a_pipeline_of_the_layout_before_finds_the_same(saved, name, load):
    expected = json.loads((saved / "expected.json").read_text(encoding="utf8"))[name]
    assert any(expected.values())
    for doc in load(saved / name).pipe(expected):
        found = [(e.start_char, e.end_char, e.label_, s) for e, s in entity_scores(doc)]
        assert [one[:3] for one in found] == [tuple(one[:3]) for one in expected[doc.text]]
        told = [one[3] for one in expected[doc.text]]
        assert [one[3] for one in found] == pytest.approx(told, abs=1e-5)
