"""Servers that do not answer, for a while or for some texts: what is asked, and what is kept."""

import contextlib
import json
import re
import threading
from collections import Counter

import pytest

from remote.raw_server import completion, raw_server, response
from remote.serving import remote

HANG = None
PROOF = "qx7"


@contextlib.contextmanager
def server(act):
    """act: from a body, None of the request for models, to the bytes of an answer, or HANG. Gives
    the address, and all that was asked, in order."""
    asked, over = [], threading.Event()

    def make(request):
        head, body = request.split(b"\r\n\r\n", 1)
        asked.append(json.loads(body) if head.startswith(b"POST ") else None)
        answer = act(asked[-1])
        if answer is HANG:
            over.wait(60)
            return []
        return [answer]

    with raw_server(make, lists_models=True) as (url, _):
        yield url, asked
        over.set()


def good(body):
    """One mention in each text but that of nobody; held to a grammar."""
    if PROOF in json.dumps(body):
        return response(completion(PROOF))
    if is_mention(body):
        return response(completion(" Ada"))
    return response(completion(" 0" if "Nobody" in body["prompt"] else " 1"))


def llama_cpp(act):
    listed = response(b'{"data": [{"owned_by": "llamacpp"}]}')
    return lambda body: listed if body is None else act(body)


def text_of(body):
    return body["prompt"].split("\n")[1]


def is_mention(body):
    return body["prompt"].endswith("Mention 1:")


def is_of_other(body, batch):
    """Of a text "… of i" with another i; neither a proof nor a request for models."""
    i = re.search(r" of (\d)", json.dumps(body))
    return i is not None and int(i[1]) != batch


def pipeline(url, folder, window=None, **block):
    """A pipeline, and the texts that fail, with their error, a list a call of the error handler."""
    block = {"prompts": "text", "grammar": "off", "tries": 1, "timeout": 2.0, **block}
    nlp = remote(url, folder, labels=["A"], window=window, model_block=block)
    failed = []

    def note(name, pipe, docs, error):
        failed.append(([doc.text for doc in docs], str(error)))

    nlp.set_error_handler(note)
    return nlp, failed


def entities(docs):
    return {doc.text: [ent.text for ent in doc.ents] for doc in docs}


def texts_of(failed):
    return [text for texts, _ in failed for text in texts]


TEXTS = [f"Ada {i}" for i in range(12)]


@pytest.mark.parametrize(("act", "grammar", "most"), [
    (lambda body: HANG, "off", 1),
    (lambda body: HANG, "auto", 1),
    (llama_cpp(lambda body: HANG), "auto", 2),  # it says what it is, but completes nothing
    (lambda body: response(b"{}", 500), "off", 1),
], ids=["completions", "models", "proof", "500"])  # fmt: skip
def test_a_server_that_is_down_is_asked_once_more_for_each_batch(
    plain_lm_folder, act, grammar, most
):
    with server(act) as (url, asked):
        block = {"grammar": grammar, "timeout": 0.3, "concurrency": 2}
        nlp, failed = pipeline(url, plain_lm_folder, **block)
        for batch in range(4):
            asked.clear()
            texts = [f"{text} of {batch}" for text in TEXTS]
            assert not list(nlp.pipe(texts))
            assert texts_of(failed) == texts and len(failed) <= 4
            assert all(said.endswith("(1 try)") for _, said in failed)
            # The server may still read what was sent for an earlier batch, and then dropped.
            since = [body for body in asked if not is_of_other(body, batch)]
            # Those that are asked at once when it is found out, and the one that shows it.
            assert len(since) <= (most if batch else 6)
            failed.clear()


def test_a_time_out_is_waited_for_again_only_where_the_server_may_live(plain_lm_folder):
    """Not one try after the other once it is known to be down."""
    with server(lambda body: HANG) as (url, asked):
        nlp, failed = pipeline(url, plain_lm_folder, timeout=0.2, tries=2, concurrency=1)
        assert not list(nlp.pipe(TEXTS))
        assert len(asked) <= 3 and [texts for texts, _ in failed] == [TEXTS[:1], TEXTS[1:]]
        asked.clear()
        assert not list(nlp.pipe(TEXTS))
        assert len(asked) <= 1 and failed[2][0] == TEXTS


def test_a_server_that_is_back_is_used_as_before(plain_lm_folder):
    down, asked_since = [True], []

    def act(body):
        if down:
            return HANG
        asked_since.append(body)
        return response(b"{}", 503, "Retry-After: 0") if len(asked_since) == 5 else good(body)

    with server(act) as (url, _):
        nlp, failed = pipeline(url, plain_lm_folder, timeout=3.0, tries=2)
        assert not list(nlp.pipe(TEXTS)) and texts_of(failed) == TEXTS
        down.clear()
        failed.clear()
        for _ in range(2):
            assert entities(nlp.pipe(TEXTS)) == {text: ["Ada"] for text in TEXTS}
        assert len(asked_since) == 4 * len(TEXTS) + 1 and not failed


@pytest.mark.parametrize("concurrency", [1, 8])
def test_texts_that_take_too_long_fail_alone(plain_lm_folder, concurrency):
    slow = [f"slow, so slow, is Ada {i}" for i in range(3)]
    texts = [*slow[:2], *TEXTS, slow[2]]
    with server(lambda body: HANG if "slow" in body["prompt"] else good(body)) as (url, asked):
        nlp, failed = pipeline(url, plain_lm_folder, timeout=3.0, concurrency=concurrency)
        docs = list(nlp.pipe(texts))
    assert [doc.text for doc in docs] == TEXTS and all(entities(docs).values())
    assert texts_of(failed) == slow and {len(one) for one, _ in failed} == {1}
    assert Counter(map(text_of, asked)) == {**dict.fromkeys(slow, 1), **dict.fromkeys(TEXTS, 2)}


@pytest.mark.parametrize("of_mention", [False, True], ids=["count", "mention"])
@pytest.mark.parametrize("fault", [
    response(b'{"message": "no"}', 400), response(b"{}", 500), response(b"<html>"),
    response(completion(log_prob="NaN")), response(completion(token="token_id:999999999")),
], ids=["400", "500", "no json", "NaN", "token"])  # fmt: skip
def test_what_was_answered_is_kept_where_another_text_fails(plain_lm_folder, fault, of_mention):
    bad = TEXTS[5]

    def act(body):
        return fault if text_of(body) == bad and is_mention(body) == of_mention else good(body)

    with server(act) as (url, asked):
        nlp, failed = pipeline(url, plain_lm_folder, timeout=20.0)
        docs = list(nlp.pipe(TEXTS))
    assert [doc.text for doc in docs] == [text for text in TEXTS if text != bad]
    assert all(entities(docs).values()) and texts_of(failed) == [bad]
    times = Counter(map(text_of, asked))
    assert times.pop(bad) == 1 + of_mention and set(times.values()) == {2}


def test_a_text_fails_as_a_whole(plain_lm_folder):
    """With the first of its labels, or of its windows."""
    long = " ".join(["Bo came."] * 50) + " bad"

    def act(body):
        return response(b"{}", 400) if "bad" in text_of(body) else good(body)

    with server(act) as (url, asked):
        nlp, failed = pipeline(url, plain_lm_folder, window=64, timeout=20.0)
        texts = ["Ada", long, "Ada too"]
        docs = [nlp.make_doc(text) for text in texts]
        for doc in docs:
            doc._.padellm_labels = ["A", "B"]
        docs = list(nlp.pipe(docs))
    assert entities(docs) == {"Ada": ["Ada"], "Ada too": ["Ada"]}
    assert len({text_of(body) for body in asked} - {*texts}) > 1  # windows
    assert texts_of(failed) == [long] and "answered 400" in failed[0][1]


def test_a_server_that_dies_takes_only_what_it_has_not_answered(plain_lm_folder):
    dead = []

    def act(body):
        if is_mention(body) and text_of(body) == TEXTS[4]:
            dead.append(True)
        return HANG if dead else good(body)

    with server(act) as (url, asked):
        nlp, failed = pipeline(url, plain_lm_folder, timeout=3.0, concurrency=1)
        found = entities(nlp.pipe([*TEXTS, "Nobody"]))
    assert found == {**{text: ["Ada"] for text in TEXTS[:4]}, "Nobody": []}
    assert [texts for texts, _ in failed] == [TEXTS[4:5], TEXTS[5:]]
    assert len(asked) == 13 + 4 + 2


def test_docs_that_are_tried_one_by_one_wait_for_no_server_that_is_down(plain_lm_folder):
    with server(lambda body: HANG) as (url, asked):
        nlp, failed = pipeline(url, plain_lm_folder, timeout=0.3)
        docs = [nlp.make_doc(text) for text in TEXTS]
        docs[6]._.padellm_labels = "A"  # no list: the batch cannot be prepared
        assert not list(nlp.pipe(docs))
        assert [texts for texts, _ in failed] == [TEXTS[:1], TEXTS[1:]] and len(asked) <= 2


@pytest.mark.parametrize("bad", [None, 400])
def test_docs_that_describe_labels_in_their_own_words(plain_lm_folder, bad):
    """They are asked apart, set by set."""

    def act(body):
        if bad is None:
            return HANG
        return response(b"{}", bad) if text_of(body) == TEXTS[5] else good(body)

    with server(act) as (url, asked):
        nlp, failed = pipeline(url, plain_lm_folder, timeout=20.0 if bad else 0.3)
        docs = [nlp.make_doc(text) for text in TEXTS]
        for i, doc in enumerate(docs):
            doc._.padellm_labels = {"A": f"people, in words number {i % 6}"}
        found = list(nlp.pipe(docs))
    lost = TEXTS[5:6] if bad else TEXTS
    assert sorted(texts_of(failed)) == sorted(lost)
    assert [doc.text for doc in found] == [text for text in TEXTS if text not in lost]
    assert all(entities(found).values())
    assert len(asked) == 23 if bad else len(asked) <= 4


@pytest.mark.parametrize("fault", [HANG, response(b"{}", 500), response(b"{}", 429)],
                         ids=["hang", "500", "429"])  # fmt: skip
def test_a_grammar_is_not_given_up_for_a_server_that_fails(plain_lm_folder, fault, caplog):
    down = [True]
    with server(llama_cpp(lambda body: fault if down else good(body))) as (url, asked):
        nlp, failed = pipeline(url, plain_lm_folder, grammar="auto", timeout=3.0)
        assert not list(nlp.pipe(TEXTS))
        assert [texts for texts, _ in failed] == [TEXTS]
        down.clear()
        asked.clear()
        assert all(entities(nlp.pipe(TEXTS)).values())
    assert all(body is None or "grammar" in body for body in asked)
    assert "written freely" not in caplog.text


@pytest.mark.parametrize("fault", [HANG, response(b"{}", 500)], ids=["hang", "500"])
def test_a_grammar_that_a_server_fails_with_is_given_up(plain_lm_folder, fault, caplog):
    with server(llama_cpp(lambda body: fault if "grammar" in body else good(body))) as (url, _):
        nlp, failed = pipeline(url, plain_lm_folder, grammar="auto", timeout=3.0)
        assert all(entities(nlp.pipe(TEXTS)).values()) and not failed
    assert "does not heed it" in caplog.text
