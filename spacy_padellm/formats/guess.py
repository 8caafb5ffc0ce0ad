"""Which format a file has, from its name and its first record."""

from pathlib import Path
from typing import Literal, get_args

from .annotated_text import FormatError
from .annotation_tools import SPAN_KEYS
from .files import bare_suffix
from .json_records import read_records

Format = Literal["spacy", "jsonl", "paper", "columns", "table", "prodigy", "doccano"]
FORMATS: tuple[Format, ...] = get_args(Format)

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
_MEND = f"Name it with {{}}: {', '.join(FORMATS)}"
_BY_SUFFIX: dict[str, Format] = {
    ".spacy": "spacy",
    **dict.fromkeys(JSON_SUFFIXES, "jsonl"),
    **dict.fromkeys(TABLE_SUFFIXES, "table"),
    **dict.fromkeys(COLUMN_SUFFIXES, "columns"),
}


def named_format(path: Path) -> Format | None:
    """What the name alone says: "jsonl" of any JSON, None where no format is known by it."""
    return _BY_SUFFIX.get(bare_suffix(path))


def guess_input(path: Path) -> Format:
    """The format of a file that is there. An empty file is read as JSON lines. Raises FormatError
    if name and content tell nothing."""
    found = named_format(path)
    if found is None:
        raise _unknown(path, "--from")
    return _of_records(path) if found == "jsonl" else found


def guess_output(path: Path) -> Format:
    """The format to write, from the name alone; a .json file is the paper's. Raises FormatError for
    other names."""
    found = named_format(path)
    if found is None or (found == "spacy" and path.suffix.lower() != ".spacy"):
        raise _unknown(path, "--to")
    return "paper" if bare_suffix(path) == ".json" else found


def _unknown(path: Path, option: str) -> FormatError:
    what = f"no format is known by the name {bare_suffix(path) or path.name!r}"
    return FormatError(path, 0, what, _MEND.format(option))


def _of_records(path: Path) -> Format:
    for line, record in read_records(path):
        if isinstance(record, list):
            return "paper"
        if not isinstance(record, dict):
            raise FormatError(path, line, "no JSON object or list", _MEND.format("--from"))
        if "ents" in record:
            return "jsonl"
        if "spans" in record or "answer" in record:
            return "prodigy"
        if any(key in record for key in SPAN_KEYS):
            return "doccano"
        raise FormatError(
            path, line, f"no spans under {', '.join(('ents', *SPAN_KEYS))}", _MEND.format("--from")
        )
    return "jsonl"
