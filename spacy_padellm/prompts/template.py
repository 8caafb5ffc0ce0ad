"""What the model is asked: text → label (+ description) → count → mention, as strings.

A template knows strings only; `encoding.py` turns them into token ids. Source of the two-step
form: PaDeLLM-NER (Lu et al., NeurIPS 2024), section 3.1 and the released code.
"""

from dataclasses import dataclass, replace
from typing import Any

MOST_COUNT = 4096  # mentions of a label in a window, for which a model can be asked


@dataclass(frozen=True)
class PromptTemplate:
    """Renders prompts. Two kinds of template share these fields.

    markers="special": the structure consists of special tokens, which a text can never contain;
    the pieces are tokenised separately, the text once. A label with its own token, `label_token`,
    is one token; any other is spelt out between `before_label` and `after_label`.

    markers="text": the structure is plain text, for pretrained models. With `joint`, a prompt is
    tokenised as one string, as in the paper's code; without, the text is tokenised once and the
    rest is appended.

    bidirectional: tokens of the text see each other both ways (prefix LM); what follows is
    causal. The model must have been trained that way.

    copies: the model is trained to choose among the tokens of the text and the end, not among
    its whole vocabulary; probabilities of copied mentions are over what may be copied. Small
    models learn to copy far sooner this way.

    repeat_text: the prompt has the text twice, and entities are found in the second. A model that
    reads causally then knows at each token what follows it (Springer et al., "Repetition Improves
    Language Model Embeddings", arXiv 2402.15449), for twice the tokens.

    blanks: the model reads any white space in a text as one blank, as it was trained, so line ends
    and tabs change nothing.
    """

    name: str
    before_text: str
    before_label: str
    after_label: str
    before_mention: str
    description: str = " ({description})"
    count: str = "{n}"
    label_token: str = ""
    end_of_mention: str = ""
    markers: str = "text"
    joint: bool = False
    bidirectional: bool = False
    copies: bool = False
    repeat_text: bool = False
    blanks: bool = False
    version: int = 1

    def __post_init__(self) -> None:
        if self.markers not in ("text", "special"):
            raise ValueError(f"template.markers must be 'text' or 'special', not {self.markers!r}")
        if "{i}" not in self.before_mention or "{n}" not in self.count:
            raise ValueError(
                f"template {self.name!r}: before_mention must contain {{i}} (the number of the "
                f"mention) and count must contain {{n}}"
            )
        behind_number = self.before_mention.partition("{i}")[2]
        if not behind_number or behind_number[0].isdigit():
            raise ValueError(
                f"template {self.name!r}: before_mention must go on behind {{i}}, and not with a "
                f"digit, or mention 1 could run into mention 10"
            )
        if self.joint and self.markers == "special":
            raise ValueError(f"template {self.name!r}: joint needs markers = 'text'")
        if self.joint and self.blanks:
            raise ValueError(
                f"template {self.name!r}: joint reads texts as they are, not as blanks"
            )
        if self.repeat_text and (self.joint or self.bidirectional):
            other = "joint" if self.joint else "bidirectional"
            raise ValueError(
                f"template {self.name!r}: repeat_text is for models that read causally, with "
                f"{other} = false"
            )
        if self.version != 1:
            raise ValueError(
                f"template {self.name!r} has version {self.version}; this release reads "
                f"version 1: install a newer spacy-padellm"
            )

    def label(self, label: str, description: str = "") -> str:
        """The label as the model reads it, with its description where there is one."""
        if not description:
            return label
        return label + _fill(self.description, description=description)

    def text_prefix(self, text: str) -> str:
        """Everything up to and with the text."""
        return (self.before_text + text) * self.readings

    @property
    def readings(self) -> int:
        """How often the text stands in the prompt."""
        return 2 if self.repeat_text else 1

    def label_prompt(self, text: str, label: str, description: str = "") -> str:
        """Step 1: all that stands before the count."""
        asked = self.label(label, description)
        return self.text_prefix(text) + self.before_label + asked + self.after_label

    def mention_marker(self, index: int) -> str:
        """What follows the count and asks for mention number `index` (from 1)."""
        return _fill(self.before_mention, i=str(index))

    def count_text(self, n: int) -> str:
        return _fill(self.count, n=str(n))

    def mention_prompt(
        self, text: str, label: str, n: int, index: int, description: str = ""
    ) -> str:
        """Step 2: all that stands before mention number `index` of `n`."""
        return (
            self.label_prompt(text, label, description)
            + self.count_text(n)
            + self.mention_marker(index)
        )

    def special_tokens(self, labels: tuple[str, ...] = (), max_count: int = 64) -> list[str]:
        """The tokens that a tokenizer needs for this template (none for markers="text").

        Raises ValueError for a max_count out of its range.
        """
        if not 1 <= max_count <= MOST_COUNT:
            raise ValueError(f"max_count is {max_count}: it must be 1 to {MOST_COUNT}")
        if self.markers != "special":
            return []
        tokens = [self.before_text, self.before_label, self.after_label, self.end_of_mention]
        tokens += [_fill(self.label_token, label=label) for label in labels]
        tokens += [self.count_text(n) for n in range(max_count + 1)]
        tokens += [self.mention_marker(i) for i in range(1, max_count + 1)]
        return [token for token in dict.fromkeys(tokens) if token]

    def token_of_label(self, label: str) -> str:
        """The label's own token; empty where the template has no such form."""
        return _fill(self.label_token, label=label) if self.label_token else ""


def _fill(pattern: str, **values: str) -> str:
    """One pass, so that a value that holds braces stays as it is."""
    for name, value in values.items():
        before, found, after = pattern.partition("{" + name + "}")
        pattern = before + value + after if found else pattern
    return pattern


COMPACT = PromptTemplate(
    name="compact",
    before_text="<|text|>",
    before_label="<|label|>",
    after_label="<|num|>",
    label_token="<|label:{label}|>",
    count="<|{n}|>",
    before_mention="<|mention {i}|>",
    end_of_mention="<|end|>",
    markers="special",
)

PLAIN = PromptTemplate(
    name="plain",
    before_text="Text:\n",
    before_label="\nEntity type: ",
    after_label="\nNumber of mentions:",
    count=" {n}",
    before_mention="\nMention {i}:",
)

# Byte for byte the strings of the released training and evaluation code.
PAPER_ENGLISH = PromptTemplate(
    name="paper_english",
    before_text="text:\n",
    before_label="\nentity type:\n",
    after_label="\n\n<num>",
    before_mention="\n<mention {i}>",
    joint=True,
)

# The released single-GPU script for English asks with the Chinese marker.
PAPER_ENGLISH_SINGLE_GPU = replace(
    PAPER_ENGLISH, name="paper_english_single_gpu", before_mention="\n<第{i}文段>"
)

PAPER_CHINESE = PromptTemplate(
    name="paper_chinese",
    before_text="文本:\n",
    before_label="\n指定NER标签:\n",
    after_label="\n\n<数量>",
    before_mention="\n<第{i}文段>",
    joint=True,
)

PRESETS: dict[str, PromptTemplate] = {
    template.name: template
    for template in (COMPACT, PLAIN, PAPER_ENGLISH, PAPER_ENGLISH_SINGLE_GPU, PAPER_CHINESE)
}


def get_template(preset: str, **changes: Any) -> PromptTemplate:
    """A preset by name, with some of its fields changed.

    Raises ValueError for a name that is no preset, or a field that is unknown.
    """
    if preset not in PRESETS:
        raise ValueError(
            f"template preset {preset!r} does not exist; choose one of {', '.join(PRESETS)}"
        )
    try:
        return replace(PRESETS[preset], **changes)
    except TypeError as error:
        raise ValueError(f"template cannot be read: {error}") from None
