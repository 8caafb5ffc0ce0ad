"""Examples before every text, behind servers as in process: with a grammar, and written freely."""

import json
import math
import random

import pytest
import spacy
from sample_pipelines import SCRATCH_MODEL, TEXTS, make_examples
from spacy.util import fix_random_seed

from remote.raw_server import raw_server, response
from remote.serving import found, remote, serve
from spacy_padellm.pipeline.training_texts import encode_gold

EXAMPLES = [{"text": "Tim left Oslo today.", "ents": [[0, 3, "PER"], [9, 13, "LOC"]]}]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A pipeline whose model has seen the example before the little that it learned."""
    fix_random_seed(0)
    nlp = spacy.blank("en")
    template = {"@misc": "spacy_padellm.PromptTemplate.v1", "preset": "plain"}
    model = {**SCRATCH_MODEL, "template": template}
    nlp.add_pipe("padellm_ner", config={"model": model, "examples": EXAMPLES})
    pipe, examples, draw = nlp.get_pipe("padellm_ner"), make_examples(nlp, 50), random.Random(0)
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.003
    for _ in range(110):
        asked = (pipe.doc_decoder, pipe.labels, draw, lambda _: None)
        texts = encode_gold(pipe.gold_source, draw.sample(examples, 8), *asked)
        pipe.shim.add_gradients(texts, 4096, 0.0, 0.0)
        pipe.finish_update(optimizer)
    folder = tmp_path_factory.mktemp("shown") / "pipeline"
    nlp.to_disk(folder)
    return folder


@pytest.fixture(scope="module")
def llama_cpp(folder, tmp_path_factory):
    pytest.importorskip("xllamacpp")
    pytest.importorskip("gguf")
    from remote.gguf_model import write_gguf

    file = tmp_path_factory.mktemp("gguf") / "model.gguf"
    write_gguf(folder / "padellm_ner" / "model", file)
    with serve("llama_cpp_server.py", file) as url:
        yield url


def test_the_same_entities_and_probabilities_as_in_process(llama_cpp, folder):
    here = spacy.load(folder)
    far = remote(llama_cpp, folder / "padellm_ner" / "model", examples=EXAMPLES)
    texts = [*TEXTS, "", *(example.text for example in make_examples(here, 20, seed=5))]
    ours, theirs = list(here.pipe(texts)), list(far.pipe(texts))
    assert any(found(ours)) and found(theirs) == found(ours)
    for one, other in zip(ours, theirs, strict=True):
        scores = [ent._.padellm_score for ent in one.ents]
        assert [ent._.padellm_score for ent in other.ents] == pytest.approx(scores, abs=1e-3)


def written(*tokens, as_ids=None):
    """An answer whose every token has the probability 0.5."""
    text, names = "".join(tokens), list(tokens)
    if as_ids is not None:
        names = [f"token_id:{i}" for token in tokens for i in as_ids(token)]
    logprobs = {"tokens": names, "token_logprobs": [math.log(0.5)] * len(names)}
    choice = {"text": text, "finish_reason": "length", "logprobs": logprobs}
    return [response(json.dumps({"choices": [choice]}).encode())]


@pytest.mark.parametrize("prompts", ["ids", "text"])
@pytest.mark.parametrize("named", ["strings", "ids"])
def test_prompts_begin_with_them_and_a_line_end_ends_a_mention(prompts, named, plain_lm_folder):
    """Of a server that heeds no `stop`, too."""
    bodies = []
    pipe = remote("http://localhost:1/v1", plain_lm_folder, labels=["PER"]).get_pipe("padellm_ner")
    tokenizer = pipe.shim.loaded.lm.tokenizer
    as_ids = None if named == "strings" else lambda token: tokenizer(token)["input_ids"][1:]

    def make(request):
        bodies.append(json.loads(request.split(b"\r\n\r\n", 1)[1]))
        counts = bodies[-1]["max_tokens"] < 10
        said = (" 1",) if counts else (" Ada", "\n", "Entity type: LOC")
        return written(*said, as_ids=as_ids)

    with raw_server(make) as (url, _):
        settings = {"examples": EXAMPLES, "labels": ["PER", "LOC"], "copy_constraint": False}
        nlp = remote(url, plain_lm_folder, model_block={"prompts": prompts}, **settings)
        doc = nlp("Ada left.")
    assert [(ent.text, ent.label_) for ent in doc.ents] == [("Ada", "PER")]
    own = 2 if named == "strings" else len(as_ids(" Ada")) + 1
    assert doc.ents[0]._.padellm_score == pytest.approx(0.5**own)
    encoder = nlp.get_pipe("padellm_ner").doc_decoder.encoder
    prompt = encoder.prompt("Ada left.", ("PER", "LOC"))
    counts, mentions = bodies[:2], bodies[2:]
    assert len(mentions) == 2 and all("stop" not in body for body in counts)
    assert all(body["stop"] == ["\n"] for body in mentions)
    sent = sorted(body["prompt"] for body in mentions)
    if prompts == "ids":
        assert sent == sorted(encoder.mention_path(prompt, k, 1, 1) for k in ("PER", "LOC"))
        assert all(tuple(ids[: prompt.preamble]) == encoder.preamble.ids for ids in sent)
    else:
        ask = encoder.template.mention_prompt
        asked = [ask("Ada left.", label, 1, 1) for label in ("PER", "LOC")]
        assert sent == sorted(encoder.preamble.text + text for text in asked)
