"""Requests per second and latency of `padellm serve` on loopback, by the number of connections.

    python benchmarks/serving.py [--pipeline english] [--texts corpus.jsonl] [--requests 500]

The texts go, one a request, through 1, 8 and 64 connections that each send their next request when
the last is answered; and, for comparison, through the pipeline in this process, text by text and in
batches. The server is a process of its own; the load comes from this one, and shares the cores with
it. The same load on a server that answers at once shows that it is not what limits. Each row takes
at least two seconds. Options behind `--` go to the server: `-- --queue 64`.
"""

import argparse
import contextlib
import itertools
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from grid.machine import describe
from http_load import Answers, instant_server, send_load

from spacy_padellm.formats.json_records import read_records
from spacy_padellm.tools.pipelines import open_pipeline
from spacy_padellm.tools.serve.settings import ServeSettings

OUTPUT = Path("benchmarks/results/serving.json")
SAMPLE = Path("assets/sample_test.jsonl")
LEAST_SECONDS = 2.0  # of a row
READY_SECONDS = 300.0  # within which a server is


def read_texts(path: Path) -> list[str]:
    """Of JSON lines with a field `text`."""
    found = [record["text"] for _, record in read_records(path)]
    return [text for text in found if text.strip()]


def summary(seconds: list[float], wall: float, lost: int = 0) -> dict[str, float]:
    """seconds: of each request. wall: of all."""
    p50, p99 = (1000 * float(np.percentile(seconds, p)) for p in (50, 99))
    rate = len(seconds) / wall
    return {"requests": len(seconds), "per_second": rate, "p50_ms": p50, "p99_ms": p99} | (
        {"lost": lost} if lost else {}
    )


def in_process(
    pipeline: str, texts: list[str], requests: int, batch_size: int
) -> dict[str, dict[str, float]]:
    """Text by text, and in batches, without a server."""
    nlp, _ = open_pipeline(pipeline)
    asked = list(itertools.islice(itertools.cycle(texts), requests))
    for text in asked[:20]:
        nlp(text)
    seconds, began = [], time.perf_counter()
    while time.perf_counter() - began < LEAST_SECONDS:
        for text in asked:
            start = time.perf_counter()
            nlp(text)
            seconds.append(time.perf_counter() - start)
    one_by_one = summary(seconds, time.perf_counter() - began)
    began, done = time.perf_counter(), 0
    while (took := time.perf_counter() - began) < LEAST_SECONDS:
        done += sum(1 for _ in nlp.pipe(asked, batch_size=batch_size))
    batches = {"requests": done, "per_second": done / took, "texts_per_batch": batch_size}
    return {"in_process": one_by_one, "in_batches": batches}


class Server:
    """`padellm serve` on a free port, ready."""

    def __init__(self, pipeline: str, options: list[str]) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        command = ["-m", "spacy", "padellm", "serve", "-p", pipeline, "--port", str(self.port)]
        self._process = subprocess.Popen([sys.executable, *command, *options])
        self.address = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> "Server":
        end = time.monotonic() + READY_SECONDS
        while time.monotonic() < end and self._process.poll() is None:
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{self.address}/ready").status_code == 200:
                    return self
            time.sleep(0.2)
        self._process.kill()
        raise SystemExit("the server did not become ready: its log says why")

    def __exit__(self, *error: object) -> None:
        self._process.terminate()
        self._process.wait(60)

    def batches(self) -> tuple[float, float]:
        """Texts and batches so far."""
        lines = httpx.get(f"{self.address}/metrics").text.splitlines()
        values = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
        return tuple(float(values[f"padellm_batch_texts_{x}"]) for x in ("sum", "count"))  # type: ignore[return-value]


def measure(server: Server, texts: list[str], requests: int, connections: int) -> dict[str, float]:
    send_load(server.port, texts, max(20, 2 * connections), connections)  # warms up
    before = server.batches()
    answers = send_load(server.port, texts, requests, connections, LEAST_SECONDS)
    n_texts, n_batches = np.subtract(server.batches(), before)
    found = {**of_answers(answers), "texts_per_batch": float(n_texts / n_batches)}
    with instant_server() as port:
        send_load(port, texts, requests, connections)
        ceiling = of_answers(send_load(port, texts, requests, connections, LEAST_SECONDS))
    return {**found, "load_per_second": ceiling["per_second"]}


def of_answers(answers: Answers) -> dict[str, float]:
    return summary(answers.seconds, answers.wall, answers.lost)


def table(report: dict[str, Any]) -> str:
    """For docs/serving.md."""
    alone = report["in_process"]
    rows = [("in process, text by text", alone), ("in process, in batches", report["in_batches"])]
    rows += [(f"{n} connection{'s' * (n != '1')}", found) for n, found in report["served"].items()]
    lines = ["| | texts per second | × text by text | p50 (ms) | p99 (ms) | texts per batch | "
             "load alone, requests per second |"]  # fmt: skip
    lines += ["|---|---|---|---|---|---|---|"]
    for name, found in rows:
        times = found["per_second"] / alone["per_second"]
        p50, p99, ceiling = (
            f"{found[key]:,.0f}" if key in found else "–"
            for key in ("p50_ms", "p99_ms", "load_per_second")
        )
        batch = found.get("texts_per_batch", 1.0)
        lines.append(
            f"| {name} | {found['per_second']:.0f} | {times:.1f} | {p50} | {p99} | {batch:.1f} | "
            f"{ceiling} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pipeline", default="english")
    parser.add_argument("--texts", type=Path, default=SAMPLE, help="JSON lines with `text`")
    parser.add_argument("--requests", type=int, default=500, help="of each row of the table")
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 8, 64])
    size = ServeSettings.batch_size
    parser.add_argument("--batch-size", type=int, default=size, help="of pipeline and server")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    parser.add_argument("options", nargs="*", help="of the server, behind --")
    arguments = parser.parse_args()
    texts = read_texts(arguments.texts)
    report: dict[str, Any] = {
        "command": " ".join(["python", "benchmarks/serving.py", *sys.argv[1:]]),
        "date": time.strftime("%Y-%m-%d"),
        "machine": describe(),
        "texts": {"n": len(texts), "characters": float(np.mean([len(text) for text in texts]))},
        **in_process(arguments.pipeline, texts, arguments.requests, arguments.batch_size),
    }
    options = ["--batch-size", str(arguments.batch_size), *arguments.options]
    with Server(arguments.pipeline, options) as server:
        report["served"] = {
            str(n): measure(server, texts, arguments.requests, n) for n in arguments.connections
        }
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(report, indent=1) + os.linesep, encoding="utf8")
    print(table(report))


if __name__ == "__main__":
    main()
