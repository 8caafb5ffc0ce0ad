"""What is in large files, by digest; remembered as long as the file is the same one."""

import contextlib
import hashlib
import json
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


def join_files(files: tuple[Path, ...], target: Path) -> None:
    """Raises OSError where it cannot be written."""
    with target.open("wb") as joined:
        for path in files:
            joined.writelines(read_blocks(path))


def read_blocks(path: Path) -> Iterator[bytes]:
    """A file, piece by piece. Raises OSError where it cannot be read."""
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            yield block


def _known(files: tuple[Path, ...], cache: Path) -> Path:
    name = hashlib.sha256("\n".join(map(str, files)).encode("utf8", "surrogateescape"))
    return cache / _REMEMBERED / f"{name.hexdigest()[:32]}.json"


def _stat(path: Path) -> list[int]:
    """Other for another file, and after any write."""
    found = path.stat()
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino]
