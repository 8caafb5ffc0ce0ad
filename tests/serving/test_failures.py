"""Texts that a component fails with, wherever it stands and however it says so; and a pipeline that
fails with all."""

import asyncio

import pytest
import spacy
from spacy.pipeline.trainable_pipe import TrainablePipe

from serving.doors import code_of, in_app, metric, spans_in, where_in
from spacy_padellm.tools.serve import service as service_module

PATH = "/v1/extract"
TEXTS = ["Ada.", "Choke.", "Bo.", "Ada."]
SCRIPT = {"Ada.": [("PER", "Ada", 0.9)], "Bo.": [("PER", "Bo", 0.8)]}
SPANS = [[[(0, 3, "PER")]], None, [[(0, 2, "PER")]], [[(0, 3, "PER")]]]


def choke(doc):
    if doc.text == "Choke.":
        raise RuntimeError("/secret/reason")
    return doc


class Trainable(TrainablePipe):
    """Gives what fails to its error handler, one text or all of a batch, as spaCy's own do."""

    def __init__(self, vocab, name):
        self.vocab, self.name, self.model, self.cfg = vocab, name, None, {}

    def predict(self, docs):
        return [*map(choke, docs)]

    def set_annotations(self, docs, scores):
        pass


class OwnPipe:
    """Has no error handler: whatever fails ends the stream."""

    def __call__(self, doc):
        return choke(doc)

    def pipe(self, stream, batch_size=1):
        yield from map(choke, stream)


KINDS = {
    "function": lambda nlp, name: choke,
    "trainable": lambda nlp, name: Trainable(nlp.vocab, name),
    "own_pipe": lambda nlp, name: OwnPipe(),
    "lost": lambda nlp, name: lambda doc: None if doc.text == "Choke." else doc,
    "exits": lambda nlp, name: lambda doc: exit(3) if doc.text == "Choke." else doc,
}
for kind, make in KINDS.items():
    spacy.Language.factory(f"fails_{kind}", func=make)


@pytest.mark.parametrize("first", [True, False], ids=["first", "last"])
@pytest.mark.parametrize("kind", ["function", "trainable", "own_pipe", "lost"])
def test_a_text_that_fails_fails_its_own_request(scripted, kind, first):
    nlp, _ = scripted(SCRIPT)
    nlp.add_pipe(f"fails_{kind}", **{"first" if first else "last": True})

    async def test(http, service):
        found = await asyncio.gather(*(http.post(PATH, json={"text": text}) for text in TEXTS))
        both = await http.post(PATH, json={"texts": TEXTS[:3]})
        why = [await http.post("/v1/explain", json={"text": text}) for text in TEXTS[:2]]
        assert service.accepted == service.answered == len(TEXTS) + 3
        return found, both, why, (await http.get("/metrics")).text

    found, both, (fine, why), said = in_app(nlp, test)
    for answer, spans in zip(found, SPANS, strict=True):
        assert spans is None or spans_in(answer) == spans
    assert code_of(found[1]) == code_of(both) == (500, "text_failed")
    assert where_in(found[1]) == ["text"] and where_in(both) == ["texts.1"]
    assert fine.status_code == 200
    failed = [found[1], both]
    if first:
        assert code_of(why) == (500, "text_failed") and where_in(why) == ["text"]
        failed.append(why)
    else:  # what comes behind our component is not run
        assert why.status_code == 200
    for answer in failed:
        assert "secret" not in answer.text and "server's log" in answer.text
    if kind in ("function", "trainable"):
        assert all(f"fails_{kind}" in answer.text for answer in failed)
    assert metric(said, "padellm_texts_failed_total") == len(failed)
    assert metric(said, "padellm_texts_total") == len(TEXTS) + 3 + 2


def test_errors_of_our_own_component_say_what_to_mend(scripted):
    nlp, _ = scripted({**SCRIPT, "Choke.": ValueError("no good")})

    async def test(http, _):
        return [
            await http.post(PATH, json={"texts": ["Ada.", "Choke."]}),
            await http.post(PATH, json={"text": "Choke."}),
            await http.post("/v1/explain", json={"text": "Choke."}),
        ]

    for answer, where in zip(in_app(nlp, test), ["texts.1", "text", "text"], strict=True):
        assert code_of(answer) == (422, "invalid_request") and "no good" in answer.text
        assert where_in(answer) == [where]


def test_a_component_that_exits_ends_no_server(scripted):
    nlp, _ = scripted(SCRIPT)
    nlp.add_pipe("fails_exits")

    async def test(http, service):
        asked = http.post(PATH, json={"text": "Choke."})
        assert (await asyncio.wait_for(asked, 20)).status_code == 500
        assert spans_in(await http.post(PATH, json={"text": "Ada."})) == SPANS[0]
        assert service.accepted == service.answered == 2

    in_app(nlp, test)


def test_a_server_is_ready_once_a_text_was_read(scripted, monkeypatch):
    monkeypatch.setattr(service_module, "RETRY_SECONDS", 0.05)
    nlp, _ = scripted(SCRIPT)
    broken = [True]

    @spacy.Language.component("broken_at_first")
    def fail(doc):
        if broken:
            raise RuntimeError("broken")
        return doc

    nlp.add_pipe("broken_at_first")

    async def test(http, service):
        assert (await http.post(PATH, json={"text": "Ada."})).status_code == 500
        await asyncio.sleep(0.2)
        assert code_of(await http.get("/ready")) == (503, "not_ready")
        said = (await http.get("/metrics")).text
        assert metric(said, "padellm_ready") == 0
        broken.clear()
        for _ in range(1000):
            if (await http.get("/ready")).status_code == 200:
                return
            await asyncio.sleep(0.01)
        raise AssertionError("never ready")

    in_app(nlp, test)


def test_an_app_without_its_lifespan_says_so(scripted):
    """As where it is mounted into another app."""

    async def test(http, _):
        asked = [http.post(PATH, json={"text": "Ada."}), http.get("/ready"),
                 http.post("/v1/explain", json={"text": "Ada."})]  # fmt: skip
        for one in asked:
            assert code_of(await asyncio.wait_for(one, 20)) == (503, "not_ready")
        assert (await http.get("/health")).status_code == 500

    in_app(scripted(SCRIPT)[0], test, lifespan=False)
