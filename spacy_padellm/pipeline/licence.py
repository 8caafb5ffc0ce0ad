"""The licence of what a model was made of, in a pipeline's folder: `spacy package` packs it.

The folder of the weights says it too, whoever saves it (`models.licence`).
"""

import json
import logging
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..atomic import write_whole
from ..logs import told
from ..models.licence import MadeOf, write_notices
from ..models.model_settings import read_settings
from ..models.place import find_place

logger = logging.getLogger(__name__)
_OTHER = (
    "the pipeline's `meta.json` names the licence {!r}, but weights made from {} are under {}: "
    "name that in nlp.meta['license'], beside the licence of your own parts"
)


def note_licence(meta: dict[str, Any], made_of: MadeOf | None) -> None:
    """Names the source of the weights in a pipeline's meta, and the licence where it is that of all
    that is made of them. A licence that is there stays; one that says otherwise is warned of."""
    if made_of is None:
        return
    source = {"name": made_of.source, "license": made_of.binding or made_of.licence}
    if asked := made_of.binding:
        licence = meta["license"] = meta.get("license") or asked
        message = _OTHER.format(licence, made_of.called, asked)
        if _plain(asked) not in _plain(licence) and not told[message]:
            told[message] += 1
            logger.warning(message)
    sources = list(meta.get("sources") or [])
    if source not in sources:
        meta["sources"] = [*sources, source]


def note_in_folder(pipeline: Path, components: Iterable[str]) -> None:
    """The same in a saved pipeline, as the folders of its components' models say, with the notices;
    what is in its files `LICENSE` and `NOTICE` besides these stays.

    Raises ValueError for a model's folder that is broken, OSError where a file cannot be written.
    """
    path = pipeline / "meta.json"
    meta = json.loads(path.read_text(encoding="utf8"))
    found = []
    for component in components:
        settings = read_settings(find_place(str(pipeline / component / "model"), "name"))
        found.append(settings.made_of if settings else None)
        note_licence(meta, found[-1])
    write_notices(pipeline, found)
    write_whole(path, json.dumps(meta, indent=2, ensure_ascii=False) + "\n")


def _plain(licence: str) -> str:
    """The same for "CC BY-SA 4.0" and "cc-by-sa-4.0"."""
    return re.sub(r"[^a-z0-9]+", " ", str(licence).lower())
