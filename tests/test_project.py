"""The project, run as a user runs it: convert, train, evaluate, visualize, package."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import spacy

ROOT = Path(__file__).parent.parent


def test_the_project_runs_on_its_sample(tmp_path):
    for name in ("assets", "configs", "scripts"):
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copy(ROOT / "project.yml", tmp_path)
    config = tmp_path / "configs" / "padellm_scratch.cfg"
    text = config.read_text(encoding="utf8")
    text = text.replace("eval_frequency = 100", "eval_frequency = 5")
    config.write_text(text, encoding="utf8")
    command = [sys.executable, "-m", "spacy", "project", "run", "all", str(tmp_path)]
    command += ["--vars.max_steps", "10"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=400, cwd=tmp_path)
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    scores = json.loads((tmp_path / "training" / "scores.json").read_text())
    assert {"ents_f", "strings_f"} <= set(scores)
    page = (tmp_path / "output" / "entities.html").read_text(encoding="utf8")
    assert "<html" in page
    assert list(tmp_path.glob("packages/*/dist/*.tar.gz"))
    shutil.move(tmp_path / "training" / "model" / "model-best", tmp_path / "moved")
    nlp = spacy.load(tmp_path / "moved")
    assert nlp.get_pipe("padellm_ner").labels == ("LOC", "ORG", "PER")
