"""`python -m spacy padellm annotate`: corpora of any size, streamed, resumed, on a cluster."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from spacy.cli._util import Arg, Opt
from wasabi import Printer

from ..extras import need
from ..plurals import count, verb
from ..progress import Progress, progress
from ..tools.annotate.sinks import check_format
from ..tools.annotate.sources import STDIN, find_files
from ..tools.pipelines import open_pipeline
from .app import padellm_app
from .options import check_numbers, read_text

if TYPE_CHECKING:
    from ..tools.annotate.plan import Job
    from ..tools.annotate.running import Done, Unread

_TOLD = 5  # damaged files
_INPUT = "Files, folders or patterns of .txt (one text per line), .jsonl, .spacy, .parquet; or -"


@padellm_app.command("annotate", no_args_is_help=True)
def annotate_cli(
    pipeline: Annotated[str, Arg(help="A pipeline with padellm_ner, a model folder or name")],
    inputs: Annotated[list[str], Arg(help=_INPUT)],
    output: Annotated[Path, Opt("--output", "-o", help="Folder for the parts")],
    file_format: Annotated[str, Opt("--format", "-f", help="jsonl, spacy or parquet")] = "jsonl",
    labels: Annotated[str, Opt("--labels", "-l", help="Labels, such as PER,ORG")] = "",
    text_field: Annotated[str, Opt("--text-field", help="Field with the text")] = "text",
    part_size: Annotated[int, Opt("--part-size", help="Texts per part")] = 10_000,
    batch_size: Annotated[int, Opt("--batch-size", "-b", help="Texts per batch")] = 128,
    engine: Annotated[str, Opt("--engine", help="local, or ray for many devices")] = "local",
    actors: Annotated[str, Opt("--actors", help="ray: how many, such as 4 or 2-16")] = "1",
    gpus: Annotated[float, Opt("--gpus", help="ray: devices per actor, 0 for none")] = 0,
    cpus: Annotated[float, Opt("--cpus", help="ray: cores per actor without a device")] = 1,
    address: Annotated[str, Opt("--address", help="ray: address of a cluster, or auto")] = "",
) -> None:
    """Annotate texts, part by part. To continue after an interruption, run the command again.

    A text that fails is in the output with its error. Parts are numbered in the order of the
    input, so that they have the same content with every engine.
    """
    msg = Printer()
    try:
        check_format(file_format)
        if engine not in ("local", "ray"):
            raise ValueError(f"--engine is {engine!r}: choose local or ray")
        check_numbers(batch_size=batch_size)
        labels = read_text(labels, "--labels")
        text_field = read_text(text_field, "--text-field")
        files = find_files(inputs, output)
        from ..tools.annotate.plan import Job
        from ..tools.annotate.running import run_job

        job = Job.of(files, pipeline, labels, file_format, part_size, text_field)
        with progress(None, "texts", "annotate", smoothing=0.05) as bar:
            if engine == "ray":
                done = _on_ray(job, output, batch_size, actors, gpus, cpus, address or None)
            else:
                nlp, _ = open_pipeline(pipeline, labels)
                done = run_job(job, output, nlp, batch_size, bar.update)
            texts, failed, skipped, unread = _follow(done, bar, engine == "ray")
    except (ValueError, OSError) as error:
        msg.fail(str(error), exits=1)
    if skipped:
        msg.info(f"{count(skipped, 'text')} {verb(skipped, 'was', 'were')} there already")
    if failed:
        records = verb(failed, "its record has", "their records have")
        msg.warn(f"{failed:,} of {count(texts, 'text')} failed; {records} an `error`")
    wrote = f"rote {count(texts, 'text')} to {output}" + (" (standard input)" * (files == [STDIN]))
    if unread:
        for file in unread[:_TOLD]:
            msg.warn(file.error)
        more = f", {len(unread) - _TOLD} not named here" if len(unread) > _TOLD else ""
        msg.fail(
            f"{len(unread):,} of {count(len(files), 'file')} cannot be read to the end{more}: mend "
            f"or remove {verb(len(unread), 'it', 'them')} and give the command again, it goes on "
            f"with what is missing (w{wrote})",
            exits=1,
        )
    tell = msg.good if texts + skipped else msg.warn
    tell(f"W{wrote}")


def _follow(
    done: "Iterator[Done | Unread]", bar: Progress, by_part: bool
) -> "tuple[int, int, int, list[Unread]]":
    from ..tools.annotate.running import Unread

    texts = failed = skipped = 0
    unread: list[Unread] = []
    for part in done:
        if isinstance(part, Unread):
            unread.append(part)
            continue
        skipped += part.records * part.skipped
        texts += part.records * (not part.skipped)
        failed += part.failed
        if by_part and not part.skipped:
            bar.update(part.records)
    return texts, failed, skipped, unread


def _on_ray(
    job: "Job",
    output: Path,
    batch_size: int,
    actors: str,
    gpus: float,
    cpus: float,
    address: str | None,
) -> "Iterator[Done | Unread]":
    least, _, most = actors.partition("-")
    if not least.isdecimal() or (most and not most.isdecimal()) or int(least) < 1:
        raise ValueError(
            f"--actors is {actors!r}: give a number such as 4, or a range such as 2-16"
        )
    logging.getLogger("ray.data").setLevel(logging.WARNING)
    need("ray", "--engine ray")
    from ..tools.annotate.ray_engine import run_on_ray

    bounds = (int(least), int(most or least))
    return run_on_ray(job, output, batch_size, bounds, gpus, cpus, address)
