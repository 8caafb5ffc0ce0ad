"""One cell, from the texts that are drawn to the line in the results file."""

import json
import shutil
import time
from pathlib import Path
from typing import Any

from grid.machine import describe
from grid.processes import print_to

from spacy_padellm.atomic import BusyError, alone_in, write_whole

from .cells import FORMATS, LATENCY, Cell
from .latency import measure_latency
from .plan import Plan
from .recipe import Recipe
from .results import LOG, append_result, read_results
from .scoring import FOUND, score_tuned
from .sets import Drawn, draw
from .training import CHECKPOINTS, MODEL, tune

TUNED = "tuned.json"  # what training took, beside the model


def run_cell(cell: Cell, recipe: Recipe, plan: Plan) -> bool:
    """Trains and scores, or measures; writes the result. What this process prints goes to the
    cell's log. Returns False, having done nothing, where another run is at the cell, or at one that
    it waits for."""
    folder = plan.folder(cell)
    try:
        with alone_in(folder):
            results = read_results(plan.output)
            if plan.is_there(cell, results):  # since another run has done it meanwhile
                return True
            if cell.format == LATENCY and not plan.is_tuned(cell, results):
                return False
            print_to(folder / LOG, "ab")
            drawn = draw(plan.data, cell.set, recipe, cell.seed)
            do = _latency if cell.format == LATENCY else _tune
            record = {
                **do(cell, recipe, plan, drawn),
                "texts": {"train": len(drawn.train), "test": len(drawn.test)},
                "labels": len(drawn.labels),
                "recipe": recipe.record(),
                "date": time.strftime("%Y-%m-%d"),
                "machine": describe(),
            }
            append_result(plan.output, cell, record)
    except BusyError:
        return False
    _clean(cell, plan)
    return True


def _tune(cell: Cell, recipe: Recipe, plan: Plan, drawn: Drawn) -> dict[str, Any]:
    folder = plan.folder(cell)
    took = folder / TUNED
    if not ((folder / MODEL).is_dir() and took.exists()):
        write_whole(took, json.dumps(tune(cell, recipe, drawn, folder)))
    shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)  # not before all is written
    training = json.loads(took.read_text(encoding="utf8"))
    return {"training": training, **score_tuned(cell, recipe, drawn, folder)}


def _latency(cell: Cell, recipe: Recipe, plan: Plan, drawn: Drawn) -> dict[str, Any]:
    folders = {name: plan.folder(cell.of_format(name)) for name in plan.formats}
    return measure_latency(cell, recipe, folders, drawn, plan.latency_texts, plan.rounds)


def _clean(cell: Cell, plan: Plan) -> None:
    """Removes the weights that nothing waits for."""
    if plan.keep_models:
        return
    if cell.format == LATENCY:
        for name in FORMATS:
            _remove_model(plan.folder(cell.of_format(name)))
    elif not plan.formats:
        _remove_model(plan.folder(cell))


def _remove_model(folder: Path) -> None:
    """With all that was made of it or for it."""
    for name in (MODEL, CHECKPOINTS):
        shutil.rmtree(folder / name, ignore_errors=True)
    for name in (FOUND, TUNED):
        (folder / name).unlink(missing_ok=True)
