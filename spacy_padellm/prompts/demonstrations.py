"""Examples rendered as the model is asked: text, label, count, mentions, as the template has it."""

from collections.abc import Sequence
from dataclasses import replace

from .encoding import PromptEncoder
from .plain_text import EncodedText
from .preamble import Demonstration, Preamble, check_takes_examples, labels_shown

BETWEEN = "\n"  # behind each example


def with_demonstrations(
    encoder: PromptEncoder, demonstrations: Sequence[Demonstration], labels: Sequence[str]
) -> PromptEncoder:
    """The encoder whose every prompt begins with the examples, for some of these labels
    (`labels_shown`). The same one without examples. Raises ValueError as `check_takes_examples`."""
    if not demonstrations:
        return encoder
    check_takes_examples(encoder.template)
    rendering = _Rendering(replace(encoder, preamble=Preamble()))
    shown = labels_shown(demonstrations, labels)
    parts = [rendering.render(*one) for one in zip(demonstrations, shown, strict=True)]
    return replace(
        encoder,
        preamble=Preamble(
            ids=tuple(token for ids, _ in parts for token in ids),
            text="".join(text for _, text in parts),
            ends=rendering.ends,
            stop="" if encoder.template.end_of_mention else "\n",
            lengths=tuple(len(ids) for ids, _ in parts),
        ),
    )


class _Rendering:
    """Ids are put together from the parts that prompts have, so that examples and questions have
    the same tokens."""

    def __init__(self, encoder: PromptEncoder) -> None:
        self.encoder, self.template = encoder, encoder.template
        self._between = encoder.structure_ids(BETWEEN)

    @property
    def ends(self) -> tuple[int, ...]:
        """What may follow a mention: another one, another label, another example."""
        if self.template.end_of_mention:
            return ()
        before_label = self.encoder.structure_ids(self.template.before_label)
        following = (self.encoder.marker_ids(2), before_label, self._between)
        return tuple(dict.fromkeys(ids[0] for ids in following))

    def render(self, one: Demonstration, labels: Sequence[str]) -> tuple[list[int], str]:
        encoder, template = self.encoder, self.template
        encoded = encoder.encode_text(one.text)
        starts, ends = encoded.token_places()
        ids = [*encoder.structure_ids(template.before_text), *encoded.ids]
        text = template.text_prefix(one.text)
        for label in labels:
            own = [(start, end) for start, end, of in one.spans if of == label]
            asked = template.label(label, encoder.descriptions.get(label, ""))
            ids += [*encoder.label_ids(label), *encoder.count_ids(len(own))]
            text += template.before_label + asked + template.after_label
            text += template.count_text(len(own))
            for index, (start, end) in enumerate(own, 1):
                ids += encoder.marker_ids(index)
                mention, blank = one.text[start:end], " "
                if start in starts and end in ends:  # as it is copied
                    first = starts[start]
                    ids += encoded.ids[first : ends[end]]
                    blank = " " if _takes_blank(encoded, first) else ""
                else:
                    ids += encoder.encode_text(blank + mention).ids
                text += template.mention_marker(index) + blank + mention
                if template.end_of_mention:
                    ids += encoder.mention_end_ids[:1]
                    text += template.end_of_mention
        return [*ids, *self._between], text + BETWEEN


def _takes_blank(encoded: EncodedText, token: int) -> bool:
    """Whether a token begins with the blank before its word, which no token has to itself."""
    start, _ = encoded.offsets[token]
    before = encoded.offsets[token - 1] if token else (0, 0)
    return encoded.text[:start].endswith(" ") and before[0] < before[1]
