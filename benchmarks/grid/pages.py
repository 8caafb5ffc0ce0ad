"""A report as JSON, and as a page of Markdown beside it."""

import json
from pathlib import Path
from typing import Any

from .machine import say_machines


def write_page(output: Path, report: dict[str, Any], about: str, tables: str) -> None:
    """Writes `output` with .json and .md, and shows the page. report: "command", "date", "machine",
    and the results. about: in a few words, what was measured."""
    said = f"{about}; {report['date']}; {say_machines([report])[0]}"
    page = f"`{report['command']}`\n\n{said}\n\n{tables}"
    output.parent.mkdir(parents=True, exist_ok=True)
    output.with_suffix(".md").write_text(page, encoding="utf8")
    output.with_suffix(".json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf8")
    print(page)
