"""Weights of a model's folder: safetensors only, and enough of them for what its config says."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..place import ModelPlace
from .header import read_header
from .json_file import read_checked
from .schemas import IndexFile

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
ADAPTER = "adapter_model.safetensors"
_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")
_FREE_RANK = 1_024  # whatever the weights are
# A config's sizes against the longest side of the weights: fused and packed layers are longer or
# shorter than the config says, but not by this much.
_FACTOR = 16
_SIDES = ("hidden_size", "intermediate_size", "num_attention_heads", "head_dim")


@dataclass(frozen=True)
class Sizes:
    """Of all weight files together: how many tensors they hold, and the sides of these."""

    tensors: int
    sides: frozenset[int]

    @property
    def longest(self) -> int:
        return max(self.sides, default=0)


def check_weights(place: ModelPlace, config: Any) -> None:
    """config: of transformers; the model that it describes is not made yet.

    Raises ValueError for weights that are no safetensors, are broken or lack a file, and for a
    config that describes a model of quite another size.
    """
    parts = sorted(place.folder.glob("shard-*-model-*.safetensors")) if place.folder else []
    if parts:  # transformers takes them for a checkpoint of several processes
        raise ValueError(
            f"{place.described} has {parts[0].name}, a part of a distributed checkpoint: save the "
            f"model whole, as {WEIGHTS}"
        )
    files = find_weights(place, config)
    if not files:
        raise ValueError(_no_weights(place, "model"))
    _check_sizes(place, config, _read_sizes(files))


def find_weights(place: ModelPlace, config: Any) -> list[Path]:
    """The files of a model's weights, of a Hub model downloaded; none where there are none. Raises
    ValueError for an index that is broken, or names a file that is not there."""
    explicit = getattr(config, "transformers_weights", None)
    single = place.file(explicit or WEIGHTS)
    index = single if explicit and explicit.endswith(".json") else None
    index = index or (None if single else place.file(INDEX))
    if index is None:
        return [] if single is None else [single]
    names = sorted(set(read_checked(index, IndexFile).weight_map.values()))
    files = {name: place.file(name) for name in names}
    for name, path in files.items():
        if path is None:
            raise ValueError(
                f"{place.described} lacks {name}, which {index.name} names: copy it there"
            )
    return [path for path in files.values() if path is not None]


def check_adapter_weights(place: ModelPlace, config: Any) -> None:
    """Raises ValueError for an adapter whose weights are no safetensors or broken, and for a rank
    that they do not have."""
    path = place.file(ADAPTER)
    if path is None:
        raise ValueError(_no_weights(place, "adapter"))
    sizes = _read_sizes([path])
    ranks = [getattr(config, "r", None), *(getattr(config, "rank_pattern", None) or {}).values()]
    for rank in ranks:
        if isinstance(rank, int) and rank > _FREE_RANK and rank not in sizes.sides:
            raise ValueError(
                f"{place.described}: adapter_config.json has the rank {rank}, and {ADAPTER} holds "
                f"no weights of it: they do not belong together"
            )


def _read_sizes(paths: list[Path]) -> Sizes:
    shapes = [place.shape for path in paths for place in read_header(path).tensors.values()]
    return Sizes(len(shapes), frozenset(side for shape in shapes for side in shape))


def _check_sizes(place: ModelPlace, config: Any, sizes: Sizes) -> None:
    def number(name: str) -> int:
        value = getattr(config, name, None)
        return value if isinstance(value, int) else 0

    def differ(what: str) -> ValueError:
        return ValueError(
            f"{place.described}: config.json has {what}: config and weights do not belong together"
        )

    if (layers := number("num_hidden_layers")) > sizes.tensors:
        raise differ(f"{layers} layers, and the weights are {sizes.tensors} tensors in all")
    wide = number("num_attention_heads") * number("head_dim")
    if wide > _FACTOR * sizes.longest:
        raise differ(
            f"heads of {wide} sides in all, and no side of its weights is over {sizes.longest}"
        )
    for name in _SIDES:
        if (size := number(name)) > _FACTOR * sizes.longest:
            raise differ(f"{name} {size}, and no side of its weights is over {sizes.longest}")


def _no_weights(place: ModelPlace, kind: str) -> str:
    wanted = ADAPTER if kind == "adapter" else WEIGHTS
    pickles: list[str] = []
    if place.folder is not None:
        found = sorted(path.name for path in place.folder.iterdir() if path.suffix in _PICKLES)
        pickles = [name for name in found if "model" in name] or found
    elif kind == "adapter" and place.file("adapter_model.bin"):
        pickles = ["adapter_model.bin"]
    if not pickles:
        hub = "" if place.folder else ", or they could not be fetched"
        return f"{place.described} has no weights that can be read ({wanted}){hub}"
    if kind == "adapter":
        convert = (
            "import torch; from safetensors.torch import save_file; "
            f"save_file(torch.load('{pickles[0]}', weights_only=True), '{wanted}')"
        )
    else:
        convert = (
            "from transformers import AutoModelForCausalLM as M; "
            "M.from_pretrained('.').save_pretrained('.')"
        )
    where = "" if place.folder else ", after downloading it"
    return (
        f"{place.described} has its weights in {pickles[0]}, a pickle, which can run code when it "
        f"is read: only safetensors are. If you trust where it comes from, convert it once, in its "
        f'folder{where}: python -c "{convert}"'
    )
