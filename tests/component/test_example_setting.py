"""The setting `examples` of the component: config, saving, room, and who takes none."""

import json
import pickle
import shutil
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
import spacy
from sample_pipelines import make_examples
from spacy.training import Example

from spacy_padellm.models.files.json_file import parse_checked
from spacy_padellm.pipeline.example_set import ExampleSet, SavedExamples
from spacy_padellm.tools.explain.explanation import explain

EXAMPLES = [
    {"text": "Ada met Bo in Rome.", "ents": [[0, 3, "PER"], [8, 10, "PER"], [14, 18, "LOC"]]},
    {"text": "Nobody was there.", "ents": []},
    {"text": "Tim left.", "entities": {"PER": ["Tim"]}},
]
TEXTS = ["Ada lives in Rome.", "Nobody came.", "", "In Paris we met Tim, and Ada lives in Rome."]


@pytest.fixture
def model(plain_lm_folder):
    return {"@architectures": "spacy_padellm.CausalLM.v1", "name": str(plain_lm_folder)}


@pytest.fixture
def make(model):
    def make(examples, **settings):
        nlp = spacy.blank("en")
        settings = {"model": model, "max_count": 3, "max_mention_tokens": 6, **settings}
        nlp.add_pipe("padellm_ner", config={"examples": examples, **settings})
        return nlp

    return make


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "examples.jsonl"
    path.write_text("\n".join(map(json.dumps, EXAMPLES)), encoding="utf8")
    return path


def found(nlp, texts=TEXTS):
    return [[(e.label_, e.start, e.end) for e in doc.ents] for doc in nlp.pipe(texts)]


def pipe_of(nlp):
    return nlp.get_pipe("padellm_ner")


def test_they_give_the_labels_and_are_kept(make):
    nlp = make(EXAMPLES)
    pipe = pipe_of(nlp)
    assert pipe.labels == ("PER", "LOC")
    assert any(found(nlp)) and found(make(None, labels=["PER", "LOC"])) != found(nlp)
    kept = pipe.shim.loaded.lm.preambles
    assert len(kept) == 1
    before = pipe.doc_decoder.work
    assert found(nlp) == found(nlp)
    assert pipe.doc_decoder.work.passes > before.passes and len(kept) == 1
    pipe.shim.note_step()  # the weights are others now
    assert len(kept) == 0
    with pytest.raises(AttributeError, match="examples is a setting"):
        pipe.examples = []


@pytest.mark.parametrize("decoder", ["tree", "rows"])
def test_any_decoder_and_windows_find_the_same(make, decoder):
    settings = {"alignment_mode": "expand", "window": 12, "decoder": decoder, "run_ahead": False}
    long = " ".join(TEXTS) * 3
    ours = make(EXAMPLES, **settings)
    theirs = make(EXAMPLES, window=12, alignment_mode="expand", token_budget=400)
    assert found(ours, [*TEXTS, long]) == found(theirs, [*TEXTS, long])


def test_copies_threads_and_processes(make):
    nlp = make(EXAMPLES)
    expected = found(nlp)
    copied = pickle.loads(pickle.dumps(pipe_of(nlp)))
    assert len(copied.shim.loaded.lm.preambles) == 0
    docs = [nlp.make_doc(text) for text in TEXTS]
    assert [len(doc.ents) for doc in copied.pipe(docs)] == [len(ents) for ents in expected]
    with ThreadPoolExecutor(4) as pool:
        fresh = pickle.loads(pickle.dumps(pipe_of(nlp)))
        predict = [pool.submit(fresh.predict, docs) for _ in range(4)]
        first, *others = [
            [(m.label, m.start, m.end) for one in run.result() for m in one.prediction.mentions]
            for run in predict
        ]
    assert first and all(other == first for other in others)
    assert len(fresh.shim.loaded.lm.preambles) == 1
    forked = [
        [(e.label_, e.start, e.end) for e in doc.ents] for doc in nlp.pipe(TEXTS, n_process=2)
    ]
    assert forked == expected


def test_docs_with_labels_of_their_own(make):
    nlp = make(EXAMPLES)
    doc = nlp.make_doc(TEXTS[0])
    doc._.padellm_labels = ["LOC", "WORK"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        counts = pipe_of(nlp).predict([doc])[0].prediction.counts
    assert [count.label for count in counts] == ["LOC", "WORK"]
    assert len(pipe_of(nlp).shim.loaded.lm.preambles) == 1


@pytest.mark.parametrize("form", ["list", "path", "reader"])
def test_they_are_saved_with_the_pipeline(form, make, path, tmp_path):
    if form == "reader":
        pytest.importorskip("spacy_llm")
    reader = {"@misc": "spacy.FewShotReader.v1", "path": str(path)}
    given = {"list": EXAMPLES, "path": str(path), "reader": reader}[form]
    nlp = make(given)
    assert nlp.config["components"]["padellm_ner"]["examples"] == given
    nlp.to_disk(tmp_path / "saved")
    shutil.move(tmp_path / "saved", tmp_path / "moved")
    path.unlink()
    again = spacy.load(tmp_path / "moved")
    assert found(again) == found(nlp) and pipe_of(again).labels == ("PER", "LOC")
    assert again.config["components"] == nlp.config["components"]
    again.to_disk(tmp_path / "once_more")
    assert found(spacy.load(tmp_path / "once_more")) == found(nlp)
    other = spacy.load(tmp_path / "moved", config={"components.padellm_ner.examples": None})
    assert not pipe_of(other).example_set.texts
    assert found(make(given).from_bytes(nlp.to_bytes())) == found(nlp)


def test_a_config_that_was_changed_wins(make, path, tmp_path):
    make(str(path)).to_disk(tmp_path / "saved")
    path.write_text("broken", encoding="utf8")
    kept = spacy.load(tmp_path / "saved")
    assert len(pipe_of(kept).example_set.texts) == 3
    given = {"components.padellm_ner.examples": EXAMPLES[:1]}
    changed = spacy.load(tmp_path / "saved", config=given)
    assert len(pipe_of(changed).example_set.texts) == 1


def of_path(path):
    """A reader as people write one: a function that holds its path."""

    def read():
        return [json.loads(line) for line in open(path, encoding="utf8")]

    return read


class OfPath:
    def __init__(self, path):
        self.path = path

    def __call__(self):
        return of_path(self.path)()


class OfFile(OfPath):
    """Which of two it is cannot be told."""

    def __init__(self, path):
        super().__init__(path)
        self.lock = threading.Lock()


READERS = {
    "padellm_test.function": of_path,
    "padellm_test.partial": lambda path: partial(lambda path: of_path(path)(), path),
    "padellm_test.object": OfPath,
    "padellm_test.unknown": OfFile,
}
for name, reader in READERS.items():
    spacy.registry.misc(name, func=reader)


@pytest.mark.parametrize("reader", [*READERS, "spacy.FewShotReader.v1"])
def test_another_reader_wins_over_saved_examples(path, tmp_path, reader, caplog):
    """And the same one does not: its file may have gone, or be another one by now."""
    if reader.startswith("spacy."):
        pytest.importorskip("spacy_llm")

    def examples_of(path):
        block = {"@misc": reader, "path": str(path)}
        return ExampleSet("ner", spacy.registry.resolve({"examples": block})["examples"])

    saved = json.loads(json.dumps(examples_of(path).to_dict()))["examples"]
    assert str(path) not in json.dumps(saved)

    def texts(path):
        examples = examples_of(path)
        examples.from_saved(parse_checked(json.dumps(saved).encode(), SavedExamples, "cfg"))
        return [text.text for text in examples.texts]

    other = tmp_path / "other.jsonl"
    other.write_text(json.dumps(EXAMPLES[2]), encoding="utf8")
    every = [one["text"] for one in EXAMPLES]
    assert texts(path) == every
    assert texts(other) == [EXAMPLES[2]["text"]]
    path.unlink()
    assert texts(path) == every
    unknown = reader.endswith("unknown")
    assert ("those that were saved" in caplog.text) == unknown
    if not unknown:
        with pytest.raises(ValueError, match="ner: `examples`"):
            texts(tmp_path / "gone.jsonl")
    path.write_text(json.dumps(EXAMPLES[0]), encoding="utf8")
    assert texts(path) == ([EXAMPLES[0]["text"]] if unknown else every)


def test_a_reader_that_was_changed_at_load_wins(make, path, tmp_path):
    block = {"@misc": "padellm_test.function", "path": str(path)}
    make(block).to_disk(tmp_path / "saved")
    other = tmp_path / "other.jsonl"
    other.write_text(json.dumps(EXAMPLES[2]), encoding="utf8")
    given = {"components.padellm_ner.examples.path": str(other)}
    changed = spacy.load(tmp_path / "saved", config=given)
    assert [text.text for text in pipe_of(changed).example_set.texts] == [EXAMPLES[2]["text"]]


def test_a_file_that_is_not_there_is_named(make, tmp_path):
    nlp = make(str(tmp_path / "gone.jsonl"))
    with pytest.raises(ValueError, match=r"padellm_ner: `examples`: .*gone\.jsonl: there is no"):
        nlp(TEXTS[0])
    with pytest.raises(ValueError, match="examples"):
        nlp.to_disk(tmp_path / "saved")


@pytest.mark.parametrize(
    "examples, message",
    [
        ([{"text": "Ada", "entities": {"PER": ["Bo"]}}], "`examples`: .*'Bo' is not in its text"),
        ([{"text": "$5", "ents": []}], "examples.text: spaCy's configs double"),
        (7, "examples"),
    ],
)
def test_what_is_no_example_is_refused_at_once(examples, message, make):
    with pytest.raises(ValueError, match=message):
        make(examples)


def test_labels_that_the_config_has_not(make):
    nlp = make(EXAMPLES, labels=["LOC", "WORK"])
    with pytest.warns(UserWarning, match="examples have 'PER', which is none of the labels 'LOC'"):
        nlp(TEXTS[0])
    shown = pipe_of(nlp).doc_decoder.encoder.preamble.text
    assert "PER" not in shown and "WORK" in shown and "Tim" not in shown


def test_more_than_token_budget_says_how_many_fit(make):
    message = said(make(EXAMPLES, token_budget=240))
    assert "3 texts of `examples`" in message and "token_budget (240)" in message
    (fit,) = [n for n in (1, 2) if f"the first {n} fit" in message]
    make(EXAMPLES[:fit], token_budget=240, labels=["PER", "LOC"])(TEXTS[0])


def test_more_than_the_context_says_how_many_fit(make):
    nlp = make(EXAMPLES * 20, token_budget=10_000)
    message = said(nlp)
    assert "the 60 texts of `examples`" in message
    fit = int(message.partition("the first ")[2].split()[0])
    assert 0 < fit < 60
    shown = (EXAMPLES * 20)[:fit]
    fits = make(shown, token_budget=10_000)
    long = " ".join([TEXTS[3]] * 40)
    fits(long)
    room = pipe_of(fits).doc_decoder.window_size(("PER", "LOC"))
    assert 64 <= room < 512 and pipe_of(fits).doc_decoder.window == 512
    assert said(make((EXAMPLES * 20)[: fit + 1], token_budget=10_000))


def said(nlp):
    with pytest.raises(ValueError) as error:
        nlp(TEXTS[0])
    return str(error.value)


def test_models_that_take_none_say_why(model, lm_folder):
    nlp = spacy.blank("en")
    trained = {**model, "name": str(lm_folder)}
    nlp.add_pipe("padellm_ner", config={"model": trained, "examples": EXAMPLES})
    assert "`examples`" in (message := said(nlp)) and "special tokens" in message


def test_a_model_that_points_says_why(model, monkeypatch, make):
    nlp = make(EXAMPLES)
    lm = type(pipe_of(nlp).shim.loaded.lm)
    monkeypatch.setattr(lm, "points", True)
    assert "was trained to point" in (message := said(nlp)) and "`examples`" in message


def test_a_component_with_examples_is_not_trained(make):
    nlp = make(EXAMPLES)
    gold = {"entities": [(0, 3, "PER")]}
    example = Example.from_dict(nlp.make_doc("Ada left."), gold)
    with pytest.raises(ValueError, match="set examples to null to train it"):
        nlp.update([example])
    nlp.initialize(lambda: make_examples(nlp, 4))
    assert any(found(nlp))


def test_explain_shows_what_it_did(make):
    nlp = make(EXAMPLES)
    explained = explain(nlp, pipe_of(nlp), TEXTS[3])
    assert explained.text_tokens > 0
