"""Labels that a model is asked for by name, without training: strict span F1, by set.

    python benchmarks/zero_shot.py --data DATA MODEL [MODEL ...] [--described] [--split dev]

MODEL is what `model.name` takes: `english-any`, a folder. Names and descriptions of labels are in
`zero_shot.yml`; with `--described`, the model reads both. Sets that a model in the box was trained
on are marked, and a mean leaves them out: what it finds in them is not zero-shot. So it is with a
model that is made of one, but for what that was tuned on since. What other models have seen is not
known here, nor who has seen labels like those of a set: see the model's card.
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
from grid.seen import seen_by
from grid.sets import find_set, read_split, some
from tqdm import tqdm
from tuning.measuring import annotate, score

from spacy_padellm.formats.detokenize import respace
from spacy_padellm.formats.gold_text import GoldText

ABOUT = Path(__file__).with_suffix(".yml")
OUTPUT = Path(__file__).parent / "results" / "zero_shot.json"
SPLITS = ("test", "dev")
MARK = "*"


def main(given: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", metavar="MODEL")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", metavar="SET", help="default: those of zero_shot.yml")
    parser.add_argument("--split", choices=SPLITS, default=SPLITS[0])
    parser.add_argument("--limit", type=int, default=500, help="texts of each set")
    parser.add_argument("--described", action="store_true", help="with descriptions of the labels")
    parser.add_argument("--threshold", type=float, default=0.0)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    arguments = parser.parse_args(given)
    about = srsly.read_yaml(ABOUT)
    split = arguments.split
    names = arguments.sets or list(about)
    if unknown := [name for name in names if name not in about]:
        parser.error(f"no set {', '.join(unknown)}: {ABOUT.name} has {', '.join(about)}")
    try:
        golds = {
            name: read(arguments.data, name, split, about[name]["joined"], arguments.limit)
            for name in names
        }
    except (ValueError, OSError) as error:
        parser.error(str(error))
    described, threshold = arguments.described, arguments.threshold
    found = {}
    for model in arguments.models:
        scores = {
            name: ask(model, golds[name], about[name]["labels"], described, threshold)
            for name in tqdm(names, desc=model)
        }
        known = seen_by(model)
        seen = None if known is None else [name for name in names if name in known]
        found[model] = {"sets": scores, "seen": seen, **means(scores, seen)}
        print(show(model, found[model]))
    report = {
        "described": described,
        "threshold": threshold,
        "split": split,
        "limit": arguments.limit,
        "date": time.strftime("%Y-%m-%d"),
        "machine": describe(),
        "models": found,
    }
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(report, indent=1) + "\n", encoding="utf8")


def read(data: Path, name: str, split: str, joined: bool, limit: int) -> list[GoldText]:
    golds = some(read_split(find_set(data, name, (split,)), split), limit, f"{name} {split}")
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


def means(scores: Mapping[str, Mapping[str, Any]], seen: Sequence[str] | None) -> dict[str, float]:
    """F1, by sets: "mean_unseen", of those that the model was not trained on, where that is known
    and there are any, and "mean", of all."""
    unseen = [] if seen is None else [name for name in scores if name not in seen]
    groups = {"mean_unseen": unseen, "mean": list(scores)}
    return {
        of: round(statistics.mean(scores[name]["f"] for name in names), 5)
        for of, names in groups.items()
        if names
    }


def show(model: str, found: Mapping[str, Any]) -> str:
    seen = found["seen"] or []
    rows = [
        f"{name + MARK * (name in seen):20} {100 * of['f']:5.1f}"
        for name, of in found["sets"].items()
    ]
    said = {"mean_unseen": "mean of the unseen", "mean": "mean of all"}
    rows += [f"{words:20} {100 * found[of]:5.1f}" for of, words in said.items() if of in found]
    note = [f"{MARK} the model was trained on it"] * bool(seen)
    if found["seen"] is None:
        note = ["which of the sets it was trained on is not known here"]
    return "\n".join([model, *rows, *note])


if __name__ == "__main__":
    main()
