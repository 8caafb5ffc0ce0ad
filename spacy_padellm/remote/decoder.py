"""Two-step parallel decoding on a server: all counts of a batch at once, then all mentions.

Prompts of one text follow each other, so that a server with a prefix cache reads the text once.
Where the server takes a grammar, a mention is a slice of its text, as in process; elsewhere it is a
free string, whose place in the text is found afterwards.
"""

import copy
import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..cached import cached_property
from ..decoding import Batch, DecodingSettings, DecodingWork, TextDecoder, TextInput
from ..decoding.copying import TextSlices
from ..decoding.counts import most_count_tokens
from ..decoding.text_decoder import ask_texts
from ..prompts.encoding import PromptEncoder, TextPrompt
from ..spans.prediction import Mention, Prediction
from .client import CompletionsClient, Prompt
from .completion import Completion
from .errors import ServerError
from .grammar import MentionGrammar, number_grammar
from .grammar_support import GrammarSupport
from .reading import AnswerReader

logger = logging.getLogger(__name__)
Items = Sequence[tuple[TextInput, TextPrompt]]


@dataclass(frozen=True)
class ServedModel:
    """What a decoder of Docs asks of its model. max_positions: in tokens, None if unknown."""

    name: str
    tokenizer: Any
    max_positions: int | None = None


@dataclass
class ServerDecoder(TextDecoder):
    """Decodes on a server what `decoding.Decoder` does in process.

    send_ids: prompts go as token ids, tokenised here, rather than as strings. grammars: of the
    server; it is asked with the first text. settings: of which the server has its own way with all
    but max_mention_tokens and copy; the latter is false where it turns out to take no grammar.

    Raises ValueError for a template that a server cannot serve.
    """

    client: CompletionsClient
    lm: ServedModel
    encoder: PromptEncoder
    send_ids: bool
    grammars: GrammarSupport
    settings: DecodingSettings = field(default_factory=DecodingSettings)
    work: DecodingWork = field(default_factory=DecodingWork)

    def __post_init__(self) -> None:
        template = self.encoder.template
        if template.bidirectional:
            raise ValueError(
                f"template {template.name!r} is bidirectional, and servers read causally: train "
                f"the model with bidirectional = false"
            )
        if template.copies:
            raise ValueError(
                f"template {template.name!r} has `copies`: its model has learned to choose among "
                f"the tokens of a text, and writes no mentions freely; train it with copies = false"
            )
        if template.markers == "special" and not self.send_ids:
            raise ValueError(
                f"template {template.name!r} has special tokens, which a text could imitate in a "
                f'string: set prompts = "ids" (vLLM, SGLang, llama.cpp)'
            )
        if not self.send_ids and self.encoder.preamble is None:
            self._compare_tokens()

    def plan(self, texts: Sequence[TextInput | str], labels: Sequence[str] = ()) -> list[Batch]:
        """All texts in one batch. Raises ValueError for a text without labels."""
        return [Batch(list(range(len(texts))), ask_texts(self.encoder, texts, labels))]

    def decode(self, batches: Sequence[Batch]) -> list[Prediction | ServerError]:
        """For each text, in the order given, a prediction or the error that kept it from one.
        Raises ValueError as `GrammarSupport.has`."""
        found: list[Prediction | ServerError] = []
        for batch in batches:
            try:
                found += self._decode(batch.items)
            except ServerError as error:  # before any text was asked
                found += [error] * len(batch.items)
        return found

    def _decode(self, items: Items) -> list[Prediction | ServerError]:
        """Raises ServerError where nothing can be asked."""
        copies = self._copies(items)
        prompts = [prompt for _, prompt in items]
        found = [Prediction() for _ in prompts]
        failed: dict[int, ServerError] = {}
        asked = [(i, label) for i, prompt in enumerate(prompts) for label in prompt.labels]
        answers = self.client.ask(
            [self._count_prompt(prompts[i], label) for i, label in asked],
            [i for i, _ in asked],
            most_count_tokens(self.encoder),
            self._fields,
            [self._number_field] * len(asked) if copies else None,
        )
        for (i, label), answer in zip(asked, answers, strict=True):
            try:
                found[i].counts.append(self._reader.count(prompts[i], label, _given(answer)))
            except ServerError as error:
                failed.setdefault(i, error)
        grammars = [self._grammar(*item) for item in items] if copies else []
        wanted = [
            (i, count, index)
            for i, prediction in enumerate(found)
            if i not in failed and (not copies or grammars[i])
            for count in prediction.counts
            for index in range(1, count.value + 1)
        ]
        written = {
            i: self.grammars.field(grammars[i].write(self._stop))
            for i in {i for i, *_ in wanted}
            if copies
        }
        mentions = self.client.ask(
            [self._mention_prompt(prompts[i], c.label, c.value, index) for i, c, index in wanted],
            [i for i, *_ in wanted],
            self.settings.max_mention_tokens,
            {**self._fields, **({"stop": [self._stop]} if self._stop and not copies else {})},
            [written[i] for i, *_ in wanted] if copies else None,
        )
        for (i, count, index), answer in zip(wanted, mentions, strict=True):
            try:
                mention = self._reader.mention(prompts[i], count.label, index, _given(answer))
                found[i].mentions.append(mention)
            except ServerError as error:
                failed.setdefault(i, error)
        for i, grammar in enumerate(grammars):
            found[i].mentions[:] = _placed(grammar, found[i].mentions)
        tokens = sum(len(a.tokens) for a in (*answers, *mentions) if isinstance(a, Completion))
        self.work.add(DecodingWork(len(prompts) - len(failed), 1, 1 + bool(wanted), tokens))
        return [failed.get(i, prediction) for i, prediction in enumerate(found)]

    def _copies(self, items: Items) -> bool:
        """Whether mentions are held to their texts. Raises as `GrammarSupport.has`."""
        if self.settings.copy and items:
            # The shortest: the time that it takes says more of the server than of the text.
            prompt = min((prompt for _, prompt in items), key=lambda prompt: len(prompt.trunk))
            to_try = self._count_prompt(prompt, prompt.labels[0])
            special = self.encoder.template.markers == "special"
            if not self.grammars.has(to_try, special):
                self.settings = replace(self.settings, copy=False)
        return self.settings.copy

    @cached_property
    def _number_field(self) -> dict[str, Any]:
        return self.grammars.field(number_grammar(self.encoder))

    def _grammar(self, text: TextInput, prompt: TextPrompt) -> MentionGrammar:
        slices = TextSlices(prompt.encoded, text.starts, text.ends)
        return MentionGrammar(slices, self.encoder.template.blanks)

    @property
    def _reader(self) -> AnswerReader:
        return AnswerReader(self.client, self.encoder, self.settings)

    @property
    def _stop(self) -> str:
        """What ends a mention as the examples show it, to be sent where no grammar has it, for
        which llama.cpp would give no probability; "" where that is a token."""
        return self.encoder.preamble.stop if self.encoder.preamble else ""

    def _compare_tokens(self) -> None:
        """Warns where a prompt's string has other tokens than its parts had in training."""
        encoder, text, label = self.encoder, "Ada Lovelace met Bo.", "PER"
        prompt = encoder.prompt(text, (label,))
        trained = [*prompt.trunk, *prompt.branches[0]]
        # One of its own, since it reads special tokens: other threads may be encoding texts.
        tokenizer = copy.deepcopy(encoder.tokenizer)
        tokenizer.backend_tokenizer.encode_special_tokens = False
        read = tokenizer(encoder.template.label_prompt(text, label, ""))["input_ids"]
        if trained != list(read):
            logger.warning(
                "as one string, a prompt of template %r has other tokens (%d) than its parts had "
                "in training (%d): a model trained here will find little; set prompts = 'ids', or "
                "train it with a template that is `joint`",
                encoder.template.name,
                len(read),
                len(trained),
            )

    @property
    def _fields(self) -> dict[str, Any]:
        """What vLLM needs to end, and to show, special tokens; llama.cpp shows them anyway."""
        if self.encoder.template.markers != "special":
            return {}
        return {
            "stop_token_ids": list(self.encoder.mention_end_ids),
            "return_tokens_as_token_ids": True,
            "skip_special_tokens": False,
        }

    def _count_prompt(self, prompt: TextPrompt, label: str) -> Prompt:
        if self.send_ids:
            return [*prompt.trunk, *prompt.branches[prompt.labels.index(label)]]
        described = self.encoder.descriptions.get(label, "")
        template = self.encoder.template
        return self._shown + template.label_prompt(prompt.encoded.text, label, described)

    def _mention_prompt(self, prompt: TextPrompt, label: str, n: int, index: int) -> Prompt:
        if self.send_ids:
            return self.encoder.mention_path(prompt, label, n, index)
        described = self.encoder.descriptions.get(label, "")
        template = self.encoder.template
        text = prompt.encoded.text
        return self._shown + template.mention_prompt(text, label, n, index, described)

    @property
    def _shown(self) -> str:
        return self.encoder.preamble.text if self.encoder.preamble else ""


def _given(answer: Completion | ServerError) -> Completion:
    """Raises ServerError for a text that has failed."""
    if isinstance(answer, ServerError):
        raise answer
    return answer


def _placed(grammar: MentionGrammar, mentions: Sequence[Mention]) -> list[Mention]:
    """Equal mentions of a label take successive places in the text, as those that are copied."""
    seen: Counter[tuple[str, str]] = Counter()
    placed = []
    for mention in mentions:
        mention = replace(mention, text=grammar.mend(mention.text))
        places = grammar.places(mention.text)
        if places:
            start, end = places[min(seen[mention.label, mention.text], len(places) - 1)]
            seen[mention.label, mention.text] += 1
            mention = replace(mention, start=start, end=end)
        placed.append(mention)
    return placed
