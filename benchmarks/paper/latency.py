"""Latency of all formats of a set, in one process, in turn, on the same texts."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from grid.sets import some

from spacy_padellm.tools.benchmark.measuring import measure

from .cells import LOOKUP, TIMED, Cell
from .folder import check_model
from .recipe import Recipe
from .scoring import decoder_for, load_tuned
from .sets import Drawn

BATCHES = (1, 32)


def measure_latency(
    cell: Cell,
    recipe: Recipe,
    folders: Mapping[str, Path],
    drawn: Drawn,
    texts: int,
    rounds: int,
) -> dict[str, Any]:
    """folders: of the cells that have tuned a model, by format. texts: drawn of the test texts,
    the longest first, as scoring reads them, so that batches are padded little. What is measured is
    as of `measure`, medians over rounds; nothing is forced.

    Raises ValueError where a model is not there any more.
    """
    for name, folder in folders.items():
        check_model(folder, cell.of_format(name))
    golds = some(drawn.test, texts, f"{cell.set} latency")
    golds.sort(key=lambda gold: -len(gold.text))
    decoders = {}
    for name, methods in TIMED.items():
        if name in folders:
            loaded = load_tuned(folders[name], recipe)
            decoders |= {method: decoder_for(cell, loaded, method) for method in methods}
    device = next(iter(decoders.values())).lm.device  # type: ignore[attr-defined]
    measured = []
    for size in BATCHES:
        own = {name: of for name, of in decoders.items() if size == 1 or name != LOOKUP}
        measured += measure(own, golds, drawn.labels, (size,), rounds, device, _say)
    return {
        # F1 is of all test texts, and by one definition (`score`).
        "methods": [{k: v for k, v in asdict(of).items() if k != "f"} for of in measured],
        "formats": sorted(folders),
        "timed_texts": len(golds),
    }


def _say() -> None:
    print("a method has gone through all texts", flush=True)
