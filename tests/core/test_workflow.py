"""`python -m spacy_padellm.training` in a process that has no spaCy: text to entities."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
import torch

from spacy_padellm.decoding import Decoder
from spacy_padellm.models.load import load_model
from spacy_padellm.models.loaded_model import ModelSource
from spacy_padellm.training.__main__ import main

NAMES, PLACES = ("Ada Lovelace", "Alan Turing", "Emmy Noether"), ("Rome", "Oslo", "Paris")
SENTENCES = [f"{name} lives in {place}." for name in NAMES for place in PLACES]
SIZES = {
    "hidden_size": 48,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
}
WITHOUT_SPACY = """
import sys, runpy
class NoSpacy:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("spacy", "thinc"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, NoSpacy())
sys.argv[0] = "training"
runpy.run_module("spacy_padellm.training", run_name="__main__")
"""


@pytest.fixture
def files(tmp_path):
    (tmp_path / "text.txt").write_text("\n".join(SENTENCES * 20))
    lines = []
    for sentence in SENTENCES:
        name, place = sentence.rstrip(".").split(" lives in ")
        start = len(sentence) - 1 - len(place)
        ents = [[0, len(name), "PER"], [start, start + len(place), "LOC"]]
        lines.append(json.dumps({"text": sentence, "ents": ents}))
    (tmp_path / "gold.jsonl").write_text("\n".join(lines))
    return tmp_path


def pretrain(files, output, *more):
    return [
        *("pretrain", str(files / "text.txt"), "-o", str(output), "--sizes", json.dumps(SIZES)),
        *("--vocab-size", "600", "--labels", "PER,LOC", "--max-count", "4"),
        *("--rows", "4", "--row-length", "32", *more),
    ]


def process(*arguments):
    return [sys.executable, "-c", WITHOUT_SPACY, *arguments]


def test_from_plain_text_to_entities(files):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    first = pretrain(files, files / "base", "--steps", "20")
    tuned = ["finetune", str(files / "base" / "model"), str(files / "gold.jsonl")]
    tuned += ["--dev", str(files / "gold.jsonl"), "-o", str(files / "ner"), "--steps", "60"]
    tuned += ["--learn-rate", "0.01", "--tagging", "1", "--batch-tokens", "400"]
    for arguments in (first, tuned):
        done = subprocess.run(
            process(*arguments), env=environment, capture_output=True, text=True, timeout=200
        )
        assert done.returncode == 0, done.stderr[-2000:]
    loaded = load_model(ModelSource(str(files / "ner" / "model")))
    assert loaded.settings.labels == ("PER", "LOC") and loaded.template.copies
    (found,) = Decoder(loaded.lm, loaded.encoder()).predict([SENTENCES[0]], loaded.settings.labels)
    assert [(m.label, m.text) for m in found.mentions] == [("PER", "Ada Lovelace"), ("LOC", "Rome")]
    log = json.loads((files / "ner" / "finetune" / "log.json").read_text())
    assert log[-1]["score"] > 0.9


def weights(folder):
    return load_model(ModelSource(str(folder))).lm.model.state_dict()


@pytest.mark.slow
def test_killed_pretraining_goes_on_to_the_same_weights(files):
    steps = ("--steps", "40", "--checkpoint-seconds", "0")
    assert main(pretrain(files, files / "whole", *steps)) == 0
    running = subprocess.Popen(
        process(*pretrain(files, files / "cut", *steps)),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 100
    while not list((files / "cut" / "pretrain").glob("checkpoint-*/trainer_state.json")):
        assert running.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    running.send_signal(signal.SIGKILL)
    running.wait()
    assert not (files / "cut" / "model").exists()
    assert main(pretrain(files, files / "cut", *steps)) == 0
    whole, cut = weights(files / "whole" / "model"), weights(files / "cut" / "model")
    for name, value in whole.items():
        torch.testing.assert_close(cut[name], value, atol=1e-5, rtol=1e-4)


def test_an_adapter_is_all_that_is_kept(files):
    assert main(pretrain(files, files / "base", "--steps", "2")) == 0
    tuned = ["finetune", str(files / "base" / "model"), str(files / "gold.jsonl")]
    tuned += ["-o", str(files / "ner"), "--steps", "3", "--peft", '{"rank": 2}']
    assert main(tuned) == 0
    whole = (files / "base" / "model" / "model.safetensors").stat().st_size
    saved = [f"finetune/checkpoint-3/{name}.pt" for name in ("weights", "optimizer")]
    for name in ("model/adapter_model.safetensors", *saved):
        assert (files / "ner" / name).stat().st_size < whole / 3
    assert load_model(ModelSource(str(files / "ner" / "model"))).lm.adapter


def test_the_default_is_a_small_model_and_short_texts_do(files):
    (files / "few.txt").write_text("\n".join(SENTENCES))
    few = ["pretrain", str(files / "few.txt"), "-o", str(files / "few"), "--steps", "1"]
    assert main([*few, "--max-count", "4", "--rows", "2"]) == 0
    loaded = load_model(ModelSource(str(files / "few" / "model")))
    assert 1e6 < loaded.lm.n_weights < 1e7


def test_labels_are_those_of_the_data_and_runs_are_told_apart(files):
    assert main(pretrain(files, files / "base", "--steps", "2")) == 0
    (files / "drugs.jsonl").write_text('{"text": "Take aspirin.", "ents": [[5, 12, "DRUG"]]}')
    tuned = ["finetune", str(files / "base" / "model"), str(files / "drugs.jsonl")]
    assert main([*tuned, "-o", str(files / "ner"), "--steps", "2"]) == 0
    assert load_model(ModelSource(str(files / "ner" / "model"))).settings.labels == ("DRUG",)
    assert main([*tuned, str(files / "gold.jsonl"), "-o", str(files / "ner"), "--steps", "2"]) == 1


@pytest.mark.parametrize("around", [torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize(
    "more",
    [("--tagging", "1"), ("--peft", '{"rank": 2}'), ("--peft", '{"rank": 2}', "--tagging", "1")],
)
def test_training_computes_gradients_itself(files, around, more):
    """Whatever mode of torch it is called in, and goes on in another."""
    tuned = ["finetune", str(files / "base" / "model"), str(files / "gold.jsonl"), "--dev"]
    tuned += [str(files / "gold.jsonl"), "-o", str(files / "ner"), *more, "--steps"]
    with around():
        assert main(pretrain(files, files / "base", "--steps", "2")) == 0
        assert main([*tuned, "2"]) == 0
    assert main([*tuned, "3"]) == 0


def test_pretraining_goes_on_with_the_same_request_only(files, capsys):
    assert main(pretrain(files, files / "base", "--steps", "2")) == 0
    assert main(pretrain(files, files / "base", "--steps", "3")) == 0
    assert main(pretrain(files, files / "base", "--steps", "3", "--max-count", "5")) == 1
    assert "was begun with other settings (model)" in capsys.readouterr().err


def test_gold_that_is_left_out_is_said(files, caplog, capsys):
    assert main(pretrain(files, files / "base", "--steps", "2")) == 0
    tuned = ["finetune", str(files / "base" / "model"), str(files / "gold.jsonl"), "--steps", "2"]
    assert main([*tuned, "-o", str(files / "one"), "--labels", "LOC"]) == 0
    assert "does not name PER" in caplog.text
    assert main([*tuned, "-o", str(files / "none"), "--labels", "PERS"]) == 1
    assert "--labels names PERS, and the files have LOC, PER" in capsys.readouterr().err
    (files / "odd.jsonl").write_text(
        '{"text": "Ada is here.", "ents": [[0, 3, "PER"], [8, 99, "PER"]]}'
    )
    odd = ["finetune", str(files / "base" / "model"), str(files / "odd.jsonl"), "--steps", "2"]
    assert main([*odd, "-o", str(files / "odd")]) == 0
    assert "odd.jsonl, line 1" in caplog.text


def test_a_text_beyond_the_positions_of_a_model_is_named(files, capsys):
    sizes = json.dumps({**SIZES, "max_position_embeddings": 64})
    arguments = [sizes if one == json.dumps(SIZES) else one for one in pretrain(files, files / "b")]
    assert main([*arguments, "--steps", "1"]) == 0
    record = {"text": "Ada. " * 60, "ents": [[0, 3, "PER"]]}
    (files / "long.jsonl").write_text(json.dumps(record))
    tuned = ["finetune", str(files / "b" / "model"), str(files / "long.jsonl")]
    assert main([*tuned, "-o", str(files / "ner"), "--steps", "2"]) == 1
    assert "has 64 positions: cut it into shorter ones" in capsys.readouterr().err


def test_all_weights_are_trained_in_float32(files):
    assert main(pretrain(files, files / "base", "--steps", "2")) == 0
    loaded = load_model(ModelSource(str(files / "base" / "model")))
    loaded.lm.model.half().save_pretrained(files / "base" / "model")
    tuned = ["finetune", str(files / "base" / "model"), str(files / "gold.jsonl"), "--steps", "3"]
    assert main([*tuned, "-o", str(files / "ner")]) == 0
    saved = files / "ner" / "finetune" / "checkpoint-3" / "weights.pt"
    trained = torch.load(saved, weights_only=True)
    assert {value.dtype for value in trained.values()} == {torch.float32}


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["pretrain", __file__, "-o", "out", "--seconds", "-5"], "seconds is -5.0: it must be"),
        (["finetune", "nowhere", __file__, "-o", "out", "--steps", "0"], "steps is 0: it must be"),
        (["pretrain", "nowhere.txt", "-o", "out"], "no text file nowhere.txt"),
        (["pretrain", __file__, "-o", "out", "--architecture", "gpt2"], "--sizes is missing"),
        (["finetune", "nowhere", "nowhere.jsonl", "-o", "out"], "no file nowhere.jsonl"),
    ],
)
def test_what_is_not_there_is_named(arguments, words, capsys):
    assert main(arguments) == 1
    assert words in capsys.readouterr().err


def test_files_that_give_nothing_are_named(tmp_path, capsys, caplog):
    empty, open_ = tmp_path / "empty.jsonl", tmp_path / "open.jsonl"
    empty.write_text("[]\n")
    open_.write_text('{"text": "Nobody came.", "ents": []}\n')
    for files, words in (([empty], "empty.jsonl holds no text"), ([open_], "no entities in")):
        assert main(["finetune", "none", *map(str, files), "-o", str(tmp_path / "out")]) == 1
        assert words in capsys.readouterr().err
    assert "open.jsonl: no entity in 1 text" in caplog.text
    blank, latin = tmp_path / "blank.txt", tmp_path / "latin.txt"
    blank.write_text(" \n\n")
    latin.write_bytes(b"Z\xfcrich\n")
    for path, words in ((blank, "there is no text in"), (latin, "latin.txt:1: not UTF-8")):
        assert main(["pretrain", str(path), "-o", str(tmp_path / path.stem)]) == 1
        assert words in capsys.readouterr().err
