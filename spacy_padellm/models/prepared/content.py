"""What is in large files, by digest, remembered as long as the file is the same one; and files of a
model where nothing else lies beside them."""

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from ...atomic import write_whole

_BLOCK = 1 << 20
_REMEMBERED = "digests"


def digest_files(files: tuple[Path, ...], cache: Path) -> str:
    """Of the content of all files, one after the other, in hex. Raises OSError for a file that
    cannot be read."""
    known = _known(files, cache)
    stats = [_stat(path) for path in files]
    with contextlib.suppress(OSError, ValueError):
        said = json.loads(known.read_text(encoding="utf8"))
        if isinstance(said, dict) and said.get("files") == stats:
            return str(said["digest"])
    digest = hashlib.sha256()
    for path in files:
        for block in read_blocks(path):
            digest.update(block)
    found = digest.hexdigest()
    if stats == [_stat(path) for path in files]:  # nobody wrote to it meanwhile
        with contextlib.suppress(OSError):  # then it is read again the next time
            write_whole(known, json.dumps({"files": stats, "digest": found}) + "\n")
    return found


@contextlib.contextmanager
def set_apart(files: tuple[Path, ...], folder: Path, joined: str | None = None) -> Iterator[Path]:
    """A folder in `folder` for as long as the block takes, in which these files are alone: whoever
    reads a model's folder reads all that lies in it. joined: the name of the one file that they
    are, else each has its own. Raises OSError where it cannot be written."""
    source = folder / "source"
    source.mkdir()
    try:
        if joined is not None and len(files) > 1:
            _join(files, source / joined)
        else:
            for path in files:
                _place(path, source / (joined or path.name))
        yield source
    finally:
        shutil.rmtree(source, ignore_errors=True)


def read_blocks(path: Path) -> Iterator[bytes]:
    """A file, piece by piece. Raises OSError where it cannot be read."""
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            yield block


def _join(files: tuple[Path, ...], target: Path) -> None:
    with target.open("wb") as whole:
        for path in files:
            whole.writelines(read_blocks(path))


def _place(path: Path, target: Path) -> None:
    try:
        target.symlink_to(path)
    except OSError:  # a system without links
        try:
            os.link(path, target)
        except OSError:
            shutil.copyfile(path, target)


def _known(files: tuple[Path, ...], cache: Path) -> Path:
    name = hashlib.sha256("\n".join(map(str, files)).encode("utf8", "surrogateescape"))
    return cache / _REMEMBERED / f"{name.hexdigest()[:32]}.json"


def _stat(path: Path) -> list[int]:
    """Other for another file, and after any write."""
    found = path.stat()
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino]
