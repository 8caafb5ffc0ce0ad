"""Makes what a release publishes, checks it, and runs it where the source tree is out of sight.

python scripts/dist.py

Needs `build` and `twine` (`make dist` installs them), and a network for what an installation
downloads. The folder `dist` then has sdist and wheel of spacy-padellm, of the model package
`spacy-padellm-multilingual`, and of the pipeline package `en_padellm_sm`, which loads the model in
the box.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from dist_contents import (
    check_committed,
    check_multilingual,
    check_pipeline,
    check_sdist,
    check_wheel,
)

ROOT = Path(__file__).parent.parent
SCRIPTS = ROOT / "scripts"
PIPELINE = "en_padellm_sm"
MULTILINGUAL = ROOT / "multilingual"
CHECKS = """
import importlib.util, sys
import spacy, spacy_padellm
for module in (spacy, spacy_padellm):
    assert module.__file__.startswith(sys.prefix), f"{module.__file__} is not of {sys.prefix}"
assert importlib.util.find_spec("torch") is None, "the small install has torch"
"""
MODEL_CHECKS = """
from spacy_padellm.models.named.lookup import find_named
model = find_named("multilingual")
assert (model.files[0] / "adapter_model.safetensors").is_file() and model.licence == "gemma"
"""
PIPELINE_CHECKS = """
import spacy
text = "Angela Merkel met Emmanuel Macron before the European Union summit in Brussels."
nlp = spacy.load("en_padellm_sm")
blank = spacy.blank("en")
blank.add_pipe("padellm_ner")
found, wanted = (
    [(ent.text, ent.label_, ent._.padellm_score) for ent in one(text).ents] for one in (nlp, blank)
)
assert found == wanted and len(found) == 4, (found, wanted)
assert nlp.meta["license"] and nlp.meta["performance"], nlp.meta
print(f"{nlp.meta['lang']}_{nlp.meta['name']} {nlp.meta['version']}:", *(ent[:2] for ent in found))
"""


def main() -> None:
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    check_committed(ROOT)
    output = ROOT / "dist"
    shutil.rmtree(output, ignore_errors=True)
    # A build would take files of an earlier one into the wheel.
    shutil.rmtree(ROOT / "build", ignore_errors=True)

    say("Building sdist, and the wheel from it")
    build(ROOT, output)
    (sdist,), (wheel,) = output.glob("*.tar.gz"), output.glob("*.whl")
    check_wheel(wheel, ROOT)
    check_sdist(sdist, ROOT)

    say("Building the multilingual model")
    build(MULTILINGUAL, output)
    (model,) = output.glob("spacy_padellm_multilingual-*.whl")
    check_multilingual(model, MULTILINGUAL)

    with tempfile.TemporaryDirectory(prefix="spacy-padellm-") as folder:
        elsewhere = Path(folder)
        say("Installing the wheel into a fresh environment")
        python = fresh_environment(elsewhere / "venv")
        run(python, "-m", "pip", "install", "-q", wheel)
        run(python, "-I", "-c", CHECKS, cwd=elsewhere)
        # Its base takes torch and 240 MB: that it is found must do here.
        run(python, "-m", "pip", "install", "-q", "--no-deps", model)
        run(python, "-I", "-c", MODEL_CHECKS, cwd=elsewhere)
        run(python, "-m", "pip", "uninstall", "-q", "-y", "spacy-padellm-multilingual")
        size = sum(p.stat().st_size for p in (elsewhere / "venv").rglob("*") if p.is_file())
        print(f"the small install takes {size / 1e9:.2f} GB")

        say("Running the demo there")
        shutil.copy(SCRIPTS / "demo.py", elsewhere)
        shutil.copy(ROOT / "assets" / "demo_texts.txt", elsewhere)
        run(python, "-I", "demo.py", "--texts", "demo_texts.txt", cwd=elsewhere)

        say(f"Building {PIPELINE} there")
        run(python, "-I", SCRIPTS / "dist_pipeline.py", elsewhere / "pipeline")
        (source,) = (elsewhere / "pipeline").glob(f"{PIPELINE}-*")
        build(source, output)
        (pipeline,) = output.glob(f"{PIPELINE}-*.whl")
        check_pipeline(pipeline)
        run(python, "-m", "pip", "install", "-q", pipeline)
        run(python, "-m", "pip", "check")
        run(python, "-I", "-c", PIPELINE_CHECKS, cwd=elsewhere)

    say("Checking what an index would refuse")
    made = sorted(output.iterdir())
    run(sys.executable, "-m", "twine", "check", "--strict", *made)
    say("Done")
    for path in made:
        print(f"{path.stat().st_size / 1e6:6.2f} MB  {path}")


def build(source: Path, output: Path) -> None:
    """sdist and wheel, in an environment of their own."""
    log = output.parent / f".{output.name}-build.log"
    command = [sys.executable, "-m", "build", "--outdir", str(output), str(source)]
    with log.open("w") as file:
        done = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT)
    said = log.read_text(encoding="utf8", errors="replace")
    log.unlink()
    if done.returncode != 0:
        sys.exit(f"{said}\n{' '.join(command)} failed")


def fresh_environment(folder: Path) -> Path:
    """Its interpreter."""
    venv.create(folder, with_pip=True, symlinks=os.name != "nt")  # as `python -m venv` does
    return folder / ("Scripts" if os.name == "nt" else "bin") / "python"


def run(*command: object, cwd: Path | None = None) -> None:
    """Ends the program where the command fails."""
    sys.stdout.flush()
    words = [str(word) for word in command]
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    if subprocess.run(words, cwd=cwd, env=env).returncode != 0:
        sys.exit(f"failed: {' '.join(words)[:300]}")


def say(text: str) -> None:
    print(f"\n== {text}", flush=True)


if __name__ == "__main__":
    main()
