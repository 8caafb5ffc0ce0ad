"""The examples for annotation tools, against the protocols that these speak."""

import contextlib
import importlib.util
import sys
import threading
import time
from pathlib import Path
from types import ModuleType

import httpx
import pytest
import spacy

from spacy_padellm.formats.annotation_tools import read
from spacy_padellm.formats.json_records import write_records

EXAMPLES = Path(__file__).parent.parent / "examples"
TEXT = "John Miller moved from Oslo to Rome."
CONFIG = """<View><Header value="x"/>
  <Labels name="entities" toName="t"><Label value="PER"/><Label value="X"/></Labels>
  <Text name="t" value="$body"/></View>"""


def load(name):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look there
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def nlp():
    made = spacy.blank("en")
    made.add_pipe("padellm_ner")
    return made


@contextlib.contextmanager
def served(nlp):
    """A client of the example behind uvicorn."""
    uvicorn = pytest.importorskip("uvicorn")
    app = load("label_studio_backend").Backend(nlp).app()
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.05)
    port = server.servers[0].sockets[0].getsockname()[1]
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
        yield client
    server.should_exit = True
    thread.join(20)


@pytest.fixture
def backend(nlp):
    with served(nlp) as client:
        yield client


def test_label_studio_asks_the_backend(backend):
    assert backend.get("/health").json()["status"] == "UP"
    connected = backend.post("/setup", json={
        "project": "3.1700000000", "schema": CONFIG, "hostname": "http://localhost:8080",
        "access_token": "x", "model_version": None, "extra_params": None})  # fmt: skip
    version = connected.json()["model_version"]
    assert connected.status_code == 200 and version
    tasks = [{"id": i, "data": {"body": text}, "meta": {}, "annotations": [], "predictions": []}
             for i, text in enumerate([TEXT, "", "Nothing here."])]  # fmt: skip
    asked = {
        "tasks": tasks,
        "model_version": version,
        "project": "3.1700000000",
        "label_config": CONFIG,
        "params": {"login": None, "password": None, "context": None},
    }
    answer = backend.post("/predict", json=asked)
    found, *others = answer.json()["results"]
    assert [one["result"] for one in others] == [[], []]
    (region,) = found["result"]  # places are no label of the interface
    assert region["value"] == {"start": 0, "end": 11, "text": "John Miller", "labels": ["PER"]}
    assert (region["from_name"], region["to_name"], region["type"]) == ("entities", "t", "labels")
    assert 0 < region["score"] == found["score"] <= 1 and found["model_version"] == version
    assert [one["score"] for one in others] == [0.0, 0.0]  # as the recipe for Prodigy shows these
    event = {"action": "ANNOTATION_CREATED", "project": {"id": 3, "label_config": CONFIG}}
    assert backend.post("/webhook", json=event).json()["status"] == "ok"


@pytest.mark.parametrize(("path", "body", "what"), [
    ("/setup", {"schema": "<View/>"}, "no <Labels> of a <Text>"),
    ("/setup", {"schema": "<View"}, "not XML"),
    ("/setup", {"schema": CONFIG.replace("PER", "Person")}, "finds LOC, ORG, PER"),
    ("/setup", ["x"], "not a JSON object"),
    ("/setup", {"schema": 5}, "the interface cannot be read"),
    ("/predict", {"label_config": CONFIG, "tasks": [{"data": {"text": "x"}}]}, "body"),
    ("/predict", {"label_config": CONFIG}, "tasks"),
    ("/predict", {"label_config": CONFIG, "tasks": [{"data": {"body": None}}]}, "and no text"),
])  # fmt: skip
def test_what_the_backend_cannot_use_is_said(backend, path, body, what):
    answer = backend.post(path, json=body)
    assert answer.status_code == 400 and what in answer.json()["error"]


def test_a_body_that_is_nested_too_deep_is_an_error(backend):
    for path in ("/setup", "/predict"):
        assert backend.post(path, content=100_000 * "[").status_code == 400


def test_words_of_tasks_are_forgotten(nlp, backend):
    asked = {"label_config": CONFIG, "tasks": [{"data": {"body": "Ada."}}]}
    backend.post("/predict", json=asked)
    before = len(nlp.vocab.strings)
    asked["tasks"] = [{"data": {"body": f"word{i} other{i}"}} for i in range(50)]
    assert backend.post("/predict", json=asked).status_code == 200
    assert len(nlp.vocab.strings) < before + 20


def test_a_pipeline_that_writes_span_groups_is_refused(prodigy, tmp_path, monkeypatch):
    """Its entities are not where the examples look: they would find none, without a word."""
    nlp = spacy.blank("en")
    nlp.add_pipe("padellm_ner", config={"annotate": "spans"})
    nlp.to_disk(tmp_path / "spans")
    with pytest.raises(ValueError, match=r"doc.spans\['sc'\].*components.padellm_ner.annotate"):
        load("label_studio_backend").Backend(nlp)
    load("prodigy_recipe")
    with pytest.raises(ValueError, match="annotate = 'ents'"):
        prodigy["padellm.correct"][0]("mine", str(tmp_path / "spans"), [])
    if importlib.util.find_spec("presidio_analyzer"):
        with pytest.raises(ValueError, match="annotate = 'ents'"):
            load("presidio_recognizer").PadellmRecognizer(nlp, {})


@pytest.fixture
def prodigy(monkeypatch):
    """As much of it as the recipe uses."""
    recipes = {}
    stub, components = ModuleType("prodigy"), ModuleType("prodigy.components")
    stream_module = ModuleType("prodigy.components.stream")

    class Stream:
        def __init__(self, tasks):
            self.tasks = tasks

        def apply(self, wrapper, **given):
            self.tasks = wrapper(**{**given, "stream": self.tasks})

    def recipe(name, **arguments):
        def register(function):
            recipes[name] = function, arguments
            return function

        return register

    stub.recipe = recipe
    stub.set_hashes = lambda task: {**task, "_input_hash": 1, "_task_hash": 2}
    stream_module.get_stream = lambda source, **_: Stream(source)
    for module in (stub, components, stream_module):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    return recipes


def test_the_prodigy_recipe(prodigy, nlp, tmp_path):
    load("prodigy_recipe")
    function, arguments = prodigy["padellm.correct"]
    nlp.to_disk(tmp_path / "pipeline")
    source = [{"text": TEXT, "meta": {"page": 4}}, {"text": "Nothing here."}]
    made = function("mine", str(tmp_path / "pipeline"), source, "PER,LOC")
    assert set(arguments) == {"dataset", "pipeline", "source", "label", "below"}
    assert made["view_id"] == "ner_manual" and made["config"]["labels"] == ["PER", "LOC"]
    first, second = made["stream"].tasks
    assert first["meta"] == {"page": 4} and first["_task_hash"] == 2
    assert [(s["label"], s["token_start"], s["token_end"]) for s in first["spans"]] == [
        ("PER", 0, 1), ("LOC", 4, 4), ("LOC", 6, 6)]  # fmt: skip
    assert second["spans"] == [] and second["tokens"][0]["text"] == "Nothing"
    write_records(tmp_path / "out.jsonl", [{**first, "answer": "accept"}])
    (text,) = read(tmp_path / "out.jsonl")  # what is exported can be read
    assert [TEXT[start:end] for start, end, _ in text.spans] == ["John Miller", "Oslo", "Rome"]
    made = function("mine", str(tmp_path / "pipeline"), source, None, 0.0001)
    assert [task["text"] for task in made["stream"].tasks] == ["Nothing here."]


def test_the_presidio_recognizer(nlp):
    pytest.importorskip("presidio_analyzer")
    module = load("presidio_recognizer")
    engine = module.make_engine(nlp, module.NAMES)
    results = {r for r in engine.analyze(text=TEXT, language="en")}
    found = {(r.entity_type, r.start, r.end): r.score for r in results}
    scores = {e.text: e._.padellm_score for e in nlp(TEXT).ents}
    assert found["PERSON", 0, 11] == pytest.approx(scores["John Miller"], abs=0.2)
    assert ("LOCATION", 23, 27) in found
    only = engine.analyze(text=TEXT, language="en", entities=["PERSON"])
    assert {r.entity_type for r in only} == {"PERSON"}


def test_the_recognizer_gives_each_entity_its_own_probability(nlp, monkeypatch):
    """Without Presidio: what its classes get."""
    stub, engines = ModuleType("presidio_analyzer"), ModuleType("presidio_analyzer.nlp_engine")

    class EntityRecognizer:
        def __init__(self, supported_entities, name, supported_language):
            self.supported_entities, self.name, self.id = supported_entities, name, "1"
            self.load()

    class RecognizerResult:
        RECOGNIZER_NAME_KEY, RECOGNIZER_IDENTIFIER_KEY = "name", "id"

        def __init__(self, entity_type, start, end, score, recognition_metadata):
            self.said = entity_type, start, end, score

    stub.EntityRecognizer, stub.RecognizerResult = EntityRecognizer, RecognizerResult
    stub.AnalyzerEngine = stub.RecognizerRegistry = engines.SpacyNlpEngine = object
    monkeypatch.setitem(sys.modules, "presidio_analyzer", stub)
    monkeypatch.setitem(sys.modules, "presidio_analyzer.nlp_engine", engines)
    module = load("presidio_recognizer")
    recognizer = module.PadellmRecognizer(nlp, module.NAMES)
    ents = nlp(TEXT).ents
    expected = [(module.NAMES[e.label_], e.start_char, e.end_char, e._.padellm_score) for e in ents]
    assert [r.said for r in recognizer.analyze(TEXT, [])] == expected
    assert [r.said for r in recognizer.analyze(TEXT, ["LOCATION"])] == expected[1:]
    assert recognizer.supported_entities == ["LOCATION", "ORGANIZATION", "PERSON"]


class Certain(spacy.language.Language):
    """Stands in for a pipeline in which another component finds an entity, or all are certain."""

    def __init__(self, score):
        super().__init__()
        self.score = score

    def __call__(self, text, **_):
        doc = self.make_doc(text)
        doc.ents = [spacy.tokens.Span(doc, 0, 1, "PER")]
        doc.ents[0]._.padellm_score = self.score
        return doc

    def pipe(self, texts, as_tuples=False, **_):
        return ((self(t[0]), t[1]) if as_tuples else self(t) for t in texts)


@pytest.mark.parametrize(("score", "shown", "said"), [
    (None, [None], {}), (0.99999, [None, 1.0], {"score": 1.0, "source": "padellm_ner"}),
])  # fmt: skip
def test_entities_without_a_score_and_certain_ones(score, shown, said, prodigy, nlp):
    pipeline = Certain(score)
    recipe = load("prodigy_recipe")
    for below in (None, 0.9, 1.0):
        tasks = list(recipe.suggest([{"text": "Ada"}], pipeline, ["PER"], below))
        assert bool(tasks) == (below in shown)
    (task,) = recipe.suggest([{"text": "Ada"}], pipeline, ["PER"], None)
    (span,) = task["spans"]
    assert {key: span[key] for key in ("score", "source") if key in span} == said
    with served(pipeline) as client:
        tasks = [{"data": {"body": "Ada"}}]
        said = client.post("/predict", json={"tasks": tasks, "label_config": CONFIG}).json()
    (answer,) = said["results"]
    assert answer["score"] == (1.0 if score is None else score)
    assert answer["result"][0].get("score") == score
