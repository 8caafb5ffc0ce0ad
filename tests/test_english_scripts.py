"""What the English model is trained and scored on: spans stay on their strings."""

import json
import random

import pytest
import spacy
import torch
from english_average import average
from english_data import digest, join_every, read_set
from english_mix import Shelf, collect_names, join, recase, rename
from english_silver import label, vote
from hypothesis import given
from hypothesis import strategies as st

from spacy_padellm.formats.gold_text import GoldText
from spacy_padellm.formats.json_records import write_records
from spacy_padellm.models.load import load_model
from spacy_padellm.models.loaded_model import ModelSource
from spacy_padellm.prompts.encoding import PromptEncoder

NAMES = {"PER": ["Ada Lovelace", "Émile Zola", "Bo"], "LOC": ["Rome", "New York City", "Großau"]}


@st.composite
def golds(draw):
    """Texts of names and other words, spans on the names."""
    text, spans = "", []
    for kind in draw(st.lists(st.sampled_from(["PER", "LOC", "word"]), max_size=8)):
        word = draw(st.sampled_from(NAMES.get(kind, ["went", "ﬁnally", "to", "ŉ", "“so”,"])))
        text += " " * bool(text)
        if kind != "word":
            spans.append((len(text), len(text) + len(word), kind))
        text += word
    return GoldText(text or "none", tuple(spans))


def strings(gold):
    return [(gold.text[start:end], label) for start, end, label in gold.spans]


@given(st.lists(golds(), min_size=1, max_size=12), st.integers(0, 99))
def test_joined_texts_keep_all_names(texts, seed):
    wanted = [name for gold in texts for name in strings(gold)]
    for joined in (join_every(texts, 3), list(join(texts, random.Random(seed)))):
        assert [name for gold in joined for name in strings(gold)] == wanted
        assert " ".join(gold.text for gold in joined) == " ".join(gold.text for gold in texts)


@given(golds(), st.integers(0, 99))
def test_renamed_texts_have_names_of_the_same_labels(gold, seed):
    names = collect_names([gold, GoldText("Oslo Ada", ((0, 4, "LOC"), (5, 8, "PER")))])
    renamed = rename(gold, names, random.Random(seed))
    assert [label for _, label in strings(renamed)] == [label for _, label in strings(gold)]
    for (new, kind), (old, _) in zip(strings(renamed), strings(gold), strict=True):
        assert new in (*names[kind], old)

    def others(one):
        kept, at = [], 0
        for start, end, _ in (*sorted(one.spans), (len(one.text), len(one.text), "")):
            kept.append(one.text[at:start])
            at = end
        return kept

    assert others(renamed) == others(gold)


@given(golds(), st.integers(0, 99))
def test_recased_texts_keep_their_places(gold, seed):
    recased = recase(gold, random.Random(seed))
    assert recased.spans == gold.spans and len(recased.text) == len(gold.text)
    assert recased.text.casefold().replace("ss", "s") == gold.text.casefold().replace("ss", "s")


def test_sets_come_under_one_scheme(tmp_path):
    records = {
        "uner_ewt": [{"text": "In Rome", "ents": [[3, 7, "LOC"]]}] * 3,
        "wikigold": [{"text": "University of Oslo ( UO )", "ents": [[0, 18, "ORG"]]}],
        "gmb": [
            {"text": "Rome and Iraqi troops", "ents": [[0, 4, "gpe"], [9, 14, "gpe"]]},
            {"text": "on Monday", "ents": [[3, 9, "tim"]]},
        ],
        "litbank_names": [{"text": "King of Spain", "ents": [[0, 13, "PER"], [8, 13, "GPE"]]}],
    }
    for name, lines in records.items():
        write_records(tmp_path / "ner" / name / "train.jsonl.gz", lines)
    found = {name: read_set(tmp_path, name, "train") for name in records}
    assert [strings(gold) for gold in found["gmb"]] == [[("Rome", "LOC")], []]
    assert strings(found["litbank_names"][0]) == [("King of Spain", "PER")]
    (wiki,) = found["wikigold"]
    assert wiki.text == "University of Oslo (UO)" and strings(wiki) == [
        ("University of Oslo", "ORG")
    ]


def test_texts_without_names_are_a_set_of_their_own(lm_folder):
    loaded = load_model(ModelSource(str(lm_folder)))
    encoder: PromptEncoder = loaded.encoder()
    shelf = Shelf(encoder)
    golds = [GoldText("Ada", ((0, 3, "PER"),)), GoldText("no one", ()), GoldText("none", ())]
    shelf.add("a", golds, 1.0, 2.0)
    assert {name: len(texts) for name, texts in shelf.sets.items()} == {"a": 1, "a, empty": 2}
    assert shelf.later == {"a": 2.0, "a, empty": 0.8} and set(shelf.first) == set(shelf.later)


@pytest.fixture
def teacher():
    nlp = spacy.blank("en")
    ruler = nlp.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": "PER", "pattern": "Ada"}, {"label": "LOC", "pattern": "Rome"}])
    return nlp


def test_labelling_goes_on_behind_half_a_line(teacher, tmp_path):
    texts = [f"Ada was in Rome {i} times." for i in range(5)]
    label(teacher, iter(texts), tmp_path / "whole.jsonl", 5)
    whole = (tmp_path / "whole.jsonl").read_bytes()
    (tmp_path / "cut.jsonl").write_bytes(whole[: len(whole) // 2])
    label(teacher, iter(texts), tmp_path / "cut.jsonl", 5)
    assert (tmp_path / "cut.jsonl").read_bytes() == whole


def test_teachers_vote(tmp_path):
    said = ([[0, 3, "PER"], [7, 11, "LOC"]], [[0, 3, "PER"]], [[0, 3, "ORG"], [7, 11, "LOC"]])
    files = [tmp_path / f"{i}.jsonl" for i in range(3)]
    for path, ents in zip(files, said, strict=True):
        write_records(path, [{"text": "Ada in Rome", "ents": ents}] * 2)
    vote(files, tmp_path / "silver.jsonl", 1)
    (line,) = (tmp_path / "silver.jsonl").read_text().splitlines()
    assert json.loads(line)["ents"] == [[0, 3, "PER"], [7, 11, "LOC"]]
    write_records(files[0], [{"text": "Other", "ents": []}] * 2)
    with pytest.raises(ValueError, match="of different texts"):
        vote(files, tmp_path / "silver.jsonl", 1)


def test_averages_are_weighted(lm_folder, tmp_path):
    model = load_model(ModelSource(str(lm_folder))).lm.model
    before = {name: value.clone() for name, value in model.state_dict().items()}
    for factor in (1, 3):
        model.load_state_dict({name: factor * value for name, value in before.items()})
        model.save_pretrained(tmp_path / str(factor))
    mean = average([(tmp_path / "1", 3.0), (tmp_path / "3", 1.0)]).state_dict()
    assert all(torch.allclose(mean[name], 1.5 * value) for name, value in before.items())
    with pytest.raises(ValueError, match="sum to 0"):
        average([(tmp_path / "1", 0.0)])


def test_digest_is_of_all_files_in_a_folder(tmp_path):
    assert digest(tmp_path / "none") == ""
    (tmp_path / "a").write_text("1")
    before = digest(tmp_path)
    (tmp_path / "a").write_text("2")
    assert digest(tmp_path) != before and digest(tmp_path) == digest(tmp_path)
