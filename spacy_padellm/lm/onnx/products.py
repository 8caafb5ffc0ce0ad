"""Products of matrices beside the passes of a graph, in the thread that asks.

numpy's own go to OpenBLAS, whose threads go on spinning for some 30 ms after each product, on the
cores on which onnxruntime runs the next pass: on two cores, passes took as long as on one.
"""

import math

import numpy as np
from blis.py import gemm, gemv


def compare(rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    """`rows @ others.T`, float32. rows: [..., width]; others: [n, width]; returns [..., n]. Raises
    ValueError for widths that differ."""
    *shape, width = rows.shape
    if others.ndim != 2 or others.shape[1] != width:
        raise ValueError(f"rows are {width} wide, and what they are compared with {others.shape}")
    flat, others = (
        np.ascontiguousarray(one, dtype=np.float32)
        for one in (rows.reshape(math.prod(shape), width), others)
    )
    if not flat.size or not others.size:
        return np.zeros((*shape, len(others)), dtype=np.float32)
    # Of one row, as where one text is decoded, gemm takes some four times as long as gemv.
    found = gemv(others, flat[0]) if len(flat) == 1 else gemm(flat, others, trans2=True)
    return np.asarray(found).reshape(*shape, len(others))
