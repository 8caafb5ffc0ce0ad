"""The README's first Python block runs as it stands, with the model in the box."""

import re
from pathlib import Path

README = Path(__file__).parent.parent / "README.md"


def test_the_first_example_prints_entities(capsys):
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf8"), re.DOTALL)
    exec(compile(blocks[0], "README.md", "exec"), {})
    printed = capsys.readouterr().out
    assert printed.count("[") >= 2, "a list of entities for each text of the stream"
    assert re.search(r"(PER|ORG|LOC)", printed), "something was found in the examples"
