"""Whether bfloat16 pays on this CPU."""

import time
from functools import cache

import torch

from ..lm.primitive_caches import limit_primitive_caches

_GAIN = 1.2  # by which it must be the faster: 16 bits also cost some exactness
_ROUNDS = 4
_ROWS, _WIDTH = 256, 512  # as of a small model's layer, over the tokens of a few texts


@cache
def is_cpu_fast_in_bfloat16() -> bool:
    """Whether the CPU multiplies matrices in bfloat16 clearly faster than in float32.

    An x86 CPU that has no instructions for it is not tried. Others are, once a process, in some
    50 milliseconds: what they say of themselves does not tell how fast the library uses it.
    """
    get = getattr(torch.cpu, "get_capabilities", None)
    known = get() if get else {}
    if known.get("architecture") == "x86_64" and not (
        known.get("amx_bf16") or known.get("avx512_bf16")
    ):
        return False
    limit_primitive_caches()
    return probe_gain() > _GAIN


def probe_gain() -> float:
    """How many times as fast a product of matrices is in bfloat16. The best of some rounds, in
    turn, as other processes disturb single ones."""
    best = {torch.float32: float("inf"), torch.bfloat16: float("inf")}
    given = {
        dtype: (torch.ones(_ROWS, _WIDTH, dtype=dtype), torch.ones(_WIDTH, _WIDTH, dtype=dtype))
        for dtype in best
    }
    for _ in range(_ROUNDS):
        for dtype, (states, weights) in given.items():
            began = time.perf_counter()
            with torch.inference_mode():
                torch.nn.functional.linear(states, weights)
            best[dtype] = min(best[dtype], time.perf_counter() - began)
    return best[torch.float32] / best[torch.bfloat16]
