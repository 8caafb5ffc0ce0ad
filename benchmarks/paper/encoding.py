"""Texts of a set as a format has them: what is read, and what the model must write."""

from collections.abc import Sequence

import regex

from spacy_padellm.formats.gold_text import GoldText
from spacy_padellm.learning.examples import TrainingText, make_training_text
from spacy_padellm.models.loaded_model import LoadedModel
from spacy_padellm.prompts.encoding import PromptEncoder
from spacy_padellm.prompts.plain_text import EncodedText
from spacy_padellm.tools.benchmark.autoregressive import get_answer_format, make_answer_text
from spacy_padellm.tools.benchmark.autoregressive.prompt import AnswerEncoder

_PIECES = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}]|[^\p{Han}\p{Hiragana}\p{Katakana}]+")


class CharacterEncoder(PromptEncoder):
    """Reads each character of a text in a script without blanks by itself, since what a mention
    ends with may share a token with what follows it."""

    def encode_text(self, text: str) -> EncodedText:
        ids: list[int] = []
        offsets: list[tuple[int, int]] = []
        for piece in _PIECES.finditer(text):
            of = super().encode_text(piece[0])
            ids += of.ids
            offsets += [(piece.start() + start, piece.start() + end) for start, end in of.offsets]
        return EncodedText(text, tuple(ids), tuple(offsets))


def make_encoder(loaded: LoadedModel, by_character: bool) -> PromptEncoder:
    own = loaded.encoder()
    if not by_character:
        return own
    return CharacterEncoder(own.tokenizer, own.template, own.descriptions, own.max_count)


def make_texts(
    format_name: str, encoder: PromptEncoder, golds: Sequence[GoldText], labels: Sequence[str]
) -> list[TrainingText]:
    """format_name: "padellm", or that of an autoregressive answer. What the model has to write is
    the target, not what it is asked."""
    if format_name == "padellm":
        return [make_training_text(encoder, gold, labels) for gold in golds]
    answers, answer = AnswerEncoder(encoder), get_answer_format(format_name)
    return [make_answer_text(answers, answer, gold, labels) for gold in golds]
