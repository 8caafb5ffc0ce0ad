"""A machine learning backend for Label Studio: a pipeline predicts, annotators correct.

    python examples/label_studio_backend.py [PIPELINE] --port 9090

Then, in Label Studio, Settings > Model > Connect Model > http://localhost:9090. The labeling
interface needs <Labels> of a <Text>:

    <View>
      <Labels name="label" toName="text"><Label value="PER"/><Label value="ORG"/></Labels>
      <Text name="text" value="$text"/>
    </View>

Without PIPELINE the English model in the box predicts. Needs `pip install "spacy-padellm[serve]"`.
"""

import argparse
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from threading import Lock
from typing import Any

import spacy
import uvicorn
from spacy.language import Language
from spacy.tokens import Doc
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from spacy_padellm.formats.label_studio import make_region
from spacy_padellm.pipeline.component import PaDeLLMNER


@dataclass(frozen=True)
class Interface:
    """from_name, to_name: of the tags <Labels> and <Text>. key: of the text in a task's data."""

    from_name: str
    to_name: str
    key: str
    labels: frozenset[str]


def read_interface(config: str) -> Interface:
    """The labeling interface of a project. Raises ValueError for one without labels of a text."""
    try:
        root = ElementTree.fromstring(config)
    except ElementTree.ParseError as error:
        raise ValueError(f"the labeling interface is not XML: {error}") from None
    texts = {tag.get("name"): tag.get("value", "") for tag in root.iter("Text")}
    for tag in root.iter("Labels"):
        if tag.get("toName") in texts and tag.get("name"):
            labels = frozenset(one.get("value", "") for one in tag.iter("Label"))
            to_name = tag.get("toName", "")
            key = (texts[to_name] or "$text").removeprefix("$")
            return Interface(tag.get("name", ""), to_name, key, labels)
    raise ValueError("the labeling interface has no <Labels> of a <Text>")


async def read_body(request: Request) -> dict[str, Any]:
    """Raises ValueError for what is not a JSON object."""
    body = await request.json()
    if not isinstance(body, dict):
        raise ValueError("the request is not a JSON object")
    return body


def read_text(value: Any, interface: Interface) -> str:
    """Raises ValueError for what is no text."""
    if not isinstance(value, str):
        raise ValueError(f"{interface.key!r} is {value!r}, and no text")
    return value


class Backend:
    """The endpoints that Label Studio calls. Raises ValueError for a pipeline whose entities are
    not in `doc.ents`."""

    def __init__(self, nlp: Language) -> None:
        check_entities(nlp)
        self.nlp = nlp
        self.labels = {
            label
            for name in nlp.pipe_names
            if "doc.ents" in nlp.get_pipe_meta(name).assigns
            for label in nlp.pipe_labels.get(name, [])
        }
        self.version = f"{nlp.meta['lang']}_{nlp.meta['name']} {nlp.meta['version']}"
        self._one_at_a_time = Lock()

    def app(self) -> Starlette:
        post = ["POST"]
        return Starlette(
            routes=[
                Route("/", self.health),
                Route("/health", self.health),
                Route("/setup", self.setup, methods=post),
                Route("/predict", self.predict, methods=post),
                Route("/webhook", self.webhook, methods=post),
            ]
        )

    async def health(self, request: Request) -> JSONResponse:
        return JSONResponse({"status": "UP", "model_class": "padellm_ner"})

    async def setup(self, request: Request) -> JSONResponse:
        """Called when the backend is connected, and when the interface changes."""
        try:
            body = await read_body(request)
            interface = read_interface(body.get("schema") or "")
            if not interface.labels & self.labels:
                raise ValueError(
                    f"the pipeline finds {', '.join(sorted(self.labels))}, and the labeling "
                    f"interface has none of these labels"
                )
        except (ValueError, TypeError, RecursionError) as error:
            return JSONResponse({"error": f"the interface cannot be read: {error}"}, 400)
        return JSONResponse({"model_version": self.version})

    async def predict(self, request: Request) -> JSONResponse:
        try:
            body = await read_body(request)
            interface = read_interface(body.get("label_config") or "")
            texts = [read_text(task["data"][interface.key], interface) for task in body["tasks"]]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            return JSONResponse({"error": f"the tasks cannot be read: {error}"}, 400)
        return JSONResponse({"results": await run_in_threadpool(self._predict, texts, interface)})

    async def webhook(self, request: Request) -> JSONResponse:
        """Annotations that were made: train with `padellm train` on an export instead."""
        return JSONResponse({"status": "ok", "result": {}})

    def _predict(self, texts: list[str], interface: Interface) -> list[dict[str, Any]]:
        # Without a memory zone, spaCy would keep each new word for as long as the server runs.
        with self._one_at_a_time, self.nlp.memory_zone():
            return [self._prediction(doc, interface) for doc in self.nlp.pipe(texts)]

    def _prediction(self, doc: Doc, interface: Interface) -> dict[str, Any]:
        """The score of a task is that of its least certain entity, by which Label Studio can sort
        (uncertainty sampling). A task without entities comes first: what a model misses has no
        score."""
        regions, scores = [], []
        for ent in doc.ents:
            if ent.label_ in interface.labels:
                place = (ent.start_char, ent.end_char, ent.label_)
                names = (interface.from_name, interface.to_name)
                region = make_region(doc.text, *place, *names)
                # One of another component, such as an entity_ruler, has none, and is certain.
                if ent._.padellm_score is not None:
                    region["score"] = float(ent._.padellm_score)
                    scores.append(region["score"])
                regions.append(region)
        score = min(scores, default=1.0 if regions else 0.0)
        return {"result": regions, "score": score, "model_version": self.version}


def check_entities(nlp: Language) -> None:
    """Raises ValueError for a pipeline that writes entities elsewhere than to `doc.ents`."""
    for name, pipe in nlp.pipeline:
        if isinstance(pipe, PaDeLLMNER) and pipe.settings.annotate != "ents":
            raise ValueError(
                f"{name} writes to doc.spans[{pipe.settings.spans_key!r}], and only doc.ents is "
                f'read here: load the pipeline with config={{"components.{name}.annotate": "ents"}}'
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pipeline", nargs="?", help="folder or package; else the model in the box")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9090)
    arguments = parser.parse_args()
    if arguments.pipeline:
        nlp = spacy.load(arguments.pipeline)
    else:
        nlp = spacy.blank("en")
        nlp.add_pipe("padellm_ner")
    uvicorn.run(Backend(nlp).app(), host=arguments.host, port=arguments.port)


if __name__ == "__main__":
    main()
