"""Latency of all formats of a set, in one process, in turn, on the same texts."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from grid.sets import some

from spacy_padellm.tools.benchmark.measuring import measure

from .cells import OURS, Cell
from .folder import has_model
from .recipe import Recipe
from .scoring import decoder_for, load_tuned
from .sets import Drawn

BATCHES = (1, 32)
PAPER = "paper"
LOOKUP = "augmented-lookup"  # drafts where texts come one by one
# In the order in which they run; the first is what `measure` compares with, ours where it is there.
METHODS = {
    "padellm": (OURS, PAPER),
    "structured": ("structured",),
    "augmented": ("augmented", LOOKUP),
}


def measure_latency(
    cell: Cell,
    recipe: Recipe,
    folders: Mapping[str, Path],
    drawn: Drawn,
    texts: int,
    rounds: int,
) -> dict[str, Any]:
    """folders: of the cells that have tuned a model, by format. texts: drawn of the test texts.
    What is measured is as of `measure`, medians over rounds; answers are free.

    Raises ValueError where a model is not there any more.
    """
    for name, folder in folders.items():
        if not has_model(folder):
            raise ValueError(
                f"{cell.of_format(name)} has no model any more: give another --output, and all "
                f"formats at once, or keep models by --keep-models"
            )
    golds = some(drawn.test, texts, f"{cell.set} latency")
    decoders = {}
    for name, methods in METHODS.items():
        if name in folders:
            loaded = load_tuned(folders[name], recipe)
            decoders |= {method: decoder_for(cell, loaded, method) for method in methods}
    device = next(iter(decoders.values())).lm.device  # type: ignore[attr-defined]
    measured = []
    for size in BATCHES:
        own = {name: of for name, of in decoders.items() if size == 1 or name != LOOKUP}
        measured += measure(own, golds, drawn.labels, (size,), rounds, device, _say)
    return {
        "methods": [asdict(of) for of in measured],
        "formats": sorted(folders),
        "measured_texts": len(golds),
        "rounds": rounds,
    }


def _say() -> None:
    print("a method has gone through all texts", flush=True)
