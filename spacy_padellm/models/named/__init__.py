"""Models by name: of this package, and of any package that declares `spacy_padellm_models`.

Knows installed packages, and where the files in them are; reads no model.
"""

from .lookup import GROUP
from .named_model import NamedModel

__all__ = ["GROUP", "NamedModel"]
