"""Autoregressive prompts and answers as token ids, under the templates of parallel decoding."""

import re
from collections.abc import Sequence

from ....prompts.encoding import PromptEncoder, TextPrompt
from ....prompts.plain_text import EncodedText, without_space
from .answers import Mark, Slice

_OPEN, _CLOSE = "[[{label}:", "]]"


class AnswerEncoder:
    """Pieces of answers to ids and back. Special tokens where the template has them, so that no
    text can look like structure; else "[[label: mention]]", whose blank is that of a token which
    begins with one."""

    def __init__(self, encoder: PromptEncoder) -> None:
        self.encoder = encoder
        self.special = encoder.template.markers == "special"

    @property
    def end_id(self) -> int:
        """What ends an answer."""
        return int(self.encoder.tokenizer.eos_token_id)

    def prompt(self, text: str, labels: Sequence[str]) -> TextPrompt:
        """The prompt that one answer for all labels follows: one branch."""
        encoded = self.encoder.encode_text(text)
        template = self.encoder.template
        before = (*self.encoder.bos_ids, *self.encoder.structure_ids(template.before_text))
        ask = template.after_label if self.special else self._question(labels)
        branch = tuple(self.encoder.structure_ids(ask))
        return TextPrompt(encoded, tuple(labels), (*before, *encoded.ids), (branch,), len(before))

    def _question(self, labels: Sequence[str]) -> str:
        described = self.encoder.descriptions
        asked = [self.encoder.template.label(name, described.get(name, "")) for name in labels]
        return f"\nEntity types: {', '.join(asked)}\nEntities:"

    def answer_ids(self, encoded: EncodedText, pieces: Sequence[Mark | Slice]) -> list[int]:
        """An answer with its end. Raises ValueError for a slice off the model's tokens."""
        ids: list[int] = []
        starts, ends = encoded.token_places()
        for piece in pieces:
            if isinstance(piece, Mark):
                ids += self._mark_ids(piece)
                continue
            start, end = without_space(encoded.text, *piece)
            if start == end:
                continue
            if start not in starts or end not in ends:
                string = encoded.text[start:end]
                raise ValueError(f"{string!r} does not begin and end on tokens of the model")
            ids += encoded.ids[starts[start] : ends[end]]
        return [*ids, self.end_id]

    def pieces(self, ids: Sequence[int], labels: Sequence[str]) -> list[Mark | str]:
        """A generated answer, up to its end."""
        kept = list(ids)
        if self.end_id in kept:
            kept = kept[: kept.index(self.end_id)]
        if self.special:
            return self._special_pieces(kept, labels)
        said = self._decode(kept, skip=False)
        # A tokenizer may add or lose blanks where pieces meet. Of labels that begin alike, the
        # longest that fits is meant.
        names = "|".join(map(re.escape, sorted(labels, key=len, reverse=True)))
        pieces: list[Mark | str] = []
        at = 0
        for match in re.finditer(rf"\[\[\s*({names})\s*:|\]\]", said):
            pieces += [said[at : match.start()], Mark(match[1])]
            at = match.end()
        return [piece for piece in [*pieces, said[at:]] if piece]

    def _special_pieces(self, ids: Sequence[int], labels: Sequence[str]) -> list[Mark | str]:
        marks = {tuple(self._mark_ids(Mark(label))): Mark(label) for label in (*labels, None)}
        pieces: list[Mark | str] = []
        plain: list[int] = []
        at = 0
        while at < len(ids):
            found = next((m for m in marks if tuple(ids[at : at + len(m)]) == m), None)
            if found is None:
                plain.append(ids[at])
                at += 1
                continue
            if plain:
                pieces.append(self._decode(plain))
                plain = []
            pieces.append(marks[found])
            at += len(found)
        return [*pieces, self._decode(plain)] if plain else pieces

    def _decode(self, ids: Sequence[int], skip: bool = True) -> str:
        """skip: leaves special tokens out."""
        exact = {"skip_special_tokens": skip, "clean_up_tokenization_spaces": False}
        return str(self.encoder.tokenizer.decode(list(ids), **exact))

    def _mark_ids(self, mark: Mark) -> list[int]:
        if self.special:
            if mark.label is None:
                return [self.encoder.mention_end_ids[0]]
            return list(self.encoder.label_ids(mark.label))
        string = _CLOSE if mark.label is None else _OPEN.format(label=mark.label)
        return self.encoder.structure_ids(string)
