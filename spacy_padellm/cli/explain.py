"""`python -m spacy padellm explain` and `serve`: why an entity was found."""

from pathlib import Path
from typing import Annotated

import typer
from spacy.cli._util import Arg, Opt
from wasabi import Printer

from ..atomic import write_whole
from ..extras import need
from ..formats.files import STDIN, read_lines
from ..tools.pipelines import check_name, open_pipeline
from .app import padellm_app
from .options import read_text

_PIPELINE = "A pipeline with padellm_ner, a model folder, a Hub id, or 'english'"
Pipeline = Annotated[str, Opt("--pipeline", "-p", help=_PIPELINE)]
Labels = Annotated[str, Opt("--labels", "-l", help="Labels to ask for, as PER,ORG; all if empty")]


@padellm_app.command("explain", no_args_is_help=True)
def explain_cli(
    text: Annotated[str, Arg(help="The text, or - to read it from standard input")],
    pipeline: Pipeline = "english",
    labels: Labels = "",
    output: Annotated[Path, Opt("--output", "-o", help="The page")] = Path("explain.html"),
) -> None:
    """Write one HTML page: the text with its entities, and for every label the count, every
    mention with its probability, what was dropped and why, and what it took."""
    msg = Printer()
    try:
        text, labels = read_argument(text), read_text(labels, "--labels")
        if not text.strip():
            raise ValueError("the text is empty")
        nlp, pipe = open_pipeline(pipeline, labels)
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


@padellm_app.command("serve")
def serve_cli(
    pipeline: Pipeline = "english",
    labels: Labels = "",
    host: Annotated[str, Opt("--host", help="Where to listen; only this machine sees it")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, Opt("--port", help="0 takes a free one")] = 8080,
    limit: Annotated[int, Opt("--limit", help="Longest text, in characters")] = 20000,
    timeout: Annotated[float, Opt("--timeout", help="Seconds for a request to arrive")] = 30.0,
) -> None:
    """Open a page with a text box that shows what the model finds, and how sure it is."""
    msg = Printer()
    if not 0 <= port <= 65535:
        msg.fail(f"--port is {port}: give one from 0 to 65535", exits=1)
    if limit < 1:
        msg.fail(f"--limit is {limit}: it must be at least 1", exits=1)
    try:
        labels = read_text(labels, "--labels")
        check_name(pipeline)
        need("serve", "serve")
        from ..tools.explain.server import run_server
    except ValueError as error:
        msg.fail(str(error), exits=1)
    try:
        nlp, pipe = open_pipeline(pipeline, labels)
        run_server(nlp, pipe, host, port, limit, timeout)
    except OverflowError:
        msg.fail(f"--port is {port}: give one from 0 to 65535", exits=1)
    except (ValueError, OSError) as error:
        msg.fail(str(error), exits=1)
