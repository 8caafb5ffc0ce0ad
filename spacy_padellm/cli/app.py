"""The command group `padellm` of spaCy's command line."""

import io
import sys

import typer
from spacy.cli._util import app

from .warned import clean_warnings

padellm_app = typer.Typer(name="padellm", no_args_is_help=True)


@padellm_app.callback()
def padellm(context: typer.Context) -> None:
    """Named entity recognition with causal language models."""
    context.with_resource(clean_warnings())
    for stream in (sys.stdout, sys.stderr):
        # A terminal of another encoding shows escapes: it is no reason to fail.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


app.add_typer(padellm_app)
