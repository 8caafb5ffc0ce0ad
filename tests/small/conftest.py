"""The small installation, started by `tests/exported/test_small_install.py`. In an environment that
has torch nothing of it can be imported here, or in a fork of this process.

SMALL_MODELS in the environment is a folder that the full installation wrote: pipelines `writes` and
`points`, which were exported, and `plain`, which was not; `gold.spacy`; `expected.json`, {pipeline:
[[text, entities of it], ...]}.
"""

import importlib.abc
import importlib.util
import json
import os
import sys
from pathlib import Path

import pytest

ABSENT = ("torch", "transformers", "peft", "accelerate", "onnx", "onnx_ir", "gguf")
MODELS = Path(os.environ["SMALL_MODELS"])
_find_spec = importlib.util.find_spec


class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ABSENT:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def find_spec(name, package=None):
    return None if name.split(".")[0] in ABSENT else _find_spec(name, package)


if any(map(_find_spec, ABSENT)):
    sys.meta_path.insert(0, Absent())
    importlib.util.find_spec = find_spec


@pytest.fixture
def expected():
    """`expected(name)` gives the texts of a pipeline, and the entities of each."""
    found = json.loads((MODELS / "expected.json").read_text(encoding="utf8"))
    return lambda name: zip(*found[name], strict=True)


@pytest.fixture
def models():
    return MODELS


@pytest.fixture
def run():
    """`run(*arguments)` gives what a command says, in one line, and its exit status."""
    from spacy.cli._util import app
    from typer.testing import CliRunner

    from spacy_padellm import cli  # noqa: F401 - registers the commands

    def call(*arguments):
        done = CliRunner().invoke(app, ["padellm", *map(str, arguments)])
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return " ".join(done.output.split()), done.exit_code

    return call
