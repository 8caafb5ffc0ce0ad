"""One cell, from the texts that are drawn to the line in the results file."""

import json
import shutil
import time
from contextlib import ExitStack
from typing import Any

from grid.folders import LOG
from grid.machine import describe
from grid.processes import Status, print_to

from spacy_padellm.atomic import BusyError, alone_in, write_whole

from .cells import LATENCY, Cell
from .folder import CHECKPOINTS, FOUND, TUNED, check_begun, claim_folder, has_model, remove_model
from .latency import measure_latency
from .origin import Origin, find_origin
from .plan import Plan
from .recipe import Recipe
from .results import append_result, check_same, read_results
from .scoring import score_tuned
from .sets import Drawn, draw
from .training import tune


def run_cell(cell: Cell, recipe: Recipe, plan: Plan) -> Status:
    """Trains and scores, or measures; writes the result, and removes the weights that nothing waits
    for. What this process prints goes to the cell's log. Has done nothing where it is not DONE.

    Raises ValueError for results of the set, what is half done, or a model, of another origin, and
    as `Plan.check_latency`.
    """
    try:
        with ExitStack() as alone:
            alone.enter_context(alone_in(plan.folder(cell)))
            if plan.is_there(cell, read_results(plan.output)):  # another run has done it meanwhile
                return Status.DONE
            for other in plan.needs(cell):  # whose models must stay as they are until the end
                alone.enter_context(alone_in(plan.folder(other)))
            results = read_results(plan.output)
            if not all(other in results for other in plan.needs(cell)):
                return Status.WAITS
            plan.check_latency(cell, results)
            _do(cell, recipe, plan)
            (plan.folder(cell) / FOUND).unlink(missing_ok=True)  # not before its result is there
            for other in plan.done_with(cell):
                remove_model(plan.folder(other))
    except BusyError:
        return Status.BUSY
    return Status.DONE


def _do(cell: Cell, recipe: Recipe, plan: Plan) -> None:
    print_to(plan.folder(cell) / LOG, "ab")
    origin = find_origin(recipe, plan.data, cell.set)
    check_same(read_results(plan.output), cell, origin)
    drawn = draw(plan.data, cell.set, recipe, cell.seed)
    do = _latency if cell.format == LATENCY else _tune
    record = {
        **do(cell, recipe, plan, drawn, origin),
        "texts": {"train": len(drawn.train), "test": len(drawn.test)},
        "labels": len(drawn.labels),
        "recipe": origin,
        "date": time.strftime("%Y-%m-%d"),
        "machine": describe(),
    }
    append_result(plan.output, cell, record)


def _tune(cell: Cell, recipe: Recipe, plan: Plan, drawn: Drawn, origin: Origin) -> dict[str, Any]:
    folder = plan.folder(cell)
    claim_folder(folder, cell, origin)
    if not has_model(folder):
        (folder / FOUND).unlink(missing_ok=True)  # by a model that is gone
        write_whole(folder / TUNED, json.dumps(tune(cell, recipe, drawn, folder)))
    shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)  # not before all is written
    training = json.loads((folder / TUNED).read_text(encoding="utf8"))
    return {"training": training, **score_tuned(cell, recipe, drawn, folder)}


def _latency(
    cell: Cell, recipe: Recipe, plan: Plan, drawn: Drawn, origin: Origin
) -> dict[str, Any]:
    folders = {}
    for other in plan.needs(cell):
        folders[other.format] = plan.folder(other)
        check_begun(plan.folder(other), other, origin)
    found = measure_latency(cell, recipe, folders, drawn, plan.latency_texts, plan.rounds)
    return {**found, "settings": plan.settings}
