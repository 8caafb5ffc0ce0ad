"""Pipelines whose models were exported: the entities that torch finds, by every way."""

import pickle
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec

import pytest
import spacy

from spacy_padellm.extras import NotInstalledError
from spacy_padellm.models.named.box import IN_THE_BOX

EXPORTED = ("writes", "points")


def entities(docs):
    return [
        [[ent.text, ent.label_, round(ent._.padellm_score, 3)] for ent in doc.ents] for doc in docs
    ]


@pytest.fixture(params=EXPORTED)
def case(request, models, expected):
    """A pipeline, its texts, and their entities."""
    texts, found = map(list, expected(request.param))
    return spacy.load(models / request.param), texts, found


def test_the_entities_that_torch_finds(case):
    nlp, texts, found = case
    assert any(found)
    assert entities(nlp.pipe(texts)) == entities(map(nlp, texts)) == found
    with ThreadPoolExecutor(4) as pool:
        assert entities(pool.map(nlp, texts * 3)) == found * 3


def test_forks(case):
    nlp, texts, found = case
    assert entities(nlp.pipe(texts * 3, n_process=2, batch_size=3)) == found * 3


def test_through_disk_bytes_and_pickle(case, tmp_path):
    nlp, texts, found = case
    nlp.to_disk(tmp_path / "again")
    blank = spacy.blank("en").from_config(nlp.config)
    blank.from_bytes(nlp.to_bytes())
    assert entities(spacy.load(tmp_path / "again").pipe(texts)) == found
    assert entities(blank.pipe(texts)) == found
    copy = pickle.loads(pickle.dumps(nlp.get_pipe("padellm_ner")))
    assert entities(copy.pipe(map(nlp.make_doc, texts))) == found


def test_the_adapter_that_is_to_be_trained_is_no_matter(models, expected, tmp_path):
    """It stays in the config of a pipeline whose adapter was merged when it was exported."""
    texts, found = map(list, expected("points"))
    nlp = spacy.blank("en")
    model = {"name": str(models / "points" / "padellm_ner" / "model"), "peft": {"rank": 4}}
    nlp.add_pipe("padellm_ner", config={"model": model})
    assert entities(nlp.pipe(texts)) == found
    nlp.to_disk(tmp_path)
    again = spacy.load(tmp_path)
    assert again.config["components"]["padellm_ner"]["model"]["peft"] == {"rank": 4}
    assert entities(again.pipe(texts)) == found


@pytest.mark.skipif(not find_spec("spacy_llm"), reason="the extra llm is not installed")
def test_in_spacy_llm(models, expected):
    texts, found = map(list, expected("writes"))
    nlp = spacy.blank("en")
    model = {
        "@llm_models": "spacy_padellm.CausalLM.v1",
        "name": str(models / "writes" / "padellm_ner" / "model"),
    }
    nlp.add_pipe("llm", config={"task": {"@llm_tasks": "spacy_padellm.NER.v1"}, "model": model})
    assert entities(nlp.pipe(texts)) == found


def test_the_tokenizer_of_a_server(models):
    """It gives the ids of a model that is in the same folder; nothing is asked of the server."""
    nlp = spacy.blank("en")
    folder = models / "plain" / "padellm_ner" / "model"
    block = {"@architectures": "spacy_padellm.Server.v1", "url": "http://127.0.0.1:1/v1"}
    block |= {"model": "m", "tokenizer": str(folder)}
    pipe = nlp.add_pipe("padellm_ner", config={"model": block})
    exported = spacy.load(models / "points").get_pipe("padellm_ner")
    text = "Ada Lovelace, née Byron, lives\nin Paris. <count_1>"
    served, here = (one.shim.loaded.encoder() for one in (pipe, exported))
    asked = [encoder.prompt(text, ("PER", "LOC")) for encoder in (served, here)]
    assert list(asked[0].trunk) == list(asked[1].trunk)
    assert pipe.labels == exported.labels


def test_the_model_in_the_box():
    """As soon as it is exported it needs no torch; until then it says so."""
    nlp = spacy.blank("en")
    nlp.add_pipe("padellm_ner")
    text = "Angela Merkel met Emmanuel Macron in Brussels."
    if (IN_THE_BOX["english"] / "onnx.json").exists():
        assert {"Angela Merkel", "Brussels"} <= {ent.text for ent in nlp(text).ents}
    else:
        with pytest.raises(NotInstalledError, match="the model 'english' needs torch"):
            nlp(text)
