"""The load of the server's benchmark is not what it measures."""

import asyncio
import threading

import pytest


def test_each_text_is_sent_and_the_load_is_no_limit():
    from http_load import instant_server, send_load

    with instant_server() as port:
        answers = send_load(port, ["Ada", "Müller 😀"], 2000, 64)
    assert (len(answers.seconds), answers.lost) == (2000, 0)
    assert 2000 / answers.wall > 1500  # httpx, with as many connections: 185


def test_a_load_takes_as_long_as_it_is_told():
    """Of a few milliseconds no rate can be told."""
    from http_load import instant_server, send_load

    with instant_server() as port:
        answers = send_load(port, ["Ada"], 10, 4, seconds=0.5)
        assert 0.5 <= answers.wall < 5 and len(answers.seconds) > 10
        assert len(send_load(port, ["Ada"], 10, 4).seconds) == 10


def test_answers_that_are_errors_are_lost():
    from http_load import send_load

    asked, port, done = [], [], threading.Event()

    async def refuse(reader, writer):
        while head := await reader.readuntil(b"\r\n\r\n"):
            size = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
            asked.append(await reader.readexactly(size))
            status = b"429 Too Many Requests" if len(asked) % 2 else b"200 OK"
            writer.write(b"HTTP/1.1 " + status + b"\r\ncontent-length: 2\r\n\r\n{}")

    async def run():
        server = await asyncio.start_server(refuse, "127.0.0.1", 0)
        port.append(server.sockets[0].getsockname()[1])
        done.set()
        await stop.wait()
        server.close()

    loop = asyncio.new_event_loop()
    stop = asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(run(),), daemon=True)
    thread.start()
    assert done.wait(10)
    try:
        answers = send_load(port[0], ["Ada"], 10, 1)
        assert (len(answers.seconds), answers.lost, len(asked)) == (5, 5, 10)
        assert set(asked) == {b'{"text": "Ada"}'}
        with pytest.raises(OSError):
            send_load(1, ["Ada"], 1, 1)
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
