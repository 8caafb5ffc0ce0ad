"""What a saved task, and an example in a config, may say."""

import json

import pytest

from spacy_padellm.spacy_llm.task import make_ner_task

SOUND = {"labels": {"PER": "people"}, "examples": [{"text": "Ada", "entities": {"PER": ["Ada"]}}]}


@pytest.mark.parametrize("change", [
    {"labels": "PER"}, {"labels": {"PER": 5}}, {"labels": {"": "x"}}, {"labels": None},
    {"examples": [{"text": 1, "entities": {}}]}, {"examples": [{"text": "a", "entities": "x"}]},
    {"examples": [{"text": "a", "entities": {"PER": "xyz"}}]}, {"examples": "x"},
    {"configured": [1]},
], ids=str)  # fmt: skip
def test_a_damaged_file_is_named(change, tmp_path):
    task = make_ner_task(labels=["PER"])
    task.to_disk(tmp_path / "task")
    (tmp_path / "task" / "cfg").write_text(json.dumps(SOUND))
    task.from_disk(tmp_path / "task")
    for broken in ({**SOUND, **change}, [], {k: v for k, v in SOUND.items() if k not in change}):
        if broken == SOUND:
            continue
        (tmp_path / "task" / "cfg").write_text(json.dumps(broken))
        with pytest.raises(ValueError, match=r"cfg is broken"):
            task.from_disk(tmp_path / "task")


@pytest.mark.parametrize("example", [
    {"text": 5, "entities": {"A": "xyz"}}, {"text": "Ada"}, {"text": "Ada", "entities": {"A": [1]}},
    {"text": "Ada", "entities": {"A": "xyz"}}, "Ada", 5,
], ids=str)  # fmt: skip
def test_an_example_that_is_none(example):
    with pytest.raises(ValueError, match="an example of"):
        make_ner_task(labels=["A"], examples=lambda: [example])
