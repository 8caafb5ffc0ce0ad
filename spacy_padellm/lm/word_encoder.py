"""Words as they are spelt, in their surroundings: hash embeddings and windows over them.

Stands beside the embeddings of a language model, and sees what its tokens hide. As spaCy's
`HashEmbedCNN`: rows of hash tables, summed, mixed, and passed through convolutions.
"""

import torch
import torch.nn.functional as F
from torch import nn

ROWS = (5000, 1000, 2500, 2500)  # of the table of each feature
N_HASHES = 4  # rows that are summed for a feature
_SHIFT = 15


class Maxout(nn.Module):
    """A layer of maxout units (Goodfellow et al., 2013), normalised."""

    def __init__(self, n_in: int, n_out: int, pieces: int = 3) -> None:
        super().__init__()
        self.linear = nn.Linear(n_in, n_out * pieces)
        self.norm = nn.LayerNorm(n_out)
        self.pieces = pieces
        nn.init.xavier_uniform_(self.linear.weight)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(self.linear(x).unflatten(-1, (-1, self.pieces)).amax(-1))


class WordEncoder(nn.Module):
    """width: of a word's vector. depth: convolutions, each over a word and its neighbours."""

    def __init__(self, width: int = 96, depth: int = 4) -> None:
        super().__init__()
        self.width = width
        self.tables = nn.ModuleList(_table(rows, width) for rows in ROWS)
        self.mix = Maxout(len(ROWS) * width, width)
        self.layers = nn.ModuleList(Maxout(3 * width, width) for _ in range(depth))
        # Each of the four rows by another multiplication: two words seldom share all of them.
        draw = torch.Generator().manual_seed(0)
        factors = torch.randint(1, 2**29, (2, len(ROWS), N_HASHES), generator=draw)
        self.register_buffer("factors", 2 * factors + 1)

    def forward(self, hashes: torch.Tensor, real: torch.Tensor, drop: float = 0.0) -> torch.Tensor:
        """hashes: [texts, words, features], 0 to 2**32. real: [texts, words], which of them are no
        padding. Returns [texts, words, width], 0 for padding, so that a text has the same vectors
        alone and beside others."""
        factors = self.get_buffer("factors")
        parts = []
        for i, (table, rows) in enumerate(zip(self.tables, ROWS, strict=True)):
            mixed = ((hashes[..., i, None] * factors[0, i] + factors[1, i]) >> _SHIFT) % rows
            parts.append(table(mixed).sum(-2))
        x = F.dropout(self.mix(F.dropout(torch.cat(parts, -1), drop)), drop) * real[..., None]
        for layer in self.layers:
            wide = F.pad(x, (0, 0, 1, 1))
            around = torch.cat([wide[:, :-2], x, wide[:, 2:]], -1)
            x = (x + F.dropout(layer(around), drop)) * real[..., None]
        return x


def _table(rows: int, width: int) -> nn.Embedding:
    table = nn.Embedding(rows, width)
    nn.init.uniform_(table.weight, -0.1, 0.1)
    return table
