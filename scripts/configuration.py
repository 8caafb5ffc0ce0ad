"""Writes docs/configuration.md: every registered name with its settings, from the code.

python scripts/configuration.py [--check]
"""

import argparse
import inspect
import re
import sys
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from spacy_padellm.learning.label_noise import LabelNoise
from spacy_padellm.models.adapter_settings import AdapterSettings
from spacy_padellm.pipeline.factory import DEFAULT_CONFIG, make_padellm_ner
from spacy_padellm.pipeline.settings import Settings
from spacy_padellm.prompts.template import PRESETS, PromptTemplate

PAGE = Path(__file__).parent.parent / "docs" / "configuration.md"
GROUPS = {
    "spacy_architectures": "Models (`@architectures`)",
    "spacy_misc": "Templates (`@misc`)",
    "spacy_readers": "Corpora (`@readers`)",
    "spacy_scorers": "Scorers (`@scorers`)",
    "thinc_llm_tasks": "spacy-llm tasks (`@llm_tasks`)",
    "thinc_llm_models": "spacy-llm models (`@llm_models`)",
    "thinc_llm_misc": "spacy-llm caches (`@llm_misc`)",
}
HEAD = """# Configuration

Every setting of every part. A default of `…` means that you must give the setting.
(`python scripts/configuration.py` writes this page from the code.)

Two things to know about strings in a config:

- Write `\\u0024` for `$`, in Python as in a file: `"at most \\\\u00245"`. Strings with `$` are
  refused: spaCy takes `${x}` for a variable, and doubles other `$` whenever it saves and loads a
  config.
- If a label has `:` or `=`, or begins with `@`, give descriptions and thresholds as pairs,
  `[["a:b", "what it is"]]`. spaCy reads a mapping as a section, whose names cannot have these.

Labels that you add with `add_label` may contain anything.
"""


def make_page() -> str:
    parts = [HEAD, "## The component `padellm_ner`\n", _table(make_padellm_ner, ("nlp", "name"))]
    parts += [_prose(make_padellm_ner), _prose(Settings)]
    for group, title in GROUPS.items():
        parts.append(f"## {title}\n")
        for point in sorted(entry_points(group=group), key=lambda point: point.name):
            if not point.value.startswith("spacy_padellm"):
                continue
            made = point.load()
            parts += [f"### {point.name}\n", _table(made), _prose(made)]
    for title, block in (
        ("The block `model.peft`", AdapterSettings),
        ("The block `label_noise`", LabelNoise),
        ("Fields of a template", PromptTemplate),
    ):
        parts += [f"## {title}\n", _table(block), _prose(block)]
    presets = ", ".join(f"`{name}`" for name in PRESETS)
    parts.append(f"Presets: {presets}.\n")
    return "\n".join(part for part in parts if part)


def _table(made: Callable[..., Any], hidden: tuple[str, ...] = ()) -> str:
    rows = []
    for name, parameter in inspect.signature(made).parameters.items():
        if name in hidden:
            continue
        empty = parameter.default is inspect.Parameter.empty
        default = "…" if empty else f"`{_short(parameter.default)}`"
        if made is make_padellm_ner:
            is_block = isinstance(DEFAULT_CONFIG[name], dict)
            default = "below" if is_block else f"`{_short(DEFAULT_CONFIG[name])}`"
        rows.append(f"| `{name}` | {default} |")
    return "\n".join(["| setting | default |", "|---|---|", *rows, ""]) if rows else ""


def _short(value: Any) -> str:
    return repr(value).replace("|", "\\|")


def _prose(made: Callable[..., Any]) -> str:
    """The docstring, "setting: what it is" as items of a list, each on a line of its own."""
    settings = inspect.signature(made).parameters
    lines: list[str] = []
    for line in inspect.cleandoc(made.__doc__ or "").splitlines():
        item = re.match(r"(\w+(?:(?:, | to )\w+)*): ", line)
        if item and all(name in settings for name in re.split(", | to ", item[1])):
            names = re.sub(r"\w+", lambda m: m[0] if m[0] == "to" else f"`{m[0]}`", item[1])
            lines.append(f"- {names}: {line[item.end() :]}")
        elif line and lines and lines[-1].startswith(("- ", "  ")):
            lines.append("  " + line)
        else:
            lines.append(line)
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="fail where the page is another")
    page = make_page()
    if parser.parse_args().check:
        sys.exit(0 if PAGE.read_text(encoding="utf8") == page else f"{PAGE} is out of date")
    PAGE.write_text(page, encoding="utf8")


if __name__ == "__main__":
    main()
