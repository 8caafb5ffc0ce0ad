"""Copies of a tiny model's folder in which something is changed, read and run."""

import json
import shutil
import time
from pathlib import Path

from spacy_padellm.decoding import Decoder
from spacy_padellm.models.load import load_model
from spacy_padellm.models.loaded_model import LoadedModel, ModelSource

MOST_SECONDS = 30.0


def decode(loaded: LoadedModel) -> None:
    labels = loaded.settings.labels or ("PER",)
    Decoder(loaded.lm, loaded.encoder(max_count=4)).predict(["Ada met Tim in Rome."], labels)


def check(folder: Path) -> str:
    """Reads and runs the model; what it was refused with, "" where it was not."""
    begun = time.monotonic()
    try:
        decode(load_model(ModelSource(str(folder)), alone=True))
        said = ""
    except ValueError as error:  # anything else fails the test
        said = str(error)
        assert "\n" not in said and "E109" not in said
        assert "trust_remote_code" not in said and "weights_only=False" not in said
    assert time.monotonic() - begun < MOST_SECONDS
    return said


def copy(source: Path, folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(source, folder)
    return folder


def change(path: Path, **fields) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))
