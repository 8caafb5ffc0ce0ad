"""`POST /v1/extract` of the app: answers, batches, limits, errors."""

import asyncio
import json
import threading
import time

import pytest
import spacy
from sample_pipelines import SENTENCES, TEXTS

from serving.doors import code_of, in_app, metric, spans_in, where_in
from spacy_padellm.decoding.text_decoder import ModelError

TEXT = "Ada Lovelace lives in Paris."
PATH = "/v1/extract"
ASKED = [
    {},
    {"labels": ["PER"]},
    {"labels": ["LOC", "PER"], "threshold": 0.2},
    {"labels": {"PER": "people", "LOC": ""}},
    {"threshold": 0.05},
    {"threshold": 1},
    {"threshold": {"PER": 0.1}},
    {"labels": ["LOC"], "threshold": {"LOC": 0.3}},
    {"labels": {"LOC": "towns"}, "threshold": {"LOC": 0.02}},
]


def ents(doc):
    return [(ent.start_char, ent.end_char, ent.label_) for ent in doc.ents]


def test_labels_and_thresholds_are_those_of_a_component_asked_for_the_same(random_nlp):
    """All at once, in few batches."""
    texts = [text for text in [*TEXTS, *SENTENCES] if text]

    async def test(http, service):
        asked = [http.post(PATH, json={"texts": texts, **more}) for more in ASKED]
        found = [spans_in(answer) for answer in await asyncio.gather(*asked)]
        said = (await http.get("/metrics")).text
        return found, metric(said, "padellm_batch_texts_count")

    found, batches = in_app(random_nlp(), test, batch_size=200)
    for more, of_request in zip(ASKED, found, strict=True):
        nlp = random_nlp(**more)
        assert of_request == [ents(doc) for doc in nlp.pipe(texts)], more
    assert batches <= 3
    assert found[0] and any(found[0]) and found[5] == [[]] * len(texts)


@pytest.mark.parametrize("settings", [{}, {"annotate": "spans"}], ids=str)
def test_spans_have_offsets_strings_and_the_probabilities_of_the_component(random_nlp, settings):
    nlp = random_nlp(**settings)
    text = "Ada \U0001f600 Lovelace lives in Paris."
    answer = in_app(nlp, lambda http, _: http.post(PATH, json={"text": text}))
    (result,) = answer.json()["results"]
    doc = nlp(text)
    group = doc.ents or doc.spans["sc"]
    scores = [ent._.padellm_score for ent in doc.ents] or list(group.attrs["scores"])
    assert result["spans"] == [
        {"start": s.start_char, "end": s.end_char, "label": s.label_, "text": s.text,
         "probability": pytest.approx(float(score), abs=1e-4)}
        for s, score in zip(group, scores, strict=True)
    ] != []  # fmt: skip
    assert all(text[s["start"] : s["end"]] == s["text"] for s in result["spans"])


def test_what_other_components_find_is_there_without_a_probability(scripted):
    nlp, _ = scripted({TEXT: [("LOC", "Paris", 0.9)]})
    ruler = nlp.add_pipe("entity_ruler", first=True)
    ruler.add_patterns([{"label": "PER", "pattern": "Ada Lovelace"}])

    async def test(http, _):
        every = await http.post(PATH, json={"text": TEXT, "threshold": 0.95})
        some = await http.post(PATH, json={"text": TEXT, "labels": ["LOC"]})
        return every.json()["results"][0]["spans"], spans_in(some)

    (ada,), places = in_app(nlp, test)
    assert ada["text"] == "Ada Lovelace" and ada["probability"] is None
    assert places == [[(22, 27, "LOC")]]


def test_requests_that_come_together_share_batches(scripted):
    texts = [f"Ada met number {i}." for i in range(40)]
    nlp, batches = scripted({text: [("PER", "Ada", 0.5 + i / 100)] for i, text in enumerate(texts)})

    async def test(http, _):
        answers = await asyncio.gather(*(http.post(PATH, json={"text": t}) for t in texts))
        return [a.json()["results"][0]["spans"][0]["probability"] for a in answers]

    found = in_app(nlp, test, batch_size=16)
    assert found == pytest.approx([0.5 + i / 100 for i in range(40)])
    sizes = [len(batch) for batch in batches]
    assert sum(sizes) == 41 and max(sizes) == 16 and len(sizes) <= 6  # one text to warm up


class Gate:
    """Holds the pipeline up, until it is opened."""

    def __init__(self, nlp):
        self.reached, self.open = threading.Event(), threading.Event()

        name = f"gate{id(self)}"  # spaCy keeps the first function of a name

        @spacy.Language.component(name)
        def gate(doc):
            if doc.text.startswith("Hold"):
                self.reached.set()
                assert self.open.wait(20)
            return doc

        nlp.add_pipe(name, first=True)

    async def hold(self, http):
        held = asyncio.create_task(http.post(PATH, json={"text": "Hold it."}))
        while not self.reached.is_set():
            await asyncio.sleep(0.01)
        return held


def test_a_full_queue_says_when_to_come_again_and_holds_nothing_up(scripted):
    nlp, _ = scripted({})
    gate = Gate(nlp)

    async def test(http, service):
        held = await gate.hold(http)
        waiting = asyncio.create_task(http.post(PATH, json={"texts": ["a", "b", "c"]}))
        while service.batcher.waiting < 3:
            await asyncio.sleep(0.01)
        full = await http.post(PATH, json={"texts": ["d", "e"]})
        assert code_of(full) == (429, "queue_full")
        assert 1 <= int(full.headers["retry-after"]) <= 60
        began = time.monotonic()  # what needs no model is answered all the while
        for path in ("/health", "/metrics", "/", "/v1/labels", "/openapi.json"):
            assert (await http.get(path)).status_code == 200
        assert metric((await http.get("/metrics")).text, "padellm_queue_texts") == 3
        assert time.monotonic() - began < 5
        gate.open.set()
        assert [(await one).status_code for one in (held, waiting)] == [200, 200]
        again = await http.post(PATH, json={"texts": ["d", "e"]})
        assert again.status_code == 200 and service.accepted == service.answered == 3

    in_app(nlp, test, queue=4, max_texts=4)


def test_a_stop_gives_up_what_takes_too_long_and_loses_nothing_else(scripted):
    nlp, _ = scripted({})
    gate = Gate(nlp)

    async def test(http, service):
        while (await http.get("/ready")).status_code != 200:
            await asyncio.sleep(0.01)
        held = await gate.hold(http)
        service.stop.drain()
        assert code_of(await http.get("/ready")) == (503, "stopping")
        alive = await http.get("/health")
        assert alive.status_code == 200 and alive.headers["connection"] == "close"
        waiting = asyncio.create_task(http.post(PATH, json={"text": "a"}))
        while service.accepted < 2:
            await asyncio.sleep(0.01)
        service.stop.begin()
        if service.settings.stop_timeout < 1:
            assert code_of(await held) == code_of(await waiting) == (503, "stopping")
        gate.open.set()
        if service.settings.stop_timeout > 1:
            assert (await held).status_code == (await waiting).status_code == 200
            assert service.accepted == service.answered == 2

    in_app(nlp, test, stop_timeout=30.0)
    gate.open.clear()
    gate.reached.clear()
    in_app(nlp, test, stop_timeout=0.2)


def test_a_model_server_that_is_down(scripted, plain_lm_folder):
    """Not every error of the system is one of the model's server; and what the server said, and
    where it is, is for the log."""
    said = {"Bad.": ModelError("http://secret.example is down"), "Gone.": OSError("/secret"),
            "Ada.": []}  # fmt: skip
    nlp, _ = scripted(said)
    bad, gone, good = in_app(
        nlp,
        lambda http, _: asyncio.gather(*(http.post(PATH, json={"text": text}) for text in said)),
    )
    assert code_of(bad) == (502, "model_server_failed") and good.status_code == 200
    assert code_of(gone) == (500, "text_failed") and "padellm_ner" in gone.text
    assert "secret" not in bad.text + gone.text
    nlp = spacy.blank("en")
    block = {"@architectures": "spacy_padellm.Server.v1", "url": "http://127.0.0.1:1/v1",
             "model": "m", "tokenizer": str(plain_lm_folder), "tries": 1}  # fmt: skip
    nlp.add_pipe("padellm_ner", config={"model": block, "labels": ["PER"]})

    async def test(http, service):
        both = await http.post(PATH, json={"texts": ["Ada.", "Bo."]})
        why = await http.post("/v1/explain", json={"text": "Ada."})
        return both, why, await http.get("/health"), service.warm

    both, why, health, warm = in_app(nlp, test)
    assert code_of(both) == code_of(why) == (502, "model_server_failed")
    assert health.status_code == 200 and warm and "127.0.0.1" not in both.text
    assert where_in(both) == ["texts.0", "texts.1"] and where_in(why) == ["text"]


@pytest.mark.parametrize(("asked", "status", "code", "said", "where"), [
    ({"text": "x" * 301}, 413, "too_large", "301 characters; this server takes up to 300", "text"),
    ({"texts": ["x" * 301]}, 413, "too_large", "301 characters", "texts.0"),
    ({"texts": ["a", "x" * 301]}, 413, "too_large", "301 characters", "texts.1"),
    ({"texts": ["a"] * 6}, 413, "too_large", "6 texts", "texts"),
    ({"text": "x" * 5000}, 413, "too_large", "larger than 4000 bytes", None),
    ({"text": "\ud800"}, 422, "invalid_request", "unpaired surrogate", "text"),
    ({"text": "a", "labels": ["PER", "X", "PERSON"]}, 422, "unknown_label", "'X', 'PERSON'",
     "labels"),
    ({"text": "a", "labels": ["PER"], "threshold": {"LOC": 0.5}}, 422, "invalid_request", "'LOC'",
     "threshold"),
    ({"text": "a", "threshold": {"PRE": 0.5}}, 422, "invalid_request", "PER, LOC", "threshold"),
    ({"text": "a", "labels": ["PER", "PER"]}, 422, "invalid_request", "twice", "labels"),
    ({"text": "a", "labels": [" "]}, 422, "invalid_request", "not the name", "labels"),
    ({"text": "a", "labels": {"PER": "\ud800"}}, 422, "invalid_request", "", "labels"),
    ({"text": "a", "labels": [7]}, 422, "invalid_request", "string", "labels.0"),
    ({"text": "a", "lables": ["PER"]}, 422, "invalid_request", "lables", "lables"),
    ({"texts": ["a", 7]}, 422, "invalid_request", "string", "texts.1"),
], ids=str)  # fmt: skip
def test_limits_and_labels_are_said(scripted, asked, status, code, said, where):
    nlp, _ = scripted({})
    answer = in_app(
        nlp,
        lambda http, _: http.post(
            PATH, content=json.dumps(asked), headers={"Content-Type": "application/json"}
        ),
        limit=300,
        max_texts=5,
        max_bytes=4000,
    )
    assert code_of(answer) == (status, code) and said in answer.text
    assert where_in(answer)[:1] == ([where] if where else [])


def test_words_and_labels_of_requests_are_forgotten(scripted):
    """A server that reads texts for months keeps none of them."""
    texts = [f"word{number} other{number} Ada Lovelace" for number in range(60)]
    nlp, _ = scripted({text: [(f"LABEL{i}", "Ada", 0.9)] for i, text in enumerate(texts)})
    nlp("Ada Lovelace.")
    before = len(nlp.vocab.strings)

    async def test(http, _):
        for number, text in enumerate(texts):
            label = f"LABEL{number}"
            for labels in ([label], {label: f"what number {number} is"}):
                asked = {"text": text, "labels": labels}
                assert spans_in(await http.post(PATH, json=asked))[0]
            assert (await http.post("/v1/explain", json={"text": text})).status_code == 200

    in_app(nlp, test, any_labels=True)
    assert len(nlp.vocab.strings) < before + 30
