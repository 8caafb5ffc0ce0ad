"""Template strings to token ids, and generated ids back to counts and mentions.

Knows tokenizers (Hugging Face fast ones) and templates, nothing of trees or models.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..cached import cached_property
from .plain_text import EncodedText, PlainTextEncoder
from .preamble import Preamble
from .template import PromptTemplate

_MOST_LABELS = 10_000  # that an encoder keeps the ids of


@dataclass(frozen=True)
class TextPrompt:
    """A text with the label prompts asked of it, as ids.

    trunk: ids that all label prompts begin with; the text is in them.
    branches: for each label, the ids that follow the trunk and end before the count.
    text_start: where `encoded.ids` begin in the trunk, the last time that they are there.
    preamble: how many first ids of the trunk are those of examples, the same for all texts.
    """

    encoded: EncodedText
    labels: tuple[str, ...]
    trunk: tuple[int, ...]
    branches: tuple[tuple[int, ...], ...]
    text_start: int
    preamble: int = 0

    @property
    def bidirectional_length(self) -> int:
        """How many first ids of the trunk form the part that may see each other both ways."""
        return self.text_start + len(self.encoded.ids)

    @property
    def size(self) -> int:
        """Tree nodes of step 1, without those of the preamble, which are kept."""
        return len(self.trunk) - self.preamble + sum(map(len, self.branches))


@dataclass
class PromptEncoder:
    """Renders and tokenises prompts; text is data and never becomes structure.

    tokenizer: a fast Hugging Face tokenizer.
    descriptions: label → description, put behind the label's name.
    max_count: the highest count that is asked for.
    preamble: examples before every text (`demonstrations.py`).

    Raises ValueError for a slow tokenizer or one that lacks the template's special tokens.
    """

    tokenizer: Any
    template: PromptTemplate
    descriptions: Mapping[str, str] = field(default_factory=dict)
    max_count: int = 64
    preamble: Preamble | None = None

    def __post_init__(self) -> None:
        if not getattr(self.tokenizer, "is_fast", False):
            raise ValueError(
                f"{type(self.tokenizer).__name__} gives no character offsets; load the fast "
                f"version of this tokenizer (a folder with tokenizer.json)"
            )
        needed = self.template.special_tokens(max_count=self.max_count)
        missing = [token for token in needed if self._token_id(token) is None]
        if missing:
            raise ValueError(
                f"the tokenizer lacks {len(missing)} special tokens of the template "
                f"{self.template.name!r} (for example {missing[0]!r}): use the template that "
                f"the model was trained with, or markers = 'text'"
            )
        if not self.mention_end_ids:
            raise ValueError("the tokenizer has no eos_token, which ends a mention: set one")

    # --- text and prompts to ids

    def encode_text(self, text: str) -> EncodedText:
        return self._text.read(text, self.template.blanks)

    def prompt(self, text: str | EncodedText, labels: Sequence[str]) -> TextPrompt:
        """All label prompts of a text (step 1).

        text: what `encode_text` gave of it is not encoded again, but for a joint template, which
        tokenises text and prompt together.

        Raises ValueError without labels.
        """
        if not labels:
            raise ValueError("no labels to ask for: set `labels`, or initialise from examples")
        if self.template.joint:
            return self._joint_prompt(text if isinstance(text, str) else text.text, labels)
        encoded = self.encode_text(text) if isinstance(text, str) else text
        shown = (*self.bos_ids, *self.preamble.ids) if self.preamble else ()
        before = self.structure_ids(self.template.before_text)
        first = (*(shown or self.bos_ids), *before)
        if self.template.repeat_text:
            first = (*first, *encoded.ids, *before)
        branches = tuple(self.label_ids(label) for label in labels)
        trunk = (*first, *encoded.ids)
        return TextPrompt(encoded, tuple(labels), trunk, branches, len(first), len(shown))

    def mention_path(self, prompt: TextPrompt, label: str, n: int, index: int) -> list[int]:
        """All ids from the beginning to where mention `index` of `n` starts (step 2)."""
        if self.template.joint:
            described = self.descriptions.get(label, "")
            asked = self.template.mention_prompt(prompt.encoded.text, label, n, index, described)
            return [*self.bos_ids, *self._text.encode(asked)[0]]
        branch = prompt.branches[prompt.labels.index(label)]
        return [*prompt.trunk, *branch, *self.count_ids(n), *self.marker_ids(index)]

    def count_ids(self, n: int) -> list[int]:
        """The count as generated, without what ends it."""
        key = ("count", n)
        if key not in self._cache:
            count = self.template.count_text(n)
            if self.template.markers == "special":
                self._cache[key] = self.structure_ids(count)
            else:
                # As it is tokenised behind the prompt, where that leaves the prompt's ids alone.
                before = self.template.after_label
                head, whole = self._text.encode(before)[0], self._text.encode(before + count)[0]
                apart = whole[: len(head)] != head
                self._cache[key] = self._text.encode(count)[0] if apart else whole[len(head) :]
        return list(self._cache[key])

    def count_targets(self, prompt: TextPrompt, label: str, n: int) -> tuple[list[int], list[int]]:
        """Training: the path up to the count, and the ids that must follow (count and its end).

        A joint template tokenises the count together with the prompt, as at decoding time.
        """
        path = [*prompt.trunk, *prompt.branches[prompt.labels.index(label)]]
        if not self.template.joint:
            return path, [*self.count_ids(n), *self.count_end_ids[:1]]
        rendered = self.template.label_prompt(
            prompt.encoded.text, label, self.descriptions.get(label, "")
        ) + self.template.count_text(n)
        whole = [*self.bos_ids, *self._text.encode(rendered)[0]]
        shared = _shared_length([path, whole])
        return whole[:shared], [*whole[shared:], *self.count_end_ids[:1]]

    # --- generated ids back

    @cached_property
    def digit_ids(self) -> frozenset[int]:
        """Ids that a count may consist of."""
        return frozenset(i for n in range(self.max_count + 1) for i in self.count_ids(n))

    @property
    def count_is_one_token(self) -> bool:
        return self.template.markers == "special"

    @cached_property
    def number_ids(self) -> tuple[int, ...]:
        """All ids that a count is made of and ended by."""
        return (*sorted(self.digit_ids), *self.count_end_ids)

    @cached_property
    def count_end_ids(self) -> tuple[int, ...]:
        """Ids that end a count: a newline or the end of sequence. The first is the target."""
        if self.count_is_one_token:
            return ()
        return tuple(dict.fromkeys([*self._newline, self.tokenizer.eos_token_id]))

    @cached_property
    def _newline(self) -> list[int]:
        """The token of a line end behind a word; none where a tokenizer has none."""
        newline = self._text.encode("1\n")[0][-1]
        return [newline] if self.tokenizer.decode([newline]).strip(" ") == "\n" else []

    @cached_property
    def mention_end_ids(self) -> tuple[int, ...]:
        """Ids that end a mention. The first is the target in training."""
        if self.template.end_of_mention:
            return (self._known_id(self.template.end_of_mention),)
        eos = self.tokenizer.eos_token_id
        shown = self.preamble.ends if self.preamble else ()
        return tuple(dict.fromkeys((*shown, *(() if eos is None else (eos,)))))

    def read_count(self, ids: Sequence[int]) -> int:
        """The number written by `ids`, 0 where there is none."""
        if self.template.markers == "special":
            return self._count_values.get(ids[0], 0) if ids else 0
        digits = re.match(r"\s*(\d+)", self.tokenizer.decode(list(ids)))
        return int(digits.group(1)) if digits else 0

    def read_mention(self, ids: Sequence[int]) -> str:
        """The string of a generated mention, without the blank before its first word."""
        return str(self.tokenizer.decode(list(ids), skip_special_tokens=True)).strip()

    # --- inside

    @cached_property
    def _text(self) -> PlainTextEncoder:
        return PlainTextEncoder(self.tokenizer)

    @cached_property
    def _cache(self) -> dict[tuple[str, Any], list[int]]:
        return {}

    @cached_property
    def _label_ids(self) -> dict[str, tuple[int, ...]]:
        return {}

    @cached_property
    def _count_values(self) -> dict[int, int]:
        return {self.count_ids(n)[0]: n for n in range(self.max_count + 1)}

    @cached_property
    def bos_ids(self) -> list[int]:
        """What the tokenizer itself puts first (Llama's <s>); nothing for our own templates."""
        if self.template.markers == "special":
            return []
        bos = self.tokenizer.bos_token_id
        # As texts are encoded: other threads may be encoding some with the same tokenizer.
        with_special = self.tokenizer("a", split_special_tokens=True)["input_ids"]
        return [bos] if bos is not None and with_special[:1] == [bos] else []

    def _joint_prompt(self, text: str, labels: Sequence[str]) -> TextPrompt:
        paths = []
        encoded, text_start = EncodedText(text, (), ()), 0
        begin = len(self.template.before_text)
        for label in labels:
            rendered = self.template.label_prompt(text, label, self.descriptions.get(label, ""))
            ids, offsets = self._text.encode(rendered)
            paths.append([*self.bos_ids, *ids])
            if len(paths) == 1:
                inside = [
                    i
                    for i, (start, end) in enumerate(offsets)
                    if start >= begin and end <= begin + len(text) and end > start
                ]
                first, last = (inside[0], inside[-1] + 1) if inside else (0, 0)
                encoded = EncodedText(
                    text,
                    tuple(ids[first:last]),
                    tuple((start - begin, end - begin) for start, end in offsets[first:last]),
                )
                text_start = first + len(self.bos_ids)
        # A branch has at least one id of its own.
        shared = min(_shared_length(paths), min(map(len, paths)) - 1)
        trunk = paths[0][:shared]
        branches = tuple(tuple(path[len(trunk) :]) for path in paths)
        return TextPrompt(encoded, tuple(labels), tuple(trunk), branches, text_start)

    def label_ids(self, label: str) -> tuple[int, ...]:
        """What asks for a label, behind the text."""
        if (ids := self._label_ids.get(label)) is None:
            description = self.descriptions.get(label, "")
            own = self._token_id(self.template.token_of_label(label))
            if own is not None and not description:
                ids = (own,)
            else:
                asked = self._text.encode(self.template.label(label, description))[0]
                before = self.structure_ids(self.template.before_label)
                ids = (*before, *asked, *self.structure_ids(self.template.after_label))
            if len(self._label_ids) >= _MOST_LABELS:  # those that requests name have no end
                self._label_ids.clear()
            self._label_ids[label] = ids
        return ids

    def marker_ids(self, index: int) -> list[int]:
        key = ("marker", index)
        if key not in self._cache:
            self._cache[key] = self.structure_ids(self.template.mention_marker(index))
        return self._cache[key]

    def structure_ids(self, structure: str) -> list[int]:
        """Of what stands around text and labels."""
        if self.template.markers == "special":
            return [self._known_id(structure)]
        ids = self._text.encode(structure)[0]
        # Some tokenizers put a blank before all that they read. In examples it would come between
        # an answer and the line end behind it.
        alone = self.preamble is not None and structure.startswith("\n")
        return ids[1:] if alone and ids[1:2] == self._newline else ids

    def _token_id(self, token: str) -> int | None:
        if not token:
            return None
        token_id = self.tokenizer.convert_tokens_to_ids(token)
        return None if token_id is None or token_id == self.tokenizer.unk_token_id else token_id

    def _known_id(self, token: str) -> int:
        token_id = self._token_id(token)
        if token_id is None:
            raise ValueError(f"the tokenizer has no token {token!r}")
        return token_id


def _shared_length(paths: Sequence[Sequence[int]]) -> int:
    """How many first ids all paths have in common."""
    differ = (i for i, ids in enumerate(zip(*paths, strict=False)) if len({*ids}) > 1)
    return next(differ, min(map(len, paths)))
