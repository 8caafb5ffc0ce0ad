"""`padellm train` of a file of texts: from the file to a pipeline, and what is refused."""

import csv
import itertools
import json
import signal
from pathlib import Path

import spacy
from sample_pipelines import spans_of
from spacy.tokens import DocBin
from spacy.training import Example
from spacy.util import load_config

from spacy_padellm.learning.held_out import place_of
from spacy_padellm.training.from_config.steps import ConfigSteps

from .config_runs import CONFIGS
from .own_data import NAMES, made, texts_of, train, write_csv


def test_from_a_csv_to_a_pipeline(data, lm_folder, tmp_path, monkeypatch):
    monkeypatch.chdir(data.parent)
    out = tmp_path / "out"
    rate = ["--training.optimizer.learn_rate.initial_rate", "0.01"]
    more = ["--training.optimizer.learn_rate.total_steps", "50", "--training.batcher.size", "100"]
    command = ["train.csv", "-o", out, "--base", lm_folder, *rate, *more]
    code, told = train(*command)
    assert code == 0, told
    assert "training all of them" in told and "held-out texts; 50 steps" in told
    nlp = spacy.load(out / "model-best")
    assert spans_of(nlp("Grace Hopper lives in Oslo.")) == [(0, 12, "PER"), (22, 26, "LOC")]
    report = json.loads((out / "report.json").read_text())
    assert len(report["evaluations"]) == 5
    assert "ENTS_F ENTS_P ENTS_R SCORE" in told and "\r" not in told

    # What was held out is there, and scores as in training.
    config = load_config(out / "config.cfg", interpolate=True)
    docs = list(DocBin().from_disk(out / "dev.spacy").get_docs(nlp.vocab))
    assert [doc.text for doc in docs] == texts_of(config, "dev")
    scores = nlp.evaluate([Example(nlp.make_doc(doc.text), doc) for doc in docs])
    assert scores["ents_f"] == max(found["ents_f"] for found in report["evaluations"])

    # The config stands by itself, from anywhere; it goes on, and elsewhere it begins anew.
    monkeypatch.chdir(tmp_path)
    assert load_config(out / "config.cfg", interpolate=True)["training"]["max_steps"] == 50
    sections = [s for s in (out / "config.cfg").read_text().splitlines() if s.startswith("[")]
    assert sections[:4] == ["[paths]", "[system]", "[nlp]", "[nlp.tokenizer]"]
    code, told = train(out / "config.cfg", "-o", "again", "--training.max_steps", 1)
    assert code == 0 and Path("again/model-last").exists(), told
    code, told = train(data, "-o", out, "--base", lm_folder)
    assert code == 1 and "--resume" in told
    code, told = train(data, "-o", out, "--resume", "--base", lm_folder)
    assert code == 0 and "own config" in told and "50 steps" not in told
    assert json.loads((out / "report.json").read_text())["evaluations"] == report["evaluations"]
    other = write_csv(tmp_path / "other.csv", [("Ada met Bo.", [[0, 3, "PER"]])])
    for words in (
        [other],
        [data, "--base", "english"],
        [data, "--dev", other],
        [data, "--lang=de"],
    ):
        code, told = train(*words, "-o", out, "--resume")
        assert code == 1 and "was started with" in told, told


def interrupted(batches):
    """The batches of a run, with Ctrl-C at the third."""

    def press(steps):
        for number, batch in enumerate(batches(steps)):
            if number == 2:
                # A background process of a shell ignores it.
                before = signal.signal(signal.SIGINT, signal.default_int_handler)
                try:
                    signal.raise_signal(signal.SIGINT)
                finally:
                    signal.signal(signal.SIGINT, before)
            yield batch

    return press


def test_texts_that_have_changed_are_noticed_on_resuming(
    data, lm_folder, tmp_path, caplog, monkeypatch
):
    rows = [*csv.reader(data.open(encoding="utf8"))][1:]
    path, out = tmp_path / "own.csv", tmp_path / "out"

    def go_on(source, steps, changed=None, n=None):
        now = [(text, json.loads(spans)) for text, spans in rows[:n]]
        if changed is not None:
            now[changed] = (now[changed][0], [])
        write_csv(path, now)
        base = ["--base", lm_folder] if source == path else []
        options = ["--training.max_steps", steps, "--training.batcher.size", "20"]
        return train(source, "-o", out, *base, *options, "--resume")

    share = made(data)[0]["corpora"]["train"]["dev_share"]
    places = [place_of(text) if len(spans) > 2 else None for text, spans in rows]
    learned = next(i for i, place in enumerate(places) if place is not None and place >= share)
    held_out = next(i for i, place in enumerate(places) if place is not None and place < share)
    # Before there is a checkpoint they may be others: Ctrl-C, more rows, and it begins anew.
    with monkeypatch.context() as now:
        now.setattr(ConfigSteps, "_batches", interrupted(ConfigSteps._batches))
        code, told = go_on(path, 3, n=40)
    assert code == 130 and "the same command begins again" in told, told
    before = (out / "dev.spacy").read_bytes()
    assert go_on(path, 1)[0] == 0 and (out / "dev.spacy").read_bytes() != before
    changes = [(learned, "train"), (held_out, "dev")]
    for steps, (changed, name) in itertools.product((2, 1), changes):  # 1: it is over
        code, told = go_on(path, steps, changed)
        assert code == 1 and f"the texts of the {name} corpus have changed" in told, told
        assert "start a new run in another --output" in told
    code, told = go_on(path, 3)
    assert code == 0 and "corpus have changed" not in caplog.text, told
    # With a config of one's own it goes on, as with other settings.
    code, told = go_on(out / "config.cfg", 4, learned)
    assert code == 0 and "the texts of the train corpus have changed" in caplog.text, told


def test_options_that_do_not_go_together(data, tmp_path):
    config = CONFIGS / "padellm_finetune.cfg"
    options = {"--dev": data, "--base": "english", "--lang": "en"}
    mends = {"--dev": "--paths.dev", "--base": "--paths.base", "--lang": "--nlp.lang"}
    for option, value in options.items():
        code, told = train(config, "-o", tmp_path / "out", option, value)
        assert code == 1 and f"{option} only works with" in told and mends[option] in told
        code, told = train(data, "-o", tmp_path / "out", mends[option], value)
        assert code == 1 and f"use {option} instead" in told
    code, told = train(data, "-o", tmp_path / "out", "--paths.train", data)
    assert code == 1 and "--paths.train only works with a config" in told
    assert not (tmp_path / "out").exists()


def test_a_config_of_others_is_not_written_over(data, lm_folder, tmp_path):
    (tmp_path / "config.cfg").write_text("[mine]")
    code, told = train(data, "-o", tmp_path, "--base", lm_folder)
    assert code == 1 and "name another folder" in told
    (tmp_path / "run.json").write_text("{}")  # of a run with that config, say
    code, told = train(data, "-o", tmp_path, "--base", lm_folder)
    assert code == 1 and "give another --output" in told
    assert (tmp_path / "config.cfg").read_text() == "[mine]"


def test_what_is_lost_in_reading_is_told_once(tmp_path, caplog):
    rows = [(f"{name} ran.", [[0, len(name), "PER"]]) for name in NAMES]
    path = write_csv(tmp_path / "gold.csv", [*rows, ("Zoe ran.", [[0, 99, "PER"]])])
    config, said = made(path)
    assert len(texts_of(config, "train")) + len(texts_of(config, "dev")) == 11
    assert "1 of 11 spans is outside its text" in said[1] and "outside" not in caplog.text
