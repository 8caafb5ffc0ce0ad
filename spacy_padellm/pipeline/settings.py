"""The component's settings, under the names that the config has."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ..architectures.config_values import write_value
from ..decoding import DecodingSettings
from ..decoding.settings import LIKELY, METHODS
from ..learning.label_noise import LabelNoise
from ..models.save_mode import SAVE_MODES
from ..prompts.template import MOST_COUNT
from ..spans.numeric import MOST_TOKENS, check_number, check_types
from ..spans.resolution import FLAT_RESOLUTIONS, RESOLUTIONS
from ..spans.thresholds import Threshold, read_threshold

_CHOICES = {
    "annotate": ("ents", "spans"),
    "alignment_mode": ("strict", "contract", "expand"),
    "resolution": ("auto", *RESOLUTIONS),
    "decoder": tuple(method for method in METHODS if method != "paper"),
    "save_mode": SAVE_MODES,
}


@dataclass(frozen=True)
class Settings:
    """How the component decodes and annotates.

    annotate: "ents" (`doc.ents`) or "spans" (`doc.spans[spans_key]`).
    alignment_mode: as in `Doc.char_span`; with "strict", copied mentions must fit Doc tokens.
    resolution: which of competing mentions stay: "flat" (no overlaps), "nested", "paper" (one label
    per string), "paper_flat", "none" (all); "auto" is "flat" for ents and "nested" for spans.
    threshold: the lowest probability that a mention may have, 0 to 1: a number, or a number for
    each label, as a mapping or as pairs [[label, number], ...]. A label that is not named keeps all
    its mentions; no name means "all others", since spaCy's configs cannot hold an entry "*".
    start_threshold: of a model that points, the probability above which a mention begins; None
    takes the model's own, or 0.5. A lower one finds more, and more that is wrong.
    copy_constraint: mentions are slices of their text; without it, they are any strings, which are
    then searched in the text.
    decoder: "tree" (fast), "rows" (any architecture), or "auto": whichever the model supports.
    run_ahead: also read drafts of mentions, copied from the text, and mentions of likely counts;
    fewer passes, the same entities.
    token_budget: tokens of the language model in a batch, in decoding and training; on a CPU at
    most 1,024, or one text, in a pass that trains or points. `window` limits the tokens of one
    text.
    max_count: the most mentions of a label in a window; None takes the model's own limit. A model
    that points has none, and finds them all.
    max_mention_tokens: the longest mention, in tokens of the language model; a longer one is cut.
    window, overlap: the length of the windows in which long texts are read, and how much of a
    window the next one repeats, in tokens of the language model. window None takes the model's own,
    or 512; overlap None takes an eighth of the window. A model whose template repeats the text
    reads each window twice.
    overwrite_ents: whether new entities replace existing ones that they overlap.
    keep_raw: keep counts, mentions and what was dropped in `doc._.padellm_raw`.
    save_mode: "full" copies all weights; "reference" stores the name of the base, and the adapter
        if there is one; "auto" copies weights that are nowhere else, and a model of this package.
    max_labels: in training, how many labels to ask of a text, those present first; None asks all.
    text_loss: in training, the weight of the text's own tokens as targets of language modelling.
    label_noise: in training, other names for labels; see the block `label_noise` below.

    Raises ValueError naming a setting that is out of its range.
    """

    annotate: str = "ents"
    spans_key: str = "sc"
    alignment_mode: str = "strict"
    resolution: str = "auto"
    threshold: Threshold = field(default=0.0, hash=False)
    start_threshold: float | None = None
    copy_constraint: bool = True
    decoder: str = "auto"
    run_ahead: bool = True
    token_budget: int = DecodingSettings.token_budget
    max_count: int | None = None
    max_mention_tokens: int = DecodingSettings.max_mention_tokens
    window: int | None = None
    overlap: int | None = None
    overwrite_ents: bool = False
    keep_raw: bool = False
    save_mode: str = "auto"
    max_labels: int | None = None
    text_loss: float = 0.0
    label_noise: dict[str, Any] | None = field(default=None, hash=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "threshold", read_threshold(self.threshold))
        check_types(self)
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise ValueError(
                    f"{name} is {getattr(self, name)!r}: choose one of {', '.join(choices)}"
                )
        _ = self.decoding  # which checks what is its own
        for name in ("max_count", "window", "max_labels"):
            value = getattr(self, name)
            if value is not None:
                most = MOST_COUNT if name == "max_count" else MOST_TOKENS
                check_number(name, value, least=1, most=most, whole=True)
        if self.overlap is not None:
            check_number("overlap", self.overlap, whole=True)
        if self.overlap is not None and not 0 <= self.overlap < (self.window or self.overlap + 1):
            raise ValueError(
                f"overlap is {self.overlap}: it must be at least 0 and below window ({self.window})"
            )
        check_number("text_loss", self.text_loss, least=0)
        LabelNoise.read(self.label_noise)
        if self.annotate == "spans" and not self.spans_key:
            raise ValueError("spans_key is empty: name the span group to write to")
        if self.annotate == "ents" and not self.is_flat:
            raise ValueError(
                f"resolution {self.resolution!r} leaves spans that overlap, and doc.ents takes "
                f"none: use 'flat' or 'paper_flat', or set annotate to 'spans'"
            )

    @property
    def resolution_rule(self) -> str:
        if self.resolution == "auto":
            return "flat" if self.annotate == "ents" else "nested"
        return self.resolution

    @property
    def is_flat(self) -> bool:
        return self.resolution_rule in FLAT_RESOLUTIONS

    @property
    def decoding(self) -> DecodingSettings:
        """What the decoder needs to know."""
        return DecodingSettings(
            method=self.decoder,
            copy=self.copy_constraint,
            token_budget=self.token_budget,
            max_mention_tokens=self.max_mention_tokens,
            draft_tokens=None if self.run_ahead else 0,
            guess_counts=None if self.run_ahead else (),
            distinct=self.is_flat,
            start_threshold=LIKELY if self.start_threshold is None else self.start_threshold,
        )

    @classmethod
    def among(cls, given: Mapping[str, Any]) -> "Settings":
        """Those among the arguments of a function that a config names."""
        return cls(**{name: given[name] for name in cls.__dataclass_fields__ if name in given})

    def to_config(self) -> dict[str, Any]:
        """Thresholds of labels are pairs, which hold any name."""
        config = asdict(self)
        if isinstance(self.threshold, dict):
            config["threshold"] = [list(pair) for pair in self.threshold.items()]
        return config


def how_to_set(component: str, setting: str, value: Any) -> str:
    """How a setting of a component is changed, which an assignment does not do."""
    given = [list(pair) for pair in value.items()] if isinstance(value, dict) else value
    config = {"components": {component: {setting: write_value(given)}}}
    return (
        f"{setting} is a setting, kept in the pipeline's config: load with "
        f"spacy.load(..., config={config!r}), or give it to nlp.add_pipe"
    )
