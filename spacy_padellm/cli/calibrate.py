"""`python -m spacy padellm calibrate`: probabilities that come true as often as they say."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from spacy.cli._util import Arg, Opt
from wasabi import Printer

from ..plurals import count, verb
from ..progress import progress
from ..spans.choosing import Aim
from ..spans.thresholds import show_threshold
from ..tools.pipelines import open_pipeline
from .app import padellm_app
from .options import (
    ANNOTATED,
    Alignment,
    FormatOption,
    Labels,
    check_numbers,
    check_place,
    read_text,
    say_error,
)

if TYPE_CHECKING:  # takes seconds to import, which a name that is wrong need not wait for
    from ..tools.analyze.thresholds import LabelThreshold


@padellm_app.command("calibrate", no_args_is_help=True)
def calibrate_cli(
    pipeline: Annotated[str, Arg(help="A pipeline with padellm_ner, a model folder or name")],
    corpus: Annotated[Path, Arg(help=f"{ANNOTATED}; none that it was trained on", exists=True)],
    output: Annotated[Path, Arg(help="Folder for the calibrated pipeline")],
    batch_size: Annotated[int, Opt("--batch-size", "-b", help="Texts per batch")] = 64,
    precision: Annotated[
        float | None,
        Opt("--precision", help="Set a threshold for each label that keeps this precision"),
    ] = None,
    recall: Annotated[
        float | None, Opt("--recall", help="Set a threshold for each label that keeps this recall")
    ] = None,
    confidence: Annotated[
        float, Opt("--confidence", help="Confidence that a label's threshold keeps it")
    ] = 0.9,
    corpus_format: FormatOption = None,
    alignment_mode: Alignment = None,
    labels: Labels = "",
) -> None:
    """Fit the probabilities of mentions to how often they are right, so that `threshold` and
    `ent._.padellm_score` mean what they say. The model writes the same mentions as before.

    With --precision, also set the lowest threshold of each label that keeps this precision in texts
    like these, with a stated confidence; with --recall, the highest that keeps this recall."""
    msg = Printer()
    try:
        aim = _read_aim(precision, recall, confidence)
        if output.exists() and (not output.is_dir() or any(output.iterdir())):
            raise ValueError(f"{output} is not an empty folder: name another")
        check_numbers(batch_size=batch_size)
        check_place(output, "OUTPUT")
        nlp, pipe = open_pipeline(pipeline, read_text(labels, "--labels"))
        from ..pipeline.saving import save_pipeline
        from ..tools.analyze.calibrating import calibrate
        from ..tools.analyze.corpus import analyze_texts
        from ..tools.analyze.thresholds import choose_thresholds, set_thresholds
        from ..tools.corpora import check_entities, read_gold

        examples = read_gold(corpus, nlp, pipe, corpus_format, alignment_mode)
        check_entities(corpus, examples, pipe)
        found, curve_error, before = None, "", pipe.settings.threshold
        chosen: list[LabelThreshold] = []
        try:
            with progress(len(examples), "texts", "calibrate") as bar:
                found = calibrate(nlp, pipe, examples, batch_size, bar.update)
        except ValueError as error:
            if aim is None:
                raise
            curve_error = str(error)
        after = pipe.settings.threshold
        if aim is not None and found is not None:
            curve = found.calibration
            chosen = choose_thresholds(
                found.texts, pipe.labels, aim, lambda p: curve.probability(1.0, p), found.kept
            )
        elif aim is not None:
            with progress(len(examples), "texts", "calibrate") as bar:
                texts = analyze_texts(nlp, pipe, examples, batch_size, bar.update)
            chosen = choose_thresholds(texts, pipe.labels, aim, kept=pipe.settings.threshold)
        reached = aim is None or any(one.bound is not None for one in chosen)
        if aim is not None:
            set_thresholds(nlp, pipe, chosen)
        if reached:
            save_pipeline(nlp, output)
    except (ValueError, OSError) as error:
        msg.fail(say_error(error), exits=1)
    if found is not None:
        quality = "too few mentions to say" if found.error is None else f"{found.error:.3f}"
        msg.info(
            f"Fitted the probabilities to {count(found.n_mentions, 'mention')}. Expected "
            f"calibration error of the half that a fit had left out: {quality}"
        )
        if reached and after != before:
            was, now = show_threshold(before), show_threshold(after)
            msg.info(f"The threshold {was} is {now} on their scale, to keep the same mentions")
    else:
        msg.warn(f"No curve was fitted, and probabilities stay as they were: {curve_error}")
    if aim is not None:
        _tell(msg, chosen, aim)
        if not reached:
            bare = f". Without --{aim.name}, the command saves the curve without thresholds"
            msg.fail(
                f"no label keeps a {aim.name} of {aim.share:g} with a confidence of "
                f"{aim.confidence:g}, and nothing was written: ask for less, or give more texts"
                f"{bare if found else ''}",
                exits=1,
            )
    msg.good(f"Wrote {output}")


def _read_aim(precision: float | None, recall: float | None, confidence: float) -> Aim | None:
    """Raises ValueError, naming the option, for two aims, and for numbers not between 0 and 1."""
    if precision is not None and recall is not None:
        raise ValueError("give --precision or --recall, not both: a threshold keeps one of them")
    share = recall if precision is None else precision
    try:
        aim = Aim(precision is not None, 0.5 if share is None else share, confidence)
    except ValueError as error:
        raise ValueError(f"--{error}") from None
    return None if share is None else aim


def _tell(msg: Printer, chosen: "list[LabelThreshold]", aim: Aim) -> None:
    rows = [
        (
            one.label,
            "as it was" if one.threshold is None else f"{one.threshold:g}",
            f"{one.precision:.3f}",
            f"{one.recall:.3f}",
            one.n,
            one.n_gold,
            "not reached" if one.bound is None else f"{one.bound:.3f}",
        )
        for one in chosen
    ]
    header = ("label", "threshold", "precision", "recall", "found", "annotated", "at least")
    msg.table(rows, header=header, divider=True, aligns=("l", *"rrrrrr"))
    if any_reached := any(one.bound is not None for one in chosen):
        msg.info(
            f'In texts like these, {aim.name} is what "at least" says, with a confidence of '
            f"{aim.confidence:g} for each label by itself"
        )
    for one in chosen:
        if one.bound is None:
            msg.warn(f"{one.label}: {_why(one, aim, any_reached)}")


def _enough(one: "LabelThreshold") -> str:
    if one.times is None:
        return ""
    return f"; about {one.times} times as many texts like these would be enough"


def _why(one: "LabelThreshold", aim: Aim, any_reached: bool) -> str:
    """Why a label does not keep what is aimed at, and what it has. any_reached: by another label,
    so that there is a pipeline in which this one's threshold stays."""
    from ..spans.choosing import fewest_mentions

    stays = "its threshold stays as it was"
    last = f"; {stays}" if one.threshold is None and any_reached else ""
    if one.threshold is None and one.nearest is None:
        what = "mention of it was found" if one.n_gold else "text has one"
        return f"no {what}, and {stays}"
    share = one.precision if aim.precision else one.recall
    there = one.n_free if aim.precision else one.n_gold
    chance = f"but that may be chance{_enough(one)}"
    wanted, here = f"a {aim.name} of {aim.share:g}", f"it is {share:.3f} in these texts"
    fewest = fewest_mentions(aim.share, aim.confidence)
    if there < fewest:
        are = f"there {verb(there, 'is', 'are')} {there:,}"
        why = f"that takes {count(fewest, 'mention')}, all of them right, and {are}"
        return f"{wanted} cannot be promised with so few mentions: {here}, but {why}{last}"
    if share >= aim.share:
        return f"{wanted} cannot be promised: {here}, {chance}{last}"
    if one.nearest is None:  # of a precision: where another label's mention gave way and is back
        how = "with all thresholds" if aim.precision else "without any threshold"
        return f"{wanted} cannot be reached: {here}, {how}"
    at, n, right = one.nearest
    if right >= aim.share * n:
        where = f"with a threshold of {at:g}" if at else "without a threshold"
        kept = f"{right:,} of {n:,} {verb(n, 'is', 'are')} right"
        return f"{wanted} cannot be promised: {here}; {where}, {kept}, {chance}{last}"
    if not at:
        why = f"no threshold does better than to keep all, and {here}"
    else:
        why = f"{here}, and {right / n:.3f} with the best threshold, {at:g}"
    return f"{wanted} cannot be reached: {why}{last}"
