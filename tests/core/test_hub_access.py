"""Names of the Hub: what is wrong with one is said at once, with or without a network."""

import json
import re
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from spacy_padellm.models.adapter_settings import AdapterSettings
from spacy_padellm.models.adapters import train_adapter
from spacy_padellm.models.load import load_model
from spacy_padellm.models.loaded_model import ModelSource
from spacy_padellm.models.save import save_model

from .small_hub import FAILING

SCRIPT = Path(__file__).parent / "small_hub.py"
WRONG = {
    "name": "`name` is 'englsh'.*Did you mean 'english'",
    "id": "`name` is 'me/modell'",
    "no id": "`name` is 'my model!'.*not a Hub id",
    "revision": "`name` is 'me/model'.*revision 'v7'",
    "id@revision": "`name` is 'me/model'.*revision 'v7'",
    "adapter": "`adapter` is 'me/adaptr'",
    "adapter@revision": "`adapter` is 'me/adapter'.*revision 'v7'",
    "tokenizer": "`tokenizer` is 'me/tokenizr'",
    "command": "the pipeline is 'englsh'.*Did you mean 'english'",
}


@pytest.fixture(scope="module")
def found(lm_folder, tmp_path_factory):
    loaded = load_model(ModelSource(str(lm_folder)), alone=True)
    adapted = replace(loaded, lm=train_adapter(loaded.lm, AdapterSettings(rank=2)))
    adapter = tmp_path_factory.mktemp("hub") / "adapter"
    save_model(adapted, adapter, "reference")
    command = [sys.executable, str(SCRIPT), str(lm_folder), str(adapter)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    return {**json.loads(run.stdout), "told": run.stderr}


@pytest.mark.parametrize("when", ["online", "away"])
@pytest.mark.parametrize("what", WRONG)
def test_what_is_mistyped_is_said_at_once(found, when, what):
    seconds, came = found[f"{when}: {what}"]
    assert str(came).startswith("ValueError") and re.search(WRONG[what], came), came
    reached = "not reached" not in came
    assert reached == (when == "online" or what == "no id"), came
    assert reached != ("Offline, give the path" in came)
    assert seconds < 15, f"{seconds} s: retries of the Hub take 23 s a file"


def test_a_working_hub_works_and_what_was_downloaded_goes_on_without_it(found):
    right = {
        name: came
        for name, came in found.items()
        if name.startswith(("online", "away")) and name.partition(": ")[2] not in WRONG
    }
    assert len(right) == 10
    for name, (seconds, came) in right.items():
        assert came == ["PER", "LOC"], (name, came)
        assert seconds < 20, (name, seconds)


@pytest.mark.parametrize("what", FAILING)
def test_a_file_that_cannot_be_fetched_is_not_one_that_is_not_there(found, what):
    _, came = found[f"failing: {what}"]
    _, status, name = what.split("-")
    assert f"{name} could not be fetched" in came, came
    assert re.search(rf"`name` is 'me/{what}'.*try again later", came), came
    assert status in came, came


def test_each_file_is_asked_for_once_in_a_load(found):
    """And while weights come, others load and fork (`small_hub.while_weights_come`)."""
    counts = Counter(found["asked"])
    assert counts.pop("config.json") == 3  # whether the Hub is there, HEAD and GET
    assert counts["model.safetensors"] == 2 == max(counts.values())


def test_settings_that_may_be_missing_are_told_of(found):
    told = [line for line in found["told"].splitlines() if "padellm.json of me/slow" in line]
    assert len(told) == 1 and "hf download me/slow" in told[0]
