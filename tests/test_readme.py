"""The README's first Python block runs as it stands, with the model in the box."""

import re
from pathlib import Path

README = Path(__file__).parent.parent / "README.md"


def test_the_first_example_prints_what_is_shown(capsys):
    text = README.read_text(encoding="utf8")
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    example = next(block for language, block in blocks if language == "python")
    exec(compile(example, "README.md", "exec"), {})
    printed = capsys.readouterr().out
    shown = [block for language, block in blocks if not language]
    assert any(_without_scores(block) == _without_scores(printed) for block in shown), printed


def _without_scores(printed):
    """Another processor may round otherwise."""
    return re.sub(r"\d\.\d+", "", printed).split()
