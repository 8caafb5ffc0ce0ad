"""Bases that are in memory already, so that components with adapters of their own share one."""

import weakref
from collections.abc import Hashable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ..lm.locks import ForkLock
from .hardware import Hardware
from .place import ModelPlace

if TYPE_CHECKING:
    from peft import PeftModel


class Turn(ForkLock):
    """Held by whoever runs a base.

    gone: names of adapters that nobody needs any more, to be taken off at the next turn. unsure:
    whether a fork came between, so that some layers may have another adapter than others.
    """

    def __init__(self) -> None:
        super().__init__()
        self.gone: list[str] = []
        self.unsure = False

    def after_fork(self) -> None:
        super().after_fork()
        self.unsure = True


@dataclass(frozen=True)
class SharedBase:
    """A base with the adapters that are on it."""

    model: "PeftModel"
    turn: Turn


@dataclass(frozen=True)
class AdapterTurn:
    """A turn of one adapter: inside, the base has it on."""

    base: SharedBase
    adapter: str

    def __enter__(self) -> None:
        model, turn = self.base.model, self.base.turn
        with ExitStack() as held:
            held.enter_context(turn)
            while turn.gone:
                name = turn.gone.pop()
                if len(model.peft_config) > 1 and name in model.peft_config:
                    model.set_adapter(self.adapter)  # peft warns where the active one goes
                    model.delete_adapter(name)
            if turn.unsure or model.active_adapter != self.adapter:
                model.set_adapter(self.adapter, inference_mode=True)
                turn.unsure = False
            held.pop_all()

    def __exit__(self, *_: object) -> None:
        self.base.turn.__exit__()

    def end_with(self, owner: object) -> None:
        """The adapter leaves the base, which others may go on using, when `owner` is gone.

        Not at once, since another thread may be running the base, but at the next turn.
        """
        weakref.finalize(owner, self.base.turn.gone.append, self.adapter)


class SharedBases:
    """Remembers bases as long as somebody has them. Asked in a `load_turn` only."""

    def __init__(self) -> None:
        self._models: weakref.WeakValueDictionary[Hashable, PeftModel] = (
            weakref.WeakValueDictionary()
        )
        self._turns: weakref.WeakKeyDictionary[PeftModel, Turn] = weakref.WeakKeyDictionary()

    def key(
        self, place: ModelPlace, hardware: Hardware, device: torch.device, dtype: Any, n_tokens: int
    ) -> Hashable | None:
        """What two models must have in common; None for one that is not to be shared.

        Quantised layers take no second adapter everywhere, and graphs keep the one they had.
        """
        if hardware.quantize or hardware.compile or len(hardware.devices) > 1:
            return None
        files = sorted(Path(place.folder).glob("*.safetensors")) if place.folder else []
        written = tuple(path.stat().st_mtime_ns for path in files)
        where = hardware.device_map or str(device)
        return (place.source, written, where, str(dtype), n_tokens)

    def find(self, key: Hashable | None) -> SharedBase | None:
        model = None if key is None else self._models.get(key)
        return None if model is None else SharedBase(model, self._turns[model])

    def forget(self, model: "PeftModel") -> None:
        """Nobody shares this base from now on."""
        for key in [key for key, known in self._models.items() if known is model]:
            del self._models[key]

    def add(self, key: Hashable, model: "PeftModel", turn: Turn) -> None:
        """A base that others may share from now on."""
        self._models[key] = model
        self._turns[model] = turn
