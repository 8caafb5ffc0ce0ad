"""`python -m spacy padellm benchmark`: ways of decoding side by side, on your model and texts."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from spacy.cli._util import Arg, Opt
from wasabi import Printer

from ..extras import install_command
from ..plurals import count, verb
from ..progress import progress
from ..tools.benchmark.method_names import FREE_METHODS, METHODS, check_method
from ..tools.pipelines import open_pipeline
from .app import padellm_app
from .options import ANNOTATED, Alignment, FormatOption, check_numbers, check_output, say_error

if TYPE_CHECKING:
    from spacy.language import Language

    from ..formats.doc_gold import GoldSource
    from ..formats.gold_text import GoldText
    from ..models.loaded_model import LoadedModel

_WRITING, _POINTING = ("paper-copy", "tree", "ahead"), ("pointers",)
_METHODS_HELP = (
    f"Any of {', '.join(METHODS)}; the others are compared with the first. By default "
    f"{','.join(_WRITING)}, or {','.join(_POINTING)} for a model that points"
)


@padellm_app.command("benchmark", no_args_is_help=True)
def benchmark_cli(
    model: Annotated[str, Arg(help="A pipeline with padellm_ner, a model folder or name")],
    corpus: Annotated[Path, Arg(help=ANNOTATED, exists=True)],
    methods: Annotated[str | None, Opt("--methods", "-m", help=_METHODS_HELP)] = None,
    batch_sizes: Annotated[str, Opt("--batch-sizes", "-b", help="Texts per batch")] = "1,32",
    limit: Annotated[int, Opt("--limit", "-n", help="Number of texts, 0 for all")] = 256,
    rounds: Annotated[int, Opt("--rounds", "-r", help="Runs of each method")] = 3,
    forced: Annotated[
        bool,
        Opt("--forced", "-f", help="Force the gold answers, to time a model that is not trained"),
    ] = False,
    output: Annotated[
        Path | None, Opt("--output", "-o", help="Write OUTPUT.json, .md and, with matplotlib, .png")
    ] = None,
    corpus_format: FormatOption = None,
    alignment_mode: Alignment = None,
) -> None:
    """Compare ways of decoding: texts per second, ms per text, passes, tokens, memory and F1.

    All run the same model on the same texts in one process, in turn, after a warm-up.
    """
    out = Printer(no_print=False)
    names = [name.strip() for name in (methods or "").split(",") if name.strip()]
    try:
        sizes = _sizes(batch_sizes)
        if methods is not None and not names:
            raise ValueError(f"--methods is empty: name some of {', '.join(METHODS)}")
        for name in names:
            check_method(name)
        check_numbers(rounds=rounds, limit=limit)
        if output is not None:
            check_output(output.with_name(output.name + ".json"))
        loaded, source, nlp = _load(model)
        if not names:
            names = [*(_POINTING if loaded.lm.points else _WRITING)]
        from ..tools.benchmark.corpus import read_corpus
        from ..tools.benchmark.measuring import measure
        from ..tools.benchmark.methods import make_decoder
        from ..tools.benchmark.report import make_table, write_report

        place = source.annotate, source.spans_key
        golds = read_corpus(corpus, limit, *place, nlp, corpus_format, alignment_mode)
        golds = _known(out, golds, forced)
        decoders = {name: make_decoder(name, loaded, golds if forced else None) for name in names}
    except (ValueError, OSError) as error:
        out.fail(say_error(error), exits=1)
    labels = loaded.settings.labels or tuple(
        sorted({span[2] for gold in golds for span in gold.spans})
    )
    if not labels:
        out.fail("neither the model nor the corpus has labels", exits=1)
    _warn(out, names, loaded, labels, golds, forced)
    with progress(len(names) * len(sizes) * rounds, "runs", "benchmark") as bar:
        found = measure(decoders, golds, labels, sizes, rounds, loaded.lm.device, bar.update)
    typer.echo(make_table(found))
    if output is not None:
        settings: list[object] = ["-m", ",".join(names), "-b", batch_sizes]
        settings += ["-n", limit, "-r", rounds, *(["--forced"] if forced else [])]
        settings += ["--format", corpus_format] if corpus_format else []
        settings += ["--alignment-mode", alignment_mode] if alignment_mode else []
        # As given, but for where on this machine an absolute path leads.
        places = [p.name if p.is_absolute() else str(p) for p in (Path(model), corpus, output)]
        arguments = [*places[:2], *settings, "-o", places[2]]
        command = "python -m spacy padellm benchmark " + shlex.join(map(str, arguments))
        device = str(loaded.lm.device)
        about = {"texts": len(golds), "labels": len(labels), "forced": forced, "device": device}
        title = f"{Path(model).name}, {corpus.stem}"
        try:
            files = write_report(output, title, command, about, found)
        except OSError as error:
            out.fail(f"The report was not written: {error}", exits=1)
        out.good("Wrote " + ", ".join(map(str, files)))
        if len(files) < 3:
            out.info(f"For a plot: {install_command('benchmark')}")


def _warn(
    out: Printer,
    names: Sequence[str],
    loaded: "LoadedModel",
    labels: Sequence[str],
    golds: "Sequence[GoldText]",
    forced: bool,
) -> None:
    """Of F1 that means nothing."""
    of_gold = {span[2] for gold in golds for span in gold.spans}
    if any(gold.annotated for gold in golds) and not of_gold & set(labels):
        out.warn(f"The corpus has no mention of {', '.join(labels)}: F1 is 0 whatever is found")
    elif unknown := sorted(of_gold - set(labels)):
        out.warn(f"The model is not asked for {', '.join(unknown)}, which the corpus has")
    free = [name for name in names if name in FREE_METHODS]
    if loaded.template.copies and free and not forced:
        out.warn(
            f"This model was trained to copy mentions from its text; {', '.join(free)} let it "
            f"write freely, which it has not learned: their speed and F1 mean little. Use --forced"
        )


def _sizes(batch_sizes: str) -> list[int]:
    sizes = batch_sizes.split(",")
    if not all(size.strip().isdecimal() and int(size) > 0 for size in sizes):
        raise ValueError(f"--batch-sizes {batch_sizes!r}: give numbers above 0, such as 1,32")
    return [int(size) for size in sizes]


def _load(model: str) -> tuple["LoadedModel", "GoldSource", "Language"]:
    nlp, pipe = open_pipeline(model, called="the model", without_labels=True)
    return pipe.shim.own().loaded.having(labels=pipe.labels), pipe.gold_source, nlp


def _known(out: Printer, golds: "list[GoldText]", forced: bool) -> "list[GoldText]":
    """The texts that can be measured. Raises ValueError where answers are forced and there are
    none."""
    known = [gold for gold in golds if gold.annotated]
    if forced and not known:
        raise ValueError("--forced needs gold answers, and no text of the corpus is annotated")
    if len(known) < len(golds):
        n = len(golds) - len(known)
        what = verb(n, "it counts for speed, not for F1", "they count for speed, not for F1")
        if forced:
            what = verb(n, "it is left out", "they are left out")
        are = f"{verb(n, 'is', 'are')} not annotated"
        out.warn(f"{n:,} of {count(len(golds), 'text')} {are}: {what}")
    return known if forced else golds
