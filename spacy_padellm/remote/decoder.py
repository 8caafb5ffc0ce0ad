"""Two-step parallel decoding on a server: all counts of a batch at once, then all mentions.

Prompts of one text follow each other, so that a server with a prefix cache reads the text once.
Answers are free strings: their places in the text are found afterwards.
"""

import copy
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from ..decoding import Batch, DecodingSettings, DecodingWork, TextDecoder, TextInput
from ..decoding.counts import cap_count, most_count_tokens
from ..decoding.mentions import warn_of_cut
from ..decoding.text_decoder import ask_texts
from ..logs import warn_of_few
from ..prompts.encoding import PromptEncoder, TextPrompt
from ..spans.numeric import probability_of
from ..spans.prediction import Count, Mention, Prediction
from .client import CompletionsClient, Prompt
from .completion import Completion
from .errors import ServerError

logger = logging.getLogger(__name__)
LONGEST_TOKEN = 64  # characters
_TOKEN_ID = re.compile(r"token_id:(\d+)")
_LONGEST_NUMBER = 64  # characters of a count, blanks before it included


@dataclass(frozen=True)
class ServedModel:
    """What a decoder of Docs asks of its model. max_positions: in tokens, None if unknown."""

    name: str
    tokenizer: Any
    max_positions: int | None = None


@dataclass
class ServerDecoder(TextDecoder):
    """Decodes on a server what `decoding.Decoder` does in process, without the copy constraint.

    send_ids: prompts go as token ids, tokenised here, rather than as strings. settings: of which
    the server has its own way with all but max_mention_tokens; it copies nothing.

    Raises ValueError for a template that a server cannot serve.
    """

    client: CompletionsClient
    lm: ServedModel
    encoder: PromptEncoder
    send_ids: bool
    settings: DecodingSettings = field(default_factory=DecodingSettings)
    work: DecodingWork = field(default_factory=DecodingWork)

    def __post_init__(self) -> None:
        self.settings = replace(self.settings, copy=False)
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
        if not self.send_ids:
            self._compare_tokens()

    def plan(self, texts: Sequence[TextInput | str], labels: Sequence[str] = ()) -> list[Batch]:
        """All texts in one batch. Raises ValueError for a text without labels."""
        return [Batch(list(range(len(texts))), ask_texts(self.encoder, texts, labels))]

    def decode(self, batches: Sequence[Batch]) -> list[Prediction]:
        """A prediction for each text, in the order given. Raises ServerError."""
        return [found for batch in batches for found in self._decode([p for _, p in batch.items])]

    def _decode(self, prompts: Sequence[TextPrompt]) -> list[Prediction]:
        asked = [(i, label) for i, prompt in enumerate(prompts) for label in prompt.labels]
        answers = self.client.complete(
            [self._count_prompt(prompts[i], label) for i, label in asked],
            most_count_tokens(self.encoder),
            self._fields,
        )
        found = [Prediction() for _ in prompts]
        for (i, label), answer in zip(asked, answers, strict=True):
            found[i].counts.append(self._read_count(prompts[i], label, answer))
        wanted = [
            (i, count, index)
            for i, prediction in enumerate(found)
            for count in prediction.counts
            for index in range(1, count.value + 1)
        ]
        mentions = self.client.complete(
            [self._mention_prompt(prompts[i], c.label, c.value, index) for i, c, index in wanted],
            self.settings.max_mention_tokens,
            self._fields,
        )
        for (i, count, index), answer in zip(wanted, mentions, strict=True):
            found[i].mentions.append(self._read_mention(prompts[i], count.label, index, answer))
        tokens = sum(len(one.tokens) for one in (*answers, *mentions))
        self.work.add(DecodingWork(len(prompts), 1, 1 + bool(wanted), tokens))
        return found

    def _compare_tokens(self) -> None:
        """Warns where a prompt's string has other tokens than its parts had in training."""
        encoder, text, label = self.encoder, "Ada Lovelace met Bo.", "PER"
        prompt = encoder.prompt(text, (label,))
        trained = [*prompt.trunk, *prompt.branches[0]]
        # One of its own, since it reads special tokens: other threads may be encoding texts.
        tokenizer = copy.deepcopy(encoder.tokenizer)
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
        description = self.encoder.descriptions.get(label, "")
        return self.encoder.template.label_prompt(prompt.encoded.text, label, description)

    def _mention_prompt(self, prompt: TextPrompt, label: str, n: int, index: int) -> Prompt:
        if self.send_ids:
            return self.encoder.mention_path(prompt, label, n, index)
        description = self.encoder.descriptions.get(label, "")
        template = self.encoder.template
        return template.mention_prompt(prompt.encoded.text, label, n, index, description)

    def _read_count(self, prompt: TextPrompt, label: str, answer: Completion) -> Count:
        """Tokens up to and with the first that is no part of a number; 0 where there is none."""
        number, log_probability = "", 0.0
        self._check_ids(answer)
        for token, log_prob in zip(answer.tokens, answer.log_probs, strict=True):
            string = self._string(token)
            so_far = number + string
            log_probability += log_prob
            if len(so_far) > _LONGEST_NUMBER or not re.fullmatch(r"\s*\d*", so_far):
                break
            if number.strip() and not string.strip(" "):
                break
            number = so_far
            if self.encoder.count_is_one_token:
                break
        if not number.strip():
            warn_of_few(
                logger,
                "the server's model gives no count of %s in %r, but %r: taken as 0",
                label,
                prompt.encoded.text[:80],
                self.client.mask(answer.text[:1000])[:40],
            )
            return Count(label, 0, probability_of(log_probability))
        count = Count(label, int(number), probability_of(log_probability))
        return cap_count(self.encoder, prompt, count)

    def _read_mention(
        self, prompt: TextPrompt, label: str, index: int, answer: Completion
    ) -> Mention:
        self._check_ids(answer)
        ids = self._ids(answer)
        text, log_probs, ended = answer.text, answer.log_probs, answer.ended
        if ids is not None:
            ends = [i for i, token in enumerate(ids) if token in self.encoder.mention_end_ids]
            length = ends[0] if ends else len(ids)
            text, log_probs = self.encoder.tokenizer.decode(ids[:length]), log_probs[: length + 1]
            ended = ended or bool(ends)
        if not ended and len(answer.tokens) >= self.settings.max_mention_tokens:
            warn_of_cut(label, prompt, self.settings)
        probabilities = tuple(probability_of(p) for p in log_probs)
        probability = probability_of(sum(log_probs))
        text, most = text.strip(), LONGEST_TOKEN * self.settings.max_mention_tokens
        if len(text) > most:  # more than was asked for: in no text is such a mention looked for
            text = f"{text[:most]}…"
        return Mention(label, index, text, None, None, probability, probabilities)

    def _check_ids(self, answer: Completion) -> None:
        """Raises ServerError where a template with special tokens needs ids and gets none."""
        if (
            self.encoder.template.markers == "special"
            and answer.tokens
            and self._ids(answer) is None
        ):
            raise ServerError(
                "the server gives tokens as strings, and special tokens cannot be told in them: "
                "serve the model with vLLM or llama.cpp, or train it with a plain-text template"
            )

    def _ids(self, answer: Completion) -> list[int] | None:
        """The token ids of an answer, None where the server gives strings. Raises ServerError for
        one that the tokenizer has not."""
        found = [_TOKEN_ID.fullmatch(token) for token in answer.tokens]
        return [self._id(one) for one in found if one] if all(found) else None

    def _id(self, token: re.Match[str]) -> int:
        digits = token.group(1)
        if len(digits) > 9 or int(digits) >= self._vocabulary:
            raise ServerError(
                f"the server wrote the token {digits[:20]}, and the tokenizer has "
                f"{self._vocabulary}: `tokenizer` is not that of the served model"
            )
        return int(digits)

    @cached_property
    def _vocabulary(self) -> int:
        return len(self.encoder.tokenizer)

    def _string(self, token: str) -> str:
        """What a token stands for; of a template's number token, its number."""
        found = _TOKEN_ID.fullmatch(token)
        if found is None:
            return token
        token_id = self._id(found)
        if self.encoder.count_is_one_token and token_id in self.encoder.digit_ids:
            return str(self.encoder.read_count([token_id]))
        return str(self.encoder.tokenizer.decode([token_id]))
