"""Servers, as processes or of the tests' own, and pipelines that ask them."""

import contextlib
import socket
import subprocess
import sys
import time
from http.server import ThreadingHTTPServer
from pathlib import Path

import spacy


class OpenServer(ThreadingHTTPServer):
    request_queue_size = 128  # all of a client's connections may be opened at once


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def serve(script, model):
    """Runs `script MODEL PORT` of this folder; gives the address of its completions."""
    port = free_port()
    path = Path(__file__).parent / script
    process = subprocess.Popen([sys.executable, str(path), str(model), str(port)])
    try:
        for _ in range(3000):
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert process.poll() is None
                time.sleep(0.1)
        else:
            raise TimeoutError(f"{script} does not listen")
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()


def remote(url, model, **settings):
    nlp = spacy.blank("en")
    block = {
        "@architectures": "spacy_padellm.Server.v1",
        "url": url,
        "model": "m",
        "tokenizer": str(model),
        **settings.pop("model_block", {}),
    }
    nlp.add_pipe("padellm_ner", config={"model": block, **settings})
    return nlp


def found(docs):
    return [[(e.label_, e.start, e.end) for e in doc.ents] for doc in docs]
