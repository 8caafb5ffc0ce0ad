"""Whether bfloat16 pays on this CPU."""

import contextlib
import statistics
import time
from collections.abc import Iterator
from contextvars import ContextVar
from functools import cache

import torch

from ..lm.primitive_caches import limit_primitive_caches

_GAIN = 1.2  # by which it must be the faster: 16 bits also cost some exactness
_WARM_UP, _ROUNDS = 2, 9
_ROWS, _WIDTH = 256, 512  # as of a small model's layer, over the tokens of a few texts
_taken: ContextVar[bool | None] = ContextVar("taken_for_fast", default=None)


def is_cpu_fast_in_bfloat16() -> bool:
    """Whether the CPU multiplies matrices in bfloat16 clearly faster than in float32, or is taken
    for such a one (`taken_for_fast`)."""
    taken = _taken.get()
    return find_out() if taken is None else taken


@contextlib.contextmanager
def taken_for_fast(is_fast: bool) -> Iterator[None]:
    """In the block, the CPU is taken for fast in bfloat16 or not, and is not tried. What is timed
    may come out otherwise in another process, and a training that goes on must not."""
    before = _taken.set(is_fast)
    try:
        yield
    finally:
        _taken.reset(before)


@cache
def find_out() -> bool:
    """An x86 CPU that has no instructions for bfloat16 is not tried. Others are, once a process, in
    some tenths of a second: what they say of themselves does not tell how fast the library uses
    it."""
    get = getattr(torch.cpu, "get_capabilities", None)
    known = get() if get else {}
    if known.get("architecture") == "x86_64" and not (
        known.get("amx_bf16") or known.get("avx512_bf16")
    ):
        return False
    limit_primitive_caches()
    return probe_gain() > _GAIN


def probe_gain() -> float:
    """How many times as fast a product of matrices is in bfloat16: the median of rounds that time
    one of each kind, one right behind the other, so that other processes disturb both or few."""
    given = {
        dtype: (torch.ones(_ROWS, _WIDTH, dtype=dtype), torch.ones(_WIDTH, _WIDTH, dtype=dtype))
        for dtype in (torch.float32, torch.bfloat16)
    }
    gains = []
    for _ in range(_WARM_UP + _ROUNDS):  # the first ones choose kernels, and order weights anew
        single, half = (_seconds(*of) for of in given.values())
        gains.append(single / half)
    return statistics.median(gains[_WARM_UP:])


@torch.inference_mode()
def _seconds(states: torch.Tensor, weights: torch.Tensor) -> float:
    began = time.perf_counter()
    torch.nn.functional.linear(states, weights)
    return time.perf_counter() - began
