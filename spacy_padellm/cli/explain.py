"""`python -m spacy padellm explain`: why an entity was found."""

from pathlib import Path
from typing import Annotated

import typer
from spacy.cli._util import Arg, Opt
from wasabi import Printer

from ..atomic import write_whole
from ..formats.files import STDIN, read_lines
from ..models.named.box import DEFAULT
from ..tools.pipelines import open_pipeline
from .app import padellm_app
from .options import Labels, Pipeline, read_text


@padellm_app.command("explain", no_args_is_help=True)
def explain_cli(
    text: Annotated[str, Arg(help="The text, or - to read it from standard input")],
    pipeline: Pipeline = DEFAULT,
    labels: Labels = "",
    output: Annotated[Path, Opt("--output", "-o", help="HTML page")] = Path("explain.html"),
) -> None:
    """Write one HTML page: the text with its entities, and for every label the count, every
    mention with its probability, what was dropped and why, and the work that it took."""
    msg = Printer()
    try:
        text, labels = read_argument(text), read_text(labels, "--labels")
        if not text.strip():
            raise ValueError("the text is empty")
        nlp, pipe = open_pipeline(pipeline, labels, "--pipeline")
        from ..tools.explain.explanation import explain
        from ..tools.explain.page import render_explanation

        explanation = explain(nlp, pipe, text)
        write_whole(output, render_explanation(explanation))
    except (ValueError, OSError) as error:
        msg.fail(str(error), exits=1)
    for mention in explanation.kept:
        typer.echo(f"{mention.label}\t{mention.probability:.2f}\t{mention.text}")
    msg.good(f"Wrote {output}")


def read_argument(text: str) -> str:
    """The text that a command is given; `STDIN` is all of standard input.

    Raises ValueError for what is not UTF-8.
    """
    if text == STDIN:
        return "\n".join(line for _, line in read_lines(STDIN))
    return read_text(text, "the text")
