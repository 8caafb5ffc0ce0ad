"""Ways into a server: the app in this process, one in a process of its own, a bare connection."""

import asyncio
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import httpx

from spacy_padellm.tools.serve.app import make_app
from spacy_padellm.tools.serve.settings import ServeSettings


def in_app(nlp, test, hosts=(), **settings):
    """Runs `await test(http, service)` against the app of a pipeline, and gives what it returns."""

    async def run():
        app = make_app(nlp, nlp.get_pipe("padellm_ner"), ServeSettings(**settings), hosts)
        door = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=door, base_url="http://localhost", timeout=60) as http,
        ):
            return await test(http, app.state.service)

    return asyncio.run(run())


def spans_in(answer):
    """Of each text, (start, end, label)."""
    assert answer.status_code == 200, answer.text
    return [
        [(s["start"], s["end"], s["label"]) for s in result["spans"]]
        for result in answer.json()["results"]
    ]


def code_of(answer):
    """Of an error, whose shape is looked at too."""
    said = answer.json()
    assert set(said) == {"error"} and set(said["error"]) == {"code", "message", "details"}, said
    assert said["error"]["message"] and "Traceback" not in answer.text
    assert all(set(one) == {"where", "message"} for one in said["error"]["details"])
    return answer.status_code, said["error"]["code"]


def metric(text, name):
    """A value that Prometheus would read, without its labels or with these."""
    found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.M)
    return float(found[1]) if found else None


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """`padellm serve` in a process of its own."""

    def __init__(self, folder, *options, env=None):
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115
        command = ["-m", "spacy", "padellm", "serve", "-p", str(folder), "--port", str(self.port)]
        self.process = subprocess.Popen(
            [sys.executable, *command, *options],
            stdout=self._log,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(env or {})},
        )

    def wait(self):
        for _ in range(3000):
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{self.address}/ready", timeout=5).status_code == 200:
                    return self
            assert self.process.poll() is None, self.said()
            time.sleep(0.1)
        raise AssertionError(self.said())

    def said(self):
        self._log.seek(0)
        return self._log.read()

    def stop(self, how=signal.SIGTERM, seconds=40):
        self.process.send_signal(how)
        self.process.wait(seconds)
        return self.said()

    def kill(self):
        self.process.kill()
        self.process.wait()


@contextlib.contextmanager
def serving(folder, *options, env=None):
    server = Server(folder, *options, env=env)
    try:
        yield server.wait()
    finally:
        server.kill()


def request_of(body, path="/v1/extract", more=""):
    """A request as it is sent."""
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{more}"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Client:
    """A connection over which bytes are sent as they are."""

    def __init__(self, port, data=b""):
        self.socket = socket.create_connection(("127.0.0.1", port), 20)
        self.socket.sendall(data)

    def drip(self):
        def send():
            try:
                while True:
                    self.socket.sendall(b"x")
                    time.sleep(0.1)
            except OSError:
                return

        threading.Thread(target=send, daemon=True).start()
        return self

    def answer(self):
        try:
            return self.socket.recv(10_000)[9:12].decode()
        except ConnectionResetError:
            return "reset"
