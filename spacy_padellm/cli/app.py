"""The command group `padellm` of spaCy's command line."""

import typer
from spacy.cli._util import app

padellm_app = typer.Typer(name="padellm", no_args_is_help=True)


@padellm_app.callback()
def padellm() -> None:
    """Named entity recognition with causal language models."""


app.add_typer(padellm_app)
