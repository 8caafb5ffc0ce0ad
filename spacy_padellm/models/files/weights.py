"""Weights of a model's folder: safetensors only, and enough of them for what its config says."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import safe_open

from ..place import ModelPlace
from .json_file import broken, read_checked
from .schemas import IndexFile
from .trouble import foreign

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
ADAPTER = "adapter_model.safetensors"
_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")
_LFS = b"version https://git-lfs"
_FREE_RANK = 1_024  # whatever the weights are
# A config's sizes against the longest side of the weights: fused and packed layers are longer or
# shorter than the config says, but not by this much.
_FACTOR = 16
_SIDES = ("hidden_size", "intermediate_size", "num_attention_heads", "head_dim")


@dataclass(frozen=True)
class Header:
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
    _check_sizes(place, config, _read_headers(files))


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
    header = _read_headers([path])
    ranks = [getattr(config, "r", None), *(getattr(config, "rank_pattern", None) or {}).values()]
    for rank in ranks:
        if isinstance(rank, int) and rank > _FREE_RANK and rank not in header.sides:
            raise ValueError(
                f"{place.described}: adapter_config.json has the rank {rank}, and {ADAPTER} holds "
                f"no weights of it: they do not belong together"
            )


def _read_headers(paths: list[Path]) -> Header:
    sides: set[int] = set()
    count = 0
    for shape in (shape for path in paths for shape in _shapes(path)):
        sides.update(shape)
        count += 1
    return Header(count, frozenset(sides))


def _shapes(path: Path) -> Iterator[tuple[int, ...]]:
    with path.open("rb") as file:
        if file.read(len(_LFS)) == _LFS:
            raise ValueError(
                f"{path} is a pointer of Git LFS, without the weights: run git lfs pull"
            )
    with foreign(lambda why: broken(path, why)), safe_open(path, framework="pt") as weights:
        yield from [tuple(weights.get_slice(name).get_shape()) for name in weights.keys()]  # noqa: SIM118


def _check_sizes(place: ModelPlace, config: Any, header: Header) -> None:
    def number(name: str) -> int:
        value = getattr(config, name, None)
        return value if isinstance(value, int) else 0

    def differ(what: str) -> ValueError:
        return ValueError(
            f"{place.described}: config.json has {what}: config and weights do not belong together"
        )

    if (layers := number("num_hidden_layers")) > header.tensors:
        raise differ(f"{layers} layers, and the weights are {header.tensors} tensors in all")
    wide = number("num_attention_heads") * number("head_dim")
    if wide > _FACTOR * header.longest:
        raise differ(
            f"heads of {wide} sides in all, and no side of its weights is over {header.longest}"
        )
    for name in _SIDES:
        if (size := number(name)) > _FACTOR * header.longest:
            raise differ(f"{name} {size}, and no side of its weights is over {header.longest}")


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
