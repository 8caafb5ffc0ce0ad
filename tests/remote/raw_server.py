"""A server that answers with the bytes of a script, and at its pace."""

import contextlib
import json
import socketserver
import threading
import time


def completion(text=" 1", log_prob="-0.1", token=None):
    """The body of an answer of one token; log_prob: as it stands in the JSON."""
    said = json.dumps({"text": text, "finish_reason": "stop"})[:-1]
    tokens = json.dumps([text if token is None else token])
    body = f'{said}, "logprobs": {{"tokens": {tokens}, "token_logprobs": [{log_prob}]}}}}'
    return f'{{"choices": [{body}]}}'.encode()


def response(body, status=200, *headers):
    length = f"Content-Length: {len(body)}"
    return "\r\n".join([f"HTTP/1.1 {status} X", length, *headers, "", ""]).encode() + body


def drip(before, n=10_000):
    """The beginning at once, then a byte every 50 ms."""
    yield before
    for _ in range(n):
        time.sleep(0.05)
        yield b" "


def endless(part, head=b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n"):
    """Chunks for as long as somebody reads."""
    yield head
    while True:
        yield b"%x\r\n%s\r\n" % (len(part), part)


@contextlib.contextmanager
def raw_server(make, lists_models=False):
    """make: from the request (header and body as bytes) to the parts of an answer; of a request for
    its models only where it lists some. Gives the address, and what was sent of the last answer."""
    sent = {"bytes": 0}

    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            with contextlib.suppress(OSError):
                while request := self._read():
                    if request.startswith(b"GET ") and not lists_models:
                        self.request.sendall(response(b"", 404))
                        continue
                    sent["bytes"] = 0
                    for part in make(request):
                        self.request.sendall(part)
                        sent["bytes"] += len(part)

        def _read(self):
            data = b""
            while b"\r\n\r\n" not in data:
                part = self.request.recv(65536)
                if not part:
                    return b""
                data += part
            head, _, body = data.partition(b"\r\n\r\n")
            fields = head.lower().split(b"\r\n")
            lengths = [int(f.split(b":")[1]) for f in fields if f.startswith(b"content-length")]
            length = next(iter(lengths), 0)
            while len(body) < length:
                part = self.request.recv(65536)
                if not part:
                    return b""
                body += part
            return head + b"\r\n\r\n" + body

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = allow_reuse_address = True
        request_queue_size = 128  # all of a client's connections may be opened at once

    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1", sent
    finally:
        server.shutdown()
        server.server_close()
