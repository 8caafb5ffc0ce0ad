"""Files of annotation tools, written to disk and read as `padellm convert` reads them."""

from spacy_padellm.formats.conversion import Conversion
from spacy_padellm.formats.guess import guess_input


def read_file(path, source=None):
    """(text, [(string, label)]) of each text, None where nothing is known of it; and what was said
    of problems, as (lost, reason)."""
    conversion = Conversion()
    texts = list(conversion.read(path, source or guess_input(path)))
    shown = [
        (t.text, [(t.text[start:end], label) for start, end, label in t.spans])
        if t.annotated
        else (t.text, None)
        for t in texts
    ]
    return shown, [(p.lost, p.reason) for p in conversion.problems]


def check(path, expected, said, source=None):
    """said: a part of each problem's reason, with "lost: " before it where it is lost."""
    shown, problems = read_file(path, source)
    assert shown == expected
    assert len(problems) == len(said), problems
    for (lost, reason), part in zip(problems, said, strict=True):
        assert lost == part.startswith("lost: ") and part.removeprefix("lost: ") in reason
