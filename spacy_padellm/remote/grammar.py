"""Grammars (GBNF) of what an answer may be: a number, or a slice of its text.

GBNF is llama.cpp's; xgrammar and llguidance, in vLLM and SGLang, read it, too.
"""

import json
import re
from itertools import pairwise

from ..decoding.copying import TextSlices
from ..prompts.encoding import PromptEncoder
from ..prompts.plain_text import HALF_PAIR
from ..spans.text_index import Place

_BLANKS = re.compile(r"\s+")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufeff]")


class MentionGrammar:
    """The slices of a text that a mention may be, the same as those of a copied one in process.

    blanks: any run of white space is written as one blank, as the model has read it.
    """

    def __init__(self, slices: TextSlices, blanks: bool = False) -> None:
        self._text, self._blanks = slices.encoded.text, blanks
        offsets = slices.encoded.offsets
        self._starts = sorted({offsets[i][0] for i in slices.may_start.nonzero()[0]})
        self._ends = sorted({offsets[i][1] for i in slices.may_end.nonzero()[0]})

    def __bool__(self) -> bool:
        return bool(self._starts)

    def write(self) -> str:
        """One rule a word, each with what may follow it, so that the grammar is as long as the
        text; the blank before a word may stand before a mention, too."""
        first, last = self._starts[0], self._ends[-1]
        cuts = sorted({cut for cut in (*self._starts, *self._ends) if first <= cut <= last})
        names = {cut: f"w{i}" for i, cut in enumerate(cuts)}
        ends = set(self._ends)
        begin = " | ".join(names[start] for start in self._starts)
        rules = [f'root ::= " "? ({begin})']
        for cut, after in pairwise(cuts):
            follows = "" if after == last else f" {names[after]}{'?' * (after in ends)}"
            rules.append(f"{names[cut]} ::= {self._literal(cut, after)}{follows}")
        return "\n".join(rules) + "\n"

    def places(self, string: str) -> list[Place]:
        """All slices (start, end) that a mention, as it was written, can be."""
        string = _plain(string, self._blanks)
        ends = set(self._ends)
        if not self._blanks:
            shown = HALF_PAIR.sub("\ufffd", self._text)
            found = ((start, start + len(string)) for start in self._starts)
            return [p for p in found if p[1] in ends and shown[slice(*p)] == string]
        return [
            (start, end)
            for start in self._starts
            for end in self._ends
            if end > start and _plain(self._text[start:end], True) == string
        ]

    def _literal(self, start: int, end: int) -> str:
        return literal(_plain(self._text[start:end], self._blanks, strip=False))


def number_grammar(encoder: PromptEncoder) -> str:
    """Of a count, and the line end that may end it."""
    if encoder.count_is_one_token:
        numbers = (encoder.template.count_text(n) for n in range(encoder.max_count + 1))
        return f"root ::= {' | '.join(map(literal, numbers))}\n"
    digits = "[0-9]" + " [0-9]?" * (len(str(encoder.max_count)) - 1)
    return f'root ::= " "? {digits} "\\n"?\n'


def literal(string: str) -> str:
    """A string as a grammar quotes it: as JSON does, with escapes for what no line should hold."""
    quoted = json.dumps(string, ensure_ascii=False)
    return _CONTROL.sub(lambda match: f"\\u{ord(match[0]):04x}", quoted)


def _plain(string: str, blanks: bool, strip: bool = True) -> str:
    string = HALF_PAIR.sub("\ufffd", string)
    if blanks:
        string = _BLANKS.sub(" ", string)
    return string.strip() if strip else string
