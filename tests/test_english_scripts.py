"""What the English models are trained and scored on."""

import random

import pytest
import spacy
import srsly
from english_any import main as write_any
from english_corpora import JOINED, NATURAL, join_some, with_lower_case
from english_corpora import main as write_corpora
from english_data import LABELS, TRAIN_SETS, join_every, read_set
from english_evaluate import with_earlier
from english_unseen import main as write_unseen
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import DocBin

from spacy_padellm.formats.gold_text import GoldText
from spacy_padellm.formats.json_records import write_records
from spacy_padellm.models.load import load_model
from spacy_padellm.models.loaded_model import ModelSource
from spacy_padellm.training.from_config.run import load_train_config

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
    for joined in (join_every(texts, 3), join_some(texts, random.Random(seed))):
        assert [name for gold in joined for name in strings(gold)] == wanted
        assert " ".join(gold.text for gold in joined) == " ".join(gold.text for gold in texts)


@given(st.lists(golds(), min_size=1, max_size=30))
def test_small_letters_keep_their_places(texts):
    everything = with_lower_case(texts)
    assert everything[: len(texts)] == texts
    for small in everything[len(texts) :]:
        (whole,) = {gold for gold in texts if gold.text.lower() == small.text}
        assert small.spans == whole.spans


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


@pytest.fixture
def data(tmp_path):
    """Every set that is asked for, of two texts a split."""
    texts = {
        "ner": {"text": "Ada went to Rome .", "ents": [[0, 3, "PER"], [12, 16, "LOC"]]},
        "ner2": {"text": "Bake the apple pie .", "ents": [[9, 18, "DISH"], [9, 14, "FRUIT"]]},
    }
    sets = {"ner": TRAIN_SETS, "ner2": (*JOINED, *NATURAL)}
    for kind, names in sets.items():
        for name in names:
            for split in ("train", "dev"):
                path = tmp_path / "data" / kind / name / f"{split}.jsonl.gz"
                write_records(path, [texts[kind]] * 2)
    return tmp_path / "data"


def test_the_corpora_and_their_config_go_together(data, tmp_path, monkeypatch):
    output = tmp_path / "corpus"
    arguments = ["--data", str(data), "--output", str(output), "--without", "snips", "gmb"]
    monkeypatch.setattr("sys.argv", ["english_corpora.py", *arguments])
    write_corpora()
    config = load_train_config(output / "config.cfg", {}).interpolate()
    train = config["corpora"]["train"]
    assert set(train["corpora"]) == set(train["labels"]) == set(train["weights"])
    assert not {"snips", "gmb", "gmb-longer"} & set(train["corpora"])
    assert train["labels"]["wetlab"] == ["DISH"]  # of nested spans the outermost
    learned = config["initialize"]["components"]["padellm_ner"]["labels"]
    assert set(learned) == {label for labels in train["labels"].values() for label in labels}
    nlp = spacy.blank("en")
    corpora = spacy.registry.resolve({"of": config["corpora"]})["of"]
    asked = {
        tuple(eg.reference._.padellm_labels): [(ent.text, ent.label_) for ent in eg.reference.ents]
        for eg in corpora["train"](nlp)
    }
    assert asked[("DISH",)] == [("apple pie", "DISH")]
    assert asked[("PER", "ORG", "LOC")][:2] == [("Ada", "PER"), ("Rome", "LOC")]
    texts = {eg.text for eg in corpora["dev"](nlp)}
    assert texts == {"Ada went to Rome .", "Ada went to Rome."}  # EWT is as it was written


def test_an_adapter_learns_names_alone(data, tmp_path, monkeypatch):
    output = tmp_path / "corpus"
    chosen = ["--config", "scripts/english_smollm2.cfg", "--only-names", "--words", "20"]
    arguments = ["--data", str(data), "--output", str(output), *chosen]
    monkeypatch.setattr("sys.argv", ["english_corpora.py", *arguments])
    write_corpora()
    config = load_train_config(output / "config.cfg", {}).interpolate()
    train = config["corpora"]["train"]
    assert {name.removesuffix("-longer") for name in train["corpora"]} == set(TRAIN_SETS)
    assert {tuple(labels) for labels in train["labels"].values()} == {("PER", "ORG", "LOC")}
    assert config["components"]["padellm_ner"]["model"]["name"] == "smollm2"


def test_a_model_for_any_label_gets_descriptions(data, tmp_path, monkeypatch):
    labels, output = tmp_path / "labels.yml", tmp_path / "corpus"
    words = ["x", "--data", str(data), "--output", str(output), "--labels", str(labels), "--even"]
    path = data / "ner2" / "stackoverflow" / "train.jsonl.gz"
    cut = {"text": "OP_BLOCK : ( output omitted for annotation )", "ents": [[0, 8, "DISH"]]}
    write_records(path, [{"text": "Run it ( now ) .", "ents": [[7, 14, "DISH"]]}, cut])
    monkeypatch.setattr("sys.argv", words)
    labels.write_text("PER: [names of people, person]\n")
    with pytest.raises(SystemExit, match=r"labels.yml lacks DISH, LOC, ORG"):
        write_corpora()
    monkeypatch.setattr("sys.argv", [*words, "--without", "snipps"])
    with pytest.raises(SystemExit, match="2"):
        write_corpora()
    monkeypatch.setattr("sys.argv", words)
    described = [f"{label}: [what {label} is, a {label}]\n" for label in ("DISH", *LABELS)]
    labels.write_text("".join([*described, "Malware: [bad software]\n", "Skill: [ability]\n"]))
    with pytest.raises(SystemExit, match="has Malware, Skill, which no training set asks for"):
        write_corpora()
    assert not list(output.glob("*.jsonl"))  # before anything is written
    labels.write_text("".join(described))
    monkeypatch.setattr("sys.argv", [*words, "--without", *JOINED, *NATURAL])
    write_corpora()  # labels of sets that are left out are none too many
    monkeypatch.setattr("sys.argv", words)
    write_corpora()
    block = load_train_config(output / "config.cfg", {}).interpolate()
    learned = block["initialize"]["components"]["padellm_ner"]["labels"]
    assert ["DISH", "what DISH is"] in learned
    assert ["DISH", ["a DISH"]] in block["components"]["padellm_ner"]["label_noise"]["names"]
    also = {gold["text"] for gold in srsly.read_jsonl(output / "stackoverflow.jsonl")}
    assert also == {"Run it (now).", "run it (now)."}


def test_systems_that_are_not_measured_again_stay():
    def report(date, **texts):
        scores = {title: {"btc": {"texts": n, "ents_f": 0.5}} for title, n in texts.items()}
        lengths = {title: {"1": 0.5} for title in texts}
        dates = dict.fromkeys(texts, date)
        parts = {"f_by_sentences_a_text": lengths, "calibration": {}, "dates": dates}
        return {"results": scores, **parts}

    found = with_earlier(report("new", box=9), report("old", box=9, ner=9, other=8))
    assert found["dates"] == {"box": "new", "ner": "old"}
    assert list(found["results"]) == list(found["f_by_sentences_a_text"]) == ["box", "ner"]
    assert with_earlier(report("new", box=9), {}) == report("new", box=9)
    timed = report("old", box=9) | {"seconds_to_first_entity": 2.0}
    assert with_earlier(report("new", ner=9), timed)["seconds_to_first_entity"] == 2.0


def test_english_any_is_the_box_by_another_calibration(tmp_path, monkeypatch):
    said = {"labels": ["any"], "descriptions": {"any": "x"}, "base": {"name": "training/x"}}
    saved = tmp_path / "pipeline" / "padellm_ner" / "model" / "padellm.json"
    saved.parent.mkdir(parents=True)
    srsly.write_json(saved, {**said, "calibration": {"slope": 0.5, "intercept": 0}, "window": 64})
    output = tmp_path / "new"
    monkeypatch.setattr("sys.argv", ["x", str(tmp_path / "pipeline"), "--output", str(output)])
    write_any()
    settings = load_model(ModelSource(str(output))).settings
    assert settings.labels == () and settings.descriptions == {} and settings.window == 64
    assert settings.calibration.slope == 0.5 and settings.made_of.name == "english"
    assert settings.start_threshold == 0.3
    for wrong in (["--start-threshold", "1"], []):
        monkeypatch.setattr("sys.argv", ["x", str(tmp_path / "no"), *wrong])
        with pytest.raises(SystemExit):
            write_any()


def test_unseen_texts_ask_for_the_labels_of_their_set(tmp_path, monkeypatch):
    about = {
        "cyner": {"joined": True, "labels": {"Malware": ["malware", "bad software"]}},
        "tasteset": {"joined": False, "labels": {"FOOD": ["food", "what is eaten"]}},
    }
    golds = {
        "cyner": {"text": "( Triada ) and Zygote spread .", "ents": [[2, 8, "Malware"]]},
        "tasteset": {"text": "2 eggs", "ents": [[0, 1, "QUANTITY"], [2, 6, "FOOD"]]},
    }
    srsly.write_yaml(tmp_path / "about.yml", about)
    for name, gold in golds.items():
        write_records(
            tmp_path / "ner2" / name / "dev.jsonl.gz", [gold, gold, {**gold, "text": " "}]
        )
    output = tmp_path / "new" / "unseen.spacy"
    monkeypatch.setattr("english_unseen.ABOUT", tmp_path / "about.yml")
    monkeypatch.setattr("sys.argv", ["x", str(output), "--data", str(tmp_path)])
    write_unseen()
    docs = list(DocBin().from_disk(output).get_docs(spacy.blank("en").vocab))
    assert [doc.text for doc in docs] == ["(Triada) and Zygote spread."] * 2 + ["2 eggs"] * 2
    assert [[(e.text, e.label_) for e in doc.ents] for doc in docs] == (
        [[("Triada", "malware")]] * 2 + [[("eggs", "food")]] * 2
    )
    assert [doc._.padellm_labels for doc in docs] == [
        {"malware": ""}, {"malware": "bad software"}, {"food": ""}, {"food": "what is eaten"}
    ]  # fmt: skip
