"""Grammars (GBNF) of what an answer may be: a number, or a slice of its text.

GBNF is llama.cpp's; xgrammar and llguidance, in vLLM and SGLang, read it, too.
"""

import re
from itertools import pairwise

from ..decoding.copying import TextSlices
from ..prompts.encoding import PromptEncoder
from ..prompts.plain_text import HALF_PAIR
from ..spans.text_index import Place

_ESCAPED = re.compile(r'["\\\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff]')
_BROKEN = "\ufffd"
_SHORT = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}  # GBNF has no others


class MentionGrammar:
    """The slices of a text that a mention may be, the same as those of a copied one in process.

    blanks: any run of white space is written as one blank, as the model has read it.
    """

    def __init__(self, slices: TextSlices, blanks: bool = False) -> None:
        self._shown, at = _as_read(slices.encoded.text, blanks)
        offsets = slices.encoded.offsets
        starts = (offsets[i][0] for i in slices.may_start.nonzero()[0])
        ends = (offsets[i][1] for i in slices.may_end.nonzero()[0])
        # Where each stands in what the model has read → in the text.
        self._starts = {at[start]: start for start in sorted(starts)}
        self._ends = {at[end]: end for end in sorted(ends)}

    def __bool__(self) -> bool:
        return bool(self._starts)

    def write(self, end: str = "") -> str:
        """One rule a word, each with what may follow it, so that the grammar is as long as the
        text; the blank before a word may stand before a mention, too. end: what may end a mention,
        beside the end of the answer."""
        first, last = min(self._starts), max(self._ends)
        cuts = sorted({cut for cut in (*self._starts, *self._ends) if first <= cut <= last})
        names = {cut: f"w{i}" for i, cut in enumerate(cuts)}
        begin = " | ".join(names[start] for start in self._starts)
        rules = [f'root ::= " "? ({begin})' + (f" {literal(end)}?" if end else "")]
        for cut, after in pairwise(cuts):
            follows = "" if after == last else f" {names[after]}{'?' * (after in self._ends)}"
            rules.append(f"{names[cut]} ::= {literal(self._shown[cut:after])}{follows}")
        return "\n".join(rules) + "\n"

    def mend(self, string: str) -> str:
        """The string with characters that the server has broken (U+FFFD) as the text has them.
        llama.cpp breaks some where tokens end amid a character. The shortest slice that fits;
        unchanged where none does, or none needs to."""
        string = string.strip()
        if _BROKEN not in string or self.places(string):
            return string
        # A run of them stands for at least one character, and for no more than it is long.
        parts = re.split(f"({_BROKEN}+)", string)
        pattern = re.compile(
            "".join(
                f".{{1,{len(part)}}}?" if part.startswith(_BROKEN) else re.escape(part)
                for part in parts
            ),
            re.DOTALL,
        )
        found = (pattern.match(self._shown, begin) for begin in self._starts)
        fitting = [one[0] for one in found if one and one.end() in self._ends]
        return min(fitting, key=len, default=string)

    def places(self, string: str) -> list[Place]:
        """All slices (start, end) that a mention, as it was written, can be."""
        string = string.strip()
        found = ((begin, begin + len(string)) for begin in self._starts)
        return [
            (self._starts[begin], self._ends[end])
            for begin, end in found
            if end > begin and end in self._ends and self._shown.startswith(string, begin)
        ]


def number_grammar(encoder: PromptEncoder) -> str:
    """Of a count, and the line end that may end it."""
    if encoder.count_is_one_token:
        numbers = (encoder.template.count_text(n) for n in range(encoder.max_count + 1))
        return f"root ::= {' | '.join(map(literal, numbers))}\n"
    digits = "[0-9]" + " [0-9]?" * (len(str(encoder.max_count)) - 1)
    return f'root ::= " "? {digits} "\\n"?\n'


def literal(string: str) -> str:
    """A string as a grammar quotes it, with escapes for what no line should hold."""
    found = _ESCAPED.sub(lambda m: _SHORT.get(m[0], f"\\u{ord(m[0]):04x}"), string)
    return f'"{found}"'


def _as_read(text: str, blanks: bool) -> tuple[str, list[int]]:
    """The text as the model reads it, and where each of its characters, and its end, are there."""
    text = HALF_PAIR.sub(_BROKEN, text)
    if not blanks:
        return text, list(range(len(text) + 1))
    chars: list[str] = []
    at = []
    for i, char in enumerate(text):
        if not (char.isspace() and i and text[i - 1].isspace()):
            chars.append(" " if char.isspace() else char)
        at.append(len(chars) - 1)
    return "".join(chars), [*at, len(chars)]
