"""Clients that are slow or silent, over real connections to a server in this process."""

import time

import httpx
import pytest

from serving.doors import Client, code_of, listening, request_of, until

PATH = "/v1/extract"
HEAD = b"POST /v1/extract HTTP/1.1\r\nHost: localhost\r\n"
KEY = {"X-API-Key": "k3y"}
MANY = request_of({"text": "Many."}, "/v1/explain", "X-API-Key: k3y\r\n")


@pytest.fixture
def server(scripted):
    nlp, _ = scripted({"Many.": [("PER", "Many", 0.9)] * 30_000})  # megabytes of an answer
    with listening(nlp, timeout=1.0, api_key="k3y", max_bytes=100_000) as found:
        yield found


def test_no_client_holds_its_connection_longer_than_its_time(server):
    running, port = server
    large = b"Content-Length: 999999\r\n\r\n"
    keyed = HEAD + b"X-API-Key: k3y\r\n"
    clients = {
        "silent": Client(port),
        "half a head": Client(port, HEAD),
        "drips a head": Client(port, HEAD + b"X: ").drip(),
        "drips a body": Client(port, keyed + b"Content-Length: 999\r\n\r\n").drip(),
        "stops in a body": Client(port, keyed + b"Content-Length: 999\r\n\r\n{"),
        "drips what is too large": Client(port, keyed + large).drip(),
        "stops in what is too large": Client(port, keyed + large),
        "drips without the key": Client(port, HEAD + large).drip(),
        "stops without the key": Client(port, HEAD + large),
        "drips under another name": Client(port, (HEAD + large).replace(b"localhost", b"x")).drip(),
        "drips the next": Client(port, b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\nG").drip(
            b"E"
        ),
        "takes no answer": Client(port, MANY, 4096),
    }
    began = time.monotonic()
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=KEY, timeout=30) as http:
        while any(running.server_state.connections) and time.monotonic() - began < 20:
            assert http.post(PATH, json={"text": "Ada."}).status_code == 200
            if len(running.server_state.connections) == 1:  # this one
                break
            time.sleep(0.1)
        left = [name for name, client in clients.items() if not client.is_closed()]
        assert len(running.server_state.connections) == 1, left
        assert set(left) <= {"takes no answer"}  # the kernel has some of it left for this one


def test_a_body_that_was_refused_may_end_and_its_connection_goes_on(server):
    _, port = server
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as http:
        for content in (b"x" * 1000, b"x" * 200_000):
            refused = http.post(PATH, content=content)
            assert code_of(refused) == (401, "unauthorized")
            large = http.post(PATH, content=b"x" * 150_000, headers=KEY)
            assert code_of(large) == (413, "too_large")
            assert http.post(PATH, json={"text": "Ada."}, headers=KEY).status_code == 200


def test_an_idle_connection_stays_for_a_while(server):
    running, port = server
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=KEY, timeout=30) as http:
        http.get("/health")
        (connection,) = running.server_state.connections
        time.sleep(1.5)  # more than the time for a head
        assert http.get("/health").status_code == 200
        assert running.server_state.connections == {connection}


def test_it_ends_whatever_its_clients_do(server):
    running, port = server
    half = request_of(b"x" * 1000, more="X-API-Key: k3y\r\n")[:-990]
    clients = [Client(port, half), Client(port, half).drip(), Client(port, HEAD), Client(port)]
    until(lambda: len(running.server_state.connections) == 4)
    began = time.monotonic()
    running.should_exit = True
    until(lambda: not running.server_state.connections, 20)
    assert time.monotonic() - began < 10
    assert {client.answer() for client in clients} <= {"503", "408", "reset", ""}
