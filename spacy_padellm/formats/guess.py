"""Which format a file has, from its name and its first record."""

from pathlib import Path
from typing import Literal

from .annotated import FormatError
from .annotations import SPAN_KEYS
from .files import bare_suffix
from .json_records import read_records

Format = Literal["spacy", "jsonl", "paper", "columns", "table", "prodigy", "doccano"]
FORMATS: tuple[Format, ...] = (
    *("spacy", "jsonl", "paper", "columns", "table", "prodigy", "doccano"),
)

COLUMN_SUFFIXES = (
    *(".conll", ".conll03", ".conllu", ".iob", ".iob2", ".bio", ".bioes", ".bilou", ".biluo"),
    *(".bmes", ".ner", ".tsv", ".txt"),
)
TABLE_SUFFIXES = (".csv",)
JSON_SUFFIXES = (".jsonl", ".json", ".ndjson", ".jsonlines")
# What a file is called when only its folder is given.
EXTENSIONS: dict[Format, str] = {
    "spacy": ".spacy",
    "jsonl": ".jsonl",
    "paper": ".json",
    "columns": ".conll",
    "table": ".csv",
    "prodigy": ".jsonl",
    "doccano": ".jsonl",
}
_MEND = f"Name it with --from: {', '.join(FORMATS)}"


def is_corpus(path: Path) -> bool:
    """Whether the name is that of a known format."""
    return bare_suffix(path) in (".spacy", *JSON_SUFFIXES, *COLUMN_SUFFIXES, *TABLE_SUFFIXES)


def guess_input(path: Path) -> Format:
    """The format of a file that is there. An empty file is read as JSON lines.

    Raises FormatError if name and content tell nothing.
    """
    suffix = bare_suffix(path)
    if suffix == ".spacy":
        return "spacy"
    if suffix in JSON_SUFFIXES:
        return _of_records(path)
    if suffix in TABLE_SUFFIXES:
        return "table"
    if suffix in COLUMN_SUFFIXES:
        return "columns"
    raise FormatError(path, 0, f"no format is known by the name {suffix or path.name!r}", _MEND)


def guess_output(path: Path) -> Format:
    """The format to write, from the name alone; a .json file is the paper's.

    Raises FormatError for other names.
    """
    suffix = bare_suffix(path)
    if suffix == ".json":
        return "paper"
    if suffix in JSON_SUFFIXES:
        return "jsonl"
    if suffix in TABLE_SUFFIXES:
        return "table"
    if suffix in COLUMN_SUFFIXES:
        return "columns"
    if path.suffix.lower() == ".spacy":
        return "spacy"
    mend = f"Name it with --to: {', '.join(FORMATS)}"
    raise FormatError(path, 0, f"no format is known by the name {suffix or path.name!r}", mend)


def _of_records(path: Path) -> Format:
    for line, record in read_records(path):
        if isinstance(record, list):
            return "paper"
        if not isinstance(record, dict):
            raise FormatError(path, line, "no JSON object or list", _MEND)
        if "ents" in record:
            return "jsonl"
        if "spans" in record or "answer" in record:
            return "prodigy"
        if any(key in record for key in SPAN_KEYS):
            return "doccano"
        raise FormatError(path, line, f"no spans under {', '.join(('ents', *SPAN_KEYS))}", _MEND)
    return "jsonl"
