"""Where the mentions of a model that points begin: the bar is moved in its weights.

What a model says of beginnings is shifted, so that it says 0.5 where it said `--begins`. The two
scripts that make models small enough for a package do this: english_shrink.py, shrink_adapter.py.
"""

import argparse
import math
from pathlib import Path
from typing import Any

from safetensors import safe_open
from torch import Tensor

from spacy_padellm.models.files.rounded import write_rounded

POINTERS = "pointers.safetensors"
HALF = 0.5


def add_begins(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--begins",
        type=float,
        metavar="PROBABILITY",
        help=f"default: where MODEL begins them, {HALF} unless its start_threshold says otherwise",
    )


def check_begins(parser: argparse.ArgumentParser, begins: float | None) -> None:
    """Ends with a message for what is no probability between none and certain; done before
    anything is written."""
    if begins is not None and not 0 < begins < 1:
        parser.error(f"--begins is {begins:g}: it must be above 0 and below 1")


def take_begins(settings: dict[str, Any], begins: float | None) -> float:
    """Where mentions begin: `begins`, or what the settings of a model say. What does not hold after
    the shift is removed from these: a calibration, which was fitted to what the model said before,
    and start_threshold, which the shift takes the place of."""
    settings.pop("calibration", None)
    own = settings.pop("start_threshold", None)
    return own or HALF if begins is None else begins


def write_pointers(pointers: dict[str, Tensor], begins: float, model: Path, output: Path) -> None:
    """Pointers, shifted and in 8 bits, into the folder `output`, with what those in the folder
    `model` say of themselves. begins: of `take_begins`."""
    with safe_open(model / POINTERS, framework="pt") as file:
        metadata = file.metadata()
    bars = pointers["rare"].clone()  # of beginnings and ends
    bars[0] += math.log1p(-begins) - math.log(begins)
    write_rounded({**pointers, "rare": bars}, output / POINTERS, metadata)
