"""Texts per second against a completions server, by how many requests are under way at once.

    python benchmarks/servers.py [--latency 0.04] [--texts 64]

The server is a process of its own that answers every request after the same time, however many are
under way, as one with continuous batching nearly does while it has room. It shows what the client
costs; not what a model costs. What a grammar costs a server: server_grammars.py
"""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import spacy

from spacy_padellm.models.make import train_tokenizer
from spacy_padellm.prompts.template import PLAIN

OUTPUT = Path("benchmarks/results/servers.json")


async def answer(
    latency: float, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """HTTP/1.1 with connections kept: a count of 1 for each label, "Ada" for each mention."""
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            length = next(
                int(line.split(b":")[1])
                for line in head.lower().splitlines()
                if line.startswith(b"content-length")
            )
            asked = json.loads(await reader.readexactly(length))
            await asyncio.sleep(latency)
            text = " 1" if asked["max_tokens"] < 10 else " Ada"
            found = {"tokens": [text, ""], "token_logprobs": [-0.1, -0.1]}
            choice = {"text": text, "finish_reason": "stop", "logprobs": found}
            body = json.dumps({"choices": [choice]}).encode()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def serve(latency: float) -> None:
    server = await asyncio.start_server(
        lambda reader, writer: answer(latency, reader, writer), "127.0.0.1", 0
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def measure(port: int, tokenizer: str, concurrency: int, n_texts: int) -> float:
    """Texts per second, two labels, one mention each."""
    nlp = spacy.blank("en")
    model = {
        "@architectures": "spacy_padellm.Server.v1",
        "url": f"http://127.0.0.1:{port}/v1",
        "model": "stub",
        "tokenizer": tokenizer,
        "concurrency": concurrency,
    }
    nlp.add_pipe("padellm_ner", config={"model": model, "labels": ["PER", "LOC"]})
    nlp("Ada warms up.")
    began = time.perf_counter()
    docs = list(nlp.pipe([f"Ada left town {i}." for i in range(n_texts)], batch_size=64))
    assert all(doc.ents for doc in docs)
    return n_texts / (time.perf_counter() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--latency", type=float, default=0.04, help="seconds a request")
    parser.add_argument("--texts", type=int, default=64)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        asyncio.run(serve(arguments.latency))
    command = [sys.executable, __file__, "--serve", "--latency", str(arguments.latency)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    port = int(server.stdout.readline())
    with tempfile.TemporaryDirectory() as folder:
        train_tokenizer(["Ada left town."] * 50, 400, template=PLAIN).save_pretrained(folder)
        try:
            found = {n: measure(port, folder, n, arguments.texts) for n in (1, 8, 32)}
        finally:
            server.terminate()
    for n, rate in found.items():
        print(f"concurrency {n}: {rate:.1f} texts per second, x {rate / found[1]:.1f}")
    report = {"command": "python benchmarks/servers.py", "date": time.strftime("%Y-%m-%d")}
    report |= {"latency": arguments.latency, "texts_a_second": found}
    OUTPUT.write_text(json.dumps(report, indent=1) + "\n", encoding="utf8")


if __name__ == "__main__":
    main()
