"""Gold texts to autoregressive training texts, for the same trainer as the parallel ones."""

from collections.abc import Sequence

from ....formats.gold_text import GoldText
from ....learning.examples import TargetPath, TrainingText
from .answers import AnswerFormat
from .prompt import AnswerEncoder


def make_answer_text(
    encoder: AnswerEncoder, answer: AnswerFormat, gold: GoldText, labels: Sequence[str]
) -> TrainingText:
    """One path a text: the prompt, and the whole answer as its targets. Spans off the model's
    tokens are left out, and returned as `unaligned`."""
    prompt = encoder.prompt(gold.text, labels)
    starts, ends = prompt.encoded.token_places()
    asked = [span for span in gold.spans if span[2] in set(labels)]
    spans = [span for span in asked if span[0] in starts and span[1] in ends]
    ids = encoder.answer_ids(prompt.encoded, answer.write(gold.text, spans))
    path = TargetPath((*prompt.trunk, *prompt.branches[0], *ids), len(ids))
    return TrainingText(prompt, (path,), (), tuple(span for span in asked if span not in spans))
