"""One cell, from the texts that are drawn to the line in the results file."""

import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from grid.folders import LOG, cell_folder
from grid.machine import describe
from grid.processes import Status, print_to
from grid.timing import timed

from spacy_padellm.atomic import BusyError, alone_in

from .cells import Cell
from .measuring import annotate, score, score_and_time
from .results import append_result, is_finished, read_results
from .sets import Draw, digest, draw
from .systems import System
from .task import NoModelError, Task


def run_cell(
    cell: Cell, system: System, data: Path, output: Path, budget: float | None, keep: bool
) -> Status:
    """Trains, scores, writes the result; what this process prints goes to the cell's log.

    budget: minutes of training. keep: whether the model stays, as `model` in the cell's folder.
    Has done nothing where another run is at the cell.
    """
    folder = cell_folder(output, cell)
    try:
        with alone_in(folder):
            if is_finished(read_results(output).get(cell), budget):
                return Status.DONE
            for left in folder.glob("work-*"):  # of a run that was killed
                shutil.rmtree(left, ignore_errors=True)
            print_to(folder / LOG)
            with tempfile.TemporaryDirectory(prefix="work-", dir=folder) as work:
                drawn = draw(data, cell.set, cell.size, cell.seed)
                record = _measure(cell, system, drawn, Path(work), budget, keep)
            append_result(output, cell, {**record, "data": digest(data, cell.set)})
    except BusyError:
        return Status.BUSY
    return Status.DONE


def _measure(
    cell: Cell, system: System, drawn: Draw, work: Path, budget: float | None, keep: bool
) -> dict[str, Any]:
    """test and dev are None where the budget did not give a model."""
    seconds = None if budget is None else 60 * budget
    task = Task(drawn.train, drawn.dev, drawn.labels, cell.seed, work, seconds)

    def train() -> Any:
        try:
            return system.train(task)
        except NoModelError as error:
            print(error)
            return None

    nlp, minutes = timed(train)
    record: dict[str, Any] = {"test": None, "dev": None, "texts_a_second": None}
    if nlp is not None:
        record["test"], record["texts_a_second"] = score_and_time(nlp, drawn.test)
        found, _ = annotate(nlp, [gold.text for gold in drawn.dev])
        record["dev"] = score(drawn.dev, found)
        if keep:
            nlp.to_disk(work.parent / "model")
    return {
        **record,
        "minutes": {clock: round(value, 3) for clock, value in minutes.items()},
        "stopped": budget is not None and minutes["wall"] >= budget,
        "budget": budget,
        "texts": {name: len(getattr(drawn, name)) for name in ("train", "dev", "test")},
        "labels": len(drawn.labels),
        "made_of": system.made_of,
        "date": time.strftime("%Y-%m-%d"),
        "machine": describe(),
    }
