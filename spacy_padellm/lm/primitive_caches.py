"""Caches of compiled operations ("primitives") in the library that multiplies bfloat16 on CPUs."""

import os

# Of the operations of all layers of a pass, some 60 are different.
CAPACITIES = {"ONEDNN_PRIMITIVE_CACHE_CAPACITY": "64", "LRU_CACHE_CAPACITY": "32"}


def limit_primitive_caches() -> None:
    """Lowers the capacities of oneDNN, and of torch's layer over it, from 1,024 primitives each,
    for the process and its children; what the environment says already, stays.

    One is compiled and kept for each shape, and texts make a new one in nearly every pass: memory
    grew by gigabytes (https://github.com/pytorch/pytorch/issues/27971). To be called before the
    first of them runs: the capacities are read once.
    """
    for name, capacity in CAPACITIES.items():
        os.environ.setdefault(name, capacity)
