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
from spacy_padellm.tools.serve.running import make_server
from spacy_padellm.tools.serve.settings import ServeSettings


def in_app(nlp, test, hosts=(), lifespan=True, **settings):
    """Runs `await test(http, service)` against the app of a pipeline, and gives what it returns."""

    async def run():
        app = make_app(nlp, nlp.get_pipe("padellm_ner"), ServeSettings(**settings), hosts)
        door = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with (
            app.router.lifespan_context(app) if lifespan else contextlib.nullcontext(),
            httpx.AsyncClient(transport=door, base_url="http://localhost", timeout=60) as http,
        ):
            return await test(http, app.state.service)

    return asyncio.run(run())


@contextlib.contextmanager
def listening(nlp, **settings):
    """A server on a port of its own, in a thread of this process."""
    pipe = nlp.get_pipe("padellm_ner")
    server = make_server(nlp, pipe, "127.0.0.1", 0, ServeSettings(**settings))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        until(lambda: server.started and server.service.ready)
        yield server, server.servers[0].sockets[0].getsockname()[1]
    finally:
        # A batch that is in hand at the end would end this process, too.
        until(lambda: not server.service.batcher.busy)
        server.should_exit = True
        thread.join(60)
        assert not thread.is_alive()


def until(is_so, seconds=60):
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.01)


def spans_in(answer):
    """Of each text, (start, end, label)."""
    assert answer.status_code == 200, answer.text
    return [
        [(s["start"], s["end"], s["label"]) for s in result["spans"]]
        for result in answer.json()["results"]
    ]


def code_of(answer):
    """Of an error, whose shape is looked at too, and whose details name fields that were sent."""
    said = answer.json()
    assert set(said) == {"error"} and set(said["error"]) == {"code", "message", "details"}, said
    assert said["error"]["message"] and "Traceback" not in answer.text
    assert all(set(one) == {"where", "message"} for one in said["error"]["details"])
    if where_in(answer) and answer.status_code != 422:
        sent = json.loads(answer.request.content)
        assert all(where.split(".")[0] in sent for where in where_in(answer)), answer.text
    return answer.status_code, said["error"]["code"]


def where_in(answer):
    """The fields of an error."""
    return [one["where"] for one in answer.json()["error"]["details"]]


def metric(text, name):
    """A value that Prometheus would read, without its labels or with these."""
    found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.M)
    return float(found[1]) if found else None


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A server in a process of its own. command: for Python; PORT in it is a free one."""

    def __init__(self, *command, env=None):
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115
        self.process = subprocess.Popen(
            [sys.executable, *(str(self.port) if word == "PORT" else word for word in command)],
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


def serving(folder, *options, env=None):
    """`padellm serve`."""
    command = ("-m", "spacy", "padellm", "serve", "-p", str(folder), "--port", "PORT")
    return running(*command, *options, env=env)


@contextlib.contextmanager
def running(*command, env=None):
    server = Server(*command, env=env)
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

    def __init__(self, port, data=b"", holds=None):
        """holds: bytes of an answer that it has room for."""
        self.socket = socket.socket()
        if holds:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, holds)
        self.socket.settimeout(20)
        self.socket.connect(("127.0.0.1", port))
        self.socket.sendall(data)

    def drip(self, data=b"x"):
        """Sends it again and again."""

        def send():
            try:
                while True:
                    self.socket.sendall(data)
                    time.sleep(0.1)
            except OSError:
                return

        threading.Thread(target=send, daemon=True).start()
        return self

    def answer(self):
        try:
            return self.socket.recv(10_000)[9:12].decode()
        except (ConnectionResetError, BrokenPipeError):
            return "reset"

    def is_closed(self):
        """Whether the server has ended the connection, whatever it has sent."""
        self.socket.setblocking(False)
        try:
            while self.socket.recv(100_000):
                pass
        except BlockingIOError:
            return False
        except OSError:
            pass
        return True
