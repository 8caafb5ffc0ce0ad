"""`python -m spacy padellm calibrate`: probabilities that come true as often as they say."""

from pathlib import Path
from typing import Annotated

from spacy.cli._util import Arg, Opt
from tqdm import tqdm
from wasabi import Printer

from ..formats.docbin import read_docs
from ..tools.pipelines import open_pipeline, save_pipeline
from .app import padellm_app
from .options import check_numbers


@padellm_app.command("calibrate", no_args_is_help=True)
def calibrate_cli(
    pipeline: Annotated[str, Arg(help="A pipeline with padellm_ner, a model folder, or 'english'")],
    corpus: Annotated[
        Path,
        Arg(
            help="Annotated texts (.spacy) that it was not trained on", exists=True, dir_okay=False
        ),
    ],
    output: Annotated[Path, Arg(help="Folder for the calibrated pipeline")],
    batch_size: Annotated[int, Opt("--batch-size", "-b", help="Texts a batch")] = 64,
) -> None:
    """Fit the probabilities of mentions to how often they are right, so that `threshold` and
    `ent._.padellm_score` mean what they say. The model writes the same mentions as before."""
    msg = Printer()
    try:
        if output.exists() and (not output.is_dir() or any(output.iterdir())):
            raise ValueError(f"{output} is not an empty folder: name another")
        check_numbers(batch_size=batch_size)
        output.parent.mkdir(parents=True, exist_ok=True)
        nlp, pipe = open_pipeline(pipeline)
        from ..tools.analyze.calibrating import calibrate
        from ..tools.analyze.corpus import read_examples

        examples = read_examples(nlp, read_docs(corpus, nlp.vocab))
        with tqdm(total=len(examples), unit=" texts") as bar:
            found = calibrate(nlp, pipe, examples, batch_size, bar.update)
        save_pipeline(nlp, output)
    except (ValueError, OSError) as error:
        msg.fail(str(error), exits=1)
    quality = "too few mentions to say" if found.error is None else f"{found.error:.3f}"
    msg.info(f"{found.n_mentions} mentions; ECE of the half that was left out of a fit: {quality}")
    msg.good(f"Wrote {output}")
