"""A job on Ray Data: one actor a device, each with the pipeline, on one machine or a cluster.

Its rows are the numbers of the parts. Ray gives them to actors, starts more actors while parts
wait (autoscaling), holds back parts while all are busy (back-pressure), and gives the part of an
actor that died to another. A part is written whole or not at all, so that none is lost or twice.
Input and output must be where every machine sees them.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import ray

from ...atomic import alone_in, check_owner
from ..pipelines import open_pipeline
from .parts import Part, PartReader
from .plan import PLAN, Job
from .running import Done, Failures, Unread, annotate_part
from .sinks import part_path
from .sources import STDIN, UnreadableError

RETRIES = 4  # of an actor, and of a part


class PartAnnotator:
    """An actor: loads the pipeline once, then annotates parts."""

    def __init__(
        self, job: Job, folder: str, parts: dict[int, Part], batch_size: int, any_good: bool
    ) -> None:
        self.job, self.folder, self.parts = job, Path(folder), parts
        self.batch_size = batch_size
        self.failures = Failures(any_good=any_good)
        self.nlp, _ = open_pipeline(job.pipeline, job.labels)
        self.reader = PartReader(job.text_field)

    def __call__(self, rows: dict[str, np.ndarray]) -> dict[str, list[Any]]:
        done: dict[str, list[Any]] = {"part": [], "failed": [], "error": []}
        for number in rows["id"].tolist():
            part = self.parts[number]
            path = part_path(self.folder, part.number, self.job.file_format)
            failed, error = 0, ""
            try:
                if not path.exists():  # as it may where an actor died behind its last step
                    records = self.reader.read(part)
                    failed = annotate_part(
                        self.job, path, self.nlp, records, self.batch_size, self.failures
                    )
            except UnreadableError as unreadable:
                error = str(unreadable)
            for name, value in (("part", number), ("failed", failed), ("error", error)):
                done[name].append(value)
        return done


def run_on_ray(
    job: Job,
    folder: Path,
    batch_size: int,
    actors: tuple[int, int],
    gpus: float = 0,
    cpus: float = 1,
    address: str | None = None,
) -> Iterator[Done | Unread]:
    """As `running.run_job`, parts in the order in which they are done.

    actors: least and most of them. gpus, cpus: of each. address: of a cluster; None starts Ray
    here, or joins the cluster that the environment names.

    Raises ValueError for standard input, for a pipeline that cannot be opened here, where a part
    fails again and again, and as `Job.open`.
    """
    if STDIN in job.files:
        raise ValueError("--engine ray reads files, not standard input: save it as a file")
    check_owner(folder, PLAN)
    with alone_in(folder):
        ledger = job.open(folder)
        parts: dict[int, Part] = {}
        unread: set[str] = set()
        for file in job.files:
            try:
                parts.update((part.number, part) for part in ledger.parts(file))
            except UnreadableError as error:
                unread.add(file)
                yield Unread(file, str(error))
        there = [part for part in parts.values() if ledger.is_written(part)]
        yield from (Done(part, part.size, skipped=True) for part in there)
        waiting = sorted(parts.keys() - {part.number for part in there})
        if not waiting:
            return
        open_pipeline(job.pipeline, job.labels)  # what is wrong with it is said here, and once
        if not ray.is_initialized():
            ray.init(address=address, log_to_driver=False)
        options: dict[str, Any] = {"num_gpus": gpus} if gpus else {"num_cpus": cpus}
        data: Any = ray.data.from_items([{"id": number} for number in waiting])
        data = data.repartition(len(waiting)).map_batches(
            PartAnnotator,
            fn_constructor_args=(job, str(ledger.folder.resolve()), parts, batch_size, bool(there)),
            batch_size=1,
            compute=ray.data.ActorPoolStrategy(min_size=actors[0], max_size=actors[1]),
            max_restarts=RETRIES,
            max_task_retries=RETRIES,
            **options,
        )
        try:
            for row in data.iter_rows():
                part = parts[row["part"]]
                if not row["error"]:
                    yield Done(part, part.size, row["failed"])
                elif part.file not in unread:  # said once, not for each of its parts
                    unread.add(part.file)
                    ledger.note(part.file, unread=True)
                    yield Unread(part.file, row["error"])
            for file in {part.file for part in parts.values()} - unread:
                ledger.note(file, unread=False)
        except ray.exceptions.RayError as error:
            last = [line for line in str(error).splitlines() if line.strip()][-1:]
            raise ValueError(f"Ray stopped: {' '.join(last)[:500]}") from error
