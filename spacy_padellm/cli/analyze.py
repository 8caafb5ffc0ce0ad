"""`python -m spacy padellm analyze`: what a pipeline gets wrong on a corpus."""

from pathlib import Path
from typing import Annotated

import typer
from spacy.cli._util import Arg, Opt
from wasabi import Printer

from ..atomic import write_whole
from ..extras import need
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


@padellm_app.command("analyze", no_args_is_help=True)
def analyze_cli(
    pipeline: Annotated[str, Arg(help="A pipeline with padellm_ner, a model folder or name")],
    corpus: Annotated[Path, Arg(help=ANNOTATED, exists=True)],
    output: Annotated[Path, Opt("--output", "-o", help="HTML page; its figures go to .json")] = (
        Path("analysis.html")
    ),
    limit: Annotated[int, Opt("--limit", "-n", help="Number of texts, 0 for all")] = 0,
    examples: Annotated[int, Opt("--examples", help="Examples of each kind of error")] = 20,
    batch_size: Annotated[int, Opt("--batch-size", "-b", help="Texts per batch")] = 64,
    corpus_format: FormatOption = None,
    alignment_mode: Alignment = None,
    labels: Labels = "",
) -> None:
    """Scores by label, wrong counts, kinds of error with examples, calibration of probabilities,
    and what a threshold would gain, on one HTML page."""
    msg = Printer()
    figures = output.with_suffix(".json")
    try:
        if figures == output:
            raise ValueError(f"--output {output} is for the page: name it .html")
        check_numbers(limit=limit, examples=examples, batch_size=batch_size)
        for path in (output, figures):
            check_output(path)
        need("analyze", "analyze")
        nlp, pipe = open_pipeline(pipeline, read_text(labels, "--labels"))
        from ..tools.analyze.analysis import analyze
        from ..tools.analyze.corpus import analyze_texts
        from ..tools.analyze.page import render_analysis  # before the work, which takes longer
        from ..tools.corpora import read_gold

        read = read_gold(corpus, nlp, pipe, corpus_format, alignment_mode, limit)
        with progress(len(read), "texts", "analyze") as bar:
            texts = analyze_texts(nlp, pipe, read, batch_size, bar.update)
        found = analyze(texts, pipe.settings.threshold, examples)
        page = render_analysis(found, Path(pipeline).name, corpus.stem)
    except (ValueError, OSError) as error:
        msg.fail(say_error(error), exits=1)
    scores = found.spans
    typer.echo(
        f"span P {100 * scores['p']:.1f} R {100 * scores['r']:.1f} F1 {100 * scores['f']:.1f}, "
        f"string-set F1 {100 * found.strings['f']:.1f}, ECE {found.calibration_error:.3f}"
    )
    try:
        write_whole(output, page)
        write_whole(figures, write_json(found.to_dict(), indent=1) + "\n")
    except OSError as error:
        msg.fail(f"{output} and {figures} were not written: {error}", exits=1)
    msg.good(f"Wrote {output} and {figures}")
