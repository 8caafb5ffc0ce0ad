"""Cells: a base tuned to one format on one set, or the latency of all formats of a set."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, replace

FORMATS = ("padellm", "structured", "augmented")
LATENCY = "latency"  # in the place of a format: all formats that are tuned, side by side
OURS = "ahead"  # the method of parallel decoding that the component has: mentions are copied
FREE = "tree-free"  # the same passes, but mentions are any strings, as the other formats write them
PAPER = "paper"  # the paper's algorithm, free
LOOKUP = "augmented-lookup"  # drafts where texts come one by one
# How each format is decoded to be scored, and to be timed. Methods are timed in this order, and the
# first is what `measure` compares with: ours where it is there.
SCORED = {"padellm": (FREE, OURS), "structured": ("structured",), "augmented": ("augmented",)}
TIMED = {**SCORED, "padellm": (OURS, PAPER), "augmented": ("augmented", LOOKUP)}
TEMPLATES = ("plain", "compact")
PROMPTS = ("bare", "guided")


@dataclass(frozen=True)
class Cell:
    """base: a name without slashes. template: "plain" text around text and labels, or "compact",
    new special tokens. prompt: "guided" has a guideline for each label, "bare" has none."""

    base: str
    set: str
    template: str
    prompt: str
    format: str
    seed: int

    def __str__(self) -> str:
        return "/".join(map(str, astuple(self)))

    @property
    def group(self) -> tuple[str, ...]:
        """What is compared: all formats of the same base, set, template and prompt."""
        return (self.base, self.set, self.template, self.prompt)

    def of_format(self, name: str) -> "Cell":
        return replace(self, format=name)


def read_cell(text: str) -> Cell:
    """Of `str(cell)`."""
    *names, seed = text.split("/")
    return Cell(*names, int(seed))


def plan(
    bases: Mapping[str, str],
    templates: Sequence[str],
    prompts: Sequence[str],
    formats: Sequence[str],
    seeds: Sequence[int],
    latency: bool = True,
) -> Iterator[Cell]:
    """All formats of a set, then their latency, then the next set. bases: by set."""
    for name, base in bases.items():
        for template in templates:
            for prompt in prompts:
                for seed in seeds:
                    for of in (*formats, *([LATENCY] if latency else [])):
                        yield Cell(base, name, template, prompt, of, seed)
