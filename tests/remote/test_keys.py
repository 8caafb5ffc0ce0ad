"""The key of a server is in no message, no log and no file, whatever the server echoes."""

import base64
import json
import logging
import traceback
from urllib.parse import quote

import pytest
import spacy

from remote.raw_server import completion, raw_server, response
from remote.serving import remote
from spacy_padellm.remote.client import CompletionsClient
from spacy_padellm.remote.errors import ServerError
from spacy_padellm.remote.secrets import Secrets
from spacy_padellm.remote.settings import ServerSettings
from spacy_padellm.tools.annotate.records import Record
from spacy_padellm.tools.annotate.running import Failures, annotate_records

KEY = "sk-s3cret/With+odd=chars"


def ask(url):
    settings = ServerSettings(url, "m", timeout=5, tries=2, first_wait=0.01, longest_wait=0.02)
    return CompletionsClient(settings).complete(["a"], 3)


ECHOES = {
    "error": lambda said: response(json.dumps({"error": {"message": said}}).encode(), 401),
    "detail": lambda said: response(json.dumps({"detail": [{"input": said}]}).encode(), 422),
    "page": lambda said: response(f"<html>{'.' * 190}{said}".encode(), 500),
    "no json": lambda said: response(f"you said {said}".encode()),
    "no choices": lambda said: response(json.dumps({"headers": said}).encode()),
    "no numbers": lambda said: response(completion(log_prob=json.dumps(said))),
    "too few": lambda said: response(completion(token=said).replace(b"[-0.1]", b"[]")),
    "latin": lambda said: response(b"\xe9" + said.encode(), 400),
}


@pytest.mark.parametrize("spelling", ["raw", "quoted", "base64", "bearer"])
@pytest.mark.parametrize("echo", ECHOES)
def test_no_message_has_the_key(echo, spelling, monkeypatch, caplog):
    monkeypatch.setenv("OPENAI_API_KEY", KEY + "\n")
    said = {"raw": KEY, "quoted": quote(KEY, safe=""), "bearer": f"Bearer {KEY}",
            "base64": base64.b64encode(KEY.encode()).decode()}[spelling]  # fmt: skip
    seen = []

    def make(request):
        seen.append(request)
        return [ECHOES[echo](said)]

    caplog.set_level(logging.INFO)
    with raw_server(make) as (url, _), pytest.raises(ServerError) as caught:
        ask(url)
    assert f"authorization: bearer {KEY}".encode().lower() in seen[0].lower()
    shown = "".join(traceback.format_exception(caught.value)) + caplog.text
    for length in (len(said) - 1, 12):  # nor the half of it
        assert said[:length] not in str(caught.value)
    assert said not in shown and KEY not in shown


def test_user_and_password_go_into_the_environment(monkeypatch, plain_lm_folder, tmp_path):
    for url in ("http://ada:s3cret@h/v1", "http://s3cret@h/v1"):
        with pytest.raises(ValueError, match="`api_key_env`") as caught:
            remote(url, plain_lm_folder)
        assert "s3cret" not in "".join(traceback.format_exception(caught.value))
    for url in ("http://h/v1?key=s3cret", "http://h/v1#s3cret", "http://ada:1#s3cret@h/v1",
                "http://ada:s3cret/s3cret@h/v1", "http://s3cret@h:80x/v1", "s3cret@h"):  # fmt: skip
        with pytest.raises(ValueError, match="`url`") as caught:
            remote(url, plain_lm_folder)
        assert "s3cret" not in "".join(traceback.format_exception(caught.value))
    pair = base64.b64encode(b"ada:s3cret").decode()
    monkeypatch.setenv("MY_KEY", f"Basic {pair}")

    def make(request):
        assert f"Authorization: Basic {pair}".encode() in request
        message = f"no ada:s3cret, s3cret, {pair} here"
        return [response(json.dumps({"error": message}).encode(), 403)]

    with raw_server(make) as (url, _):
        nlp = remote(url, plain_lm_folder, labels=["A"], model_block={"api_key_env": "MY_KEY"})
        (found,), _ = annotate_records(nlp, [Record("1", "Ada")], 8, Failures())
        assert "403: no ***, ***, *** here" in found.error
    nlp.to_disk(tmp_path / "p")
    saved = [path.read_bytes() for path in (tmp_path / "p").rglob("*") if path.is_file()]
    assert saved and not any(b"s3cret" in data or pair.encode() in data for data in saved)
    assert spacy.load(tmp_path / "p").pipe_names == ["padellm_ner"]


def test_a_key_that_no_header_takes_is_not_shown(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-s3cret\nsk-other")
    with pytest.raises(ServerError, match="OPENAI_API_KEY") as caught:
        ask("http://127.0.0.1:9/v1")
    assert "s3cret" not in "".join(traceback.format_exception(caught.value))


def test_keys_of_the_environment(monkeypatch):
    monkeypatch.setenv("SOME_API_KEY", "s3cret-key")
    monkeypatch.setenv("HF_TOKEN", "hf_s3cret-key")
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "false")
    assert Secrets().mask("false s3cret-key hf_s3cret-key") == "false *** ***"


def test_short_values_and_other_names(monkeypatch):
    """A flag or a name under *_TOKEN is no key; keys have many names."""
    monkeypatch.setenv("MY_TOKEN", "true")
    monkeypatch.setenv("GITHUB_TOKEN", "model")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG")
    said = "the model setting `url` is true, wJalrXUtnFEMI/K7MDENG"
    assert Secrets().mask(said) == "the model setting `url` is true, ***"


def test_keys_among_the_fields_of_requests():
    secrets = Secrets("NO_SUCH_KEY", {"api_key": "s3cret", "max_tokens": "64 tokens", "a": {
        "password": "hidden"}})  # fmt: skip
    assert secrets.mask("s3cret hidden 64 tokens") == "*** *** 64 tokens"
