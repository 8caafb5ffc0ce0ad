"""Self-contained HTML pages: no script, nothing loaded from elsewhere, all values escaped."""

from functools import cache

import jinja2

from .colors import color_of


@cache
def environment() -> jinja2.Environment:
    """The templates of this package."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("spacy_padellm.tools.pages"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    made.filters["percent"] = lambda value: f"{100 * value:.1f} %"
    made.filters["color"] = color_of
    return made
