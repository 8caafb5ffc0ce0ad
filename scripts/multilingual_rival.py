"""spaCy's own `ner` for each language, on texts of it that the multilingual model is trained on:
corpora, config, training.

    python scripts/multilingual_rival.py --data DATA --output training/multilingual-rival
        [--languages de pt ...] [--max-steps 5000]

A set that lacks one of PER, ORG and LOC is left out, since `ner` would learn that there are none.
German is chosen on MultiCoNER, as its other set has no further texts.
The config is `spacy init config --pipeline ner --optimize efficiency`, with other steps only.
"""

import argparse
import random
import subprocess
import sys
from pathlib import Path

from english_data import LABELS
from english_rival import to_docbin
from multilingual_data import LANGUAGES, MAIN, TRAIN_SETS, asked_of, read_set

TRAINED = ("en", "zh", "pt", "sv", "da", "hr", "sr", "sk", "de", "fi")
# The set whose development texts choose the model, where none of Universal NER does.
CHOOSERS = {"de": "multiconer1_de", "fi": "turku_ner"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--output", type=Path, default=Path("training/multilingual-rival"))
    parser.add_argument("--languages", nargs="+", choices=TRAINED, default=list(TRAINED))
    parser.add_argument("--max-steps", type=int, default=5000)
    arguments = parser.parse_args()
    for language in arguments.languages:
        train(language, arguments.data, arguments.output / language, arguments.max_steps)


def train(language: str, data: Path, output: Path, max_steps: int) -> None:
    """Leaves `model-best` in output; does nothing where it is there already."""
    if (output / "model-best").exists():
        return
    names = [
        name
        for name in TRAIN_SETS
        if LANGUAGES[name] == language and asked_of(name) == list(LABELS)
    ]
    golds = [gold for name in names for gold in read_set(data, name, TRAIN_SETS[name])]
    random.Random(0).shuffle(golds)
    chooser = CHOOSERS.get(language) or next(name for name in names if name in MAIN)
    to_docbin(golds, output / "train.spacy", language)
    to_docbin(read_set(data, chooser, "dev"), output / "dev.spacy", language)
    print(f"{language}: {', '.join(names)}; {len(golds):,} texts; chosen on {chooser}", flush=True)
    run = output / "run"
    config = str(output / "config.cfg")
    make = ["init", "config", config, "-l", language, "-p", "ner", "-o", "efficiency", "--force"]
    fit = [
        *("train", config, "-o", str(run), "--training.patience", "0"),
        *("--paths.train", str(output / "train.spacy"), "--paths.dev", str(output / "dev.spacy")),
        *("--training.max_steps", str(max_steps), "--training.eval_frequency", "500"),
    ]
    for command in (make, fit):
        subprocess.run([sys.executable, "-m", "spacy", *command], check=True)
    (run / "model-best").rename(output / "model-best")  # whole: a run that was cut off begins anew


if __name__ == "__main__":
    main()
