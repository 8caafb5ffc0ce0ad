"""Training without a config: what is said of labels that nothing or no text teaches."""

import pytest

from spacy_padellm.formats.json_records import write_records
from spacy_padellm.training.from_config.own_data import OwnData, make_config


@pytest.fixture
def told(tmp_path):
    """Makes the config for texts to learn from and, if given, to score on, with these labels on
    their first word. Returns what is said of labels."""

    def write(name, labels):
        texts = [{"text": f"Ada saw Rome {i}.", "ents": [[0, 3, x] for x in labels]}
                 for i in range(12)]  # fmt: skip
        write_records(tmp_path / name, texts)
        return tmp_path / name

    def call(train, dev=None, **overrides):
        said = []
        files = [write("train.jsonl", train), None if dev is None else write("dev.jsonl", dev)]
        make_config(OwnData(*files), overrides, said.append)
        return [line for line in said if "does not learn" in line]

    return call


def test_labels_that_only_the_texts_to_score_on_have_are_told(told, tmp_path):
    assert told(["PER"], ["PER"]) == told(["PER"]) == []
    (line,) = told(["PER"], ["LOC"])
    assert line.startswith("The model does not learn LOC: only texts in")
    assert "dev.jsonl" in line and line.endswith("Add texts with such entities to learn from")


def test_texts_without_entities_teach_nothing(told):
    with pytest.raises(
        ValueError, match=r"train\.jsonl: none of the 12 texts to learn from has an"
    ):
        told([], ["PER"])


def test_a_device_that_is_none_is_named(told):
    name = "components.padellm_ner.model.device"
    with pytest.raises(ValueError, match=r"`device` is None.*use 'auto' or 'cpu'"):
        told(["PER"], ["PER"], **{name: None})
