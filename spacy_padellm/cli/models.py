"""`python -m spacy padellm models`: the models that can be named."""

from wasabi import Printer

from ..models.named.lookup import Listed, list_named
from .app import padellm_app


@padellm_app.command("models")
def models_cli() -> None:
    """List the models that `model.name` and `--base` take by name, from installed packages, and how
    to install those that are not."""
    msg = Printer()
    rows = list_named()
    msg.table(
        [(row.name, row.package, row.licence, _state(row), row.about) for row in rows],
        header=("name", "package", "licence", "installed", "what it is"),
        divider=True,
        max_col=48,
    )
    for row in rows:
        if row.install:
            msg.info(f"{row.name}: {row.install}")
        if row.problem:
            msg.warn(row.problem)


def _state(row: Listed) -> str:
    return "broken" if row.problem else "no" if row.install else "yes"
