"""The component with its model behind a server: a real one, and one that fails in every way."""

import copy
import json
import shutil
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler

import pytest
import spacy
from sample_pipelines import TEXTS, make_examples, spans_of

from remote.serving import OpenServer, found, free_port, remote
from spacy_padellm.architectures.causal_lm import own_shim_of
from spacy_padellm.remote.client import CompletionsClient
from spacy_padellm.remote.errors import ServerError
from spacy_padellm.remote.settings import ServerSettings
from spacy_padellm.spans.calibration import Calibration

pytest.importorskip("uvicorn")

WAIT = {"slow": 1}  # seconds; else 20, for what does answer, on a busy machine


def test_the_same_entities_and_probabilities_as_in_process(served, causal):
    url, model = served
    local = spacy.load(causal, config={"components.padellm_ner.copy_constraint": False})
    far = remote(url, model)
    texts = [*TEXTS, "Ada Lovelace met Ada Lovelace in Paris.", "Emmy Noether left Oslo today."]
    ours, theirs = list(local.pipe(texts)), list(far.pipe(texts))
    assert any(found(ours)) and found(theirs) == found(ours)
    for one, other in zip(ours, theirs, strict=True):
        scores = [e._.padellm_score for e in one.ents]
        assert [e._.padellm_score for e in other.ents] == pytest.approx(scores, abs=1e-4)


def test_it_is_saved_and_loaded_and_scored(served, tmp_path):
    url, model = served
    nlp = remote(url, model)
    assert set(nlp.get_pipe("padellm_ner").labels) == {"LOC", "PER"}
    nlp.to_disk(tmp_path / "p")
    again = spacy.load(tmp_path / "p")
    assert found(again.pipe(TEXTS)) == found(nlp.pipe(TEXTS))
    assert again.evaluate(make_examples(again, 6))["ents_f"] > 0.8
    assert spacy.blank("en").from_config(nlp.config).pipe_names == ["padellm_ner"]
    with pytest.raises(ValueError, match="cannot be trained"):
        nlp.update(make_examples(nlp, 2), sgd=nlp.initialize(lambda: make_examples(nlp, 2)))


class Faulty(BaseHTTPRequestHandler):
    """Follows a script: one behaviour a request, the last one for ever."""

    protocol_version = "HTTP/1.1"
    script = seen = connections = ()  # the fixture gives each server its own
    lock = threading.Lock()
    running = most = 0

    def do_POST(self):
        kind = type(self)
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        with kind.lock:
            what = kind.script.pop(0) if len(kind.script) > 1 else kind.script[0]
            kind.seen.append(body)
            kind.connections.add(self.client_address)
            kind.running += 1
            kind.most = max(kind.most, kind.running)
        try:
            self.act(what, body)
        finally:
            with kind.lock:
                kind.running -= 1

    def act(self, what, body):
        text = " 1" if body["max_tokens"] < 10 else " Ada"
        if "Nobody" in str(body["prompt"]):
            text = " 0"
        tokens = {"tokens": [text, "<e>"], "token_logprobs": [-0.1, -0.2]}
        good = {"choices": [{"text": text, "finish_reason": "stop", "logprobs": tokens}]}
        time.sleep({"slow": 2.5, "short wait": 0.05}.get(what, 0))
        if isinstance(what, int):
            return self.send(what, {"error": {"message": "not now"}}, {"Retry-After": "0"})
        if what == "cut":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b'{"choices": [')
            self.wfile.flush()
            return self.connection.shutdown(socket.SHUT_RDWR)
        if what == "no json":
            return self.send(200, b"<html>busy</html>")
        if what == "no logprobs":
            del good["choices"][0]["logprobs"]
        if what == "no choices":
            good = {"object": "error"}
        return self.send(200, good)

    def send(self, status, body, headers=()):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in dict(headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args):
        pass


@pytest.fixture
def faulty():
    """`faulty(*script)` gives the address of a server that follows it, and its handler."""
    servers = []

    def start(*script):
        handler = type("Handler", (Faulty,), {"script": list(script), "seen": [], "running": 0,
                       "most": 0, "connections": set(), "lock": threading.Lock()})  # fmt: skip
        server = OpenServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}/v1", handler

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def client(url, **settings):
    return CompletionsClient(ServerSettings(url, "m", first_wait=0.01, longest_wait=0.05,
                                            **{"timeout": 20, **settings}))  # fmt: skip


@pytest.mark.parametrize("fault", ["slow", "cut", "no json", 429, 500, 503])
def test_what_fails_in_passing_is_tried_again(faulty, fault):
    url, handler = faulty(fault, fault, "good")
    (answer,) = client(url, concurrency=1, timeout=WAIT.get(fault, 20)).complete(["a"], 3)
    assert answer.text == " 1" and answer.log_probs == (-0.1, -0.2) and answer.ended
    assert len(handler.seen) == 3


@pytest.mark.parametrize(("fault", "message", "tries"), [
    ("slow", "did not answer within 1 s", 2),
    ("cut", "cannot be reached", 2),
    ("no json", "not JSON: <html>busy", 2),
    (429, "429: not now", 2),
    (500, "500: not now", 2),
    (400, "400: not now", 1),
    (401, "401: not now", 1),
    (404, "404: not now", 1),
    ("no logprobs", "no log-probabilities", 1),
    ("no choices", "no choices", 1),
])  # fmt: skip
def test_what_fails_for_good_says_why(faulty, fault, message, tries):
    url, handler = faulty(fault)
    with pytest.raises(ServerError, match=message):
        client(url, tries=2, concurrency=1, timeout=WAIT.get(fault, 20)).complete(["a"], 3)
    assert len(handler.seen) == tries


def test_a_server_that_is_not_there():
    with pytest.raises(ServerError, match="is it running"):
        client(f"http://127.0.0.1:{free_port()}/v1", tries=2).complete(["a"], 3)


def test_requests_are_bounded_and_connections_reused(faulty):
    url, handler = faulty("short wait")
    asked = client(url, concurrency=4, timeout=20)
    for _ in range(3):
        assert len(asked.complete([f"p{i}" for i in range(12)], 3)) == 12
    assert 1 < handler.most <= 4 and len(handler.connections) <= 4
    assert {body["prompt"] for body in handler.seen[:4]} == {"p0", "p1", "p2", "p3"}


def test_all_labels_at_once_then_all_mentions_text_by_text(faulty, plain_lm_folder):
    url, handler = faulty("good")
    nlp = remote(url, plain_lm_folder, labels=["A", "B"],
                 model_block={"prompts": "text", "concurrency": 1})  # fmt: skip
    docs = list(nlp.pipe(["Ada x", "Nobody", "Ada y"]))
    assert [[e.text for e in d.ents] for d in docs] == [["Ada"], [], ["Ada"]]
    prompts = [body["prompt"] for body in handler.seen]
    counts, mentions = prompts[:6], prompts[6:]
    assert all(p.endswith("Number of mentions:") for p in counts)
    assert all(p.endswith("Mention 1:") for p in mentions) and len(mentions) == 4
    assert [p.split("\n")[1] for p in counts] == ["Ada x"] * 2 + ["Nobody"] * 2 + ["Ada y"] * 2
    assert spans_of(docs[0]) and docs[0].ents[0]._.padellm_score == pytest.approx(0.7408, abs=1e-3)


def test_no_text_is_lost_when_the_server_fails(faulty, plain_lm_folder):
    url, handler = faulty("good")
    good = handler.act

    def act(self, what, body):
        if "bad" in body["prompt"]:
            return self.send(400, {"message": "no such luck"})
        return good(self, what, body)

    handler.act = act
    nlp = remote(url, plain_lm_folder, labels=["A"], model_block={"prompts": "text"})
    failed = []

    def note(name, pipe, docs, error):
        failed.extend((doc.text, error) for doc in docs)

    nlp.set_error_handler(note)
    docs = list(nlp.pipe(["Ada x", "bad Ada", "Ada y"]))
    assert [d.text for d in docs] == ["Ada x", "Ada y"]
    assert [text for text, _ in failed] == ["bad Ada"] and "no such luck" in str(failed[0][1])


@pytest.mark.parametrize(("block", "message"), [
    ({"url": "localhost:8000"}, "`url`"), ({"url": "http:///v1"}, "`url`"),
    ({"url": "http://localhost:80x/v1"}, "`url`"),
    ({"concurrency": 0}, "`concurrency`"),
    ({"timeout": 0}, "`timeout`"),
    ({"prompts": "tokens"}, "`prompts`"),
])  # fmt: skip
def test_bad_settings_are_named(plain_lm_folder, block, message):
    with pytest.raises(ValueError, match=message):
        remote("http://x/v1", plain_lm_folder, model_block=block)


def test_forked_workers_have_connections_of_their_own(served):
    url, model = served
    nlp = remote(url, model)
    expected = found(nlp.pipe(TEXTS))
    assert found(nlp.pipe(TEXTS * 3, n_process=2, batch_size=4)) == expected * 3
    assert copy.deepcopy(nlp.get_pipe("padellm_ner").shim.client).complete(["Ada"], 1)


def test_special_tokens_need_ids(faulty, lm_folder):
    with pytest.raises(ServerError, match="special tokens"):
        remote(faulty("good")[0], lm_folder)("Ada")


def test_a_template_that_no_server_can_read_is_refused(trained_folder, lm_folder):
    model = trained_folder / "padellm_ner" / "model"
    with pytest.raises(ValueError, match="bidirectional"):
        remote("http://x/v1", model)("Ada")
    with pytest.raises(ValueError, match="special tokens"):
        remote("http://x/v1", lm_folder, model_block={"prompts": "text"})("Ada")
    with pytest.raises(ValueError, match="`tokenizer`"):
        remote("http://x/v1", "/no/such/folder")("Ada")


def test_strings_that_are_read_as_other_tokens_are_warned_of(faulty, make_causal, caplog):
    url, _ = faulty("good")
    model = make_causal("plain") / "padellm_ner" / "model"
    remote(url, model, model_block={"prompts": "text"})("Ada")
    assert "has other tokens" in caplog.text and "prompts = 'ids'" in caplog.text
    caplog.clear()
    remote(url, model)("Ada")
    assert "other tokens" not in caplog.text


def test_a_server_that_is_down_is_not_asked_again_for_each_text(plain_lm_folder):
    nlp = remote(f"http://127.0.0.1:{free_port()}/v1", plain_lm_folder, labels=["A"],
                 model_block={"tries": 1})  # fmt: skip
    failed = []
    nlp.set_error_handler(lambda name, pipe, docs, error: failed.append([d.text for d in docs]))
    assert list(nlp.pipe(["a", "b", "c"])) == []
    assert failed == [["a", "b", "c"]]


def test_what_a_server_writes_behind_the_end_is_left_out(faulty, causal, caplog):
    """One that knows no stop_token_ids writes on to max_tokens; nothing was cut."""
    url, handler = faulty("good")
    model = causal / "padellm_ner" / "model"
    encoder = spacy.load(causal).get_pipe("padellm_ner").shim.loaded.encoder()
    ada, end = encoder.encode_text("Ada").ids, encoder.mention_end_ids[0]

    def act(self, what, body):
        n = body["max_tokens"]
        ids = encoder.count_ids(1) if n == 1 else ([*ada, end] * n)[:n]
        tokens = {"tokens": [f"token_id:{i}" for i in ids], "token_logprobs": [-0.1] * len(ids)}
        choice = {"text": "x", "finish_reason": "length", "logprobs": tokens}
        self.send(200, {"choices": [choice]})

    handler.act = act
    (doc,) = remote(url, model, labels=["PER"]).pipe(["Ada came."])
    assert [ent.text for ent in doc.ents] == ["Ada"]
    assert "cut" not in caplog.text


def test_a_calibration_goes_with_its_template(causal, tmp_path):
    model = tmp_path / "model"
    shutil.copytree(causal / "padellm_ner" / "model", model)
    settings = json.loads((model / "padellm.json").read_text())
    settings["calibration"] = {"slope": 0.5, "intercept": 0.1}
    (model / "padellm.json").write_text(json.dumps(settings))
    shim = remote("http://x/v1", model).get_pipe("padellm_ner").shim
    assert shim.loaded.settings.calibration == Calibration(0.5, 0.1)
    plain = {"@misc": "spacy_padellm.PromptTemplate.v1", "preset": "plain"}
    other = remote("http://x/v1", model, model_block={"template": plain})
    assert other.get_pipe("padellm_ner").shim.loaded.settings.calibration is None
    with pytest.raises(ValueError, match="behind a server"):
        own_shim_of(other.get_pipe("padellm_ner").model)
