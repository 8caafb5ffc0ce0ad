"""A server in a process of its own: clients that do not end, and its end under load."""

import asyncio
import collections
import concurrent.futures
import os
import re
import shutil
import signal
import threading
import time
from pathlib import Path

import httpx
import pytest
from looking.test_explain import TAKEN, dom_of

from serving.doors import (
    Client,
    code_of,
    metric,
    request_of,
    running,
    serving,
    spans_in,
    until,
)
from spacy_padellm.cli.serve import PORT_VARIABLE

TEXT = "Ada Lovelace lives in Paris."
SPANS = [(0, 12, "PER"), (22, 27, "LOC")]
PATH = "/v1/extract"
ROOT = Path(__file__).parents[2]
HALF = request_of(b"x" * 1000)[:-990]
KEY = "k3y-of-the-test"


@pytest.fixture(scope="module")
def server(trained_folder):
    with serving(trained_folder, "--limit", "300", "--timeout", "2", "--drain", "0") as running:
        yield running


def test_first_texts_from_several_threads(server):
    def ask(_):
        return httpx.post(server.address + PATH, json={"text": TEXT}, timeout=60)

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for answer in pool.map(ask, range(24)):
            assert spans_in(answer) == [SPANS]
    said = httpx.get(f"{server.address}/metrics").text
    assert metric(said, 'padellm_requests_total{route="/v1/extract",status="200"}') == 24
    assert metric(said, "padellm_batch_texts_sum") == metric(said, "padellm_texts_total") == 24
    assert metric(said, "padellm_batch_texts_count") < 24


def test_the_docs_and_the_health_check_reach_it(server, monkeypatch):
    page = (ROOT / "docs" / "serving.md").read_text(encoding="utf8")
    snippet = re.search(r"```python\n(import httpx.*?)```", page, re.S)[1]
    names = {}
    exec(snippet.replace("http://localhost:8080", server.address), names)
    found = names["find_entities"]([TEXT, "Nobody came."], labels=["LOC"])
    assert [[span["text"] for span in spans] for spans in found] == [["Paris"], []]
    with pytest.raises(RuntimeError, match="Invalid request: labels: give a list of names, or a"):
        names["find_entities"](["Ada"], labels="PER")
    asked = re.search(r"curl (\S+) -H '(.*?): (.*?)' \\\n +-d '(.*?)'", page)
    address = asked[1].replace("http://localhost:8080", server.address)
    answer = httpx.post(address, content=asked[4], headers={asked[2]: asked[3]})
    assert spans_in(answer)
    check = re.search(r'"-c", "(.*)"\]', (ROOT / "Dockerfile").read_text(encoding="utf8"))[1]
    monkeypatch.setenv(PORT_VARIABLE, str(server.port))
    exec(check)
    with pytest.raises(OSError):
        exec(check.replace("/health", "/nowhere"))


def test_other_names_for_this_machine_are_refused(server):
    answer = httpx.get(server.address, headers={"Host": "evil.example"})
    assert answer.status_code == 400
    assert code_of(httpx.get(f"{server.address}/x"))[0] == 404
    assert "server" not in answer.headers


@pytest.mark.skipif(not shutil.which("chromium"), reason="needs Chromium")
def test_in_a_browser(server, tmp_path):
    assert "<textarea" in dom_of(server.address, tmp_path)
    answer = httpx.post(server.address, data={"text": TAKEN}, timeout=60)
    assert answer.text.count("<mark") == 2 and "<script>" not in answer.text


def test_slow_clients_and_cut_connections_hold_nobody_up(server):
    for cut in (b"", b"POST", HALF[:50], HALF, request_of({"text": TEXT})):
        for _ in range(5):
            Client(server.port, cut).socket.close()
    slow = [Client(server.port, HALF), Client(server.port, HALF).drip()]
    silent = [Client(server.port) for _ in range(50)]
    silent += [Client(server.port, b"GET / HTTP/1.1\r\nX: ") for _ in range(50)]
    began = time.monotonic()
    assert spans_in(httpx.post(server.address + PATH, json={"text": TEXT})) == [SPANS]
    assert time.monotonic() - began < 2
    assert {client.answer() for client in slow} == {"408"}
    assert 1 < time.monotonic() - began < 20
    huge = Client(server.port, b"POST /v1/extract HTTP/1.1\r\nHost: localhost\r\n"
                  b"Content-Length: 99999999999999999999\r\n\r\n")  # fmt: skip
    assert huge.answer() == "413"
    assert Client(server.port, request_of({"text": TEXT})).answer() == "200"
    until(lambda: all(client.is_closed() for client in silent), 20)
    said = httpx.get(f"{server.address}/metrics").text
    assert metric(said, 'padellm_requests_total{route="/v1/extract",status="499"}') >= 5
    assert metric(said, "padellm_queue_texts") == 0


STUCK = """
import sys, time
from pathlib import Path

import spacy

from spacy_padellm.tools.pipelines import load_pipeline
from spacy_padellm.tools.serve.running import run_server
from spacy_padellm.tools.serve.settings import ServeSettings


@spacy.Language.component("sleeps")
def sleep(doc):
    time.sleep(300 if doc.text == "Sleep." else 0)
    return doc


nlp, pipe = load_pipeline(Path(sys.argv[1]))
nlp.add_pipe("sleeps")
run_server(nlp, pipe, "127.0.0.1", int(sys.argv[2]), ServeSettings(stop_timeout=1))
"""


def test_a_batch_that_does_not_end_does_not_hold_the_process(trained_folder):
    with running("-c", STUCK, str(trained_folder), "PORT") as server:
        good = Client(server.port, request_of({"text": TEXT}))
        assert good.answer() == "200"
        stuck = Client(server.port, request_of({"text": "Sleep."}))
        gone = []
        while not queued(server):  # the first may be in the batch of the one before
            gone.append(Client(server.port, request_of({"text": "Sleep."})))
            time.sleep(0.5)
        for client in gone:
            client.socket.close()
        until(lambda: queued(server) == 0)
        began = time.monotonic()
        said = server.stop(signal.SIGINT)
        assert time.monotonic() - began < 20 and server.process.returncode == 1
        assert stuck.answer() == "503"
    n = len(gone)
    assert f"{n + 2} requests were accepted, and 1 answered" in said
    assert f"given up: {n} by their clients, 1 for want of time" in said
    assert "still being read" in said
    assert "Traceback" not in said


def queued(server):
    return metric(httpx.get(f"{server.address}/metrics").text, "padellm_queue_texts")


async def load(server, connections, total, stop_after):
    """Sends requests until all are sent or nobody listens; what became of them."""
    became, left, stopping = collections.Counter(), iter(range(total)), None
    headers = {"Authorization": f"Bearer {KEY}"}
    limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
    async with httpx.AsyncClient(
        base_url=server.address, headers=headers, limits=limits, timeout=60
    ) as http:

        async def client():
            nonlocal stopping
            for number in left:
                if number == stop_after:
                    server.process.send_signal(signal.SIGTERM)
                    stopping = time.monotonic()
                try:
                    answer = await http.post(PATH, json={"text": f"{TEXT} {number}"})
                except httpx.TransportError as error:
                    became[type(error).__name__] += 1
                    await asyncio.sleep(0.01)
                    continue
                became[answer.status_code] += 1
                if answer.status_code == 200:
                    assert spans_in(answer)[0][:2] == SPANS

        await asyncio.gather(*(client() for _ in range(connections)))
    return became


def stop_under_load(folder, total, connections, drain):
    with serving(folder, "--drain", str(drain), env={"SPACY_PADELLM_API_KEY": KEY}) as server:
        refused = httpx.post(server.address + PATH, json={"text": TEXT})
        assert code_of(refused) == (401, "unauthorized")
        seen = []

        def watch():
            try:
                while True:
                    seen.append(httpx.get(f"{server.address}/ready", timeout=10).status_code)
                    time.sleep(0.05)
            except httpx.TransportError:
                return

        watching = threading.Thread(target=watch)
        watching.start()
        became = asyncio.run(load(server, connections, total, total // 4))
        server.process.wait(60)
        watching.join()
        said = server.said()
    accepted, answered = map(
        int, re.search(r"Stopped: (\d+) requests were accepted, and (\d+) answered", said).groups()
    )
    assert accepted == answered == became[200] >= total // 4, (became, said)
    # Those that came after the end were never taken in; none had half an answer.
    assert set(became) <= {200, "ConnectError", "ReadError", "RemoteProtocolError"}, became
    assert sum(became.values()) == total and "given up" not in said
    assert 200 in seen and 503 in seen and seen == sorted(seen)
    assert KEY not in said and "Traceback" not in said and "Bearer" not in said
    assert server.process.returncode in (0, -signal.SIGTERM)
    return became


def test_a_stop_under_load_loses_nothing(trained_folder):
    stop_under_load(trained_folder, 300, 16, 1)


@pytest.mark.slow
def test_a_stop_under_heavy_load_loses_nothing(trained_folder):
    became = stop_under_load(trained_folder, 10_000, 64, 2)
    assert became[200] >= 2500


def test_the_command_says_what_it_takes(tmp_path):
    from spacy.cli._util import app
    from typer.testing import CliRunner

    from spacy_padellm import cli  # noqa: F401 - registers the commands

    def run(*options):
        done = CliRunner().invoke(app, ["padellm", "serve", *options], env={"COLUMNS": "200"})
        return done.exit_code, " ".join(done.output.split())

    code, said = run("--help")
    assert code == 0
    for word in ("--api-key", "SPACY_PADELLM_API_KEY", PORT_VARIABLE, "--queue", "--drain",
                 "/v1/extract", "--max-wait", "--batch-size", "--any-labels",
                 "--stop-timeout"):  # fmt: skip
        assert word in said, word
    for options, name in (
        (["--limit", "0"], "--limit"),
        (["--queue", "5"], "--queue"),
        (["--max-wait", "-1"], "--max-wait"),
        (["--timeout", "0"], "--timeout"),
        (["--drain", "nan"], "--drain"),
        (["--port", "70000"], "--port"),
        (["-p", os.fspath(tmp_path / "none")], "none"),
    ):
        code, said = run(*options)
        assert code == 1 and name in said, said
    code, said = run("--api-key", "se cret")
    assert code == 1 and "se cret" not in said and "API key" in said
