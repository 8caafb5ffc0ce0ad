"""Text models of spacy-llm, asked for counts and then for mentions."""

import json

import pytest
import spacy

pytest.importorskip("spacy_llm")

from .pipelines import CALLS, TWO_STEPS, make


def test_a_text_model_is_asked_in_two_steps():
    CALLS.clear()
    nlp = make(None, model=TWO_STEPS, task={"label_definitions": {"PER": "{people}"}}, save_io=True)
    doc = nlp("Ada Lovelace met Ada Lovelace in {label}.")
    assert [(e.text, e.label_, e._.padellm_score) for e in doc.ents] == [
        ("Ada Lovelace", "PER", None),
        ("Ada Lovelace", "PER", None),
    ]
    assert [len(call[0]) for call in CALLS] == [2, 3]
    assert "mentions of PER ({people}) are" in CALLS[0][0][0]
    assert "in {label}." in CALLS[0][0][0]
    answer = json.loads(doc.user_data["llm_io"]["llm"]["response"])
    assert answer["unplaced"] == [["LOC", 1, "Atlantis"]] and len(answer["prompts"]) == 5
    spans = make(None, model=TWO_STEPS, task={"annotate": "spans", "threshold": 0.99})
    group = spans("Ada Lovelace met Ada Lovelace.").spans["sc"]
    assert len(group) == 2 and "scores" not in group.attrs


def test_examples_are_shown_to_a_text_model():
    CALLS.clear()
    shown = [{"text": "Bo met Al.", "entities": {"PER": ["Bo", "Al"]}}]
    make(None, model=TWO_STEPS, task={"examples": shown})("Ada Lovelace met Ada Lovelace.")
    assert "Text: Bo met Al.\nMentions of PER: 2" in CALLS[0][0][0]
    assert "Text: Bo met Al.\nMention number 2 of PER: Al" in CALLS[1][0][1]


def test_combinations_that_cannot_serve_say_what_can(model_folder):
    text_model = TWO_STEPS["model"]
    nlp = make(None, model=text_model)
    with pytest.raises(TypeError, match=r"TwoSteps\.v1"):
        nlp("Ada")
    ours = {"@llm_models": "spacy_padellm.CausalLM.v1", "name": str(model_folder)}
    with pytest.raises(ValueError, match="for text models"):
        make(None, model={"@llm_models": "spacy_padellm.TwoSteps.v1", "model": ours})
    other = spacy.blank("en")
    task = {"@llm_tasks": "spacy.NER.v3", "labels": ["PER"]}
    other.add_pipe("llm", config={"task": task, "model": ours, "validate_types": False})
    with pytest.raises(TypeError, match=r"NER\.v1"):
        other("Ada")
    with pytest.raises(ValueError, match="no labels of its own"):
        make(None, model=TWO_STEPS, task={"labels": []})("Ada")


@pytest.mark.parametrize("answer", ["-5", "none", "1 or 2", "999999999999"])
def test_an_answer_that_is_no_count_is_none(answer, caplog):
    CALLS.clear()
    model = {"@llm_models": "test.Scripted.v1", "answers": {"Ada": answer}}
    two_steps = {"@llm_models": "spacy_padellm.TwoSteps.v1", "model": model}
    doc = make(None, model=two_steps)("Ada came.")
    assert not doc.ents and [len(call[0]) for call in CALLS][:1] == [2]
    assert "taken as 0" in caplog.text
