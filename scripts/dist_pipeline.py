"""Writes the source of the pipeline package `en_padellm_sm`: the model in the box, by its name.

python scripts/dist_pipeline.py OUTPUT

`spacy.load("en_padellm_sm")` is then the same as a blank pipeline with `padellm_ner`. The weights
stay in spacy-padellm, which the package requires.
"""

import argparse
import json
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import spacy
from packaging.requirements import Requirement
from packaging.version import Version

from spacy_padellm import __version__

RESULTS = Path(__file__).parent.parent / "benchmarks" / "results" / "english.json"
SET = "uner_ewt"  # whose scores spaCy shows under their own names
DESCRIPTION = (
    "Persons, organisations and places in English text, each with a probability: the model of "
    "spacy-padellm. Scores are strict span scores on test splits; those without a set's name are "
    "of UNER EWT."
)
NOTICE = """\
This pipeline loads the English model of the package spacy-padellm, which it requires, and has no
weights of its own. The model, and the files here, are licensed under the Creative Commons
Attribution-ShareAlike 4.0 International licence (CC BY-SA 4.0):
https://creativecommons.org/licenses/by-sa/4.0/legalcode

spacy_padellm/models/english/LICENSE.md and README.md in spacy-padellm name the texts and weights
that the model was made from. Please keep these attributions.
"""
# twine wants the type; spaCy's setup.py does not name it.
SETUP = """[metadata]
long_description_content_type = text/markdown
license_files =
    LICENSE
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path)
    output: Path = parser.parse_args().output
    output.mkdir(parents=True, exist_ok=True)
    nlp = spacy.blank("en")
    nlp.add_pipe("padellm_ner", config={"save_mode": "reference"})
    nlp.meta.update(about())
    nlp.to_disk(output / "pipeline")
    (output / "pipeline" / "LICENSE").write_text(NOTICE, encoding="utf8")
    package = [sys.executable, "-I", "-m", "spacy", "package", output / "pipeline", output]
    # spacy-padellm says itself which spaCy it takes.
    options = ["--build", "none", "--no-require-parent", "--force"]
    done = subprocess.run([*map(str, package), *options], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{done.stdout}\n{done.stderr}\nspacy package failed")
    (source,) = output.glob("en_padellm_sm-*")
    (source / "setup.cfg").write_text(SETUP, encoding="utf8")
    shutil.rmtree(output / "pipeline")


def about() -> dict[str, Any]:
    """What the pipeline's meta.json says."""
    major, minor = Version(__version__).release[:2]
    return {
        "name": "padellm_sm",
        "version": __version__,
        "description": DESCRIPTION,
        "author": "spacy-padellm contributors",
        "license": "CC-BY-SA-4.0",
        "spacy_version": spacy_range(),
        "requirements": [f"spacy-padellm>={__version__},<{major}.{minor + 1}"],
        "sources": [
            {
                "name": "all-MiniLM-L6-v2",
                "url": "https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2",
                "license": "Apache-2.0",
                "author": "sentence-transformers",
            },
            {
                "name": "Texts that it was trained on: models/english/README.md in spacy-padellm",
                "license": "CC BY-SA 4.0 and others",
            },
        ],
        "performance": performance(json.loads(RESULTS.read_text(encoding="utf8"))),
    }


def spacy_range() -> str:
    """What spacy-padellm takes. spaCy would say the release that is installed here, and warn of an
    older one."""
    lines = map(Requirement, metadata.requires("spacy-padellm") or ())
    return str(next(line.specifier for line in lines if line.name == "spacy"))


def performance(results: dict[str, Any]) -> dict[str, Any]:
    """Of the model in the box on each test set, from 0 to 1."""
    measured = results["results"]["padellm_ner"]
    main = {k: v for k, v in measured[SET].items() if k.startswith("ents_")}
    others = {f"ents_f_{name}": s["ents_f"] for name, s in measured.items() if name != SET}
    return {**main, **others}


if __name__ == "__main__":
    main()
