"""The server against clients that send half a request, drip, or go away; and its end."""

import asyncio
import json
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

pytest.importorskip("starlette")

from starlette.requests import Request

from looking.test_explain import free_port
from spacy_padellm.tools.explain.limits import GoneError, RefusedError, Stop, read_body

HALF = (b"POST /%s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b'Content-Length: 1000\r\n\r\n{"te')  # fmt: skip


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


@pytest.fixture(scope="module")
def servers(trained_folder):
    """Two servers, (process, port) each; they start side by side."""
    started = []
    for _ in range(2):
        port = free_port()
        command = ["-m", "spacy", "padellm", "serve", "-p", str(trained_folder), "--timeout", "2"]
        process = subprocess.Popen(
            [sys.executable, *command, "--port", str(port)],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        started.append((process, port))
    for process, port in started:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert process.poll() is None
                time.sleep(0.1)
    yield started
    for process, _ in started:
        process.kill()
        process.wait()


@pytest.mark.parametrize("number", [0, 1])
def test_clients_that_do_not_end_do_not_keep_the_server(servers, number):
    (process, port), paths = servers[number], (b"", b"api/explain")
    for path in paths:
        Client(port, HALF % path).socket.close()
    began = time.monotonic()
    slow = [Client(port, HALF % path) for path in paths] + [Client(port, HALF % b"").drip()]
    assert {client.answer() for client in slow} == {"408"}
    assert 1.5 < time.monotonic() - began < 20
    body = json.dumps({"text": "Bo is in Paris."}).encode()
    whole = b"POST /api/explain HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(
        body
    )
    assert Client(port, whole + body).answer() == "200"
    half = [Client(port, HALF % path) for path in paths]
    half += [Client(port, HALF % path).drip() for path in paths]
    Client(port, b"POST / HTTP/1.1\r\nHo")
    time.sleep(0.2)
    began = time.monotonic()
    process.send_signal((signal.SIGTERM, signal.SIGINT)[number])
    said = process.communicate(timeout=20)[0]
    assert time.monotonic() - began < 25
    assert {client.answer() for client in half} <= {"503", "reset"}
    assert process.returncode == (-signal.SIGTERM, 0)[number]
    assert "Traceback" not in said and "Error" not in said, said


def body_of(*messages, wait=0.0):
    """A request whose body comes in these pieces; True stands for a client that went away."""
    left = list(messages)

    async def receive():
        await asyncio.sleep(wait)
        if left and left[0] is True:
            return {"type": "http.disconnect"}
        more = len(left) > 1
        return {"type": "http.request", "body": left.pop(0), "more_body": more}

    return Request({"type": "http", "method": "POST", "headers": []}, receive)


def test_a_body_is_read_within_its_limits():
    async def run():
        read = [body_of(b"ab", b"cd"), body_of(b"abc", b"de"), body_of(b"a", True),
                body_of(*[b"a"] * 9, wait=0.1)]  # fmt: skip
        found = await asyncio.gather(
            *(read_body(one, 4, Stop(), 0.3) for one in read), return_exceptions=True
        )
        assert found[0] == b"abcd"
        assert [getattr(one, "status", None) for one in found[1:]] == [413, None, 408]
        assert isinstance(found[2], GoneError)

    asyncio.run(run())


def test_a_stop_gives_work_a_while_and_no_more():
    async def run():
        stop = Stop()
        waiting = [
            asyncio.ensure_future(stop.unless(asyncio.sleep(seconds, seconds), grace))
            for seconds, grace in ((60, 0), (0.2, 1), (60, 0.3))
        ]
        await asyncio.sleep(0.05)
        began = time.monotonic()
        stop.begin()
        found = await asyncio.gather(*waiting, return_exceptions=True)
        assert time.monotonic() - began < 10 and found[1] == 0.2
        for one in (found[0], found[2]):
            assert isinstance(one, RefusedError) and one.status == 503
        with pytest.raises(RefusedError, match="stopping"):
            await stop.unless(asyncio.sleep(60))

    asyncio.run(run())
