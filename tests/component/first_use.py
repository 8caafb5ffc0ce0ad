"""A new process whose first use of models is from several threads: `first_use.py FOLDER`.

FOLDER: a trained pipeline. Writes a JSON object {door: [answer of each thread, ...]}.
"""

import json
import sys
import threading
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import spacy

TEXT = "Ada Lovelace lives in Paris."


def ents(doc):
    return [(ent.text, ent.label_) for ent in doc.ents]


def at_once(n, work):
    """What `work(i)` returns, or the error, in n threads that begin together."""
    start = threading.Barrier(n)

    def run(i):
        start.wait()
        try:
            return work(i)
        except Exception as error:
            return f"{type(error).__name__}: {error}"

    with ThreadPoolExecutor(n) as pool:
        return list(pool.map(run, range(n)))


def component(folder):
    nlp = spacy.blank("en")
    nlp.add_pipe("padellm_ner", config={"model": {"name": f"{folder}/padellm_ner/model"}})
    return nlp


def llm(folder):
    nlp = spacy.blank("en")
    model = {
        "@llm_models": "spacy_padellm.CausalLM.v1",
        "name": f"{folder}/padellm_ner/model",
    }
    task = {"@llm_tasks": "spacy_padellm.NER.v1", "labels": ["PER", "LOC"]}
    nlp.add_pipe("llm", config={"task": task, "model": model})
    return nlp


@contextmanager
def web_app(nlp):
    """An ASGI application of a user around a pipeline; uvicorn runs its function in threads."""
    import uvicorn
    from starlette.applications import Starlette
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    app = Starlette(routes=[Route("/", lambda request: JSONResponse(ents(nlp(TEXT))))])
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}/"
    finally:
        server.should_exit = True
        thread.join()


def ask(url):
    with urllib.request.urlopen(url, timeout=60) as answer:
        return json.load(answer)


def main(folder):
    doors = [component, llm, spacy.load] * 2
    # The first ones also import what they need in several threads.
    found = {"mixed": at_once(6, lambda i: ents(doors[i](folder)(TEXT)))}
    found["pipelines"] = at_once(5, lambda i: ents(spacy.load(folder)(TEXT)))
    nlp = component(folder)
    found["component"] = at_once(8, lambda i: ents(nlp(TEXT)))
    stream = component(folder)
    found["pipe"] = at_once(3, lambda i: next(map(ents, stream.pipe([TEXT]))))
    task = llm(folder)
    found["llm"] = at_once(4, lambda i: ents(task(TEXT)))
    found["box"] = at_once(2, lambda i: ents(small_box()(TEXT)))
    with web_app(component(folder)) as url:
        found["web"] = at_once(8, lambda i: ask(url))
    found["later"] = [ents(component(folder)(TEXT))]
    print(json.dumps(found))


def small_box():
    nlp = spacy.blank("en")
    nlp.add_pipe("padellm_ner")
    return nlp


if __name__ == "__main__":
    main(sys.argv[1])
