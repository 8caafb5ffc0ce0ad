"""The command `export`, and what it says."""

from spacy.cli._util import app
from typer.testing import CliRunner

from spacy_padellm import cli  # noqa: F401 - registers the commands


def run(*arguments):
    return CliRunner().invoke(app, ["padellm", "export", *map(str, arguments)])


def said(result):
    return " ".join(result.output.split())
