"""Which format a file has, from its name and its first record."""

from pathlib import Path
from typing import Literal, get_args

from .annotated_text import FormatError
from .annotation_tools import SPAN_KEYS
from .files import bare_suffix, read_lines
from .hf_files import SUFFIXES as ARROW_SUFFIXES
from .hf_files import check_output, is_dataset
from .json_records import read_records
from .label_studio_task import is_task
from .table_heads import is_table
from .webanno import FORMAT as WEBANNO

Format = Literal[
    "spacy",
    "jsonl",
    "paper",
    "columns",
    "table",
    "prodigy",
    "doccano",
    "labelstudio",
    "brat",
    "webanno",
    "gliner",
    "datasets",
]
FORMATS: tuple[Format, ...] = get_args(Format)

COLUMN_SUFFIXES = (
    *(".conll", ".conll03", ".conllu", ".iob", ".iob2", ".bio", ".bioes", ".bilou", ".biluo"),
    *(".bmes", ".ner", ".tsv", ".txt"),
)
TABLE_SUFFIXES = (".csv",)
EITHER_SUFFIXES = (".tsv", ".txt")  # a table where the first line is the head of one, else columns
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
    "labelstudio": ".json",
    "brat": ".ann",
    "webanno": ".tsv",
    "gliner": ".json",
    "datasets": ".parquet",
}
_UNPACKED = ("spacy", "brat", "datasets")  # of which no file is compressed
_BY_SUFFIX: dict[str, Format] = {
    ".spacy": "spacy",
    **dict.fromkeys(JSON_SUFFIXES, "jsonl"),
    **dict.fromkeys(TABLE_SUFFIXES, "table"),
    **dict.fromkeys(COLUMN_SUFFIXES, "columns"),
    ".ann": "brat",
    **dict.fromkeys(ARROW_SUFFIXES, "datasets"),
}


def named_format(path: Path) -> Format | None:
    """What the name alone says: "jsonl" of any JSON, None where no format is known by it."""
    return _BY_SUFFIX.get(bare_suffix(path))


def guess_input(path: Path) -> Format:
    """The format of a file, or of a folder that is one corpus (of `datasets`, or of brat's files),
    that is there. An empty file is read as JSON lines. Raises FormatError if name and content tell
    nothing."""
    if path.is_dir():
        found = folder_format(path)
        if found is None:
            mend = "Give a file, a folder of save_to_disk, or one of brat's .txt and .ann"
            raise FormatError(path, 0, "a folder of no known format", mend)
        return found
    found = named_format(path)
    if found is None:
        raise _unknown(path, "format")
    if found == "columns" and next(iter(read_lines(path)), (0, ""))[1].startswith(WEBANNO):
        return "webanno"
    if bare_suffix(path) in EITHER_SUFFIXES and is_table(path):
        return "table"
    return _of_records(path) if found == "jsonl" else found


def folder_format(path: Path) -> Format | None:
    """What a folder is as a whole; None for one of files of their own."""
    if is_dataset(path):
        return "datasets"
    return "brat" if any(path.rglob("*.ann")) else None


def guess_output(path: Path) -> Format:
    """The format to write, from the name alone; a .json file is the paper's. Raises FormatError for
    other names."""
    found = named_format(path)
    if found is None or (found in _UNPACKED and path.suffix.lower() != bare_suffix(path)):
        raise _unknown(path, "output_format")
    if found == "datasets":
        check_output(path)
    return "paper" if bare_suffix(path) == ".json" else found


def _unknown(path: Path, setting: str) -> FormatError:
    what = f"no format is known by the name {bare_suffix(path) or path.name!r}"
    return _unnamed(path, 0, what, setting)


def _unnamed(path: Path, line: int, what: str, setting: str = "format") -> FormatError:
    mend = f"Name its format, one of {', '.join(FORMATS)}, with {{{setting}}}"
    return FormatError(path, line, what, mend, (setting,))


def _of_records(path: Path) -> Format:
    for line, record in read_records(path):
        if isinstance(record, list):
            return "paper"
        if not isinstance(record, dict):
            raise _unnamed(path, line, "no JSON object or list")
        if "ents" in record:
            return "jsonl"
        if "tokenized_text" in record:
            return "gliner"
        if is_task(record):
            return "labelstudio"
        if "spans" in record or "answer" in record:
            return "prodigy"
        if any(key in record for key in SPAN_KEYS):
            return "doccano"
        raise _unnamed(path, line, f"no spans under {', '.join(('ents', *SPAN_KEYS))}")
    return "jsonl"
