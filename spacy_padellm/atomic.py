"""Files and folders that are written whole or not at all, of one run, and one writer at a time.

A kill or a full disk leaves what was there before, and perhaps a half, which the next run in the
same folder removes (`alone_in`).
"""

import contextlib
import ctypes
import errno
import json
import logging
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from filelock import BaseFileLock, FileLock, Timeout

logger = logging.getLogger(__name__)
LOCK = ".lock"
REQUEST = "request.json"
_HALF = re.compile(r"\..*\.\d+-[0-9a-f]{8}\.half")
_MOST_TRIES = 1.0  # seconds for a folder that others take away
_HERE, _RENAME_EXCHANGE = -100, 2  # AT_FDCWD and a flag of renameat2(2)
_NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)


class BusyError(ValueError):
    """Another run writes to the folder at this moment."""


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A new name beside `path` to write to; the file takes its place where the block ends well.
    What is there and no file, such as /dev/stdout, is written to as it stands.

    Raises OSError where it cannot be written; `path` is then as it was before.
    """
    if path.exists() and not path.is_file():
        yield path
        return
    path = Path(os.path.realpath(path))  # of a link, the file that it names
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = _beside(path)
    try:
        yield fresh
        with fresh.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(fresh, path)
    finally:
        fresh.unlink(missing_ok=True)


def write_whole(path: Path, content: str | bytes) -> None:
    """Text (UTF-8, line ends as they are) or bytes, as `whole_file`."""
    with whole_file(path) as fresh:
        fresh.write_bytes(content.encode("utf8") if isinstance(content, str) else content)


def append_whole(path: Path, data: bytes) -> None:
    """Lines at the end of a file, all or none; where its last line was cut, behind that. Raises
    OSError where they cannot be written; the file is then as it was before."""
    with path.open("ab+", buffering=0) as file:
        size = file.seek(0, os.SEEK_END)
        if size:
            file.seek(size - 1)
            data = data if file.read(1) == b"\n" else b"\n" + data
        try:
            while data:
                data = data[file.write(data) or 0 :]
            os.fsync(file.fileno())
        except OSError:
            os.truncate(path, size)
            raise


@contextlib.contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """A new, empty folder to write into, which takes the place of `folder` where the block ends
    well. Files of the old one may be in use until then. Raises OSError where it cannot be written;
    `folder` is then as it was before."""
    folder = Path(os.path.realpath(folder))
    restore_folder(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh, old = _beside(folder), _old(folder)
    fresh.mkdir()
    try:
        yield fresh
        if not _exchange(fresh, folder):
            if folder.exists():
                shutil.rmtree(old, ignore_errors=True)
                folder.replace(old)
            fresh.replace(folder)
    finally:
        restore_folder(folder)
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def _exchange(one: Path, other: Path) -> bool:
    """Gives two folders each other's names, in one step, so that nobody finds either missing: what
    rename(2) calls RENAME_EXCHANGE. False where one is missing, or the system has no such call."""
    rename = getattr(ctypes.CDLL(None), "renameat2", None) if os.name == "posix" else None
    if rename is None:
        return False
    here = ctypes.c_int(_HERE)
    return rename(here, os.fsencode(one), here, os.fsencode(other), _RENAME_EXCHANGE) == 0


def restore_folder(folder: Path) -> None:
    """Gives a folder its name back, where a run was killed while it put a new one in its place."""
    if not folder.exists() and _old(folder).exists():
        _old(folder).replace(folder)


@contextlib.contextmanager
def alone_in(folder: Path, wait: float = 0, tidy: bool = True) -> Iterator[None]:
    """Makes the folder where it is missing, and keeps other runs out of it. The lock goes with the
    process, however that ends.

    wait: seconds to wait for another run to end. tidy: whether to remove the halves that a run
    that was killed has left.

    Raises BusyError where another run, of this process or any other, is in it, and OSError where
    nothing can be written there.
    """
    is_new = not folder.exists()
    lock = _take_lock(folder, wait)
    try:
        for place in (folder, *filter(Path.is_dir, folder.iterdir())) if tidy and lock else ():
            for path in place.glob(".*.half"):
                if _HALF.fullmatch(path.name):
                    _remove(path)
        yield
    finally:
        if lock is not None:
            if is_new and not holds_anything(folder):  # a run that could not begin leaves nothing
                # Before the lock is released: whoever gets the lock of a file that is gone, begins
                # anew (filelock).
                with contextlib.suppress(OSError):
                    (folder / LOCK).unlink()
                    folder.rmdir()
            lock.release()


def _take_lock(folder: Path, wait: float) -> BaseFileLock | None:
    """None where the file system has no locks."""
    until = time.monotonic() + wait
    while True:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(folder / LOCK, thread_local=False)
            lock.acquire(timeout=max(until - time.monotonic(), 0))
            return lock
        except Timeout:
            raise BusyError(
                f"another run is writing to {folder}: wait until it ends, or name another folder"
            ) from None
        except (FileNotFoundError, FileExistsError):
            # Another run has just left, and taken the folder away, be it while it was looked at.
            if folder.is_file() or time.monotonic() > until + _MOST_TRIES:
                raise
        except (NotImplementedError, OSError) as error:
            if isinstance(error, OSError) and error.errno not in _NO_LOCKS:
                raise
            logger.warning("%s: this file system has no locks; see that one run at a time is in it",
                           folder)  # fmt: skip
            return None


def claim(folder: Path, request: dict[str, Any], name: str = REQUEST) -> None:
    """Makes a folder that of one run: writes what is asked for, or finds the same there.

    request: in plain values. name: of the file that keeps it.

    Raises ValueError where another run was begun, or nothing says which.
    """
    begun, wanted = read_claim(folder, name), json.loads(json.dumps(request))
    if begun is None:
        write_whole(folder / name, json.dumps(wanted, indent=1) + "\n")
    elif changed := sorted(k for k in {*begun, *wanted} if begun.get(k) != wanted.get(k)):
        raise ValueError(
            f"{folder} was begun with other settings ({', '.join(changed)}): give the same "
            f"command, or another folder"
        )


def read_claim(folder: Path, name: str = REQUEST) -> dict[str, Any] | None:
    """What a folder's run was begun with; None where it is new. Raises ValueError for a damaged
    file."""
    try:
        begun = json.loads((folder / name).read_text(encoding="utf8"))
    except FileNotFoundError:
        return None
    except (ValueError, RecursionError):
        begun = None
    if isinstance(begun, dict):
        return begun
    raise ValueError(
        f"{folder / name} is damaged, so that nothing says which run was begun here: name another "
        f"folder, or put the file back"
    )


def check_owner(folder: Path, name: str) -> None:
    """Raises ValueError for a file, and for a folder that holds anything but not the file `name`,
    by which its owner knows it."""
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is a file: name a folder for the output")
    if not (folder / name).exists() and holds_anything(folder):
        raise ValueError(f"{folder} is not empty, and has no {name}: name another folder")


def holds_anything(folder: Path) -> bool:
    """Whether a folder has anything in it that this module did not put there."""
    return folder.is_dir() and any(
        path.name != LOCK and not _HALF.fullmatch(path.name) for path in folder.iterdir()
    )


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name[:40]}.{os.getpid()}-{secrets.token_hex(4)}.half")


def _old(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.old")


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
