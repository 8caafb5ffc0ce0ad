"""The small installation: its tests run here where no import of torch succeeds, with all other
packages, and, as `make test` does, in an environment that has nothing else."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import spacy
from sample_pipelines import TEXTS, make_examples
from spacy.tokens import DocBin

from .commands import run

ROOT = Path(__file__).parents[2]
SMALL = os.environ.get("SMALL_PYTHON")  # of an environment with `pip install . pytest`
TAKEN = [*TEXTS, "Ada Lovelace left Rome today, and Tim Lee lives in Oslo. " * 3]


@pytest.fixture(scope="module")
def models(exported_folder, pointing_folder, tmp_path_factory) -> Path:
    """What `tests/small/conftest.py` describes."""
    folder = tmp_path_factory.mktemp("small")
    shutil.copytree(exported_folder, folder / "writes")
    shutil.copytree(pointing_folder, folder / "plain")
    done = run(pointing_folder, "-o", folder / "points")
    assert done.exit_code == 0, done.output
    expected = {}
    for name in ("writes", "points"):
        on_torch = {"components.padellm_ner.model.runtime": "torch"}
        nlp = spacy.load(folder / name, config=on_torch)
        expected[name] = [
            (doc.text, [(e.text, e.label_, round(e._.padellm_score, 3)) for e in doc.ents])
            for doc in nlp.pipe(TAKEN)
        ]
    (folder / "expected.json").write_text(json.dumps(expected), encoding="utf8")
    golds = [example.reference for example in make_examples(nlp, 60)]
    DocBin(docs=golds).to_disk(folder / "gold.spacy")
    return folder


def test_what_runs_where_torch_is_not_installed(models):
    """In the small environment (SMALL_PYTHON); without one, in this one with torch blocked."""
    python = SMALL or sys.executable
    tests = ROOT / "tests" / "small"
    options = ["-q", "-p", "no:cacheprovider", "--durations", "5", "--confcutdir", tests]
    done = subprocess.run(
        [python, "-m", "pytest", *options, tests],
        cwd=ROOT,
        env={**os.environ, "SMALL_MODELS": str(models)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0 and " passed" in done.stdout, done.stdout[-8000:] + done.stderr
