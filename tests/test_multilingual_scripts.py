"""What the multilingual model is trained and scored on."""

import json
import shutil
from pathlib import Path

import pytest
import spacy
import srsly
from english_data import digest
from multilingual_corpora import main as write_corpora
from multilingual_data import (
    IN_NER,
    JOINED,
    LANGUAGES,
    MAIN,
    PUD,
    TEST_SETS,
    TRAIN_SETS,
    asked_of,
    read_set,
)
from multilingual_evaluate import main as evaluate
from multilingual_rival import TRAINED, train
from spacy.tokens import DocBin

from spacy_padellm.formats.json_records import write_records
from spacy_padellm.training.from_config.run import load_train_config

TEXTS = {
    "zh": {"text": "艾達去了羅馬。", "ents": [[0, 2, "PER"], [4, 6, "LOC"]]},
    "ja": {"text": "明智光秀は日本の本能寺へ。", "ents": [[0, 4, "人名"], [8, 11, "施設名"]]},
    "ko": {"text": "오티스는 서울에", "ents": [[0, 3, "PS"], [5, 7, "LC"], [0, 4, "QT"]]},
    "ro": {"text": "Ponta la Roma", "ents": [[0, 5, "PERSON"], [9, 13, "GPE"]]},
}
OTHER = {"text": "Ada was in Rome .", "ents": [[0, 3, "PER"], [11, 15, "LOC"]]}


@pytest.fixture
def data(tmp_path):
    """Every set, of three texts a split."""
    for name in {*TRAIN_SETS, *TEST_SETS}:
        for split in ("train", "dev", "test"):
            folder = tmp_path / ("ner" if name in IN_NER else "ner2") / name
            record = TEXTS.get(LANGUAGES[name], OTHER)
            write_records(folder / f"{split}.jsonl.gz", [record] * 3)
    return tmp_path


def strings(gold):
    return [(gold.text[start:end], label) for start, end, label in gold.spans]


def test_no_test_split_is_trained_on():
    assert not set(PUD) & set(TRAIN_SETS)
    assert set(TRAIN_SETS.values()) <= {"train", "dev"}
    assert {*TRAIN_SETS, *TEST_SETS} <= set(LANGUAGES) and set(JOINED) <= set(LANGUAGES)


def test_labels_of_all_sets_become_three(data):
    (gold, *_) = read_set(data, "stockmark_ja", "train")
    assert strings(gold) == [("明智光秀", "PER"), ("本能寺", "LOC")]
    (gold, *_) = read_set(data, "klue_ner", "train")
    assert strings(gold) == [("오티스", "PER"), ("서울", "LOC")]
    (gold, *_) = read_set(data, "ronec", "train")
    assert strings(gold) == [("Roma", "LOC")] and asked_of("ronec") == ["ORG", "LOC"]
    (gold, *_) = read_set(data, "germeval14", "dev")
    assert gold.text == "Ada was in Rome." and strings(gold) == [("Ada", "PER"), ("Rome", "LOC")]


def test_the_corpora_and_their_config_go_together(data, tmp_path, monkeypatch):
    output = tmp_path / "corpus"
    monkeypatch.setattr("sys.argv", ["x", "--data", str(data), "--output", str(output)])
    write_corpora()
    config = load_train_config(output / "config.cfg", {}).interpolate()
    train = config["corpora"]["train"]
    names = {name.removesuffix("-longer") for name in train["corpora"]}
    assert names == set(TRAIN_SETS) and set(train["weights"]) == set(train["corpora"])
    assert train["labels"]["ronec"] == ["ORG", "LOC"]
    assert set(config["corpora"]["dev"]["corpora"]) == set(MAIN)
    model = config["components"]["padellm_ner"]["model"]
    assert model["name"] == "gemma3" and model["template"]["bidirectional"]
    (joined,) = srsly.read_jsonl(output / "uner_zh_gsd-longer.jsonl")
    assert joined["text"] == "艾達去了羅馬。" * 3  # without blanks between
    assert [joined["text"][s:e] for s, e, _ in joined["ents"]] == ["艾達", "羅馬"] * 3
    (joined,) = srsly.read_jsonl(output / "uner_ewt-longer.jsonl")
    assert joined["text"] == " ".join([OTHER["text"]] * 3)


def test_the_rival_learns_from_the_same_texts(data, tmp_path, monkeypatch):
    ran = []

    def run(command, check):
        ran.append(command[3:5])
        if command[3] == "train":
            (Path(command[6]) / "model-best").mkdir(parents=True)

    monkeypatch.setattr("subprocess.run", run)
    for language in TRAINED:
        train(language, data, tmp_path / language, 1)
    assert [command[0] for command in ran] == ["init", "train"] * len(TRAINED)
    docs = DocBin().from_disk(tmp_path / "pt" / "train.spacy").get_docs(spacy.blank("pt").vocab)
    texts = sorted(doc.text for doc in docs)
    assert texts == ["Ada was in Rome ."] * 3 + ["Ada was in Rome."] * 3  # Bosque, LeNER-Br
    train("pt", data, tmp_path / "pt", 1)  # is there
    assert len(ran) == 2 * len(TRAINED)


def test_scores_stand_beside_those_of_the_rival(data, lm_folder, tmp_path, monkeypatch):
    rival = spacy.blank("de")
    ruler = rival.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": "PER", "pattern": "Ada"}])
    (tmp_path / "rivals" / "de").mkdir(parents=True)
    rival.to_disk(tmp_path / "rivals" / "de" / "model-best")
    output = tmp_path / "scores.json"
    words = ["x", "--data", str(data), "--model", str(lm_folder), "--output", str(output)]
    words += ["--rivals", str(tmp_path / "rivals"), "--corpora", str(tmp_path), "--limit", "2"]
    monkeypatch.setattr("sys.argv", [*words, "--sets", "uner_de_pud", "stockmark_ja"])
    evaluate()
    found = json.loads(output.read_text())["results"]
    assert found["uner_de_pud"]["ner"]["ents_p"] == 1.0
    assert found["uner_de_pud"]["ner"]["ents_r"] == 0.5
    assert list(found["stockmark_ja"]) == ["multilingual"]
    assert found["stockmark_ja"]["multilingual"]["texts"] == 2
    rows = output.with_suffix(".md").read_text().splitlines()
    assert rows[2].startswith("| uner_de_pud | de | 3 |") and rows[2].endswith("| 66.7 |")
    assert rows[3].endswith("| – |") and len(rows) == 4


def test_texts_that_were_trained_on_are_counted_without_a_model(data, tmp_path, monkeypatch):
    tests = [
        {"text": "Ada was in ROME!", "ents": [[0, 3, "PER"]]},  # as in training
        {"text": "Ada, was in Rome", "ents": []},
        {"text": "Bo was in Rome .", "ents": [[0, 2, "PER"]]},
    ]
    write_records(data / "ner2" / "uner_tl_trg" / "test.jsonl.gz", tests)
    write_records(data / "ner2" / "uner_de_pud" / "test.jsonl.gz", tests[2:])
    # Of texts that are only developed on, nothing is learned.
    write_records(data / "ner2" / "uner_da_ddt" / "dev.jsonl.gz", tests[2:])
    output = tmp_path / "new" / "scores.json"
    words = ["x", "--data", str(data), "--seen", "--output", str(output)]
    words += ["--model", "none", "--rivals", str(tmp_path / "none")]
    monkeypatch.setattr("sys.argv", [*words, "--sets", "uner_tl_trg", "uner_de_pud"])
    evaluate()
    found = json.loads(output.read_text())
    assert found["test_texts_seen"]["uner_tl_trg"] == {"texts": 2, "with entities": 1, "long": 0}
    assert found["test_texts_seen"]["uner_de_pud"] == {"texts": 0, "with entities": 0, "long": 0}
    assert not output.with_suffix(".md").exists()  # nothing was measured
    output.write_text(json.dumps({**found, "results": {"uner_ewt": {}}, "date": "today"}))
    monkeypatch.setattr("sys.argv", [*words, "--sets", "klue_ner"])
    evaluate()
    again = json.loads(output.read_text())
    assert again["results"] == {"uner_ewt": {}} and again["date"] == "today"
    assert again["test_texts_seen"]["klue_ner"]["texts"] == 3
    assert again["test_texts_seen"]["uner_tl_trg"]["texts"] == 2


def test_an_edition_is_that_of_the_weights(lm_folder, tmp_path):
    model, rival = tmp_path / "model", tmp_path / "rival"
    shutil.copytree(lm_folder, model)
    before = digest(model)
    (model / "NOTICE").write_text("new")
    (model / "padellm.json").write_text("{}")
    assert digest(model) == before != ""
    (model / "model.safetensors").rename(model / "pointers.safetensors")
    assert digest(model) != before
    spacy.blank("de").to_disk(rival)
    before = digest(rival)
    (rival / "ner").write_text("weights")
    assert digest(rival) != before and digest(tmp_path / "none") == ""
