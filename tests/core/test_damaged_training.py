"""`python -m spacy_padellm.training` with damaged files in its folder, or another run in it."""

import resource

import pytest
import torch
from safetensors.torch import load_file
from transformers import TrainerState

from spacy_padellm.atomic import alone_in
from spacy_padellm.training.__main__ import main
from spacy_padellm.training.callbacks import best_evaluation

from .test_workflow import files, pretrain  # noqa: F401


def damage(file):
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def test_two_runs_in_one_folder_are_refused(files, capsys):  # noqa: F811
    output = files / "out"
    with alone_in(output):
        assert main(pretrain(files, output)) == 1
        gold = str(files / "gold.jsonl")
        assert main(["finetune", "english", gold, "-o", str(output)]) == 1
    assert capsys.readouterr().err.count("another run is writing to") == 2


def test_a_full_disk_is_named_with_what_is_left(files, capsys):  # noqa: F811
    steps = ("--checkpoint-seconds", "0", "--steps", "3")
    assert main(pretrain(files, files / "out", *steps)) == 0
    saved = files / "out" / "pretrain" / "checkpoint-3" / "weights.pt"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (saved.stat().st_size // 2, limits[1]))
    try:
        assert main(pretrain(files, files / "out", *steps[:-1], "5")) == 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    told = capsys.readouterr().err
    assert "the disk is full; the checkpoint of step 3 is whole: make room and give the" in told


@pytest.mark.slow
def test_training_without_spacy_goes_back_too(files, caplog):  # noqa: F811
    """Damaged checkpoints of both stages; the same weights as of a run that nothing disturbed."""
    outputs = [files / "whole", files / "damaged"]
    steps = ("--steps", "30", "--checkpoint-seconds", "0")
    for output in outputs:
        assert main(pretrain(files, output, *steps)) == 0
    damage(outputs[1] / "pretrain" / "checkpoint-30" / "weights.pt")
    assert main(pretrain(files, outputs[1], *steps)) == 0
    assert "is not whole" in caplog.text and "going on from step 29" in caplog.text
    ours, theirs = (load_file(output / "model" / "model.safetensors") for output in outputs)
    assert all(torch.equal(ours[key], theirs[key]) for key in theirs)
    damage(outputs[1] / "tokenizer" / "tokenizer.json")
    assert main(pretrain(files, outputs[1], *steps)) == 1
    gold = files / "gold.jsonl"
    tune = ["finetune", str(outputs[0] / "model"), str(gold), "--dev", str(gold), "-o",
            str(files / "tuned"), *steps, "--evaluate-seconds", "0"]  # fmt: skip
    assert main(tune) == 0
    tuned = files / "tuned" / "finetune"
    damage(tuned / "checkpoint-30" / "optimizer.pt")
    caplog.clear()
    assert main(tune) == 0 and "going on from step" in caplog.text
    state = TrainerState.load_from_json(str(tuned / "checkpoint-30" / "trainer_state.json"))
    _, best = best_evaluation(state)
    assert best != 30  # scored at every step: the earliest of equals
    damage(tuned / f"checkpoint-{best}" / "weights.pt")
    assert main(tune) == 0 and "the last weights are taken" in caplog.text
