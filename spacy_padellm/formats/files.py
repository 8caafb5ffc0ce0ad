"""Text of files and of standard input, line by line: the one place where either is opened.

Files are UTF-8, plain or compressed (`COMPRESSED`). A byte order mark is read away where a line
begins, as it stands in mid-file where files were joined; "\\n", "\\r\\n" and "\\r" end a line.
"""

import contextlib
import gzip
import io
import lzma
import sys
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Literal, TextIO, cast

from ..atomic import whole_file
from .annotated_text import FormatError
from .json_text import is_unicode

STDIN = "-"
BOM = "\ufeff"
_OPENERS: dict[str, Any] = {".gz": gzip.open, ".xz": lzma.open}
AS_UTF8 = "Save the file as UTF-8 (in Excel, as 'CSV UTF-8')"
COMPRESSED = tuple(_OPENERS)
_MAGIC = {".gz": b"\x1f\x8b", ".xz": b"\xfd7zXZ\x00"}
_CALLED = {".gz": "gzip", ".xz": "xz"}
_BROKEN = (gzip.BadGzipFile, zlib.error, lzma.LZMAError, EOFError)


def read_lines(source: Path | str, keep_broken: bool = False) -> Iterator[tuple[int, str]]:
    """(line number from 1, line without its end) of a file, or of standard input (`STDIN`).

    keep_broken: lines that are not UTF-8 are given with lone surrogates for what cannot be read.

    Raises FormatError if a line is not UTF-8, the whole is UTF-16, or the file is not compressed
    as its name says.
    """
    with _open_text(source, None) as file:
        for number, line in enumerate(file, 1):
            if not (keep_broken or line.isascii() or is_unicode(line)):
                raise FormatError(_name(source), number, "not UTF-8", AS_UTF8)
            line = line.rstrip("\n")
            bare = line.lstrip(BOM)
            # Before a blank, and not at the beginning, it is a token of its own in columns.
            yield number, line if number > 1 and bare.startswith((" ", "\t")) else bare


def read_text(source: Path | str, keep_mark: bool = False) -> str:
    """All of a file, its line ends as they are. keep_mark: a byte order mark stays at its
    beginning. Raises FormatError as `read_lines`."""
    with _open_text(source, "") as file:
        text = file.read()
    if not text.isascii() and not is_unicode(text):
        lines = enumerate(io.StringIO(text), 1)
        line = next(number for number, line in lines if not is_unicode(line))
        raise FormatError(_name(source), line, "not UTF-8", AS_UTF8)
    return text if keep_mark else text.lstrip(BOM)


def is_blank(source: Path | str) -> bool:
    """Whether there is nothing but white space. Raises FormatError as `read_lines`."""
    return not any(line.strip() for _, line in read_lines(source, keep_broken=True))


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """One line each, ended by "\\n"; compressed if the name ends in .gz or .xz. The file is
    whole, or as it was before."""
    with whole_file(path) as fresh, fresh.open("wb") as raw, _pack(raw, path) as file:
        file.writelines(line + "\n" for line in lines)


def plain_name(path: Path) -> str:
    """The name without .gz or .xz."""
    return path.stem if path.suffix.lower() in COMPRESSED else path.name


def bare_suffix(path: Path) -> str:
    """The suffix without .gz or .xz, in lower case."""
    return Path(plain_name(path)).suffix.lower()


def _pack(raw: BinaryIO, path: Path) -> TextIO:
    packed: Any = raw
    match path.suffix.lower():
        case ".gz":
            packed = gzip.GzipFile(path.name, "wb", fileobj=raw)  # the name is in its head
        case ".xz":
            packed = lzma.LZMAFile(raw, "wb")  # noqa: SIM115 - closed with what is given
    return io.TextIOWrapper(packed, "utf-8", newline="\n")


@contextlib.contextmanager
def _open_text(source: Path | str, newline: Literal[""] | None) -> Iterator[TextIO]:
    """Bytes that are not UTF-8 come as lone surrogates. newline: as that of `open`."""
    with _open_bytes(source) as raw:
        head = raw.peek(8)[:8]
        kind = next((kind for kind, magic in _MAGIC.items() if head.startswith(magic)), "")
        named = Path(source).suffix.lower()
        if named in COMPRESSED and kind != named:
            mend = f"Compress it again or drop {named} from its name"
            raise FormatError(_name(source), 0, f"no {_CALLED[named]} file", mend)
        file = _OPENERS[kind](raw) if kind else raw
        text = io.TextIOWrapper(file, "utf-8", "surrogateescape", newline)
        try:
            if _is_utf16(file.peek(8)[:8]):
                raise FormatError(_name(source), 0, "UTF-16, not UTF-8", AS_UTF8)
            yield text
        except _BROKEN as error:
            mend = "Its end is missing, or it was damaged: copy or compress it again"
            raise FormatError(_name(source), 0, f"a broken {_CALLED[kind]} file", mend) from error
        finally:
            text.detach()


@contextlib.contextmanager
def _open_bytes(source: Path | str) -> Iterator[io.BufferedReader]:
    """Standard input stays open."""
    if source != STDIN:
        with Path(source).open("rb") as file:
            yield file
        return
    if sys.stdin is None:
        raise FormatError(_name(source), 0, "standard input is closed", "Name a file instead")
    raw = getattr(sys.stdin, "buffer", None)
    if raw is None:  # a stand-in made of text
        raw = io.BytesIO(sys.stdin.read().encode("utf8", "surrogateescape"))
    buffered = raw if isinstance(raw, io.BufferedReader) else io.BufferedReader(cast(Any, raw))
    try:
        yield buffered
    finally:
        if buffered is not raw:
            buffered.detach()


def _is_utf16(head: bytes) -> bool:
    """Told by its mark, or by a zero in every other byte."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return True
    even, odd = head[::2], head[1::2]
    little, big = all(even) and not any(odd), all(odd) and not any(even)
    return len(head) >= 4 and (little or big)


def _name(source: Path | str) -> str:
    return "standard input" if source == STDIN else str(source)
