"""Settings of a model that are of another type: named at once, whoever gives them."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from spacy_padellm.architectures.causal_lm import build_causal_lm, build_causal_lm_from_scratch
from spacy_padellm.architectures.origin import FromScratch
from spacy_padellm.models.adapter_settings import AdapterSettings
from spacy_padellm.models.hardware import Hardware
from spacy_padellm.models.loaded_model import ModelSource
from spacy_padellm.prompts.template import COMPACT, PromptTemplate
from spacy_padellm.spans.numeric import check_types

VALUES = [
    "no", b"no", "", 5, 0, 10**5000, 0.5, True, None, [], ["a"], ("a",), [5], [None], {}, {"a": 1},
    {5: 1}, {"a"}, object(), COMPACT, Hardware(),
]  # fmt: skip


@dataclasses.dataclass
class Example:
    flag: bool = True
    count: int = 1
    rate: float = 1.0
    name: str = ""
    device: str | None = None
    devices: Sequence[str] = ()
    targets: list[str] | str | None = None
    sizes: Mapping[str, int] = dataclasses.field(default_factory=dict)
    template: PromptTemplate | None = None
    hardware: Hardware = dataclasses.field(default_factory=Hardware)


def is_list(value):
    return isinstance(value, list) and all(isinstance(inner, str) for inner in value)


FITS = {
    "flag": lambda v: isinstance(v, bool),
    "count": lambda v: isinstance(v, int) and not isinstance(v, bool),
    "rate": lambda v: isinstance(v, int | float) and not isinstance(v, bool) and v < 10**300,
    "name": lambda v: isinstance(v, str),
    "device": lambda v: isinstance(v, str | None),
    "devices": lambda v: is_list(list(v)) if isinstance(v, list | tuple) else False,
    "targets": lambda v: isinstance(v, str | None) or is_list(v),
    "sizes": lambda v: isinstance(v, dict) and all(isinstance(key, str) for key in v),
    "template": lambda v: isinstance(v, PromptTemplate | None),
    "hardware": lambda v: isinstance(v, Hardware),
}


@pytest.mark.parametrize("field", FITS)
def test_what_is_of_its_type_and_nothing_else(field):
    for value in VALUES:
        example = Example(**{field: value})
        if FITS[field](value):
            check_types(example)
            continue
        with pytest.raises(ValueError, match=f"^`{field}` is .*: it must be [a-zA-Z ]+$"):
            check_types(example, "`{}`")


def test_numbers_of_numpy_are_numbers():
    check_types(Example(count=np.int64(3), rate=np.float32(0.5), flag=np.bool_(True)))
    for field in ("count", "flag"):
        with pytest.raises(ValueError, match=field):
            check_types(Example(**{field: np.float32(0.5)}))


@pytest.mark.parametrize(
    ("make", "fields"),
    [
        (Hardware, "device dtype devices device_map quantize compile"),
        (lambda **given: ModelSource(**{"name": "x", **given}), "name adapter revision hardware"),
        (AdapterSettings, "method rank alpha dropout targets options"),
        (FromScratch, "architecture sizes vocab_size template max_count hardware"),
        (build_causal_lm, "device dtype devices device_map quantize compile mixed_precision"),
        (build_causal_lm, "adapter revision"),
        (build_causal_lm_from_scratch, "architecture vocab_size max_count compile mixed_precision"),
    ],
)
def test_every_setting_of_a_model(make, fields):
    for field in fields.split():
        with pytest.raises(ValueError, match=rf"{field}`? is <object.*it must be"):
            make(**{field: object()})
    for field in {"compile", "mixed_precision"} & set(fields.split()):
        with pytest.raises(ValueError, match=f"{field}` is 'no': it must be true or false"):
            make(**{field: "no"})
