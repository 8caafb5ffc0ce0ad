"""The task and the models in spacy-llm's component, from config blocks alone."""

import json
import subprocess
import sys
import textwrap
import warnings
from pathlib import Path

import pytest
import spacy
from sample_pipelines import TEXTS, make_examples
from spacy.tokens import Span
from spacy.training import Example

pytest.importorskip("spacy_llm")

from .inside import cache_of, hits, pipe_of
from .pipelines import found, make


def test_the_same_entities_and_probabilities_as_the_component(model_folder):
    component = spacy.blank("en")
    component.add_pipe("padellm_ner", config={"model": {"name": str(model_folder)}})
    texts = [*TEXTS, " \n", "Ada Lovelace lives in Paris. " * 80]
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        nlp = make(model_folder)
    check_the_same(component, nlp, texts)


def test_the_model_in_the_box_says_the_same():
    component = spacy.blank("en")
    component.add_pipe("padellm_ner")
    nlp = make("english", task={"labels": ["PER", "ORG", "LOC"]})
    assets = Path(__file__).parents[2] / "assets"
    lines = [(assets / f"sample_{part}.jsonl").read_text("utf8") for part in ("train", "test")]
    texts = [json.loads(line)["text"] for line in "".join(lines).splitlines()]
    assert len(texts) >= 200
    check_the_same(component, nlp, texts)


def check_the_same(component, nlp, texts):
    expected, got = found(component.pipe(texts)), found(nlp.pipe(texts))
    assert any(expected)
    for some, others in zip(expected, got, strict=True):
        assert [e[:3] for e in some] == [e[:3] for e in others]
        assert [e[3] for e in others] == pytest.approx([e[3] for e in some], abs=1e-4)


def test_a_batch_of_the_pipe_is_two_steps(model_folder):
    nlp = make(model_folder, model={
        "@llm_models": "spacy_padellm.CausalLM.v1", "name": str(model_folder), "run_ahead": False
    })  # fmt: skip
    list(nlp.pipe(TEXTS * 10, batch_size=32))
    docs = len(TEXTS) * 10
    assert pipe_of(nlp).doc_decoder.work.batches == -(-docs // 32)


def test_earlier_annotations_stay(model_folder):
    nlp = make(model_folder)
    doc = nlp.make_doc("Ada Lovelace lives in Paris.")
    doc.ents = [Span(doc, 4, 5, "CITY")]
    doc.user_data["mine"] = 1
    doc = nlp.get_pipe("llm")(doc)
    assert ("CITY", 4, 5) in [(e.label_, e.start, e.end) for e in doc.ents]
    assert ("PER", 0, 2) in [(e.label_, e.start, e.end) for e in doc.ents]
    assert doc.user_data["mine"] == 1


def test_save_io_keeps_question_and_answer(model_folder):
    doc = make(model_folder, save_io=True)("Ada Lovelace lives in Paris.")
    io = doc.user_data["llm_io"]["llm"]
    assert "Ada Lovelace lives in Paris." in io["prompt"] and "PER" in io["prompt"]
    answer = json.loads(io["response"])
    assert answer["counts"] == {"PER": 1, "LOC": 1}
    assert answer["mentions"][0][:5] == ["PER", 1, "Ada Lovelace", 0, 12]


def test_the_cache_tells_texts_with_the_same_words_apart(model_folder, tmp_path):
    cache = {"@llm_misc": "spacy_padellm.BatchCache.v1", "path": str(tmp_path / "c"),
             "batch_size": 2, "max_batches_in_mem": 4, "model": "m"}  # fmt: skip
    texts = ["Ada Lovelace met Charles Babbage.", "Charles Babbage met Ada Lovelace."]
    first = make(model_folder, cache=cache)
    expected = found(first.pipe(texts))
    nlp = first
    again = make(model_folder, cache=cache)
    assert found(again.pipe(texts[::-1])) == expected[::-1]
    assert hits(again) == 2
    assert [doc.text for doc in again.pipe(texts)] == texts
    tuples = [(texts[0], 1), (texts[0], 2)]
    assert [n for _, n in again.pipe(tuples, as_tuples=True)] == [1, 2]
    for other in (
        make(model_folder, cache={**cache, "model": "another"}),
        make(model_folder, cache=cache, task={"threshold": 1.0}),
    ):
        assert not any(doc in cache_of(other) for doc in map(nlp.make_doc, texts))
    nlp = make(model_folder, cache=cache)
    nlp.get_pipe("llm").add_label("CITY")
    assert nlp.make_doc(texts[0]) not in cache_of(nlp)


def test_the_last_answers_are_kept_when_the_process_ends(model_folder, tmp_path):
    code = textwrap.dedent("""
        import sys, spacy
        nlp = spacy.blank("en")
        nlp.add_pipe("llm", config={
            "task": {"@llm_tasks": "spacy_padellm.NER.v1", "labels": ["PER"]},
            "model": {"@llm_models": "spacy_padellm.CausalLM.v1", "name": sys.argv[1]},
            "cache": {"@llm_misc": "spacy_padellm.BatchCache.v1", "path": sys.argv[2]},
        })
        nlp("Ada Lovelace lives in Paris.")
        print(nlp.get_pipe("llm")._cache._stats["hit"])  # as `inside.hits`, in a process of its own
    """)
    command = [sys.executable, "-c", code, str(model_folder), str(tmp_path / "c")]
    for expected in ("0", "1"):
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        assert done.stdout.strip() == expected, done.stderr


def test_scores_and_spans(model_folder):
    nlp = make(model_folder, task={"annotate": "spans", "threshold": 0.01})
    examples = []
    for example in make_examples(nlp, 8):
        example.reference.spans["sc"] = list(example.reference.ents)
        examples.append(Example(nlp.make_doc(example.text), example.reference))
    scores = nlp.evaluate(examples)
    assert scores["spans_sc_f"] > 0.5
    doc = nlp("Ada Lovelace lives in Paris.")
    assert len(doc.spans["sc"].attrs["scores"]) == len(doc.spans["sc"]) > 0


def test_labels_are_added_initialised_saved_and_loaded(model_folder, tmp_path):
    nlp = make(model_folder, task={"labels": "PER, LOC", "label_definitions": {"LOC": "places"}})
    llm = nlp.get_pipe("llm")
    assert llm.labels == ("PER", "LOC")
    assert llm.add_label("CITY", "towns") == 1 and llm.add_label("CITY") == 0
    assert llm.task.question().labels == {"PER": "", "LOC": "places", "CITY": "towns"}
    nlp.to_disk(tmp_path / "p")
    loaded = spacy.load(tmp_path / "p")
    assert loaded.get_pipe("llm").labels == ("PER", "LOC", "CITY")
    same = make(model_folder).from_bytes(nlp.to_bytes())
    assert same.get_pipe("llm").labels == ("PER", "LOC", "CITY")
    llm.clear()
    assert llm.labels == ()
    fresh = make(model_folder, task={"labels": []})
    fresh.initialize(lambda: make_examples(fresh, 4))
    assert set(fresh.get_pipe("llm").labels) == {"PER", "LOC"}


def test_without_labels_the_model_s_own_are_asked_for(model_folder):
    nlp = make(model_folder, task={"labels": []})
    assert [e.label_ for e in nlp("Ada Lovelace lives in Paris.").ents] == ["PER", "LOC"]


@pytest.mark.parametrize("shown", [
    {"text": "Bo met Al.", "entities": {"PER": ["Bo", "Al"]}},
    {"text": "Bo met Al.", "spans": [
        {"text": "Bo", "is_entity": True, "label": "PER", "reason": "is a person"},
        {"text": "met", "is_entity": False, "label": "==NONE==", "reason": "is a verb"},
        {"text": "Al", "is_entity": True, "label": "PER", "reason": "is a person"}]},
])  # fmt: skip
def test_examples_stand_before_the_text_where_the_template_has_room(shown, plain_lm_folder):
    nlp = make(plain_lm_folder, task={"examples": [shown]})
    nlp("Ada Lovelace lives in Paris.")
    before = pipe_of(nlp).doc_decoder.encoder.preamble.text
    assert before.startswith("Text:\nBo met Al.\nEntity type: PER\nNumber of mentions: 2")
    assert before.endswith("\nEntity type: LOC\nNumber of mentions: 0\n")


def test_examples_are_told_to_be_lost_on_a_trained_model(model_folder, caplog):
    shown = [{"text": "Bo met Al.", "entities": {"PER": ["Bo", "Al"]}}]
    assert make(model_folder, task={"examples": shown})("Ada Lovelace lives in Paris.").ents
    assert "not shown to the model" in caplog.text


@pytest.mark.parametrize(("task", "message"), [
    ({"label_definitions": {"X": "y"}}, "'X'"),
    ({"examples": [{"text": "a"}]}, "entities"),
    ({"alignment_mode": "loose"}, "alignment_mode"),
    ({"threshold": 2.0}, "threshold"),
])  # fmt: skip
def test_bad_settings_are_named(task, message):
    with pytest.raises(ValueError, match=message):
        make("english", task=task)


def test_the_config_file_runs_in_a_fresh_process(tmp_path):
    code = textwrap.dedent("""
        import sys
        import spacy
        nlp = spacy.load(sys.argv[1])
        for doc in nlp.pipe(["John Miller works for the Red Cross in Geneva.", "No one came."]):
            print([(ent.text, ent.label_) for ent in doc.ents])
    """)
    folder = str(tmp_path / "pipeline")
    cfg = "examples/spacy_llm.cfg"
    subprocess.run(
        [sys.executable, "-m", "spacy", "assemble", cfg, folder], check=True, timeout=300
    )
    done = subprocess.run(
        [sys.executable, "-c", code, folder], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert "('John Miller', 'PER')" in done.stdout and done.stdout.strip().endswith("[]")
