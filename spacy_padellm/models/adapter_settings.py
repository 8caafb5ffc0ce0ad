"""The config block `model.peft`: which adapter to train, as peft knows it."""

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from ..extras import has, need
from ..spans.numeric import check_number, check_types
from .loading_lock import loading_lock

if TYPE_CHECKING:  # peft takes seconds to import, which a model without adapter need not wait for
    from peft import PeftConfig

# Of low-rank adapters, what the config of peft calls otherwise.
LORA_KINDS: dict[str, dict[str, Any]] = {
    "lora": {},
    "rslora": {"use_rslora": True},
    "dora": {"use_dora": True},
}
# What the configs of peft call dropout, where they have it.
DROPOUT = ("lora_dropout", "module_dropout")
# They have no targets of their own, or need more than a causal LM.
_OTHERS = ("ADAPTION_PROMPT", "XLORA", "POLY", "TRAINABLE_TOKENS")


@dataclass(frozen=True)
class AdapterSettings:
    """An adapter to train.

    method: "lora", "rslora", "dora", or another method of peft by its name ("loha", "lokr",
    "ia3", "vera", "oft", ...).
    rank, alpha, dropout: for methods that have them. Of these, dropout may be another for an
    adapter that is trained on.
    targets: module names; None takes peft's own choice for the architecture, or all linear layers
    where it has none.
    options: further fields of the method's config in peft.

    Raises ValueError for a method that does not exist or does not work with a prompt tree, and for
    options that the method does not have.
    """

    method: str = "lora"
    rank: int = 8
    alpha: float = 16
    dropout: float = 0.0
    targets: list[str] | str | None = None
    options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_types(self, "peft.{}")
        check_number("peft.rank", self.rank, least=1, whole=True)
        check_number("peft.alpha", self.alpha, above=0)
        check_number("peft.dropout", self.dropout, least=0, most=1)
        if has("torch"):  # an exported model decodes without, and keeps the setting
            self.peft_config()

    @classmethod
    def read(cls, block: dict[str, Any]) -> "AdapterSettings":
        """From the config block. Raises ValueError for a field that is unknown."""
        names = [f.name for f in fields(cls)]
        if unknown := [name for name in block if name not in names]:
            raise ValueError(
                f"the model setting `peft` has no field {', '.join(unknown)}: it has "
                f"{', '.join(names)}; what else the method takes goes into `options`"
            )
        return cls(**{name: value for name, value in block.items() if value is not None})

    @loading_lock()  # peft is a circle of modules, which two threads cannot import at once
    def peft_config(self) -> "PeftConfig":
        """A new config of peft, for a causal LM. Raises NotInstalledError where it is not
        installed."""
        need("torch", "an adapter")
        kind = self._config_class()
        known = {f.name for f in fields(kind)}
        values: dict[str, Any] = {
            "r": self.rank,
            "lora_alpha": self.alpha,
            "alpha": self.alpha,
            **dict.fromkeys(DROPOUT, self.dropout),
            "target_modules": self.targets,
        }
        values = {name: value for name, value in values.items() if name in known}
        if unknown := [name for name in self.options if name not in known]:
            raise ValueError(
                f"peft.options: {kind.__name__} of peft has no field {', '.join(unknown)}"
            )
        values |= {**LORA_KINDS.get(self.method, {}), **self.options}
        try:
            return kind(**values, task_type="CAUSAL_LM")
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"peft cannot make an adapter of method {self.method!r}: {error}"
            ) from error

    def _config_class(self) -> "type[PeftConfig]":
        from peft import LoraConfig

        if self.method in LORA_KINDS:
            return LoraConfig
        kinds, prompts = known_methods()
        if self.method not in kinds:
            why = ", which adds tokens of its own to a prompt" if self.method in prompts else ""
            raise ValueError(
                f"peft.method is {self.method!r}{why}: use one of "
                f"{', '.join([*LORA_KINDS, *(k for k in kinds if k != 'lora')])}"
            )
        return kinds[self.method]


def known_methods() -> "tuple[dict[str, type[PeftConfig]], list[str]]":
    """Methods of peft that suit a prompt tree, with their configs; and those that add tokens of
    their own to a prompt."""
    from peft.config import PromptLearningConfig
    from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING

    kinds: dict[str, type[PeftConfig]] = {}
    prompts = []
    for kind, config in PEFT_TYPE_TO_CONFIG_MAPPING.items():
        if issubclass(config, PromptLearningConfig):
            prompts.append(kind.value.lower())
        elif kind.value not in _OTHERS:
            kinds[kind.value.lower()] = config
    return kinds, prompts
