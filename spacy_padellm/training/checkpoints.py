"""The checkpoints of transformers' Trainer in a folder: which are whole, and what is wrong."""

import contextlib
import errno
import json
import logging
import shutil
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open

from ..atomic import write_whole
from ..logs import first_line

logger = logging.getLogger(__name__)
STATE = "trainer_state.json"  # which the Trainer writes last
CHECKSUMS = "checksums.json"
_ARCHIVES = (".pt", ".pth", ".bin")
# torch and safetensors say that a disk is full in errors of their own.
_FULL = ("no space left", "disk quota", "file too large", "failed writing", "unexpected pos")


@dataclass(frozen=True)
class Checkpoint:
    """step: after which it was written. wrong: what is wrong with it, "" where it is whole.
    is_cut: it was never finished, since the run was killed as it wrote it."""

    path: Path
    step: int
    wrong: str = ""
    is_cut: bool = False


def list_checkpoints(folder: Path) -> list[Checkpoint]:
    """All of a folder, the newest first, without a look into weights (`check`)."""
    found = []
    for path in folder.glob("checkpoint-*"):
        number = path.name.rpartition("-")[2]
        if not path.is_dir() or not number.isdecimal():
            continue
        try:
            step = int(json.loads((path / STATE).read_text(encoding="utf8"))["global_step"])
            found.append(Checkpoint(path, step))
        except FileNotFoundError:
            found.append(Checkpoint(path, int(number), f"{STATE} is missing", is_cut=True))
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            found.append(Checkpoint(path, int(number), f"{STATE} cannot be read", is_cut=True))
    return sorted(found, key=lambda checkpoint: checkpoint.step, reverse=True)


def last_whole(folder: Path) -> Checkpoint | None:
    """The one to go on from. Those behind it that are damaged get another name, with a warning; so
    of several processes, one alone may ask. Raises ValueError where all are damaged."""
    found = list_checkpoints(folder)
    damaged: list[Checkpoint] = []
    for checkpoint in map(check, found):
        if not checkpoint.wrong:
            _put_aside(damaged, f"going on from step {checkpoint.step}")
            return checkpoint
        damaged.append(checkpoint)
    if not all(checkpoint.is_cut for checkpoint in found):
        what = "; ".join(f"{one.path.name}: {one.wrong}" for one in damaged)
        raise ValueError(
            f"no checkpoint in {folder} is whole ({what}): begin anew in another folder, or remove "
            f"them"
        )
    _put_aside(damaged, "starting anew")
    return None


def find_whole(folder: Path) -> Checkpoint | None:
    """The newest that a run could go on from; all stay as they are."""
    return next((one for one in list_checkpoints(folder) if not check(one).wrong), None)


@contextlib.contextmanager
def telling_of_full_disk(folder: Path, resume: str = "go on with --resume") -> Iterator[None]:
    """Raises OSError where the disk is full, with what is kept in `folder` and how to go on.

    resume: how to, from a checkpoint.
    """
    try:
        yield
    except (OSError, RuntimeError, SafetensorError) as error:
        by_number = getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        if not by_number and not any(words in str(error).lower() for words in _FULL):
            raise
        found = find_whole(folder)
        if found:
            mend = f"the checkpoint of step {found.step} is whole: make room and {resume}"
        else:
            mend = "no checkpoint is whole: make room and give the same command again"
        message = f"the disk is full; {mend}"
        raise OSError(errno.ENOSPC, message) from error


def _put_aside(damaged: Sequence[Checkpoint], what_now: str) -> None:
    for one in damaged:
        aside = one.path.with_name(f"damaged-{one.path.name}")
        shutil.rmtree(aside, ignore_errors=True)
        if not (one.path / STATE).exists():  # it never was one
            shutil.rmtree(one.path, ignore_errors=True)
        else:
            one.path.replace(aside)
        logger.warning("%s is not whole (%s): %s", one.path, one.wrong, what_now)


def check(checkpoint: Checkpoint) -> Checkpoint:
    """With what is wrong with its files, which are read. One whose folder has gone since it was
    listed lacks its state."""
    if checkpoint.wrong:
        return checkpoint
    path = checkpoint.path
    try:
        known = json.loads((path / CHECKSUMS).read_text(encoding="utf8"))
        expected = {str(name): (int(size), crc) for name, (size, crc) in known.items()}
    except FileNotFoundError:  # killed in between, or of an earlier release
        expected = {}
    except (OSError, ValueError, TypeError, AttributeError):
        return Checkpoint(path, checkpoint.step, f"{CHECKSUMS} cannot be read")
    there = {file.relative_to(path).as_posix(): file for file in _files(path)}
    for name in sorted({STATE, *there, *expected}):
        if wrong := _what_is_wrong(there.get(name), *expected.get(name, (None, None))):
            return Checkpoint(path, checkpoint.step, f"{name} {wrong}")
    return checkpoint


def check_archive(path: Path) -> None:
    """Of what `torch.save` writes, whose checksums torch itself does not look at. Raises ValueError
    where it is damaged."""
    try:
        with zipfile.ZipFile(path) as archive:
            bad = archive.testzip()
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError) as error:
        raise ValueError(f"it is cut off, or none at all: {error}") from error
    if bad is not None:
        raise ValueError("its bytes are not those that were written")


def write_checksums(checkpoint: Path) -> None:
    """Beside what the Trainer has written: the size of each file, and the CRC of weights, which
    have none of their own."""
    found = {
        file.relative_to(checkpoint).as_posix(): [
            file.stat().st_size,
            _crc(file) if file.suffix == ".safetensors" else None,
        ]
        for file in _files(checkpoint)
        if file.suffix != ".json"
    }
    write_whole(checkpoint / CHECKSUMS, json.dumps(found, indent=1) + "\n")


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and path.name != CHECKSUMS]


def _what_is_wrong(file: Path | None, size: int | None, crc: int | None) -> str:
    if file is None:
        return "is missing"
    try:
        found = file.stat().st_size
        if size is not None and found != size:
            return f"has {found} bytes, and had {size}"
        if file.suffix == ".safetensors":
            with safe_open(file, framework="pt"):
                pass
        elif file.suffix in _ARCHIVES:
            check_archive(file)
        elif file.suffix == ".json":
            json.loads(file.read_text(encoding="utf8"))
        if crc is not None and _crc(file) != crc:
            return "has other bytes than were written"
    except (OSError, ValueError, SafetensorError, RecursionError) as error:
        return f"cannot be read ({first_line(error)})"
    return ""


def _crc(path: Path) -> int:
    found = 0
    with path.open("rb") as file:
        while piece := file.read(1 << 24):
            found = zlib.crc32(piece, found)
    return found
