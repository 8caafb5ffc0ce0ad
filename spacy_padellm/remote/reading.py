"""Answers of a server, read as counts and mentions."""

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass

from ..cached import cached_property
from ..decoding import DecodingSettings
from ..decoding.counts import cap_count
from ..decoding.mentions import warn_of_cut
from ..logs import warn_of_few
from ..prompts.encoding import PromptEncoder, TextPrompt
from ..spans.numeric import probability_of
from ..spans.prediction import Count, Mention
from .client import CompletionsClient
from .completion import Completion
from .errors import ServerError

logger = logging.getLogger(__name__)
LONGEST_TOKEN = 64  # characters
_TOKEN_ID = re.compile(r"token_id:(\d+)")
_LONGEST_NUMBER = 64  # characters of a count, blanks before it included


@dataclass
class AnswerReader:
    """Raises ServerError, in all that it reads, for tokens that the tokenizer has not."""

    client: CompletionsClient
    encoder: PromptEncoder
    settings: DecodingSettings

    def count(self, prompt: TextPrompt, label: str, answer: Completion) -> Count:
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

    def mention(self, prompt: TextPrompt, label: str, index: int, answer: Completion) -> Mention:
        self._check_ids(answer)
        ids = self._ids(answer)
        stop = self.encoder.preamble.stop if self.encoder.preamble else ""
        text, log_probs, ended = answer.text, answer.log_probs, answer.ended
        if ids is not None:
            ends = [i for i, token in enumerate(ids) if token in self._end_ids]
            length = ends[0] if ends else len(ids)
            text, log_probs = self.encoder.tokenizer.decode(ids[:length]), log_probs[: length + 1]
            ended = ended or bool(ends)
            if text.count("\ufffd") > answer.text.count("\ufffd"):
                text = answer.text  # llama.cpp leaves out tokens that end amid a character
        elif stop:
            log_probs = log_probs[: _length_up_to(stop, answer.tokens)]
        if stop:
            text, found, _ = text.partition(stop)
            ended = ended or bool(found)
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
    def _end_ids(self) -> frozenset[int | None]:
        """What a server ends a mention with: under a grammar, the end of sequence will do."""
        return frozenset((*self.encoder.mention_end_ids, self.encoder.tokenizer.eos_token_id))

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


def _length_up_to(stop: str, tokens: Sequence[str]) -> int:
    """How many tokens there are up to and with the one that ends the string `stop`."""
    text = ""
    for i, token in enumerate(tokens, 1):
        text += token
        if stop in text:
            return i
    return len(tokens)
