"""Results as JSON lines, each written whole as its cell ends."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from spacy_padellm.atomic import append_whole

logger = logging.getLogger(__name__)


def read_records(path: Path) -> Iterator[dict[str, Any]]:
    """In the order of the file; none where there is no file. A line that was cut off, be it amid a
    character, is left out."""
    # A record may hold characters that other ways of splitting take for line ends.
    lines = path.read_bytes().split(b"\n") if path.exists() else []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            yield json.loads(line.decode("utf8"))
        except ValueError:
            logger.warning("%s:%d: no whole record; it is left out", path, number)


def append_record(path: Path, record: dict[str, Any]) -> None:
    """One line more, all of it or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    append_whole(path, (json.dumps(record, ensure_ascii=False) + "\n").encode("utf8"))
