"""Texts that are kept for scores: which ones, told by each text alone.

A text has a place between 0 and 1 by a hash of its words, and is held out where that lies below a
share. So equal texts are on one side, a corpus can be read as a stream, and all processes and runs
agree; a text that is added moves no other.
"""

import hashlib
from collections.abc import Iterable
from typing import Literal, get_args

Part = Literal["train", "dev"]
PARTS: tuple[Part, ...] = get_args(Part)
_BYTES = 6  # a float holds so many, and two of a million texts share a place in 1 of 500 corpora


def place_of(text: str) -> float:
    """From 0 to below 1; the same for texts that differ in white space alone."""
    words = " ".join(text.split()).encode("utf8", "surrogatepass")
    digest = hashlib.blake2b(words, digest_size=_BYTES).digest()
    return int.from_bytes(digest, "big") / 256**_BYTES


def is_in(part: Part | None, text: str, share: float) -> bool:
    """Whether a text is in a part, where `share` of all are held out ("dev"); None is the whole."""
    return part is None or lies_in(part, place_of(text), share)


def lies_in(part: Part | None, place: float, share: float) -> bool:
    """As `is_in`, of a text's place."""
    return part is None or (part == "dev") == (place < share)


def share_of(places: Iterable[float], held_out: int) -> float:
    """The share, in as few digits as will do, below which just so many different places lie.

    held_out: more than 0 and fewer than the places. Raises ValueError for another number.
    """
    ordered = sorted(set(places))
    if not 0 < held_out < len(ordered):
        raise ValueError(f"{held_out} of {len(ordered)} texts cannot be held out")
    last, first = ordered[held_out - 1 : held_out + 1]  # of those held out, and of the others
    for digits in range(2, 17):
        share = int(first * 10**digits) / 10**digits
        if last < share <= first:
            return share
    return first
