"""An explanation as one self-contained HTML page: no script, nothing loaded from elsewhere."""

from functools import cache
from typing import Any

import jinja2

from .explanation import Explanation
from .shading import Shade, color_of, shade


@cache
def environment() -> jinja2.Environment:
    """The templates of this package, all values escaped."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("spacy_padellm.explaining"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    made.filters["percent"] = lambda value: f"{100 * value:.1f} %"
    made.filters["color"] = color_of
    return made


def render_explanation(explanation: Explanation) -> str:
    """A whole page."""
    return environment().get_template("explain.html").render(**_values(explanation))


def render_form(labels: list[str], limit: int, text: str = "", asked: Any = (), **more: Any) -> str:
    """The page of the server. asked: labels that are ticked. more: `explanation` or `error`."""
    explanation = more.get("explanation")
    values: dict[str, Any] = {"explanation": None, "error": more.get("error", "")}
    if explanation is not None:
        values |= _values(explanation)
    form = {"labels": labels, "limit": limit, "text": text, "asked": list(asked or labels)}
    return environment().get_template("serve.html").render(form=form, **values)


def _values(explanation: Explanation) -> dict[str, Any]:
    shades = [
        Shade(m.start, m.end, m.label, m.probability)
        for m in explanation.kept
        if m.start is not None and m.end is not None
    ]
    return {"explanation": explanation, "pieces": shade(explanation.text, shades), "error": ""}
