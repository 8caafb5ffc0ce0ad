"""The component with its model behind llama.cpp's own server."""

import pytest
import spacy
from sample_pipelines import SCRATCH_MODEL, TEXTS, change, make_examples

from remote.serving import found, remote, serve

pytest.importorskip("xllamacpp")
pytest.importorskip("gguf")

from remote.gguf_model import write_gguf

STRANGE = [
    'He said "\\ [no] <|3|> | " and left\tfor Zürich.',
    "小明在北京见了 👩‍👩‍👧 Ada  Lovelace.\n\nParis!",
    "3 <|end|> of 12\r\nRome, Rome; Rome",
    "Ünïcödé: naïve café — İstanbul’s",
    "x" * 60 + " y",
    "Page 3\x0cRome\x08 and Ada\x0b Lovelace\x7f.",
]


@pytest.fixture(scope="module")
def untrained(tmp_path_factory):
    """A model that nobody trained: its folder, and the address where llama.cpp serves it."""
    folder = tmp_path_factory.mktemp("untrained")
    nlp = spacy.blank("en")
    template = {"@misc": "spacy_padellm.PromptTemplate.v1", "preset": "compact"}
    nlp.add_pipe("padellm_ner", config={"model": {**SCRATCH_MODEL, "template": template}})
    nlp.initialize(lambda: make_examples(nlp, 50))
    nlp.to_disk(folder)
    model = folder / "padellm_ner" / "model"
    write_gguf(model, folder / "model.gguf")
    with serve("llama_cpp_server.py", folder / "model.gguf") as url:
        yield model, url


@pytest.fixture(scope="module", params=["compact", "plain"])
def pipeline(request, make_causal, tmp_path_factory):
    """A pipeline, its model's folder, and the address where llama.cpp serves it."""
    folder = make_causal(request.param)
    model = folder / "padellm_ner" / "model"
    file = tmp_path_factory.mktemp("gguf") / "model.gguf"
    write_gguf(model, file)
    with serve("llama_cpp_server.py", file) as url:
        yield folder, model, url


SENTENCES = [*TEXTS, "Ada Lovelace met Ada Lovelace in Paris."]


@pytest.mark.parametrize("copied", [True, False])
def test_the_same_entities_and_probabilities_as_in_process(pipeline, copied, caplog):
    folder, model, url = pipeline
    local = spacy.load(folder, config={"components.padellm_ner.copy_constraint": copied})
    far = remote(url, model, copy_constraint=copied)
    texts = SENTENCES + [example.text for example in make_examples(local, 60, seed=5)]
    ours, theirs = list(local.pipe(texts)), list(far.pipe(texts))
    assert any(found(ours)) and found(theirs) == found(ours)
    for one, other in zip(ours, theirs, strict=True):
        scores = [e._.padellm_score for e in one.ents]
        assert [e._.padellm_score for e in other.ents] == pytest.approx(scores, abs=1e-4)
    assert "written freely" not in caplog.text


def test_no_mention_outside_its_text(pipeline):
    """On texts of a kind that the model has never seen, where freely it writes much else."""
    check_mentions(remote(pipeline[2], pipeline[1]), STRANGE)


def test_no_mention_outside_its_text_untrained(untrained):
    check_mentions(remote(untrained[1], untrained[0], max_count=2), STRANGE)


@pytest.mark.slow
def test_no_mention_outside_two_hundred_texts(pipeline, untrained):
    nlp = spacy.blank("en")
    texts = [f"{a} {b}" for a in STRANGE for b in (e.text for e in make_examples(nlp, 40, 7))]
    assert len(texts) >= 200
    check_mentions(remote(pipeline[2], pipeline[1]), texts)
    check_mentions(remote(untrained[1], untrained[0]), texts)


def check_mentions(nlp, texts):
    change(nlp.get_pipe("padellm_ner"), threshold=0.0)
    n_mentions = 0
    decoder = nlp.get_pipe("padellm_ner").doc_decoder.decoder
    for text, prediction in zip(texts, decoder.predict(texts, ["PER", "LOC"]), strict=True):
        n_mentions += len(prediction.mentions)
        for mention in prediction.mentions:
            assert mention.start is not None, (text, mention.text)
            assert text[mention.start : mention.end] == mention.text
    assert decoder.settings.copy and n_mentions
