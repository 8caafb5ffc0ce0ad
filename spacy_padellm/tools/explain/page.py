"""An explanation as a page."""

from typing import Any

from ..pages import environment
from .explanation import Explanation
from .shading import Shade, shade


def render_explanation(explanation: Explanation) -> str:
    """A whole page."""
    return environment().get_template("explain.html").render(**_values(explanation))


def render_form(
    labels: list[str],
    limit: int,
    text: str = "",
    asked: Any = (),
    others: str | None = None,
    **more: Any,
) -> str:
    """The page of the server. asked: labels that are ticked. others: labels that were typed; None
    where none may be. more: `explanation` or `error`."""
    explanation = more.get("explanation")
    values: dict[str, Any] = {"explanation": None, "error": more.get("error", "")}
    if explanation is not None:
        values |= _values(explanation)
    form = {"labels": labels, "limit": limit, "text": text, "asked": list(asked or labels)}
    form["others"] = others
    return environment().get_template("serve.html").render(form=form, **values)


def _values(explanation: Explanation) -> dict[str, Any]:
    shades = [
        Shade(m.start, m.end, m.label, m.probability)
        for m in explanation.kept
        if m.start is not None and m.end is not None
    ]
    return {"explanation": explanation, "pieces": shade(explanation.text, shades), "error": ""}
