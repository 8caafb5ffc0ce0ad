"""Files and folders through a `Conversion`."""

from dataclasses import replace
from pathlib import Path

from spacy.cli._util import walk_directory
from wasabi import Printer

from ...formats.annotated_text import AnnotatedText, FormatError
from ...formats.brat_writing import may_meet
from ...formats.conversion import Conversion
from ...formats.doc_making import is_own
from ...formats.files import bare_suffix, plain_name
from ...formats.guess import (
    EITHER_SUFFIXES,
    EXTENSIONS,
    Format,
    guess_input,
    guess_output,
    named_format,
)
from ...formats.hf_files import is_dataset, splits_of
from ...formats.reading import shifted
from ...plurals import count, verb
from ...progress import follow
from .report import show_written


def convert(
    input_path: Path,
    output_path: Path,
    conversion: Conversion,
    source: Format | None = None,
    target: Format | None = None,
    msg: Printer | None = None,
) -> None:
    """Converts a file or a folder of files; problems are added to those of the conversion.

    source, target: None to tell from the files. Nothing is written before all is read.
    Raises FormatError for a file that cannot be read or written, ValueError for wrong settings.
    """
    msg = msg or Printer(no_print=True)
    jobs = _plan(input_path, output_path, source, target)
    if source is None and input_path.is_dir():
        _tell_unread(input_path, msg)
    corpora: dict[Path, list[AnnotatedText]] = {}
    for path, output in jobs:
        texts = corpora.setdefault(output, [])
        read = conversion.read(path, source or guess_input(path))
        texts.extend(follow(read, "texts", path.name))
    unknown = [label for label in conversion.labels_map if label not in conversion.labels_seen]
    if unknown:
        msg.warn(f"--labels-map names labels that no text has: {', '.join(unknown)}")
    to_doc = conversion.doc
    everything = [text for texts in corpora.values() for text in texts]
    # What was a Doc has its spans where they were.
    placed = [text for text in everything if not is_own(text)]
    overlapping = sum(text.overlaps for text in placed)
    # Docs of one corpus have their spans in the same place, or training would miss some.
    if overlapping and to_doc.annotate == "auto":
        conversion.doc = replace(to_doc, annotate="both")
    kept = shifted(everything)
    for output, texts in corpora.items():
        to_format = target or guess_output(output)
        bar = follow(texts, "texts", output.name)
        before = len(conversion.problems)
        n_columns = conversion.write(output, to_format, bar)
        unsaid = conversion.unsaid
        show_written(msg, output, texts, conversion.problems[before:])
        for sentence in unsaid.messages() if unsaid else ():
            msg.warn(sentence)
        if n_columns > 1:
            which = ",".join(map(str, range(1, n_columns + 1)))
            msg.info(f"Overlapping spans take {n_columns} columns; read with --column-tag {which}")
        if to_format == "spacy" and conversion.doc != to_doc:
            key = to_doc.spans_key
            msg.info(
                f"{overlapping:,} of {count(len(placed), 'text')} "
                f"{verb(overlapping, 'has', 'have')} overlapping spans: all spans "
                f"are in doc.spans[{key!r}]; doc.ents is left unannotated in those texts"
            )
    if said := conversion.reading.say_marked():
        msg.warn(said)
    if said := conversion.reading.say_off("--alignment-mode"):
        msg.warn(said)
    elif kept:
        msg.warn(kept.say_off())


def _plan(
    input_path: Path, output_path: Path, source: Format | None, target: Format | None
) -> list[tuple[Path, Path]]:
    """(input file, output file) of each file; several inputs may share an output."""
    if source in (None, "datasets") and is_dataset(input_path):
        return _plan_dataset(input_path, output_path, target)
    if not input_path.is_dir():
        if output_path.is_dir() and not (target == "datasets" and is_dataset(output_path)):
            output_path = output_path / _name(input_path, target or "spacy")
        if target is None:
            guess_output(output_path)
        _check_apart(input_path, output_path)
        return [(input_path, output_path)]
    walked = walk_directory(input_path.resolve())
    # By what they lead to: links may form a circle, or lead to a file several times.
    once = {
        path.resolve(): path
        for path in sorted(walked, key=lambda p: (len(p.parts), p), reverse=True)
    }
    inputs = [path for path in sorted(once.values()) if _belongs(path, source)]
    if not inputs:
        mend = "Name the files .jsonl, .json, .conll or .spacy (and .gz), or give one file"
        raise FormatError(input_path, 0, f"no {source or 'corpus'} files in this folder", mend)
    if not output_path.is_dir() and named_format(output_path):
        for path in inputs:
            _check_apart(path, output_path)
        return [(path, output_path) for path in inputs]
    taken: dict[Path, Path] = {}
    for path in inputs:
        folder = output_path / path.relative_to(input_path.resolve()).parent
        output = folder / _name(path, target or "spacy")
        _check_apart(path, output)
        met = next((one for one in taken if _meet(one, output)), None)
        if met is not None:
            mend = "Rename one of them or choose by --from"
            raise FormatError(output, 0, f"both {taken[met]} and {path} would go here", mend)
        taken[output] = path
    return [(path, output) for output, path in taken.items()]


def _meet(one: Path, other: Path) -> bool:
    """Whether two outputs may write the same file."""
    both_brat = one.suffix == other.suffix == EXTENSIONS["brat"]
    return one == other or (both_brat and may_meet(one, other))


def _plan_dataset(
    folder: Path, output_path: Path, target: Format | None
) -> list[tuple[Path, Path]]:
    """A dataset that `save_to_disk` wrote, or each split of one."""
    splits = splits_of(folder)
    if named_format(output_path) and not output_path.is_dir():
        return [(split, output_path) for split in splits]
    if splits == [folder] and target == "datasets" and not output_path.is_dir():
        return [(folder, output_path)]
    return [(split, output_path / _name(split, target or "spacy")) for split in splits]


def _belongs(path: Path, source: Format | None) -> bool:
    named = named_format(path)
    match source:
        case None:  # .txt is as often a README
            return named is not None and bare_suffix(path) != ".txt"
        case "spacy":
            return path.suffix == ".spacy"
        case "table":
            return named == source or bare_suffix(path) in EITHER_SUFFIXES
        case "columns" | "brat" | "datasets":
            return named == source
        case "webanno":
            return named == "columns"
        case _:
            return named == "jsonl"


def _tell_unread(folder: Path, msg: Printer) -> None:
    unread = [
        path.name
        for path in walk_directory(folder)
        if bare_suffix(path) == ".txt" and not path.with_suffix(".ann").exists()
    ]
    if unread:
        msg.info(
            f"{count(len(unread), '.txt file')} {verb(len(unread), 'is', 'are')} not read, such as "
            f"{unread[0]}: where they hold columns, convert them with --from columns"
        )


def _name(path: Path, target: Format) -> str:
    return Path(plain_name(path)).stem + EXTENSIONS[target]


def _check_apart(path: Path, output: Path) -> None:
    if path.resolve() == output.resolve():
        raise FormatError(path, 0, "input and output are the same file", "Give another OUTPUT")
