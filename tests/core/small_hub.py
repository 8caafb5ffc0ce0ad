"""A process beside a small Hub, which it asks as it would the real one.

`small_hub.py MODEL ADAPTER`: two folders, on the Hub as me/model and me/adapter, revisions main and
v1. Prints a JSON object {case: [seconds, what came of it]}.
"""

import hashlib
import http.server
import json
import os
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import ClassVar

TEXT = "Ada Lovelace lives in Paris."
COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(http.server.BaseHTTPRequestHandler):
    """Files of repositories; `busy` answers of the server error come before the others."""

    folders: ClassVar[dict[str, Path]] = {}
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


def main(model, adapter):
    Hub.folders = {"me/model": Path(model), "me/adapter": Path(adapter)}
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    os.environ.pop("HF_HUB_OFFLINE", None)
    os.environ["HF_ENDPOINT"] = f"http://127.0.0.1:{server.server_address[1]}"
    os.environ["HF_HOME"] = tempfile.mkdtemp()
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

    mistyped("online")
    Hub.busy = 2  # the Hub's own retries still get over that
    case("online: right", lambda: pipeline(name="me/model"))
    case("online: right revision", lambda: pipeline(name="me/model", revision="v1"))
    case("online: right adapter", lambda: pipeline(name=model, adapter="me/adapter"))
    case("online: right command", lambda: open_pipeline("me/model")[0])
    server.shutdown()
    server.server_close()
    mistyped("away")
    case("away: downloaded", lambda: pipeline(name="me/model"))
    case("away: downloaded revision", lambda: pipeline(name="me/model", revision="v1"))
    case("away: downloaded adapter", lambda: pipeline(name=model, adapter="me/adapter"))
    case("away: folders", lambda: pipeline(name=model, adapter=adapter))
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
