"""Skip-gram vectors of a tokenizer's tokens, which embeddings of a new model begin with.

Needs floret (`pip install floret`), spaCy's fork of fastText. Minutes of this stand in for hours of
language modelling on two CPU cores.
"""

import itertools
import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from transformers import PreTrainedTokenizerFast


def train_vectors(
    tokenizer: PreTrainedTokenizerFast, texts: Iterable[str], output: Path, width: int
) -> None:
    """Writes a vector for each token id that occurs at least three times, as text."""
    import floret

    ids = output.with_suffix(".ids.txt")
    texts = iter(texts)
    with ids.open("w") as file:
        while some := list(itertools.islice(texts, 2000)):
            encoded = tokenizer(some, add_special_tokens=False, split_special_tokens=True)
            file.writelines(" ".join(map(str, line)) + "\n" for line in encoded["input_ids"])
    vectors = floret.train_unsupervised(
        str(ids),
        model="skipgram",
        dim=width,
        minn=0,
        maxn=0,
        minCount=3,
        epoch=3,
        ws=3,
        thread=torch.get_num_threads(),
    )
    fresh = output.with_suffix(".tmp")
    vectors.save_vectors(str(fresh))
    os.replace(fresh, output)
    ids.unlink()


def read_vectors(path: Path, weight: torch.Tensor) -> None:
    """Puts vectors into the rows of an embedding [vocabulary, width], at the scale it has."""
    scale = weight.detach().std()
    with path.open() as file:
        next(file)  # how many, how wide
        rows = {
            int(name): np.array(values.split(), dtype=np.float32)
            for name, _, values in (line.partition(" ") for line in file)
            if name.isdigit()
        }
    ids = torch.tensor(list(rows))
    vectors = torch.from_numpy(np.stack(list(rows.values())))
    with torch.no_grad():
        weight[ids] = vectors * (scale / vectors.std())
