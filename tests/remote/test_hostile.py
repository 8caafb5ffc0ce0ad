"""Servers that take their time, send without end, and lie about numbers."""

import gzip
import json
import math
import time
import tracemalloc

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from remote.raw_server import completion, drip, endless, raw_server, response
from remote.serving import remote
from spacy_padellm.remote import transport
from spacy_padellm.remote.client import CompletionsClient
from spacy_padellm.remote.completion import read_completion
from spacy_padellm.remote.errors import ServerError
from spacy_padellm.remote.secrets import Secrets
from spacy_padellm.remote.settings import ServerSettings
from spacy_padellm.tools.annotate.records import Record
from spacy_padellm.tools.annotate.running import Failures, annotate_records

OK = b"HTTP/1.1 200 X\r\n"
GZIP = "Content-Encoding: gzip"
BOMB = gzip.compress(b" " * (64 * 2**20), 9)


def ask(url, n=1, **more):
    more = {"timeout": 20, "tries": 2, "first_wait": 0.01, "longest_wait": 0.02, **more}
    return CompletionsClient(ServerSettings(url, "m", **more)).complete(["a"] * n, 3)


@pytest.mark.parametrize("beginning", [
    b"", OK, OK + b"Content-Length: 5000\r\n\r\n", OK + b"Transfer-Encoding: chunked\r\n\r\n",
    OK + b"X-Long: ", b"HTTP/1.1 100 Continue\r\n\r\n",
])  # fmt: skip
def test_an_answer_that_drips_has_an_end(beginning):
    with raw_server(lambda _: drip(beginning)) as (url, _):
        began = time.monotonic()
        with pytest.raises(ServerError, match=r"did not answer within 0.3 s|cannot be reached"):
            ask(url, timeout=0.3)
        assert time.monotonic() - began < 15


@pytest.mark.parametrize("parts", [
    lambda _: endless(b"x" * 60_000),
    lambda _: endless(b"x" * 60_000, b"HTTP/1.1 500 X\r\nTransfer-Encoding: chunked\r\n\r\n"),
    lambda _: endless(BOMB, OK + b"Transfer-Encoding: chunked\r\n%s\r\n\r\n" % GZIP.encode()),
    lambda _: [response(BOMB, 200, GZIP)],
    lambda _: [response(b"x" * (transport.MOST_BYTES + 1))],
    lambda _: [OK + b"Content-Length: 99999999999999999999\r\n\r\n"],
],
    ids=["endless", "endless error", "endless gzip", "gzip bomb", "one byte more", "said"],
)  # fmt: skip
def test_an_answer_has_a_size(parts):
    with raw_server(parts) as (url, sent):
        tracemalloc.start()
        try:
            with pytest.raises(ServerError, match="more than 8388608 bytes"):
                ask(url, timeout=20, tries=1)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < 60 * 2**20 and sent["bytes"] < 40 * 2**20


def test_what_is_packed_and_fits_is_read():
    good = completion()
    packed = response(gzip.compress(good), 200, GZIP)
    largest = response(good + b" " * (transport.MOST_BYTES - len(good)))
    for whole in (packed, largest):
        with raw_server(lambda _, whole=whole: [whole]) as (url, _):
            assert ask(url, timeout=20)[0].text == " 1"


@pytest.mark.parametrize(("answer", "message"), [
    (response(b"\x00\x01", 200, GZIP), "encoding"),
    (response(completion(), 200, "Content-Encoding: br"), r"encoding .*\(br\)"),
    (response(b"[" * 100_000), "not JSON"),
    (response(b"7" * 5_000), "not JSON"),
    (response(b"\xff\xfe\xff"), "not JSON"),
    (response(completion(log_prob="[1]")), "not a log-probability"),
    (response(b'{"choices": [{"text": 5}]}'), "no choices"),
    (response(b'{"choices": [null]}'), "no choices"),
    (response(b"[" * 100_000, 400), "answered 400"),
    (response(b'{"error": ' + b"7" * 5_000 + b"}", 400), "answered 400"),
], ids=str)  # fmt: skip
def test_an_answer_that_cannot_be_read_is_a_server_error(answer, message):
    with raw_server(lambda _: [answer]) as (url, _), pytest.raises(ServerError, match=message):
        ask(url)


# --- numbers

BELIEVED = {"-0.1": -0.1, "0": 0.0, "-0.0": 0.0, "1e-6": 0.0, "-Infinity": -math.inf, "-9": -9.0}
REFUSED = ["NaN", "5.0", "Infinity", "0.01", "1e400", "true", '"-0.1"', "null", "9" * 400,
           "-" + "9" * 400]  # fmt: skip


@pytest.mark.parametrize("where", ["completions", "chat"])
def test_log_probabilities_are_at_most_0(where):
    def body(log_prob):
        if where == "completions":
            return completion(log_prob=log_prob)
        content = b'{"content": [{"token": "1", "logprob": %s}]}' % log_prob.encode()
        return b'{"choices": [{"text": "1", "logprobs": %s}]}' % content

    with raw_server(lambda request: [response(body(json.loads(request.split(b"\r\n\r\n")[1])
                                                    ["prompt"]))]) as (url, _):  # fmt: skip
        client = CompletionsClient(ServerSettings(url, "m", tries=1))
        for text, value in BELIEVED.items():
            (found,) = client.complete([text], 3)
            assert found.log_probs == (value,) and math.exp(sum(found.log_probs)) <= 1
        for text in REFUSED:
            with pytest.raises(ServerError, match="log-probability"):
                client.complete([text], 3)


@given(st.one_of(st.floats(), st.integers(), st.text(), st.none(), st.booleans()))
def test_whatever_is_read_is_a_log_probability(value):
    answer = {"choices": [{"text": "a", "logprobs": {"tokens": ["a"], "token_logprobs": [value]}}]}
    try:
        (log_prob,) = read_completion(answer, Secrets("NO_SUCH_KEY", {})).log_probs
    except ServerError:
        return
    assert log_prob <= 0 and isinstance(value, int | float) and not value > 1e-3


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(
        ["choices", "text", "logprobs", "tokens", "token_logprobs", "content", "id", "token",
         "logprob", "error", "message"]), inner, max_size=5),
    max_leaves=25,
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(JSON | st.fixed_dictionaries({"choices": st.lists(st.fixed_dictionaries(
    {"text": st.text(), "logprobs": JSON}), min_size=1, max_size=1)}))  # fmt: skip
def test_any_json_is_an_answer_or_a_server_error(answer):
    try:
        found = read_completion(answer, Secrets("NO_SUCH_KEY", {}))
    except ServerError:
        return
    found.text.encode("utf8")
    assert len(found.tokens) == len(found.log_probs) and all(p <= 0 for p in found.log_probs)


def test_no_text_is_lost_and_none_has_a_score_that_is_none(plain_lm_folder):
    """NaN would pass any threshold."""

    def make(request):
        body = json.loads(request.split(b"\r\n\r\n")[1])
        bad = next((b for b in ("NaN", "5.0", "Infinity") if b in body["prompt"]), "-0.1")
        return [response(completion(" 1" if body["max_tokens"] < 10 else " Ada", bad))]

    with raw_server(make) as (url, _):
        nlp = remote(url, plain_lm_folder, labels=["A"], threshold=0.9,
                     model_block={"prompts": "text"})  # fmt: skip
        texts = ["Ada NaN", "Ada x", "Ada 5.0", "Ada Infinity", "Ada y"]
        found, _ = annotate_records(nlp, [Record(str(i), t) for i, t in enumerate(texts)], 8,
                                    Failures())  # fmt: skip
    assert [bool(one.error) for one in found] == [True, False, True, True, False]
    assert [one.ents[0][3] for one in found if one.ents] == [pytest.approx(0.9048, abs=1e-4)] * 2
    assert all("not a log-probability" in one.error for one in found if one.error)


@pytest.mark.parametrize("token", ["token_id:999999999", "token_id:" + "9" * 5000])
def test_tokens_that_the_tokenizer_has_not(plain_lm_folder, token):
    with raw_server(lambda _: [response(completion(token=token))]) as (url, _):
        nlp = remote(url, plain_lm_folder, labels=["A"])
        with pytest.raises(ServerError, match="`tokenizer` is not that"):
            nlp("Ada")


@pytest.mark.parametrize("count", ["9" * 5000, " " * 5000, "9" * 30, "٣", "²", "-1"])
def test_counts_of_any_length(plain_lm_folder, count, caplog):
    def make(request):
        few = json.loads(request.split(b"\r\n\r\n")[1])["max_tokens"] < 10
        return [response(completion(count if few else " Ada"))]

    with raw_server(make) as (url, _):
        began = time.monotonic()
        doc = remote(url, plain_lm_folder, labels=["A"], max_count=3,
                     model_block={"prompts": "text"})("Ada Ada Ada Ada")  # fmt: skip
        assert len(doc.ents) <= 3 and time.monotonic() - began < 20
    assert ("the first 3 are decoded (setting max_count)" in caplog.text) == (count == "9" * 30)


def test_a_mention_of_a_megabyte_is_left_out_at_once(plain_lm_folder):
    def make(request):
        few = json.loads(request.split(b"\r\n\r\n")[1])["max_tokens"] < 10
        return [response(completion(" 4" if few else " Ada" + "a\u0301" * 500_000))]

    with raw_server(make) as (url, _):
        nlp = remote(url, plain_lm_folder, labels=["A"], model_block={"prompts": "text"})
        nlp("warm")
        began = time.monotonic()
        assert not nlp("Ada met Bo in Rome.").ents
        assert time.monotonic() - began < 15


# --- settings


@pytest.mark.parametrize("name", ["timeout", "concurrency", "tries", "max_positions", "extra"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -1, 0])
def test_numbers_of_a_server_are_checked(plain_lm_folder, name, value):
    if name == "extra":
        value = {"top_p": [math.nan if value in (0, -1) else value]}
    block = {"url": "http://x/v1", "model": "m", "tokenizer": str(plain_lm_folder), name: value}
    from spacy_padellm.remote.architecture import build_server

    with pytest.raises(ValueError, match=f"`{name}`"):
        build_server(**block)
