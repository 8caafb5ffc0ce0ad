"""`python -m spacy padellm evaluate`: scores of a pipeline on annotated texts of any format."""

from pathlib import Path
from typing import Annotated, Any

from spacy.cli._util import Arg, Opt
from wasabi import Printer

from ..atomic import write_whole
from ..formats.json_text import write_json
from ..progress import progress
from ..tools.pipelines import open_pipeline
from .app import padellm_app
from .options import (
    ANNOTATED,
    Alignment,
    FormatOption,
    Labels,
    check_numbers,
    check_output,
    read_text,
    say_error,
)


@padellm_app.command("evaluate", no_args_is_help=True)
def evaluate_cli(
    pipeline: Annotated[str, Arg(help="A pipeline with padellm_ner, a model folder or name")],
    corpus: Annotated[Path, Arg(help=ANNOTATED, exists=True)],
    output: Annotated[Path | None, Opt("--output", "-o", help="Write all scores, as JSON")] = None,
    batch_size: Annotated[int, Opt("--batch-size", "-b", help="Texts per batch")] = 64,
    corpus_format: FormatOption = None,
    alignment_mode: Alignment = None,
    labels: Labels = "",
) -> None:
    """Precision, recall and F1 of entities, by label.

    `spacy evaluate` gives the same figures, and those of the pipeline's other components, but only
    takes .spacy files."""
    msg = Printer()
    try:
        check_numbers(batch_size=batch_size)
        if output is not None:
            check_output(output)
        nlp, pipe = open_pipeline(pipeline, read_text(labels, "--labels"))
        from ..tools.corpora import read_gold, score_pipeline

        examples = read_gold(corpus, nlp, pipe, corpus_format, alignment_mode)
        with progress(len(examples), "texts", "evaluate") as bar:
            scores = score_pipeline(nlp, pipe, examples, batch_size, bar.update)
    except (ValueError, OSError) as error:
        msg.fail(say_error(error), exits=1)
    place = "ents" if pipe.settings.annotate == "ents" else f"spans_{pipe.settings.spans_key}"
    whole = {part: scores[f"{place}_{part}"] for part in "prf"}
    by_label = scores[f"{place}_per_type"] or {}
    rows = [_row(label, found) for label, found in sorted(by_label.items())]
    header = ("label", "P", "R", "F1")
    msg.table([*rows, _row("all", whole)], header=header, divider=True, aligns=("l", *"rrr"))
    if output is not None:
        try:
            write_whole(output, write_json(scores, indent=1) + "\n")
        except OSError as error:
            msg.fail(f"{output} was not written: {error}", exits=1)
        msg.good(f"Wrote {output}")


def _row(name: str, scores: dict[str, Any]) -> tuple[str, ...]:
    return (name, *(f"{100 * (scores[part] or 0):.1f}" for part in "prf"))
