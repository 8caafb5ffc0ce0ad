"""How the English model is measured beside others: from texts to the table, by its commands."""

import json

import pytest
import spacy
from english_corpora import JOINED, NATURAL
from english_data import TEST_SETS, TRAIN_SETS
from english_evaluate import main as evaluate
from english_rival import main as train_rival
from spacy.tokens import DocBin

from spacy_padellm.formats.json_records import write_records

ADA = {"text": "Ada Byron went to Rome .", "ents": [[0, 9, "PER"], [18, 22, "LOC"]]}
BO = {"text": "Bo was in Oslo .", "ents": [[0, 2, "PER"], [10, 14, "LOC"]]}
LONG = {"text": "Nobody of them was ever in a place such as that .", "ents": []}
# Of the labels of WNUT17 and GMB, those that mean the same.
CALLED = {"wnut17": {"PER": "person", "LOC": "location"}, "gmb": {"PER": "per", "LOC": "geo"}}
TRAINED = {"text": "Trained on this .", "ents": []}


def write_split(folder, name, split, records):
    called = CALLED.get(name, {})
    renamed = [
        {**record, "ents": [[s, e, called.get(label, label)] for s, e, label in record["ents"]]}
        for record in records
    ]
    write_records(folder / name / f"{split}.jsonl.gz", renamed)


@pytest.fixture
def data(tmp_path):
    """Every set: tests of two texts, one of which is in training texts of EWT."""
    for name in TRAIN_SETS:
        write_split(tmp_path / "data" / "ner", name, "train", [TRAINED])
    for name in TEST_SETS:
        write_split(tmp_path / "data" / "ner", name, "test", [BO, LONG])
    write_split(tmp_path / "data" / "ner", "uner_ewt", "test", [ADA, BO])
    write_split(tmp_path / "data" / "ner", "uner_ewt", "dev", [{**LONG, "text": "None here."}])
    for name in (*JOINED, *NATURAL):
        write_split(tmp_path / "data" / "ner2", name, "train", [TRAINED])
    return tmp_path / "data"


@pytest.fixture
def measure(data, tmp_path, monkeypatch):
    """`measure("scores.json", "name=pipeline", …)` runs the command in an empty folder, and gives
    what it has written there: a report, and the lines of a table."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr("english_evaluate.time_first_entity", lambda: 1.5)  # runs three processes

    def run(output, *words):
        monkeypatch.setattr("sys.argv", ["x", "--data", str(data), "--output", output, *words])
        evaluate()
        path = tmp_path / "here" / output
        return json.loads(path.read_text()), path.with_suffix(".md").read_text().splitlines()

    return run


@pytest.fixture
def rules(tmp_path):
    """Path of a pipeline that finds these strings."""

    def make(component="entity_ruler", **labels):
        nlp = spacy.blank("en")
        ruler = nlp.add_pipe("entity_ruler", name=component)
        ruler.add_patterns([{"label": labels[string], "pattern": string} for string in labels])
        nlp.to_disk(tmp_path / component)
        return str(tmp_path / component)

    return make


def test_scores_stand_side_by_side(measure, rules):
    half = rules(Bo="PER", Rome="ORG")
    ontonotes = rules("ner", Bo="PERSON", Oslo="GPE", Rome="DATE")
    report, table = measure("new/scores.json", f"rules={half}", f"sm={ontonotes}")
    assert set(report["results"]["rules"]) == set(TEST_SETS)
    ewt = report["results"]["rules"]["uner_ewt"]  # Bo of four names, and a wrong one
    assert (ewt["ents_p"], ewt["ents_r"], ewt["texts"]) == (0.5, 0.25, 2)
    assert ewt["ents_per_type"]["PER"]["r"] == 0.5
    assert "| set (test split) | texts | rules P | R | F1 | sm P | R | F1 |" in table
    assert "| uner_ewt | 2 | 50.0 | 25.0 | 33.3 | 100.0 | 50.0 | 66.7 |" in table
    assert "| gmb | 2 | 100.0 | 50.0 | 66.7 | 100.0 | 100.0 | 100.0 |" in table
    assert "| wnut17 | 2 | 100.0 | 50.0 | 66.7 | 100.0 | 100.0 | 100.0 |" in table
    assert "| 20 | 33.3 | 66.7 |" in table  # sentences joined
    assert list(report["dates"]) == ["rules", "sm"] and report["calibration"] == {}


def test_texts_that_were_trained_on_are_counted_for_those_that_learned_them(data, measure, rules):
    write_split(data / "ner", "uner_ewt", "train", [{**ADA, "text": "ada byron went to Rome!"}])
    write_split(data / "ner", "btc", "dev", [BO])
    write_split(data / "ner2", JOINED[0], "train", [LONG])
    other = f"multilingual={rules(Bo='PER')}"
    report, _ = measure("other.json", other)
    assert "test_texts_seen" not in report
    ner = other.replace("multilingual", "ner")
    report, _ = measure("seen.json", ner)
    seen = report["test_texts_seen"]
    assert list(seen) == list(TEST_SETS)
    assert seen["uner_ewt"] == {"texts": 2, "with entities": 2, "long": 0}
    assert seen["gmb"] == {"texts": 2, "with entities": 1, "long": 1}
    report, _ = measure("seen.json", ner, "--only-names")
    assert report["test_texts_seen"]["gmb"] == {"texts": 1, "with entities": 1, "long": 0}
    again, _ = measure("seen.json", other)  # ner is there still
    assert again["test_texts_seen"] == report["test_texts_seen"]
    earlier = {**json.loads(json.dumps(again)), "results": {}}  # as older reports had them
    with open("other.json", "w") as file:
        json.dump(earlier, file)
    report, _ = measure("other.json", other)
    assert "test_texts_seen" not in report


def test_the_calibration_of_a_model_is_drawn(scripted, rules, measure, tmp_path, capsys):
    said = {
        "Ada Byron went to Rome.": [("PER", "Ada Byron", 0.9)],
        "Ada Byron went to Rome .": [("PER", "Ada Byron", 0.9)],
        "Bo was in Oslo .": [("PER", "Bo", 0.8), ("LOC", "Bo was", 0.3)],
    }
    nlp, _ = scripted(said)
    nlp.to_disk(tmp_path / "mine")
    both = [f"rules={rules(Bo='PER')}", f"mine={tmp_path / 'mine'}"]
    report, table = measure("scores.json", *both)
    assert report["results"]["mine"]["uner_ewt"]["ents_r"] == 0.5
    assert "| uner_ewt | 2 | 100.0 | 25.0 | 40.0 | 100.0 | 50.0 | 66.7 |" in table
    here = tmp_path / "here"
    assert list(report["calibration"]) == ["mine"]
    assert (here / "scores_mine_calibration.json").exists()
    assert is_picture(here / "scores_mine_calibration.png")
    (here / "scores_mine_calibration.png").unlink()
    measure("scores.json", *both, "--plot", "pictures/mine.png")
    assert is_picture(here / "pictures" / "mine.png")
    assert not (here / "scores_mine_calibration.png").exists()
    measure("mine.json", both[1])
    assert is_picture(here / "mine_calibration.png")  # the model that the report is named after
    capsys.readouterr()
    measure("scores.json", both[0], "--plot", "none.png")
    assert "no pipeline has padellm_ner" in capsys.readouterr().out


def test_the_model_in_the_box_leaves_other_folders_alone(measure, tmp_path):
    report, _ = measure("new/box.json", "padellm_ner=padellm_ner", "--only-names")
    assert report["seconds_to_first_entity"] == 1.5 and report["results"]["padellm_ner"]
    assert "test_texts_seen" in report
    files = {path.name for path in (tmp_path / "here").rglob("*.*")}
    assert is_picture(tmp_path / "here" / "new" / "box_calibration.png")
    assert not (tmp_path / "here" / "docs").exists()
    assert {"box.json", "box.md", "box_calibration.json"} <= files


def test_a_system_has_a_name_and_a_pipeline(measure, capsys):
    for wrong in ("padellm_ner", "=x", "x="):
        with pytest.raises(SystemExit, match="2"):
            measure("scores.json", wrong)
        assert f"'{wrong}' is not NAME=PIPELINE" in capsys.readouterr().err


def test_the_rival_learns_from_the_same_texts(data, tmp_path, monkeypatch):
    ran = []
    monkeypatch.setattr("subprocess.run", lambda command, check: ran.append(command[3:]))
    output = tmp_path / "rival"
    words = ["x", "--data", str(data), "--output", str(output), "--max-steps", "20"]
    write_split(data / "ner", "wnut17", "train", [ADA, LONG])
    monkeypatch.setattr("sys.argv", words)
    train_rival()
    vocab = spacy.blank("en").vocab
    docs = list(DocBin().from_disk(output / "train.spacy").get_docs(vocab))
    assert len(docs) == len(TRAIN_SETS) + 1
    (named,) = [doc for doc in docs if doc.ents]
    assert [(ent.text, ent.label_) for ent in named.ents] == [("Ada Byron", "PER"), ("Rome", "LOC")]
    (dev,) = DocBin().from_disk(output / "dev.spacy").get_docs(vocab)
    assert dev.text == "None here."
    (make, train) = ran
    assert make[:2] == ["init", "config"] and train[:2] == ["train", make[2]]
    assert train[train.index("--training.max_steps") + 1] == "20"


def is_picture(path):
    return path.read_bytes().startswith(b"\x89PNG")
