"""The page of an explanation, and the server, in a real process and a real browser."""

import html
import json
import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest
from spacy.cli._util import app
from typer.testing import CliRunner

from spacy_padellm import cli  # noqa: F401 - registers the commands
from spacy_padellm.tools.explain.explanation import explain
from spacy_padellm.tools.explain.page import render_explanation
from spacy_padellm.tools.explain.server import Explainer
from spacy_padellm.tools.explain.shading import Shade, shade
from spacy_padellm.tools.pages.colors import color_of

TEXT = "Ada <b>Paris</b> met Ada in Rome & Ada Rome."
SCRIPT = {
    TEXT: [
        ("PER", "Ada", 0.9),
        ("PER", "Ada Rome", 0.8),
        ("PER", "Zoe", 0.7),
        ("LOC", "Ada", 0.6),
        ("LOC", "Rome", 0.2),
    ]
}


def text_of(page):
    return html.unescape(re.sub(r"<style.*?</style>|<[^>]+>", " ", page, flags=re.S))


def test_every_mention_has_a_fate_and_a_reason(scripted):
    nlp, _ = scripted(SCRIPT, threshold=0.3)
    found = explain(nlp, nlp.get_pipe("padellm_ner"), TEXT)
    fates = {(m.label, m.text): (m.fate, m.reason) for x in found.labels for m in x.mentions}
    assert fates[("PER", "Ada")] == ("kept", "")
    assert fates[("LOC", "Ada")][0] == "dropped" and "'Ada'" in fates[("LOC", "Ada")][1]
    assert fates[("LOC", "Rome")][0] == "below threshold" and "0.3" in fates[("LOC", "Rome")][1]
    assert fates[("PER", "Zoe")][0] == "not aligned"
    assert [(m.label, m.text) for m in found.kept] == [("PER", "Ada"), ("PER", "Ada Rome")]
    assert [(x.label, x.count) for x in found.labels] == [("PER", 3), ("LOC", 2)]
    assert found.text_tokens > 5 and json.loads(json.dumps(found.to_dict()))["text"] == TEXT


def test_work_is_that_of_the_text(trained):
    found = explain(trained, trained.get_pipe("padellm_ner"), "Ada Lovelace lives in Paris.")
    assert found.passes >= 1 and found.tokens >= found.text_tokens > 0 and found.windows == 1
    again = explain(trained, trained.get_pipe("padellm_ner"), "Ada Lovelace lives in Paris.")
    # How far it runs ahead goes by the clock; work that were counted up would be twice as much.
    assert again.passes <= found.passes + 1
    assert [m.text for m in again.kept] == ["Ada Lovelace", "Paris"]


def test_a_text_is_shown_and_never_markup(scripted):
    nlp, _ = scripted(SCRIPT)
    page = render_explanation(explain(nlp, nlp.get_pipe("padellm_ner"), TEXT))
    assert "<b>" not in page and "<script" not in page and "http" not in page
    assert "&lt;b&gt;Paris&lt;/b&gt;" in page
    shown = " ".join(text_of(page).split())
    assert "PER 0.90" in shown and "80.0 %" in shown and "not aligned" in shown


def test_shading():
    spans = [Shade(0, 10, "A", 0.5), Shade(4, 6, "B", 0.9), Shade(8, 12, "C", None)]
    pieces = shade("0123456789abcdef", spans)
    assert "".join(p.text for p in pieces) == "0123456789abcdef"
    assert [(p.text, [s.label for s in p.shades]) for p in pieces] == [
        ("0123", ["A"]), ("45", ["B", "A"]), ("67", ["A"]), ("89", ["C", "A"]), ("ab", ["C"]),
        ("cdef", []),
    ]  # fmt: skip
    assert [[s.label for s in p.ends] for p in pieces] == [[], ["B"], [], ["A"], ["C"], []]
    assert pieces[-1].background == "" and pieces[4].background.endswith("ff")
    assert color_of("PER") == "#aa9cfc" and re.fullmatch("#[0-9a-f]{6}", color_of("GENE"))


def test_the_command_writes_a_page(trained_folder, tmp_path):
    page = tmp_path / "sub" / "page.html"
    arguments = ["padellm", "explain", "Ada Lovelace lives in Paris.", "-p", str(trained_folder)]
    done = CliRunner().invoke(app, [*arguments, "-o", str(page)])
    assert done.exit_code == 0, done.output
    assert "PER\t" in done.output and "Ada Lovelace" in text_of(page.read_text())
    only = CliRunner().invoke(app, [*arguments, "-o", str(page), "-l", "LOC"])
    assert only.exit_code == 0 and "PER" not in only.output
    for wrong, message in ((["-p", "no/such"], "no/such"), (["-l", ""], None)):
        done = CliRunner().invoke(app, [*arguments[:3], *wrong, "-o", str(page)])
        assert (done.exit_code == 1) == (message is not None)
        assert message is None or message in done.output
    empty = CliRunner().invoke(app, ["padellm", "explain", " ", "-o", str(page)])
    assert empty.exit_code == 1 and "empty" in empty.output
    piped = [*arguments[:2], "-", *arguments[3:], "-o", str(page)]
    assert "Paris" in CliRunner().invoke(app, piped, input="Bo lives in Paris.").output


@pytest.fixture(scope="module")
def address(trained_folder):
    """A server in a process of its own."""
    pytest.importorskip("starlette")
    port = free_port()
    command = ["-m", "spacy", "padellm", "serve", "-p", str(trained_folder), "--port", str(port)]
    process = subprocess.Popen(
        [sys.executable, *command, "--limit", "300"], stdout=subprocess.PIPE, text=True
    )
    place = f"http://127.0.0.1:{port}"
    for _ in range(3000):
        try:
            urllib.request.urlopen(place, timeout=5).close()
            break
        except OSError:
            assert process.poll() is None, "the server stopped"
            time.sleep(0.1)
    yield place
    process.terminate()
    process.wait(20)


def free_port():
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def ask(address, data=None, headers=None, path="/"):
    request = urllib.request.Request(address + path, data, headers or {})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read().decode(), dict(answer.headers)
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(), dict(error.headers)


def form(**fields):
    return urllib.parse.urlencode(fields, doseq=True).encode()


def test_first_texts_from_several_threads(address):
    """First in this file to send a text: nothing of the model was used before."""
    body = json.dumps({"text": "Ada Lovelace lives in Paris."}).encode()
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: ask(address, body, path="/api/explain"), range(4)))
    for status, answer, _ in found:
        assert status == 200, answer
        texts = [m["text"] for label in json.loads(answer)["labels"] for m in label["mentions"]]
        assert sorted(texts) == ["Ada Lovelace", "Paris"]


def test_the_server_shows_what_was_found(address):
    status, page, headers = ask(address, form(text="Ada Lovelace lives in Paris.", labels=["PER"]))
    assert status == 200 and "PER 0." in text_of(page).replace("PER 1.", "PER 0.")
    assert "script" not in headers["content-security-policy"].replace("'none'", "")
    answer = json.loads(
        ask(address, json.dumps({"text": "Bo is in Paris."}).encode(), path="/api/explain")[1]
    )
    assert "Paris" in [m["text"] for label in answer["labels"] for m in label["mentions"]]


def test_words_of_requests_are_forgotten(trained):
    """A server that reads texts for months keeps none of their words."""
    explainer = Explainer(trained, trained.get_pipe("padellm_ner"), 10_000)
    before = len(trained.vocab.strings)
    for number in range(60):
        explainer.explain(f"word{number} other{number} Ada Lovelace", [])
    assert len(trained.vocab.strings) < before + 60


def test_a_script_in_a_text_stays_text(address):
    bad = "</textarea><script>document.title='taken'</script> Ada Lovelace lives in Paris."
    status, page, _ = ask(address, form(text=bad))
    assert status == 200 and "<script" not in page and "&lt;script&gt;" in page


@pytest.mark.parametrize(("data", "path", "status", "message"), [
    (form(text=" "), "/", 400, "empty"),
    (form(text="x" * 301), "/", 413, "300"),
    (form(text="x" * 100_000), "/", 413, "larger"),
    (form(text="Ada", labels=["<b>"]), "/", 400, "not asked for"),
    (b"no json", "/api/explain", 400, "Send JSON"),
    (b"[1]", "/api/explain", 400, "Send JSON"),
    (b'{"text": 5}', "/api/explain", 400, "Send JSON"),
    (b'{"text": "a", "labels": ["X"]}', "/api/explain", 400, "not asked for"),
    (json.dumps({"text": "x" * 100_000}).encode(), "/api/explain", 413, "larger"),
])  # fmt: skip
def test_bad_requests_are_refused_in_words(address, data, path, status, message):
    got, page, _ = ask(address, data, path=path)
    assert got == status and message in text_of(page) and "<b>" not in page


def test_other_names_for_this_machine_are_refused(address):
    assert ask(address, headers={"Host": "evil.example"})[0] == 400


@pytest.mark.skipif(not shutil.which("chromium"), reason="needs Chromium")
def test_in_a_browser(address, tmp_path, trained):
    pipe = trained.get_pipe("padellm_ner")
    text = "Ada Lovelace lives in Paris. <script>document.title='taken'</script>"
    page = tmp_path / "page.html"
    page.write_text(render_explanation(explain(trained, pipe, text)), encoding="utf8")
    for place in (address, page.as_uri()):
        dom = subprocess.run(
            ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
             "--disable-background-networking", "--disable-component-update", "--disable-sync",
             f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", place],
            capture_output=True, text=True, timeout=120,
        ).stdout  # fmt: skip
        assert "<title>" in dom and "taken</title>" not in dom
    assert dom.count("<mark") == 2 and "<script>" not in dom.split("<style>")[0]
