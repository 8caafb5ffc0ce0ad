"""`python -m spacy padellm export`: a model or pipeline for onnxruntime, which annotates faster."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from spacy.cli._util import Arg, Opt
from wasabi import Printer

from ..plurals import count
from ..tools.pipelines import check_name
from .app import padellm_app
from .options import FormatOption, check_numbers, say_error

if TYPE_CHECKING:
    from ..tools.export.comparing import Comparison

_PRECISIONS = ("fp32", "fp16", "int8")


@padellm_app.command("export", no_args_is_help=True)
def export_cli(
    model: Annotated[str, Arg(help="A pipeline with padellm_ner, a model folder, or a name")],
    output: Annotated[Path, Opt("--output", "-o", help="Folder for the result")],
    precision: Annotated[
        str,
        Opt(
            "--precision",
            "-p",
            help="fp32 answers as torch does; fp16 takes half the disk space; int8 is fastest, "
            "and takes a quarter",
        ),
    ] = "fp32",
    corpus: Annotated[
        Path | None,
        Opt(
            "--corpus",
            help="Texts to compare on, in any format of `padellm train`; int8 is fitted to half",
            exists=True,
        ),
    ] = None,
    limit: Annotated[int, Opt("--limit", "-n", help="Number of texts, 0 for all")] = 256,
    corpus_format: FormatOption = None,
) -> None:
    """Export a pipeline or a model for onnxruntime, and compare it with torch on real texts.

    The new folder is of the same kind. On a CPU, onnxruntime runs it (model.runtime); elsewhere,
    and in training, torch does. An adapter is merged into the weights.
    """
    msg = Printer()
    try:
        if precision not in _PRECISIONS:
            raise ValueError(f"--precision is {precision!r}: use one of {', '.join(_PRECISIONS)}")
        check_numbers(limit=limit)
        check_name(model, "the model")
        from ..tools.export.exporting import export
        from ..tools.export.texts import SAMPLE_TEXTS, read_texts

        texts = SAMPLE_TEXTS if corpus is None else read_texts(corpus, limit, corpus_format)
        found = export(model, output, precision, texts)
    except (ValueError, OSError) as error:
        msg.fail(say_error(error), exits=1)
    for one in found:
        msg.divider(one.name)
        if one.to_fit:
            others = "others" if one.apart else "the same"
            msg.info(f"Fitted to {count(one.to_fit, 'text')}, and compared on {others}")
        msg.table(_rows(one.comparison, one.size))
        if one.reset:
            names = ", ".join(one.reset)
            msg.warn(f"Set back to the default, as onnxruntime does not run the model so: {names}")
    msg.good(f"Wrote {output}")


def _rows(comparison: "Comparison", size: int) -> list[tuple[str, str]]:
    speeds = zip((1, 32), comparison.torch_speed, comparison.onnx_speed, strict=True)
    return [
        ("texts", str(comparison.texts)),
        ("mentions, by torch in float32", str(comparison.mentions)),
        ("found by only one of the two", str(comparison.differing)),
        ("largest difference of a probability", f"{comparison.difference:.1e}"),
        *(
            (f"texts per second, batch {batch}", f"{torch:.3g} by torch, {onnx:.3g} by onnxruntime")
            for batch, torch, onnx in speeds
        ),
        ("size of the folder", f"{size / 1e6:.1f} MB"),
    ]
