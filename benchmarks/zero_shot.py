"""Labels that a model was never trained on: strict span F1 when it is asked for them by name.

    python benchmarks/zero_shot.py --data DATA MODEL [MODEL ...] [--described]

MODEL is what `model.name` takes: `english-any`, a folder. Names and descriptions of labels are in
`zero_shot.yml`; with `--described`, the model reads both. Whether a model has seen a set, or labels
like those of a set, is not known here: see its card.
"""

import argparse
import json
import statistics
import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import spacy
import srsly
from grid.machine import describe
from grid.sets import find_set, read_split, some
from tqdm import tqdm
from tuning.measuring import annotate, score

from spacy_padellm.formats.detokenize import respace
from spacy_padellm.formats.gold_text import GoldText

ABOUT = Path(__file__).with_suffix(".yml")
OUTPUT = Path(__file__).parent / "results" / "zero_shot.json"
SPLIT = "test"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", metavar="MODEL")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", metavar="SET", help="default: those of zero_shot.yml")
    parser.add_argument("--limit", type=int, default=500, help="test texts of each set")
    parser.add_argument("--described", action="store_true", help="with descriptions of the labels")
    parser.add_argument("--threshold", type=float, default=0.0)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    arguments = parser.parse_args()
    about = srsly.read_yaml(ABOUT)
    names = arguments.sets or list(about)
    if unknown := [name for name in names if name not in about]:
        parser.error(f"no set {', '.join(unknown)}: {ABOUT.name} has {', '.join(about)}")
    found = {}
    for model in arguments.models:
        scores = {}
        for name in tqdm(names, desc=model):
            golds = read(arguments.data, name, about[name]["joined"], arguments.limit)
            labels = about[name]["labels"]
            scores[name] = ask(model, golds, labels, arguments.described, arguments.threshold)
        found[model] = scores
        print(show(model, scores))
    report = {
        "described": arguments.described,
        "threshold": arguments.threshold,
        "limit": arguments.limit,
        "date": time.strftime("%Y-%m-%d"),
        "machine": describe(),
        "models": found,
    }
    arguments.output.write_text(json.dumps(report, indent=1) + "\n", encoding="utf8")


def read(data: Path, name: str, joined: bool, limit: int) -> list[GoldText]:
    golds = some(read_split(find_set(data, name, (SPLIT,)), SPLIT), limit, f"{name} {SPLIT}")
    if not joined:
        return golds
    pairs = [respace(gold.text, gold.spans) for gold in golds]
    return [GoldText(text, tuple(spans)) for text, spans in pairs]


def ask(
    model: str,
    golds: Sequence[GoldText],
    labels: Mapping[str, Sequence[str]],
    described: bool,
    threshold: float,
) -> dict[str, Any]:
    """labels: name in the data → what it is called, and what it means."""
    asked = {called: text if described else "" for called, text in labels.values()}
    own = {called: label for label, (called, _) in labels.items()}
    nlp = spacy.blank("en")
    config = {"model": {"name": model}, "labels": asked, "threshold": threshold}
    nlp.add_pipe("padellm_ner", config=config)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that labels are new is what is measured
        found, _ = annotate(nlp, [gold.text for gold in golds])
    return score(golds, [{(own[label], s, e) for label, s, e in items} for items in found])


def show(model: str, scores: Mapping[str, Mapping[str, Any]]) -> str:
    rows = [f"{name:16} {100 * of['f']:5.1f}" for name, of in scores.items()]
    mean = statistics.mean(of["f"] for of in scores.values())
    return "\n".join([model, *rows, f"{'mean':16} {100 * mean:5.1f}"])


if __name__ == "__main__":
    main()
