"""The component with its model behind llama.cpp's own server."""

import pytest
import spacy
from sample_pipelines import TEXTS, make_examples

from remote.serving import found, remote, serve

pytest.importorskip("xllamacpp")
pytest.importorskip("gguf")

from remote.gguf_model import write_gguf


@pytest.fixture(scope="module", params=["compact", "plain"])
def pipeline(request, make_causal, tmp_path_factory):
    """A pipeline, its model's folder, and the address where llama.cpp serves it."""
    folder = make_causal(request.param)
    model = folder / "padellm_ner" / "model"
    file = tmp_path_factory.mktemp("gguf") / "model.gguf"
    write_gguf(model, file)
    with serve("llama_cpp_server.py", file) as url:
        yield folder, model, url


def test_the_same_entities_and_probabilities_as_in_process(pipeline):
    folder, model, url = pipeline
    local = spacy.load(folder, config={"components.padellm_ner.copy_constraint": False})
    far = remote(url, model)
    texts = [*TEXTS, "Ada Lovelace met Ada Lovelace in Paris."]
    texts += [example.text for example in make_examples(local, 60, seed=5)]
    ours, theirs = list(local.pipe(texts)), list(far.pipe(texts))
    assert any(found(ours)) and found(theirs) == found(ours)
    for one, other in zip(ours, theirs, strict=True):
        scores = [e._.padellm_score for e in one.ents]
        assert [e._.padellm_score for e in other.ents] == pytest.approx(scores, abs=1e-4)
