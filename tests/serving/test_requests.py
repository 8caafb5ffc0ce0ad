"""Bodies, paths and headers of any kind: one shape of errors, and never a 500."""

import asyncio
import gzip
import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.doors import code_of, in_app

PATH = "/v1/extract"
JSON = {"Content-Type": "application/json"}
DEEP = b'{"text":' * 3000 + b"1" + b"}" * 3000
BAD = [
    ("nothing", b"", 422),
    ("no JSON", b"text=Ada", 400),
    ("half", b'{"text": "Ad', 400),
    ("no UTF-8", b'{"text": "\xff"}', 400),
    ("deep", DEEP, 400),
    ("deeper", b"[" * 500_000, 400),
    ("many digits", b'{"text": "a", "threshold": ' + b"9" * 6000 + b"}", 400),
    ("null", b"null", 422),
    ("a list", b'["Ada"]', 422),
    ("a number", b"7", 422),
    ("no text", b"{}", 422),
    ("null text", b'{"text": null}', 422),
    ("both", b'{"text": "a", "texts": ["a"]}', 422),
    ("no texts", b'{"texts": []}', 422),
    ("text of another type", b'{"text": ["a"]}', 422),
    ("texts of another type", b'{"texts": "a"}', 422),
    ("one of another type", b'{"texts": ["a", null, {}]}', 422),
    ("surrogate", rb'{"text": "a \ud800 b"}', 422),
    ("raw surrogate", b'{"text": "a \xed\xa0\x80 b"}', 422),
    ("surrogate as a label", rb'{"text": "a", "labels": ["\ud800"]}', 422),
    ("surrogate as a field", rb'{"text": "a", "\ud800": 1}', 422),
    ("surrogate in thresholds", rb'{"text": "a", "threshold": {"\ud800": 1}}', 422),
    ("no labels", b'{"text": "a", "labels": []}', 422),
    ("blank label", b'{"text": "a", "labels": [" "]}', 422),
    ("empty label", b'{"text": "a", "labels": [""]}', 422),
    ("label of another type", b'{"text": "a", "labels": [1]}', 422),
    ("labels of another type", b'{"text": "a", "labels": "PER"}', 422),
    ("description of another type", b'{"text": "a", "labels": {"PER": 1}}', 422),
    ("control character", rb'{"text": "a", "labels": ["PER\u0000"]}', 422),
    ("NaN", b'{"text": "a", "threshold": NaN}', 422),
    ("infinite", b'{"text": "a", "threshold": 1e999}', 422),
    ("huge", b'{"text": "a", "threshold": ' + b"9" * 400 + b"}", 422),
    ("negative", b'{"text": "a", "threshold": -0.1}', 422),
    ("a string of a number", b'{"text": "a", "threshold": "0.5"}', 422),
    ("truth", b'{"text": "a", "threshold": true}', 422),
    ("unknown field", b'{"text": "a", "lables": ["PER"]}', 422),
    ("many fields", json.dumps({"text": "a", **dict.fromkeys(map(str, range(100_000)))}), 413),
    ("many wrong texts", b'{"texts": [' + b"1," * 900_000 + b"1]}", 413),
    ("many wrong labels", b'{"text": "a", "labels": [' + b"1," * 900_000 + b"1]}", 413),
    (
        "endless thresholds",
        json.dumps({"text": "a", "threshold": dict.fromkeys(map(str, range(100_000)))}),
        413,
    ),
    ("wrong texts", b'{"texts": [' + b"1," * 5000 + b"1]}", 422),
    ("no threshold", json.dumps({"text": "a", "threshold": {}}), 422),
    (
        "many thresholds",
        json.dumps({"text": "a", "threshold": {f"L{i}": 0.5 for i in range(999)}}),
        422,
    ),
    ("many labels", json.dumps({"text": "a", "labels": [f"L{i}" for i in range(999)]}), 422),
]


def test_bad_bodies_are_refused_in_words(scripted):
    nlp, _ = scripted({})

    async def test(http, service):
        for name, body, status in BAD:
            began = time.monotonic()
            answer = await http.post(PATH, content=body, headers=JSON)
            assert time.monotonic() - began < 2, name  # others would wait
            code = "invalid_json" if status == 400 else None
            got = code_of(answer)
            assert got[0] == status and code in (None, got[1]), (name, answer.text)
            assert len(answer.content) < 8000, name
        assert service.accepted == 0
        good = await http.post(PATH, json={"text": "a"})
        assert good.status_code == 200

    in_app(nlp, test)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)
bodies = st.dictionaries(
    st.sampled_from(["text", "texts", "labels", "threshold", "x"]),
    values | st.sampled_from(["Ada.", ["PER"], {"PER": "people"}, {"PER": 0.5}, 0.5]),
    max_size=4,
)


def test_any_json_is_answered_or_refused(scripted):
    nlp, _ = scripted({})

    async def test(http, _):
        loop = asyncio.get_running_loop()

        @settings(max_examples=150, deadline=None)
        @given(bodies)
        def ask(body):
            sent = http.post(PATH, content=json.dumps(body), headers=JSON)
            answer = asyncio.run_coroutine_threadsafe(sent, loop).result(20)
            assert answer.status_code in (200, 422), answer.text
            if answer.status_code != 200:
                code_of(answer)

        await asyncio.to_thread(ask)

    in_app(nlp, test)


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded", "json"])
def test_a_body_that_is_not_said_to_be_json(scripted, kind):
    headers = {"Content-Type": kind} if kind else {}
    answer = in_app(
        scripted({})[0],
        lambda http, _: http.post(PATH, content=b'{"text": "a"}', headers=headers),
    )
    assert code_of(answer) == (415, "unsupported_media_type") and "Content-Type" in answer.text


def test_a_body_that_is_packed(scripted):
    headers = {**JSON, "Content-Encoding": "gzip"}
    sent = gzip.compress(b'{"text": "a"}')
    answer = in_app(scripted({})[0], lambda http, _: http.post(PATH, content=sent, headers=headers))
    assert code_of(answer) == (415, "unsupported_media_type") and "unpacked" in answer.text


def test_paths_methods_and_hosts(scripted):
    async def test(http, _):
        assert code_of(await http.get("/nowhere")) == (404, "not_found")
        for path, method in ((PATH, "GET"), ("/health", "POST"), ("/v1/labels", "DELETE")):
            answer = await http.request(method, path)
            assert code_of(answer) == (405, "method_not_allowed") and answer.headers["allow"]
        assert (await http.head("/health")).status_code == 200
        for host in ("evil.example", "", "localhost.evil.example", "127.0.0.1.evil"):
            answer = await http.get("/v1/labels", headers={"Host": host})
            assert code_of(answer) == (400, "unknown_host")
        for host in ("localhost:80", "127.0.0.1", "[::1]:8080"):
            assert (await http.get("/v1/labels", headers={"Host": host})).status_code == 200

    in_app(scripted({})[0], test, hosts=("localhost", "127.0.0.1", "::1"))


def test_an_error_of_the_server_has_the_same_shape(scripted, monkeypatch):
    async def test(http, service):
        monkeypatch.setattr(service, "extract", None)
        return await http.post(PATH, json={"text": "secret"})

    answer = in_app(scripted({})[0], test)
    assert code_of(answer) == (500, "internal_error") and "secret" not in answer.text


def test_the_key(scripted):
    key = "s3cret-key"
    basic = {"Authorization": "Basic OnMzY3JldC1rZXk="}  # ":s3cret-key"
    right = [{"Authorization": f"Bearer {key}"}, {"X-API-Key": key}, basic]
    wrong = [
        {}, {"Authorization": "Bearer"}, {"Authorization": key}, {"X-API-Key": key[:-1]},
        {"Authorization": f"Bearer {key}x"}, {"Authorization": "Basic !"}, {"X-API-Key": "é"},
        {"Authorization": "Basic czNjcmV0LWtleQ=="},
    ]  # fmt: skip

    async def test(http, _):
        for path in ("/health", "/ready"):
            assert (await http.get(path)).status_code in (200, 503)
        paths = ("/", "/v1/labels", "/metrics", "/docs", "/openapi.json")
        for headers in wrong:
            headers = {name: value.encode() for name, value in headers.items()}
            refused = await http.post(PATH, json={"text": "a"}, headers=headers)
            assert code_of(refused) == (401, "unauthorized") and key not in refused.text
            assert refused.headers["www-authenticate"].startswith("Bearer")
            for path in (*paths, "/nowhere"):
                assert (await http.get(path, headers=headers)).status_code == 401
        for headers in right:
            assert (await http.post(PATH, json={"text": "a"}, headers=headers)).status_code == 200
            for path in paths:
                assert (await http.get(path, headers=headers)).status_code == 200
        assert (await http.get("/")).headers["www-authenticate"].startswith("Basic")

    in_app(scripted({})[0], test, api_key=key)
