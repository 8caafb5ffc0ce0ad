"""`python -m spacy padellm merge` and `push`: what becomes of a trained pipeline."""

import tempfile
from pathlib import Path
from typing import Annotated

from spacy.cli._util import Arg, Opt
from wasabi import Printer

from ..tools.pipelines import load_pipeline, merge_pipeline
from .app import padellm_app

Pipeline = Annotated[Path, Arg(help="Trained pipeline, such as training/model-best", exists=True)]


@padellm_app.command("merge", no_args_is_help=True)
def merge_cli(
    pipeline: Pipeline,
    output: Annotated[Path, Arg(help="Folder for the pipeline with merged weights")],
) -> None:
    """Merge an adapter into the weights of its base.

    The folder `padellm_ner/model` of the new pipeline is a plain Hugging Face checkpoint.
    """
    msg = Printer()
    try:
        precision = merge_pipeline(pipeline, output)
    except (ValueError, OSError) as error:
        msg.fail(str(error), exits=1)
    msg.good(f"Wrote {output}; its weights are in {precision}")


@padellm_app.command("push", no_args_is_help=True)
def push_cli(
    pipeline: Pipeline,
    repo: Annotated[str, Arg(help="Name on the Hugging Face Hub, such as me/my-model")],
    private: Annotated[bool, Opt("--private", help="Make a new repository private")] = False,
    data: Annotated[str, Opt("--data", help="What it was trained on, for the model card")] = "",
    licence: Annotated[str, Opt("--licence", "--license", help="Licence, such as mit")] = "",
    folder: Annotated[
        Path | None, Opt("--folder", help="Write the repository to this folder; upload nothing")
    ] = None,
) -> None:
    """Upload the model, its tokenizer and template, and a model card; `model.name` then takes REPO.

    An adapter is uploaded without its base.
    """
    msg = Printer()
    try:
        nlp, pipe = load_pipeline(pipeline)
        from ..tools.publish import CardFacts, push, write_repository

        facts = CardFacts(repo, data, licence)
        if folder is not None:
            write_repository(nlp, pipe, folder, facts)
            msg.good(f"Wrote {folder}")
            return
        with tempfile.TemporaryDirectory() as temporary:
            place = Path(temporary) / "repository"
            write_repository(nlp, pipe, place, facts)
            msg.good(f"Uploaded: {push(place, repo, private)}")
    except (ValueError, OSError) as error:
        msg.fail(str(error), exits=1)
