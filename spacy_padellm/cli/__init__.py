"""`python -m spacy padellm ...`, loaded by spaCy through the entry-point group `spacy_cli`.

Options and messages only: what a command does is in `tools` and `training`.
"""

from .analyze import analyze_cli
from .annotate import annotate_cli
from .app import padellm_app
from .benchmark import benchmark_cli
from .calibrate import calibrate_cli
from .convert import convert_cli
from .evaluate import evaluate_cli
from .explain import explain_cli
from .export import export_cli
from .models import models_cli
from .serve import serve_cli
from .train import train_cli
from .trained import merge_cli, push_cli

__all__ = [
    "analyze_cli",
    "annotate_cli",
    "benchmark_cli",
    "calibrate_cli",
    "convert_cli",
    "evaluate_cli",
    "explain_cli",
    "export_cli",
    "merge_cli",
    "models_cli",
    "padellm_app",
    "push_cli",
    "serve_cli",
    "train_cli",
]
