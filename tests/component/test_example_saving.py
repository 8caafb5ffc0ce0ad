"""The setting `examples` is saved with a pipeline, and what happens where it has changed since."""

import json
import shutil
import threading
from functools import partial

import pytest
import spacy

from spacy_padellm.models.files.json_file import parse_checked
from spacy_padellm.pipeline.example_set import ExampleSet, SavedExamples

from .shown import EXAMPLES, found, pipe_of


@pytest.mark.parametrize("form", ["list", "path", "reader"])
def test_they_are_saved_with_the_pipeline(form, make_shown, examples_path, tmp_path):
    if form == "reader":
        pytest.importorskip("spacy_llm")
    reader = {"@misc": "spacy.FewShotReader.v1", "path": str(examples_path)}
    given = {"list": EXAMPLES, "path": str(examples_path), "reader": reader}[form]
    nlp = make_shown(given)
    assert nlp.config["components"]["padellm_ner"]["examples"] == given
    nlp.to_disk(tmp_path / "saved")
    shutil.move(tmp_path / "saved", tmp_path / "moved")
    examples_path.unlink()
    again = spacy.load(tmp_path / "moved")
    assert found(again) == found(nlp) and pipe_of(again).labels == ("PER", "LOC")
    assert again.config["components"] == nlp.config["components"]
    again.to_disk(tmp_path / "once_more")
    assert found(spacy.load(tmp_path / "once_more")) == found(nlp)
    other = spacy.load(tmp_path / "moved", config={"components.padellm_ner.examples": None})
    assert not pipe_of(other).example_set.texts
    assert found(make_shown(given).from_bytes(nlp.to_bytes())) == found(nlp)


def test_a_config_that_was_changed_wins(make_shown, examples_path, tmp_path):
    make_shown(str(examples_path)).to_disk(tmp_path / "saved")
    examples_path.write_text("broken", encoding="utf8")
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
def test_another_reader_wins_over_saved_examples(examples_path, tmp_path, reader, caplog):
    """And the same one does not: its file may have gone, or be another one by now."""
    if reader.startswith("spacy."):
        pytest.importorskip("spacy_llm")

    def examples_of(examples_path):
        block = {"@misc": reader, "path": str(examples_path)}
        return ExampleSet("ner", spacy.registry.resolve({"examples": block})["examples"])

    saved = json.loads(json.dumps(examples_of(examples_path).to_dict()))["examples"]
    assert str(examples_path) not in json.dumps(saved)

    def texts(examples_path):
        examples = examples_of(examples_path)
        examples.from_saved(parse_checked(json.dumps(saved).encode(), SavedExamples, "cfg"))
        return [text.text for text in examples.texts]

    other = tmp_path / "other.jsonl"
    other.write_text(json.dumps(EXAMPLES[2]), encoding="utf8")
    every = [one["text"] for one in EXAMPLES]
    assert texts(examples_path) == every
    assert texts(other) == [EXAMPLES[2]["text"]]
    examples_path.unlink()
    assert texts(examples_path) == every
    unknown = reader.endswith("unknown")
    assert ("those that were saved" in caplog.text) == unknown
    if not unknown:
        with pytest.raises(ValueError, match="ner: `examples`"):
            texts(tmp_path / "gone.jsonl")
    examples_path.write_text(json.dumps(EXAMPLES[0]), encoding="utf8")
    assert texts(examples_path) == ([EXAMPLES[0]["text"]] if unknown else every)


def test_a_reader_that_was_changed_at_load_wins(make_shown, examples_path, tmp_path):
    block = {"@misc": "padellm_test.function", "path": str(examples_path)}
    make_shown(block).to_disk(tmp_path / "saved")
    other = tmp_path / "other.jsonl"
    other.write_text(json.dumps(EXAMPLES[2]), encoding="utf8")
    given = {"components.padellm_ner.examples.path": str(other)}
    changed = spacy.load(tmp_path / "saved", config=given)
    assert [text.text for text in pipe_of(changed).example_set.texts] == [EXAMPLES[2]["text"]]
