"""A process beside a small Hub, which it asks as it would the real one.

`small_hub.py MODEL ADAPTER`: two folders, on the Hub as me/model and me/adapter, revisions main and
v1; me/METHOD-STATUS-FILE is the model with one request that fails, me/slow one whose weights come
when they are let go. Prints a JSON object {case: [seconds, what came of it]}.
"""

import hashlib
import http.server
import json
import multiprocessing
import os
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ClassVar

TEXT = "Ada Lovelace lives in Paris."
COMMIT = "0123456789abcdef0123456789abcdef01234567"


# Statuses that huggingface_hub tries again, and others; before and in a download.
FAILING = [
    "HEAD-500-padellm.json",
    "HEAD-403-padellm.json",
    "HEAD-429-padellm.json",
    "GET-503-padellm.json",
    "HEAD-418-tokenizer_config.json",
    "GET-503-model.safetensors",
]


class Hub(http.server.BaseHTTPRequestHandler):
    """Files of repositories; `busy` answers of the server error come before the others.

    asked: files of me/slow, as they were asked for. go: lets its weights go.
    """

    folders: ClassVar[dict[str, Path]] = {}
    asked: ClassVar[list[str]] = []
    go = threading.Event()
    busy = 0

    def do_HEAD(self):
        parts = self.path.strip("/").split("/")
        if Hub.busy:
            Hub.busy -= 1
            return self.answer(503)
        if parts[:2] == ["api", "models"]:
            names = [path.name for path in self.folders["/".join(parts[2:4])].iterdir()]
            files = [{"type": "file", "path": name, "oid": "0", "size": 1} for name in names]
            about = {"id": "/".join(parts[2:4]), "sha": COMMIT, "tags": [], "siblings": []}
            content = json.dumps(files if "tree" in parts else about).encode()
            return self.answer(200, {"Content-Type": "application/json"}, content)
        if len(parts) != 5 or "/".join(parts[:2]) not in self.folders:
            return self.answer(404, {"X-Error-Code": "RepoNotFound"})
        if parts[3] not in ("main", "v1", COMMIT):
            return self.answer(404, {"X-Error-Code": "RevisionNotFound"})
        path = self.folders["/".join(parts[:2])] / parts[4]
        if not path.is_file():
            return self.answer(404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT})
        content = path.read_bytes()
        method, status, name = [*parts[1].split("-"), "", ""][:3]
        if (method, name) == (self.command, path.name):
            return self.answer(int(status))
        if parts[1] == "slow":
            Hub.asked.append(path.name)
            if self.command == "GET" and path.suffix == ".safetensors":
                self.go.wait(60)
        etag = hashlib.sha1(content).hexdigest()
        headers = {"ETag": f'"{etag}"', "X-Repo-Commit": COMMIT}
        return self.answer(200, headers, content)

    do_GET = do_HEAD

    def answer(self, status, headers=None, content=b""):
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    def log_message(self, *_):
        pass


class NoWaits:
    """Instead of the module `time`, for retries."""

    time, perf_counter, sleep = time.time, time.perf_counter, staticmethod(lambda seconds: None)


def main(model, adapter):
    names = ["model", "slow", *FAILING]
    Hub.folders = {f"me/{name}": Path(model) for name in names} | {"me/adapter": Path(adapter)}
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    os.environ.pop("HF_HUB_OFFLINE", None)
    os.environ["HF_ENDPOINT"] = f"http://127.0.0.1:{server.server_address[1]}"
    os.environ["HF_HOME"] = tempfile.mkdtemp()
    import huggingface_hub.utils._http
    import spacy

    from spacy_padellm.tools.pipelines import open_pipeline

    found = {}

    def case(name, make):
        began = time.monotonic()
        try:
            nlp = make()
            nlp(TEXT)
            came = list(nlp.get_pipe("padellm_ner").labels)
        except Exception as error:
            came = f"{type(error).__name__}: {error}"
        found[name] = [time.monotonic() - began, came]

    def pipeline(**block):
        nlp = spacy.blank("en")
        nlp.add_pipe("padellm_ner", config={"model": block, "labels": ["PER", "LOC"]})
        return nlp

    def served(tokenizer):
        kind = {"@architectures": "spacy_padellm.Server.v1", "url": "http://127.0.0.1:9/v1"}
        return pipeline(**kind, model="m", tokenizer=tokenizer)

    def mistyped(when):
        case(f"{when}: name", lambda: pipeline(name="englsh"))
        case(f"{when}: id", lambda: pipeline(name="me/modell"))
        case(f"{when}: no id", lambda: pipeline(name="my model!"))
        case(f"{when}: revision", lambda: pipeline(name="me/model", revision="v7"))
        case(f"{when}: id@revision", lambda: pipeline(name="me/model@v7"))
        case(f"{when}: adapter", lambda: pipeline(name=model, adapter="me/adaptr"))
        case(f"{when}: adapter@revision", lambda: pipeline(name=model, adapter="me/adapter@v7"))
        case(f"{when}: tokenizer", lambda: served("me/tokenizr"))
        case(f"{when}: command", lambda: open_pipeline("englsh")[0])

    def failing():
        real, huggingface_hub.utils._http.time = huggingface_hub.utils._http.time, NoWaits
        for name in FAILING:
            case(f"failing: {name}", lambda name=name: pipeline(name=f"me/{name}"))
        huggingface_hub.utils._http.time = real

    def while_weights_come():
        with ThreadPoolExecutor(1) as pool:
            loading = pool.submit(pipeline(name="me/slow"), TEXT)
            while "model.safetensors" not in Hub.asked:
                time.sleep(0.01)
            case("online: right meanwhile", lambda: pipeline(name=model))
            process = multiprocessing.get_context("fork").Process(target=int)
            process.start()
            process.join(10)
            assert process.exitcode == 0 and not loading.done()
            Hub.go.set()
            loading.result()
        found["asked"] = Hub.asked

    mistyped("online")
    Hub.busy = 2  # the Hub's own retries still get over that
    case("online: right", lambda: pipeline(name="me/model"))
    case("online: right revision", lambda: pipeline(name="me/model", revision="v1"))
    case("online: right adapter", lambda: pipeline(name=model, adapter="me/adapter"))
    case("online: right command", lambda: open_pipeline("me/model")[0])
    failing()
    while_weights_come()
    server.shutdown()
    server.server_close()
    mistyped("away")
    case("away: downloaded", lambda: pipeline(name="me/model"))
    case("away: downloaded revision", lambda: pipeline(name="me/model", revision="v1"))
    case("away: downloaded adapter", lambda: pipeline(name=model, adapter="me/adapter"))
    os.remove(next(Path(os.environ["HF_HOME"]).glob("hub/models--me--slow/**/padellm.json")))
    case("away: downloaded without settings", lambda: pipeline(name="me/slow"))
    case("away: folders", lambda: pipeline(name=model, adapter=adapter))
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
