"""Requests per second and latency of `padellm serve` on loopback, by the number of connections.

    python benchmarks/serving.py [--pipeline english] [--texts corpus.jsonl] [--requests 500]

The texts go, one a request, through 1, 8 and 64 connections that each send their next request when
the last is answered; one that is not answered 200 is lost, and in no figure but the lost ones. For
comparison, they go through the pipeline in this process, text by text and in batches. The server is
a process of its own; the load comes from this one, and shares the cores with it. The same load on a
server that answers at once shows that it is not what limits. Each row takes at least two seconds.
Options behind `--` go to the server: `-- --queue 128`.
"""

import argparse
import contextlib
import itertools
import json
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from grid.machine import describe
from grid.options import say_options
from grid.tables import table
from http_load import Answers, instant_server, send_load

from spacy_padellm.formats.json_records import read_records
from spacy_padellm.tools.pipelines import open_pipeline
from spacy_padellm.tools.serve.settings import ServeSettings

OUTPUT = Path("benchmarks/results/serving.json")
SAMPLE = Path("assets/sample_test.jsonl")
LEAST_SECONDS = 2.0  # of a row
READY_SECONDS = 300.0  # within which a server is


def read_texts(path: Path) -> list[str]:
    """Of JSON lines with a field `text`. Raises ValueError where there is none but blank ones."""
    texts = [record["text"] for _, record in read_records(path)]
    if not any(text.strip() for text in texts):
        raise ValueError(f"{path} holds no text: give JSON lines with a field `text`")
    return [text for text in texts if text.strip()]


def summary(seconds: list[float], wall: float, lost: int = 0) -> dict[str, float]:
    """seconds: of each request that was answered. wall: of all. lost: those that were not.

    Raises ValueError where none was answered.
    """
    if not seconds:
        raise ValueError(
            f"none of {lost} requests was answered 200: see the server's log; where it had no room "
            f"for them, give it a longer queue (-- --queue), or fewer --connections"
        )
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


def measure(
    server: Server, instant: int, texts: list[str], requests: int, connections: int
) -> dict[str, float]:
    """A row of the table. instant: the port of the server that answers at once."""
    send_load(server.port, texts, max(20, 2 * connections), connections)  # warms up
    before = server.batches()
    answers = send_load(server.port, texts, requests, connections, LEAST_SECONDS)
    n_texts, n_batches = np.subtract(server.batches(), before)
    found = {**of_answers(answers), "texts_per_batch": float(n_texts / n_batches)}
    send_load(instant, texts, requests, connections)
    ceiling = of_answers(send_load(instant, texts, requests, connections, LEAST_SECONDS))
    return {**found, "load_per_second": ceiling["per_second"]}


def of_answers(answers: Answers) -> dict[str, float]:
    return summary(answers.seconds, answers.wall, answers.lost)


def show(report: dict[str, Any]) -> str:
    """For docs/serving.md. "lost": of the requests that were sent; only where some were."""
    alone = report["in_process"]
    rows = {"in process, text by text": alone, "in process, in batches": report["in_batches"]}
    rows |= {f"{n} connection{'s' * (n != '1')}": row for n, row in report["served"].items()}
    heads = ["", "texts per second", "× text by text", "p50 (ms)", "p99 (ms)", "texts per batch"]
    heads.append("load alone, requests per second")
    heads += ["lost"] * any("lost" in found for found in rows.values())
    lines = []
    for name, found in rows.items():
        p50, p99, ceiling = (
            f"{found[key]:,.0f}" if key in found else "–"
            for key in ("p50_ms", "p99_ms", "load_per_second")
        )
        cells = [name, f"{found['per_second']:.0f}"]
        cells += [f"{found['per_second'] / alone['per_second']:.1f}", p50, p99]
        cells += [f"{found.get('texts_per_batch', 1.0):.1f}", ceiling]
        if "lost" in heads:
            lost = found.get("lost", 0)
            sent = lost + found["requests"]
            cells.append(f"{lost:,.0f} of {sent:,.0f}" if lost else "–")
        lines.append(cells)
    return table(heads, lines)


def main(given: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pipeline", default="english")
    parser.add_argument("--texts", type=Path, default=SAMPLE, help="JSON lines with `text`")
    parser.add_argument("--requests", type=int, default=500, help="of each row of the table")
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 8, 64])
    size = ServeSettings.batch_size
    parser.add_argument("--batch-size", type=int, default=size, help="of pipeline and server")
    parser.add_argument("--output", type=Path, default=OUTPUT, help=f"default: {OUTPUT}")
    parser.add_argument("options", nargs="*", help="of the server, behind --")
    arguments = parser.parse_args(given)
    try:
        texts = read_texts(arguments.texts)
        report = {**describe_run(arguments, texts), **measure_all(arguments, texts)}
    except (ValueError, OSError) as error:
        parser.error(str(error))
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(report, indent=1) + "\n", encoding="utf8")
    print(show(report), end="")


def describe_run(arguments: argparse.Namespace, texts: Sequence[str]) -> dict[str, Any]:
    options = say_options(arguments, leave_out=("output", "options"))
    behind = f" -- {shlex.join(arguments.options)}" if arguments.options else ""
    return {
        "command": f"python benchmarks/serving.py {options}{behind}",
        "date": time.strftime("%Y-%m-%d"),
        "machine": describe(),
        "texts": {"n": len(texts), "characters": float(np.mean([len(text) for text in texts]))},
    }


def measure_all(arguments: argparse.Namespace, texts: list[str]) -> dict[str, Any]:
    """Rows of the table. Raises ValueError where no request of a row was answered, OSError or
    EOFError where the server ends."""
    found: dict[str, Any] = in_process(
        arguments.pipeline, texts, arguments.requests, arguments.batch_size
    )
    options = ["--batch-size", str(arguments.batch_size), *arguments.options]
    with instant_server() as instant, Server(arguments.pipeline, options) as server:
        found["served"] = {
            str(n): measure(server, instant, texts, arguments.requests, n)
            for n in arguments.connections
        }
    return found


if __name__ == "__main__":
    main()
