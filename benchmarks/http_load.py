"""Load over HTTP: connections that each send their next request when the last is answered, and a
server that answers at once, which shows how much load they can make at most.

Bytes over bare streams: clients of Python spend more on a request than the server that they are to
measure, and with many connections they, not the server, decide how many texts a batch has."""

import asyncio
import contextlib
import itertools
import json
import multiprocessing
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection

END = b"\r\n\r\n"


@dataclass
class Answers:
    """seconds: of each request that was answered 200. wall: of all. lost: those that were not."""

    seconds: list[float] = field(default_factory=list)
    wall: float = 0.0
    lost: int = 0


def send_load(
    port: int, texts: Sequence[str], requests: int, connections: int, seconds: float = 0.0
) -> Answers:
    """One text a request, to `/v1/extract` on this machine. seconds: for which it goes on, where
    the requests take less. Raises OSError where nothing listens, EOFError where a connection
    ends."""
    sent = [request_of(text) for text in texts]
    return asyncio.run(_send_all(port, sent, requests, connections, seconds))


def request_of(text: str) -> bytes:
    body = json.dumps({"text": text}).encode()
    head = (
        "POST /v1/extract HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}"
    )
    return head.encode() + END + body


async def _send_all(
    port: int, sent: Sequence[bytes], requests: int, connections: int, seconds: float
) -> Answers:
    answers = Answers()
    doors = [await asyncio.open_connection("127.0.0.1", port) for _ in range(connections)]

    def wanted() -> Iterator[bytes]:
        for number, request in enumerate(itertools.cycle(sent)):
            if number >= requests and time.perf_counter() >= until:
                return
            yield request

    left = wanted()

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for request in left:
            began = time.perf_counter()
            writer.write(request)
            head, _ = await _read(reader)
            if head.startswith(b"HTTP/1.1 200"):
                answers.seconds.append(time.perf_counter() - began)
            else:
                answers.lost += 1

    began = time.perf_counter()
    until = began + seconds
    await asyncio.gather(*(client(*door) for door in doors))
    answers.wall = time.perf_counter() - began
    for _, writer in doors:
        writer.close()
    return answers


async def _read(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Head and body of a message, whose length is said."""
    head = await reader.readuntil(END)
    size = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
    return head, await reader.readexactly(int(size))


@contextlib.contextmanager
def instant_server() -> Iterator[int]:
    """The port of a server that answers whatever comes at once, in a process of its own."""
    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe()
    process = spawn.Process(target=_answer, args=(there,), daemon=True)
    process.start()
    try:
        yield here.recv()
    finally:
        process.terminate()
        process.join()


def _answer(port: Connection) -> None:
    body = json.dumps({"results": [{"spans": []}], "warnings": []}).encode()
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d" % len(body) + END + body

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(EOFError, OSError):
            while True:
                await _read(reader)
                writer.write(answer)

    async def run() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())
